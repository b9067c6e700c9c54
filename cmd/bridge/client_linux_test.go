package main_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// These tests are of the plugin under the programs that call it on nodes: podman, containerd, cnitool. Each does what
// people do with containers, and leaves the machine as it was.

// A client is such a program, and the person that uses it.
type client interface {
	// start starts a container; its network is ready then.
	start(c container) error
	// exec runs a command in a container, and returns what it prints.
	exec(name string, command ...string) (stdout string, err error)
	// restart ends a container and starts it again.
	restart(c container) error
	// remove ends a container for good, dead or alive.
	remove(name string) error
}

// A processTeller is a client that tells which process a container ends with.
type processTeller interface {
	process(name string) (pid string, err error)
}

// A netnsTeller is one whose containers' network namespaces have names.
type netnsTeller interface {
	netns(name string) (path string, err error)
}

// A container serves a page with its name.
type container struct {
	name     string
	networks []string // their interfaces are eth0, eth1, ...
	port     int      // of the machine, for the page; 0: none
	address  string   // in its first network; "": any
	mac      string   // of its first interface; "": any
}

// serving is the container's command.
func (c container) serving() []string {
	return []string{"/bin/sh", "-c", "echo " + c.name + " >/www/index.html; exec /bin/httpd -f -p 80 -h /www"}
}

// latest is the last version of CNI that podman 4 and containerd 1 speak.
const latest = "1.0.0"

// networks are the files of /etc/cni/net.d.
var networks = map[string]string{
	"10-lab.conflist": `{
  "cniVersion": "VERSION",
  "name": "lab",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "ipMasq": true, "hairpinMode": true,
      "capabilities": { "ips": true, "mac": true },
      "ipam": { "type": "host-local", "ranges": [ [ { "subnet": "10.1.0.0/24" } ], [ { "subnet": "fd00:1::/64" } ] ] }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } }
  ]
}`,
	"20-back.conflist": `{
  "cniVersion": "VERSION",
  "name": "back",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni1", "isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", "macspoofchk": true,
      "ipam": { "type": "host-local", "subnet": "10.2.0.0/24" }
    }
  ]
}`,
}

// addNetworks writes the machine's configuration, in a version of CNI.
func (m machine) addNetworks(version string) {
	m.t.Helper()
	for name, text := range networks {
		m.write("/etc/cni/net.d/"+name, strings.Replace(text, "VERSION", version, 1))
	}
}

// write writes a file where the machine sees it, at once, for some clients watch their configuration.
func (m machine) write(file, text string) {
	m.t.Helper()
	cmd := m.in("sh", "-c", `cat >"$0.new" && mv "$0.new" "$0"`, file)
	cmd.Stdin = strings.NewReader(text)
	_, err := m.output(cmd)
	must(m.t, err)
}

// tell tells some stories of a client.
func (m machine) tell(c client, names ...string) {
	for _, name := range names {
		m.tellMore(name, func(m machine) { stories[name](m, c) })
	}
}

// tellMore tells a story, after which nothing may be left. One that goes wrong is the last.
func (m machine) tellMore(name string, story func(m machine)) {
	fine := m.t.Run(name, func(t *testing.T) {
		m := m
		m.t = t
		before := m.snapshot()
		story(m)
		m.forgetNetworks()
		m.mustBe(before, "when all containers were removed")
		m.mustHaveNoLease()
	})
	if !fine {
		m.t.FailNow()
	}
}

// collect tells the plugins of a network that there are no containers: by GC, and by DEL for those that the runtime's
// cache has.
func (m machine) collect(network string) {
	m.t.Helper()
	m.mustIn("env", "CNI_PATH=/opt/cni/bin", m.cnitoolProgram(), "gc", network, kernel.NetNSDir+"/none")
}

// forgetNetworks takes away bridges and forwarding, which are the networks' and no container's.
func (m machine) forgetNetworks() {
	m.t.Helper()
	for _, bridge := range []string{"cni0", "cni1"} {
		if exec.Command("ip", "link", "show", bridge).Run() == nil {
			m.run("ip", "link", "del", bridge)
		}
	}
	m.run("sysctl", "-q", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
}

// shared are the tables and chains that all containers share, and that stay for the next one: portmap's, and those that
// the plugin makes as the reference does.
const shared = `iptables -t nat -N CNI-HOSTPORT-DNAT
iptables -t nat -N CNI-HOSTPORT-MASQ
iptables -t nat -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
iptables -t nat -N CNI-HOSTPORT-SETMARK
iptables -t nat -A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
iptables -t nat -A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
nft table bridge nat
nft chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }
nft table inet cni_plugins_masquerade { comment "Masquerading for plugins from github.com/containernetworking/plugins" ; }
nft chain inet cni_plugins_masquerade masq_checks { comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet" ; }
nft chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; policy accept ; }
nft rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return
nft rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return
nft rule inet cni_plugins_masquerade postrouting goto masq_checks
`

func isShared(o kernel.Object) bool {
	line := o.String() + "\n"
	line = strings.TrimPrefix(line, "host: ")
	line = strings.Replace(line, "ip6tables", "iptables", 1)
	return strings.Contains("\n"+shared, "\n"+line)
}

func (m machine) mustStart(c client, k container) {
	m.t.Helper()
	must(m.t, c.start(k))
}

func (m machine) mustExec(c client, name string, command ...string) (stdout string) {
	m.t.Helper()
	stdout, err := c.exec(name, command...)
	must(m.t, err)
	return stdout
}

func (m machine) mustRemove(c client, name string) {
	m.t.Helper()
	must(m.t, c.remove(name))
}

// mustPing asks all addresses for an answer, from a container: more than once, for the machine may be busy.
func (m machine) mustPing(c client, name string, addresses ...string) {
	m.t.Helper()
	for _, address := range addresses {
		must(m.t, eventually(func() error {
			_, err := c.exec(name, "ping", "-q", "-c", "1", "-W", "3", address)
			return err
		}))
	}
}

// addressOf returns the addresses of a container's interface, the one of IPv4 and the global one of IPv6.
func (m machine) addressOf(c client, name, ifname string) (v4, v6 string) {
	m.t.Helper()
	said := m.mustExec(c, name, "ip", "addr", "show", "dev", ifname, "scope", "global")
	first := func(pattern string) string {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(said); found != nil {
			return found[1]
		}
		return ""
	}
	if v4 = first(`inet ([0-9.]+)/`); v4 == "" {
		m.t.Fatalf("%s of %s has no address:\n%s", ifname, name, said)
	}
	return v4, first(`inet6 ([0-9a-f:]+)/`)
}

// mustServe waits for a page, which has to be the container's.
func (m machine) mustServe(name, url string, get func(url string) (string, error)) {
	m.t.Helper()
	must(m.t, eventually(func() error {
		page, err := get(url)
		if err == nil && strings.TrimSpace(page) != name {
			err = fmt.Errorf("%s has the page %q, not that of %s", url, page, name)
		}
		return err
	}))
}

// getIn returns how to fetch a page from within a container.
func getIn(c client, name string) func(url string) (string, error) {
	return func(url string) (string, error) { return c.exec(name, "wget", "-qO-", url) }
}
