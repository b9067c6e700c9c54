package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
)

// TestClientPodman is podman with its CNI backend.
func TestClientPodman(t *testing.T) {
	m := newMachine(t)
	c := newPodman(m)
	m.addNetworks(latest)
	m.tell(c, "pods", "published port", "fixed addresses", "several networks", "restart", "port and restart", "killed",
		"too new a version")
	m.tellMore("connect and disconnect", func(m machine) { networksComeAndGo(m, c) })
	m.tellMore("namespace is lost", func(m machine) {
		namespaceIsLost(m, c) // podman says nothing to the plugins then
		m.collect("lab")
	})
}

// containersConf lets podman call CNI plugins, and have no cgroups.
const containersConf = `[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
[containers]
cgroups = "disabled"
cgroupns = "host"
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
`

// podman is a client.
type podman struct{ m machine }

func newPodman(m machine) podman {
	for _, tool := range []string{"podman", "crun"} {
		requireTool(m.t, tool)
	}
	m.write("/etc/containers/containers.conf", containersConf)
	return podman{m}
}

func (p podman) call(args ...string) (stdout string, err error) {
	folder := filepath.Join(p.m.folder, "podman")
	global := []string{"--root", folder + "/root", "--runroot", folder + "/run", "--tmpdir", folder + "/tmp"}
	return p.m.tryIn("podman", append(global, args...)...)
}

func (p podman) start(c container) error {
	args := []string{"run", "--detach", "--name", c.name, "--cap-add", "NET_RAW"} // for ping
	for _, network := range c.networks {
		args = append(args, "--network", network)
	}
	for option, value := range map[string]string{"--ip": c.address, "--mac-address": c.mac} {
		if value != "" {
			args = append(args, option, value)
		}
	}
	if c.port != 0 {
		args = append(args, "--publish", fmt.Sprintf("%d:80", c.port))
	}
	args = append(args, "--rootfs", p.m.root(c.name))
	_, err := p.call(append(args, c.serving()...)...)
	return err
}

func (p podman) exec(name string, command ...string) (stdout string, err error) {
	return p.call(append([]string{"exec", name}, command...)...)
}

func (p podman) restart(c container) error {
	_, err := p.call("restart", "--time", "0", c.name)
	return err
}

func (p podman) remove(name string) error {
	_, err := p.call("rm", "--force", "--time", "0", name)
	return err
}

func (p podman) process(name string) (pid string, err error) {
	c, err := p.inspect(name)
	return fmt.Sprint(c.State.Pid), err
}

func (p podman) netns(name string) (path string, err error) {
	c, err := p.inspect(name)
	return c.NetworkSettings.SandboxKey, err
}

type podmanContainer struct {
	State           struct{ Pid int }
	NetworkSettings struct{ SandboxKey string }
}

func (p podman) inspect(name string) (c podmanContainer, err error) {
	said, err := p.call("inspect", name)
	if err != nil {
		return c, err
	}
	var all []podmanContainer
	if err := json.Unmarshal([]byte(said), &all); err != nil || len(all) != 1 {
		return c, fmt.Errorf("podman inspect %s (%w):\n%s", name, err, said)
	}
	return all[0], nil
}

// networksComeAndGo while the container runs.
func networksComeAndGo(m machine, p podman) {
	for _, name := range []string{"web", "other"} {
		m.mustStart(p, container{name: name, networks: lab})
	}
	for range 2 {
		for _, name := range []string{"web", "other"} {
			_, err := p.call("network", "connect", "back", name)
			must(m.t, err)
		}
		v4, _ := m.addressOf(p, "web", "eth1")
		m.mustServe("web", "http://"+v4+"/", getIn(p, "other"))
		for _, name := range []string{"web", "other"} {
			_, err := p.call("network", "disconnect", "back", name)
			must(m.t, err)
		}
		m.mustPing(p, "web", gateway, outsideAddress)
	}
	m.mustRemove(p, "web")
	m.mustRemove(p, "other")
}
