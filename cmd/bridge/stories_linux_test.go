package main_test

import (
	"fmt"
	"strings"
)

// stories are what people do with any client.
var stories = map[string]func(m machine, c client){
	"pods":              podsReachAll,
	"published port":    portIsPublished,
	"fixed addresses":   addressesAreFixed,
	"several networks":  networksAreSeveral,
	"restart":           containerRestarts,
	"port and restart":  publishedRestarts,
	"killed":            containerIsKilled,
	"namespace is lost": namespaceIsLost,
	"too new a version": versionIsTooNew,
}

var lab = []string{"lab"}

// podsReachAll: one another, their gateway and what is outside, until they are removed.
func podsReachAll(m machine, c client) {
	m.mustStart(c, container{name: "web", networks: lab})
	m.mustStart(c, container{name: "other", networks: lab})
	v4, v6 := m.addressOf(c, "web", "eth0")
	m.mustPing(c, "other", v4, v6, gateway, "fd00:1::1", outsideAddress)
	m.mustServe("web", "http://"+v4+"/", getIn(c, "other"))
	m.mustServe("web", "http://["+v6+"]/", getIn(c, "other"))
	m.mustServe("web", "http://"+v4+"/", m.get)
	m.mustRemove(c, "other")
	m.mustPing(c, "web", gateway, outsideAddress)
	m.mustRemove(c, "web")
}

// portIsPublished to all there are, by the reference's portmap behind our plugin.
func portIsPublished(m machine, c client) {
	m.mustStart(c, container{name: "web", networks: lab, port: 8080})
	m.mustStart(c, container{name: "other", networks: lab})
	const url = "http://" + uplinkAddress + ":8080/"
	m.mustServe("web", url, m.getOutside)
	m.mustServe("web", url, m.get)
	m.mustServe("web", "http://127.0.0.1:8080/", m.get)
	m.mustServe("web", url, getIn(c, "other"))
	m.mustServe("web", url, getIn(c, "web")) // out of the bridge's port and in again
	m.mustRemove(c, "web")
	if page, err := m.getOutside(url); err == nil {
		m.t.Errorf("the port of a container that was removed has the page %q", page)
	}
	m.mustRemove(c, "other")
}

// addressesAreFixed: a container has the addresses that it is started with, and nobody else gets them.
func addressesAreFixed(m machine, c client) {
	fixed := container{name: "web", networks: lab, address: "10.1.0.77", mac: "02:00:00:00:00:77"}
	m.mustStart(c, fixed)
	said := m.mustExec(c, "web", "ip", "addr", "show", "dev", "eth0")
	if !strings.Contains(said, " "+fixed.address+"/24 ") || !strings.Contains(said, " "+fixed.mac+" ") {
		m.t.Errorf("eth0 of a container with %s and %s:\n%s", fixed.address, fixed.mac, said)
	}
	second := container{name: "second", networks: lab, address: fixed.address}
	if err := c.start(second); err == nil || !strings.Contains(err.Error(), fixed.address) {
		m.t.Errorf("a second container with %s: %v", fixed.address, err)
	}
	_ = c.remove("second") // some keep what did not start
	m.mustPing(c, "web", gateway)
	m.mustRemove(c, "web")
}

// networksAreSeveral: a container has an interface in each.
func networksAreSeveral(m machine, c client) {
	both := []string{"lab", "back"}
	for _, name := range []string{"web", "other"} {
		m.mustStart(c, container{name: name, networks: both})
	}
	for _, ifname := range []string{"eth0", "eth1"} {
		v4, _ := m.addressOf(c, "web", ifname)
		m.mustServe("web", "http://"+v4+"/", getIn(c, "other"))
	}
	m.mustPing(c, "web", gateway, "10.2.0.1", outsideAddress)
	m.mustRemove(c, "web")
	m.mustPing(c, "other", gateway, "10.2.0.1", outsideAddress)
	m.mustRemove(c, "other")
}

// containerRestarts, and serves again.
func containerRestarts(m machine, c client) {
	m.mustSurviveRestarts(c, container{name: "web", networks: lab})
}

func publishedRestarts(m machine, c client) {
	m.mustSurviveRestarts(c, container{name: "web", networks: lab, port: 8080})
}

func (m machine) mustSurviveRestarts(c client, web container) {
	m.t.Helper()
	m.mustStart(c, web)
	for range 2 {
		must(m.t, c.restart(web))
		m.mustPing(c, "web", gateway, outsideAddress)
		v4, _ := m.addressOf(c, "web", "eth0")
		m.mustServe("web", "http://"+v4+"/", m.get)
		if web.port != 0 {
			m.mustServe("web", fmt.Sprintf("http://%s:%d/", uplinkAddress, web.port), m.getOutside)
		}
	}
	m.mustRemove(c, "web")
}

// containerIsKilled from outside, and started again once more.
func containerIsKilled(m machine, c client) {
	web := container{name: "web", networks: lab, port: 8080}
	m.mustStart(c, web)
	m.kill(c, "web")
	must(m.t, c.restart(web))
	m.mustServe("web", "http://"+uplinkAddress+":8080/", m.getOutside)
	m.kill(c, "web")
	m.mustRemove(c, "web")
}

func (m machine) kill(c client, name string) {
	m.t.Helper()
	pid, err := c.(processTeller).process(name)
	must(m.t, err)
	m.mustIn("kill", "-KILL", pid)
}

// namespaceIsLost: its name is taken away while the container runs.
func namespaceIsLost(m machine, c client) {
	m.mustStart(c, container{name: "web", networks: lab, port: 8080})
	m.mustServe("web", "http://"+uplinkAddress+":8080/", m.getOutside)
	netns, err := c.(netnsTeller).netns("web")
	must(m.t, err)
	m.mustIn("umount", "-l", netns)
	m.mustIn("rm", netns)
	m.mustRemove(c, "web")
}

// versionIsTooNew: the client does not understand what ADD has done.
func versionIsTooNew(m machine, c client) {
	m.addNetworks("1.1.0")
	m.reload(c)
	defer m.reload(c)
	defer m.addNetworks(latest)
	err := c.start(container{name: "web", networks: lab})
	if err == nil || !strings.Contains(err.Error(), "unsupported CNI result version") {
		m.t.Errorf("a network of CNI 1.1.0: %v", err)
	}
	_ = c.remove("web") // some keep what did not start
}

// reload tells a client that keeps what it has read that there is something new.
func (m machine) reload(c client) {
	m.t.Helper()
	if c, keeps := c.(interface{ reload() error }); keeps {
		must(m.t, c.reload())
	}
}
