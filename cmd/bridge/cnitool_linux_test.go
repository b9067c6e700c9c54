package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// TestClientCNITool is a person with "ip netns" and cnitool.
func TestClientCNITool(t *testing.T) {
	m := newMachine(t)
	m.addNetworks("1.1.0") // with GC and STATUS
	c := cniTool{m, map[string]container{}}
	m.tell(c, "pods", "published port", "fixed addresses", "several networks", "restart", "port and restart",
		"namespace is lost")
	m.tellMore("check, status and gc", func(m machine) { networkIsLookedAfter(m, c) })
}

// cniTool is a client.
type cniTool struct {
	m       machine
	started map[string]container
}

// call calls cnitool for a container's interface.
func (c cniTool) call(verb string, k container, i int) error {
	env := []string{"env", "CNI_PATH=/opt/cni/bin", fmt.Sprintf("CNI_IFNAME=eth%d", i)}
	if i == 0 {
		env = append(env, "CAP_ARGS="+capabilities(k))
	}
	tool := []string{c.m.cnitoolProgram(), verb, k.networks[i], netnsOf(k.name)}
	_, err := c.m.tryIn(env[0], append(env[1:], tool...)...)
	return err
}

// capabilities are what a runtime tells those plugins that asked for it.
func capabilities(k container) string {
	args := map[string]any{}
	if k.port != 0 {
		args["portMappings"] = []any{map[string]any{"hostPort": k.port, "containerPort": 80, "protocol": "tcp"}}
	}
	if k.address != "" {
		args["ips"] = []string{k.address}
	}
	if k.mac != "" {
		args["mac"] = k.mac
	}
	text, _ := json.Marshal(args) // of strings and numbers
	return string(text)
}

func (c cniTool) start(k container) error {
	if _, err := c.m.tryIn("ip", "netns", "add", k.name); err != nil {
		return err
	}
	if _, err := c.m.tryIn("ip", "-n", k.name, "link", "set", "lo", "up"); err != nil {
		return err
	}
	c.started[k.name] = k
	for i := range k.networks {
		if err := c.call("add", k, i); err != nil {
			return err
		}
	}
	serve := []string{"-c", `echo $$ >"$0"; exec "$@"`, c.pidFile(k.name), "ip", "netns", "exec", k.name, "chroot", c.m.root(k.name)}
	if err := c.m.in("sh", append(serve, k.serving()...)...).Start(); err != nil {
		return err
	}
	return eventually(func() error {
		if info, err := os.Stat(c.pidFile(k.name)); err != nil || info.Size() == 0 {
			return fmt.Errorf("%s does not start: %w", k.name, err)
		}
		return nil
	})
}

func (c cniTool) pidFile(name string) string { return filepath.Join(c.m.folder, name+".pid") }

func (c cniTool) exec(name string, command ...string) (stdout string, err error) {
	return c.m.tryIn("ip", append([]string{"netns", "exec", name, "chroot", c.m.root(name)}, command...)...)
}

func (c cniTool) restart(k container) error {
	if err := c.remove(k.name); err != nil {
		return err
	}
	return c.start(k)
}

// remove kills who serves, deletes what the interfaces have, and the namespace last.
func (c cniTool) remove(name string) error {
	if pid, err := os.ReadFile(c.pidFile(name)); err == nil {
		if _, err := c.m.tryIn("kill", "-KILL", strings.TrimSpace(string(pid))); err != nil {
			return err
		}
		if err := os.Remove(c.pidFile(name)); err != nil {
			return err
		}
	}
	k := c.started[name]
	for i := range k.networks {
		if err := c.call("del", k, i); err != nil {
			return err
		}
	}
	if _, err := os.Stat(netnsOf(name)); err != nil {
		return nil // it was lost
	}
	_, err := c.m.tryIn("ip", "netns", "del", name)
	return err
}

func (c cniTool) netns(name string) (path string, err error) { return netnsOf(name), nil }

func netnsOf(name string) (path string) { return kernel.NetNSDir + "/" + name }

// networkIsLookedAfter by all the verbs there are.
func networkIsLookedAfter(m machine, c cniTool) {
	web := container{name: "web", networks: []string{"lab", "back"}, port: 8080}
	for i := range web.networks {
		must(m.t, c.call("status", web, i))
	}
	m.mustStart(c, web)
	for i := range web.networks {
		must(m.t, c.call("check", web, i))
	}
	m.mustServe("web", "http://"+uplinkAddress+":8080/", m.getOutside)
	// cnitool tells the plugins nothing of what is valid, which ours does not take for nothing. Before, DEL was called for
	// all that the cache has.
	for i := range web.networks {
		if err := c.call("gc", web, i); err == nil || !strings.Contains(err.Error(), "cni.dev/valid-attachments is missing") {
			m.t.Errorf("GC without a list: %v", err)
		}
	}
	m.mustHaveNoLease()
	if err := c.call("check", web, 0); err == nil {
		m.t.Error("CHECK finds nothing wrong after GC")
	}
	m.mustRemove(c, "web")
}
