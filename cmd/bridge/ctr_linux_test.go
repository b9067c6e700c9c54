package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestClientCtr is "ctr run --cni": go-cni with the first network alone, and nothing that one could ask of it. DEL comes
// with an empty CNI_NETNS, once the namespace is gone.
func TestClientCtr(t *testing.T) {
	m := newMachine(t)
	m.addNetworks(latest)
	c := newCtr(m)
	m.tell(c, "pods", "restart", "too new a version")
	m.tellMore("detached", func(m machine) { detachedIsCollected(m, c) })
}

// TestClientsNoticeWhatIsLeft: with the reference's plugins instead of ours, the same story leaves rules.
func TestClientsNoticeWhatIsLeft(t *testing.T) {
	theirs := []string{referenceProgram(t, "bridge"), referenceProgram(t, "host-local")}
	m := newMachine(t)
	m.addNetworks(latest)
	m.mustIn("rm", "/opt/cni/bin/bridge", "/opt/cni/bin/host-local")
	m.mustIn("cp", append(theirs, "/opt/cni/bin")...)
	before := m.snapshot()
	podsReachAll(m, newCtr(m))
	m.forgetNetworks()
	left := m.diff(before, m.settled())
	for _, rule := range []string{"+ host: iptables ", "+ host: ip6tables "} {
		if !strings.Contains(left, rule) || !strings.Contains(left, "-j MASQUERADE") {
			t.Errorf("the reference leaves\n%s", left)
		}
	}
	for _, program := range []string{"iptables", "ip6tables"} {
		m.run(program, "-t", "nat", "-F")
		m.run(program, "-t", "nat", "-X")
	}
}

// ctr is a client.
type ctr struct {
	daemon     *containerd
	foreground map[string]*foreground // of a container
	execs      int
}

func newCtr(m machine) *ctr {
	return &ctr{daemon: newContainerd(m, 1), foreground: map[string]*foreground{}}
}

// A foreground is a "ctr run" that waits for its container to end, and removes it then.
type foreground struct {
	cmd   *exec.Cmd
	said  *strings.Builder
	ended chan error
}

func (c *ctr) runArgs(k container, more ...string) []string {
	args := append([]string{"run", "--cni", "--cgroup", "", "--runc-binary", c.daemon.crun(), "--env", "PATH=/bin"}, more...)
	return append(append(args, "--rootfs", c.daemon.m.root(k.name), k.name), k.serving()...)
}

func (c *ctr) start(k container) error {
	args := append([]string{"--address", c.daemon.socket()}, c.runArgs(k, "--rm")...)
	f := &foreground{cmd: c.daemon.m.in("ctr", args...), said: new(strings.Builder), ended: make(chan error, 1)}
	f.cmd.Stdout, f.cmd.Stderr = f.said, f.said
	if err := f.cmd.Start(); err != nil {
		return err
	}
	go func() { f.ended <- f.cmd.Wait() }()
	c.foreground[k.name] = f
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if c.isRunning(k.name) {
			return nil
		}
		select {
		case err := <-f.ended:
			delete(c.foreground, k.name)
			return fmt.Errorf("ctr run %s: %w\n%s", k.name, err, f.said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("ctr run %s starts nothing:\n%s", k.name, f.said)
}

// isRunning reports whether a container was started, which it is once it has its network.
func (c *ctr) isRunning(name string) bool {
	said, err := c.daemon.ctr("task", "ls")
	return err == nil && regexp.MustCompile(`(?m)^`+name+` .*RUNNING`).MatchString(said)
}

func (c *ctr) exec(name string, command ...string) (stdout string, err error) {
	c.execs++
	return c.daemon.ctr(append([]string{"task", "exec", "--exec-id", fmt.Sprint(c.execs), name}, command...)...)
}

func (c *ctr) restart(k container) error {
	if err := c.remove(k.name); err != nil {
		return err
	}
	return c.start(k)
}

// remove kills the container, and lets its "ctr run" do the rest.
func (c *ctr) remove(name string) error {
	f, started := c.foreground[name]
	if !started {
		return c.removeDetached(name)
	}
	delete(c.foreground, name)
	if _, err := c.daemon.ctr("task", "kill", "--signal", "SIGKILL", name); err != nil {
		return err
	}
	select {
	case err := <-f.ended:
		var killed *exec.ExitError
		if errors.As(err, &killed) && killed.ExitCode() == 128+9 && !strings.Contains(f.said.String(), "fail") {
			return nil
		}
		return fmt.Errorf("ctr run %s ended by %w\n%s", name, err, f.said)
	case <-time.After(patience):
		return fmt.Errorf("ctr run %s does not end", name)
	}
}

// removeDetached removes a container that no "ctr run" waits for.
func (c *ctr) removeDetached(name string) error {
	if _, err := c.daemon.ctr("task", "kill", "--signal", "SIGKILL", name); err != nil {
		return err
	}
	err := eventually(func() error {
		_, err := c.daemon.ctr("task", "rm", name)
		if killed := (*exec.ExitError)(nil); errors.As(err, &killed) && killed.ExitCode() == 128+9 {
			return nil // the container's
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = c.daemon.ctr("container", "rm", name)
	return err
}

// detachedIsCollected: nobody calls DEL for a container that "ctr run" does not wait for. What its network had is
// collected by whoever is told that there is no container any more.
func detachedIsCollected(m machine, c *ctr) {
	_, err := c.daemon.ctr(c.runArgs(container{name: "web"}, "--detach")...)
	must(m.t, err)
	v4, _ := m.addressOf(c, "web", "eth0")
	m.mustServe("web", "http://"+v4+"/", m.get)
	must(m.t, c.removeDetached("web"))
	if _, err := os.Stat(filepath.Join(leases, "lab", v4)); err != nil {
		m.t.Errorf("ctr has given the address back? %v", err)
	}
	m.collect("lab")
}
