package main_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"golang.org/x/sys/unix"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
	"github.com/cnilab/cnilab/plugin/config"
)

// An imageFile is what deploy/Containerfile says.
type imageFile struct {
	copies     [][2]string // a file of the context, and where it is in the image
	entryPoint []string
	arguments  []string // if no others are given
}

func containerfile(t *testing.T) (i imageFile) {
	t.Helper()
	text, err := os.ReadFile("deploy/Containerfile")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "", "#":
		case "FROM":
			if rest != "scratch" {
				t.Fatalf("the image is made from %s, which somebody would have to fetch", rest)
			}
		case "COPY":
			words := strings.Fields(rest)
			i.copies = append(i.copies, [2]string{words[0], words[1]})
		case "ENTRYPOINT":
			must(t, json.Unmarshal([]byte(rest), &i.entryPoint))
		case "CMD":
			must(t, json.Unmarshal([]byte(rest), &i.arguments))
		default:
			t.Fatalf("%s is not known here", instruction)
		}
	}
	return i
}

// buildContext is the folder that "make build" makes, from which the image is built.
func buildContext(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	must(t, os.Link(built(t, ".", "bridge"), filepath.Join(folder, "bridge")))
	return folder
}

// An unpacked image is a root file system, and what it was made of.
type unpacked struct {
	imageFile
	root string
}

// newUnpacked unpacks the image, and mounts what runtimes mount.
func newUnpacked(t *testing.T) unpacked {
	t.Helper()
	c := unpacked{containerfile(t), t.TempDir()}
	from := buildContext(t)
	for _, file := range c.copies {
		must(t, os.Link(filepath.Join(from, file[0]), filepath.Join(c.root, file[1])))
	}
	proc := filepath.Join(c.root, "proc")
	must(t, os.Mkdir(proc, 0o755))
	must(t, unix.Mount("/proc", proc, "", unix.MS_BIND|unix.MS_REC, ""))
	t.Cleanup(func() { must(t, unix.Unmount(proc, unix.MNT_DETACH)) })
	return c
}

// knownCapabilities are those that the manifest may name.
var knownCapabilities = map[corev1.Capability]uintptr{"DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE}

// command is the container's process.
func (c unpacked) command(args []string) *exec.Cmd {
	cmd := exec.Command(c.entryPoint[0], append(c.entryPoint[1:], args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	cmd.Dir = "/"
	cmd.Env = []string{}
	return cmd
}

// start starts a process that has these capabilities alone: those of the thread that starts it which are in its bounding
// set (capabilities(7)). The thread ends with its goroutine.
func start(t *testing.T, cmd *exec.Cmd, keep []corev1.Capability) {
	t.Helper()
	kept := map[uintptr]bool{}
	for _, name := range keep {
		number, ok := knownCapabilities[name]
		if !ok {
			t.Fatalf("capability %s is not known here", name)
		}
		kept[number] = true
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		for c := range uintptr(unix.CAP_LAST_CAP + 1) {
			if !kept[c] {
				_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // a capability that this kernel does not have
			}
		}
		started <- cmd.Start()
	}()
	must(t, <-started)
}

// TestDaemonSetOnNode does on a node what the kubelet does with the manifest: one container after the other, from the
// image, with the arguments and capabilities that it has there.
func TestDaemonSetOnNode(t *testing.T) {
	sandbox.Require(t)
	network, set := manifest(t)
	pod := set.Spec.Template.Spec
	plugins, configurations := t.TempDir(), t.TempDir()
	bridge := theirs(t, plugins, "bridge")
	for _, name := range []string{plugins, filepath.Join(plugins, "bridge")} {
		_ = os.Chown(name, 1001, 1001) // unless this user namespace has no such user
	}
	mounts := map[string]string{"plugins": plugins, "configurations": configurations, "network": volume(t, network)}
	for range 2 { // the node is started again
		for _, init := range pod.InitContainers {
			c := newUnpacked(t)
			for _, m := range init.VolumeMounts {
				c.mount(t, mounts[m.Name], m.MountPath)
			}
			c.mustRun(t, init)
		}
	}

	if got := version(t, filepath.Join(plugins, "host-local")); !strings.Contains(got, `"1.1.0"`) {
		t.Errorf("host-local answers %s", got)
	}
	files, err := libcni.ConfFiles(configurations, []string{".conf", ".conflist", ".json"})
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("the configurations are %v", files)
	}
	mustBeGoodList(t, files[0])

	_, stderr, exit := operate(t, "--install", plugins, "--rollback")
	if exit != 0 {
		t.Errorf("exit status %d\n%s", exit, stderr)
	}
	mustBeAlone(t, plugins, bridge)
}

func manifest(t *testing.T) (network corev1.ConfigMap, set appsv1.DaemonSet) {
	t.Helper()
	text, err := os.ReadFile("deploy/daemonset.yaml")
	must(t, err)
	first, second, _ := strings.Cut(string(text), "\n---\n")
	must(t, yaml.UnmarshalStrict([]byte(first), &network))
	must(t, yaml.UnmarshalStrict([]byte(second), &set))
	return network, set
}

// volume is a ConfigMap as files.
func volume(t *testing.T, m corev1.ConfigMap) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range m.Data {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644))
	}
	return folder
}

func (c unpacked) mount(t *testing.T, folder, at string) {
	t.Helper()
	at = filepath.Join(c.root, at)
	must(t, os.MkdirAll(at, 0o755))
	must(t, unix.Mount(folder, at, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
}

func (c unpacked) mustRun(t *testing.T, as corev1.Container) {
	t.Helper()
	var out strings.Builder
	cmd := c.command(as.Args)
	cmd.Stdout, cmd.Stderr = &out, &out
	start(t, cmd, as.SecurityContext.Capabilities.Add)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("container %s: %v\n%s", as.Name, err, &out)
	}
}

// mustBeGoodList reads a list as a runtime does, and its bridge as the plugin does.
func mustBeGoodList(t *testing.T, file string) {
	t.Helper()
	list, err := libcni.ConfListFromFile(file)
	must(t, err)
	var conf map[string]any
	must(t, json.Unmarshal(list.Plugins[0].Bytes, &conf))
	maps.Copy(conf, map[string]any{"name": list.Name, "cniVersion": list.CNIVersion})
	text, err := json.Marshal(conf)
	must(t, err)
	if _, err := config.Parse(text, ""); err != nil || conf["type"] != "bridge" {
		t.Errorf("%s: %v", text, err)
	}
	if typos := config.Typos(text); len(typos) > 0 {
		t.Error(typos)
	}
}

// TestDaemonSetWaits: the container that goes on ends when it is asked to.
func TestDaemonSetWaits(t *testing.T) {
	sandbox.Require(t)
	_, set := manifest(t)
	c := newUnpacked(t)
	cmd := c.command(set.Spec.Template.Spec.Containers[0].Args)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	start(t, cmd, nil)
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Error(err)
	}
	must(t, cmd.Process.Signal(unix.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended by SIGTERM: %v", err)
	}
}

// TestImageInstalls is a container that is run with no arguments.
func TestImageInstalls(t *testing.T) {
	sandbox.Require(t)
	c, plugins := newUnpacked(t), t.TempDir()
	c.mount(t, plugins, "/host/opt/cni/bin")
	cmd := c.command(c.arguments)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	version(t, filepath.Join(plugins, "bridge"))
}

// TestImageIsBuilt builds the image where there is a builder, and compares it with what the other tests take it for.
func TestImageIsBuilt(t *testing.T) {
	sandbox.Require(t)
	podman, err := exec.LookPath("podman")
	mapping, _ := os.ReadFile("/proc/self/uid_map")
	if err != nil || !regexp.MustCompile(`^\s*0\s+0\s+4294967295`).Match(mapping) {
		t.Log("there is no podman, or no root who could use it: the image was not built")
		return
	}
	storage := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(podman, append([]string{
			"--root", filepath.Join(storage, "root"), "--runroot", filepath.Join(storage, "run"),
			"--tmpdir", filepath.Join(storage, "tmp"), "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
		}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	const name = "localhost/bridge:test"
	run("build", "-t", name, "-f", "deploy/Containerfile", buildContext(t))
	var made []struct {
		Config struct{ Entrypoint, Cmd []string }
	}
	must(t, json.Unmarshal([]byte(run("image", "inspect", name)), &made))
	want := containerfile(t)
	if got := made[0].Config; !slices.Equal(got.Entrypoint, want.entryPoint) || !slices.Equal(got.Cmd, want.arguments) {
		t.Errorf("the image starts %v %v, want %v %v", got.Entrypoint, got.Cmd, want.entryPoint, want.arguments)
	}
	root := run("image", "mount", name)
	defer run("image", "unmount", name)
	entries, err := os.ReadDir(root)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "bridge" {
		t.Errorf("the image holds %v", entries)
	}
	version(t, filepath.Join(root, want.entryPoint[0]))
}
