package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClientCRI is containerd as the kubelet uses it, by crictl: it calls the plugins itself (go-cni), with a loopback,
// which is ours, too. Kubernetes cannot ask for addresses.
func TestClientCRI(t *testing.T) {
	crictl := referenceProgram(t, "crictl")
	m := newMachine(t)
	m.addNetworks(latest)
	c := &cri{daemon: newContainerd(m, len(networks)), crictl: crictl, pods: map[string]criPod{}}
	must(t, c.awaitDaemon())
	c.daemon.importImage("localhost/pause:1", m.root("image"))
	m.tell(c, "pods", "published port", "several networks", "restart", "port and restart", "killed", "namespace is lost",
		"too new a version")
	m.tellMore("daemon is killed", func(m machine) { daemonIsKilled(m, c) })
}

// cri is a client.
type cri struct {
	daemon *containerd
	crictl string
	pods   map[string]criPod // by the container's name
}

// A criPod is a pod sandbox with one container.
type criPod struct {
	sandbox, container string // their ids
	attempt            int
}

func (c *cri) call(args ...string) (stdout string, err error) {
	endpoint := "unix://" + c.daemon.socket()
	global := []string{
		"--config", "/dev/null", "--runtime-endpoint", endpoint, "--image-endpoint", endpoint, "--timeout", patience.String(),
	}
	stdout, err = c.daemon.m.tryIn(c.crictl, append(global, args...)...)
	return strings.TrimSpace(stdout), err
}

// awaitDaemon waits until the daemon answers the kubelet, which it does later than others.
func (c *cri) awaitDaemon() error {
	return eventually(func() error {
		_, err := c.call("info")
		return err
	})
}

func (c *cri) startDaemon() error {
	if err := c.daemon.startDaemon(); err != nil {
		return err
	}
	return c.awaitDaemon()
}

// reload ends the daemon, and starts it again: it reads its configuration then.
func (c *cri) reload() error { return errors.Join(c.daemon.killDaemon(), c.startDaemon()) }

func (c *cri) start(k container) error { return c.startPod(k, 0) }

func (c *cri) startPod(k container, attempt int) (err error) {
	pod := criPod{attempt: attempt}
	defer func() { c.pods[k.name] = pod }()
	podFile, containerFile, err := c.files(k, attempt)
	if err != nil {
		return err
	}
	if pod.sandbox, err = c.call("runp", podFile); err != nil {
		return err
	}
	if pod.container, err = c.call("create", pod.sandbox, containerFile, podFile); err != nil {
		return err
	}
	_, err = c.call("start", pod.container)
	return err
}

// files writes what crictl reads of a pod and its container.
func (c *cri) files(k container, attempt int) (podFile, containerFile string, err error) {
	pod := map[string]any{
		"metadata": map[string]any{"name": k.name, "namespace": "lab", "uid": k.name, "attempt": attempt},
		"linux":    map[string]any{},
	}
	if k.port != 0 {
		pod["port_mappings"] = []any{map[string]any{"container_port": 80, "host_port": k.port}}
	}
	inPod := map[string]any{
		"metadata": map[string]any{"name": k.name, "attempt": attempt},
		"image":    map[string]any{"image": "localhost/pause:1"},
		"command":  k.serving(),
		"linux":    map[string]any{},
	}
	file := filepath.Join(c.daemon.folder, k.name)
	podFile, containerFile = file+"-pod.json", file+"-container.json"
	return podFile, containerFile, errors.Join(writeJSON(podFile, pod), writeJSON(containerFile, inPod))
}

func writeJSON(file string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func (c *cri) exec(name string, command ...string) (stdout string, err error) {
	return c.call(append([]string{"exec", "--sync", c.pods[name].container}, command...)...)
}

// restart does what the kubelet does: it stops a pod and starts another attempt, and removes the first one later.
func (c *cri) restart(k container) error {
	old := c.pods[k.name]
	if err := c.stop(old.sandbox); err != nil {
		return err
	}
	if err := c.startPod(k, old.attempt+1); err != nil {
		return err
	}
	_, err := c.call("rmp", old.sandbox)
	return err
}

func (c *cri) remove(name string) error {
	pod := c.pods[name]
	if err := c.stop(pod.sandbox); err != nil {
		return err
	}
	_, err := c.call("rmp", pod.sandbox)
	return err
}

// stop asks again, as the kubelet does, where containerd has learned only while it was at it that a process was killed.
func (c *cri) stop(sandbox string) (err error) {
	_ = eventually(func() error {
		_, err = c.call("stopp", sandbox)
		if err != nil && strings.Contains(err.Error(), "ttrpc: closed") {
			return err
		}
		return nil
	})
	return err
}

// process is the pod's own process, which holds its namespaces.
func (c *cri) process(name string) (pid string, err error) {
	s, err := c.inspect(name)
	return fmt.Sprint(s.Info.PID), err
}

func (c *cri) netns(name string) (path string, err error) {
	s, err := c.inspect(name)
	for _, n := range s.Info.RuntimeSpec.Linux.Namespaces {
		if n.Type == "network" {
			return n.Path, err
		}
	}
	return "", errors.Join(err, errors.New("no network namespace"))
}

type criStatus struct {
	Info struct {
		PID         int
		RuntimeSpec struct {
			Linux struct {
				Namespaces []struct{ Type, Path string }
			}
		}
	}
}

func (c *cri) inspect(name string) (s criStatus, err error) {
	said, err := c.call("inspectp", "--output", "json", c.pods[name].sandbox)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(said), &s)
}

// daemonIsKilled while pods run: the next one removes them.
func daemonIsKilled(m machine, c *cri) {
	m.mustStart(c, container{name: "web", port: 8080})
	must(m.t, c.daemon.killDaemon())
	m.mustServe("web", "http://"+uplinkAddress+":8080/", m.getOutside)
	must(m.t, c.startDaemon())
	m.mustServe("web", "http://"+uplinkAddress+":8080/", m.getOutside)
	m.mustRemove(c, "web")
}
