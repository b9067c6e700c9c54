package main_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

const (
	uplinkAddress  = "198.51.100.1" // of the machine, towards outside
	outsideAddress = "198.51.100.2" // of a host that knows no way to pods

	// patience is for what a client does in less than a second where nothing else runs.
	patience = time.Minute
)

// A machine is a node on which container runtimes run: with processes, mounts, an /etc and an /opt of its own, which end
// with the test, and a host outside.
type machine struct {
	node
	pid    string // of the process that the machine's others end with
	folder string // for what clients keep, in memory
}

// furnishing makes the mounts of a machine, in a mount namespace of its own. There are no cgroups: what containers make
// of them would be the real machine's.
const furnishing = `
mount -t proc proc /proc
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t tmpfs tmpfs /opt
mkdir "$1"/etc "$1"/etc-work
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc-work" /etc
rm -rf /etc/cni
mkdir -p /opt/cni/bin /etc/cni/net.d
echo furnished
exec cat` // until the test closes its standard input, or ends in whatever way: then all other processes are killed

// newMachine is a machine with the plugin and the reference's portmap in /opt/cni/bin, and with no networks.
func newMachine(t *testing.T) machine {
	requireRoot(t)
	for _, tool := range []string{"nsenter", "busybox", "iptables", "nft"} {
		requireTool(t, tool)
	}
	portmap := referenceProgram(t, "portmap")
	m := machine{node: newNode(t)}
	m.stay = func(o kernel.Object) bool { return isMark(o) || isShared(o) }
	m.addOutside() // "ip netns" shares the mounts below /run/netns, and so do the machine's processes from then on
	m.furnish()
	for name, file := range map[string]string{
		"bridge": filepath.Join(m.bin, "bridge"), "host-local": "bridge", "loopback": "bridge", "portmap": portmap,
	} {
		m.mustIn("ln", "-s", file, "/opt/cni/bin/"+name)
	}
	m.build("github.com/containernetworking/cni/cnitool", "cnitool")
	m.settled() // the uplink's carrier, which Linux sees late, is none of what containers leave
	return m
}

func (m machine) cnitoolProgram() string { return filepath.Join(m.bin, "cnitool") }

// addOutside connects the machine with a host that has no route to the networks of pods: it answers those alone who come
// with the machine's address.
func (m *machine) addOutside() {
	m.run("ip", "netns", "add", "outside")
	m.run("ip", "link", "set", "lo", "up")
	m.run("ip", "link", "add", "uplink", "type", "veth", "peer", "eth0", "netns", "outside")
	m.addAddress(uplinkAddress, "uplink")
	m.addAddress(outsideAddress, "eth0", "-n", "outside")
	m.t.Cleanup(func() {
		m.run("ip", "link", "del", "uplink")
		m.run("ip", "netns", "del", "outside")
		m.run("ip", "link", "set", "lo", "down")
	})
}

// addAddress gives a link an address, and none of IPv6, which would take seconds to come.
func (m *machine) addAddress(address, link string, options ...string) {
	options = options[:len(options):len(options)]
	m.run("ip", append(options, "link", "set", link, "addrgenmode", "none")...)
	m.run("ip", append(options, "addr", "add", address+"/24", "dev", link)...)
	m.run("ip", append(options, "link", "set", link, "up")...)
}

// furnish starts the machine's first process, with which all others end.
func (m *machine) furnish() {
	var err error
	m.folder, err = os.MkdirTemp("/run", "machine")
	must(m.t, err)
	init := exec.Command("sh", "-ec", furnishing, "sh", m.folder)
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	init.Stderr = os.Stderr
	stdin, err := init.StdinPipe()
	must(m.t, err)
	stdout, err := init.StdoutPipe()
	must(m.t, err)
	must(m.t, init.Start())
	m.t.Cleanup(func() {
		must(m.t, stdin.Close())
		must(m.t, init.Wait())
		must(m.t, os.RemoveAll(m.folder))
	})
	said := make([]byte, len("furnished"))
	if _, err := io.ReadFull(stdout, said); err != nil {
		m.t.Fatalf("no mounts for a machine: %v", err)
	}
	m.pid = fmt.Sprint(init.Process.Pid)
}

// in is a command on the machine.
func (m machine) in(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", m.pid, "-m", "-p", "--", name}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+m.folder, "TMPDIR="+m.folder)
	cmd.WaitDelay = time.Second // for who keeps its streams
	return cmd
}

// tryIn runs a command on the machine; err has what it said, too.
func (m machine) tryIn(name string, args ...string) (stdout string, err error) {
	return m.output(m.in(name, args...))
}

func (m machine) output(cmd *exec.Cmd) (stdout string, err error) {
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	must(m.t, cmd.Start())
	patient := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer patient.Stop()
	if err := cmd.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args[6:], " "), err, &out, &errOut)
	}
	return out.String(), nil
}

func (m machine) mustIn(name string, args ...string) (stdout string) {
	m.t.Helper()
	stdout, err := m.tryIn(name, args...)
	must(m.t, err)
	return stdout
}

// root makes the file system of a container.
func (m machine) root(name string) (folder string) {
	m.t.Helper()
	folder = filepath.Join(m.folder, "roots", name)
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	for _, sub := range []string{"bin", "dev", "etc", "proc", "run", "sys", "tmp", "www"} {
		must(m.t, os.MkdirAll(filepath.Join(folder, sub), 0o755))
	}
	busybox, err := exec.LookPath("busybox")
	must(m.t, err)
	m.run("cp", busybox, filepath.Join(folder, "bin/busybox"))
	for _, applet := range []string{"sh", "ip", "ping", "httpd", "wget"} {
		must(m.t, os.Symlink("busybox", filepath.Join(folder, "bin", applet)))
	}
	return folder
}

// eventually tries until it succeeds, for as long as the machine may need.
func eventually(try func() error) (err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// get fetches a page as a program on the machine.
func (m machine) get(url string) (page string, err error) {
	alone := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := alone.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// getOutside fetches a page as a program on the host outside.
func (m machine) getOutside(url string) (page string, err error) {
	return m.tryIn("ip", "netns", "exec", "outside", "chroot", m.root("outside"), "wget", "-qO-", url)
}
