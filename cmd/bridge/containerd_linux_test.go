package main_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A containerd is the daemon, on a machine.
type containerd struct {
	m       machine
	folder  string
	process *exec.Cmd
}

// containerdConf has no cgroups, and a folder of its own for everything.
const containerdConf = `version = 2
root = "FOLDER/root"
state = "FOLDER/state"
[grpc]
address = "FOLDER/socket"
[plugins."io.containerd.internal.v1.opt"]
path = "FOLDER/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
disable_cgroup = true
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
max_conf_num = NETWORKS
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "FOLDER/crun"
`

// crunWithoutCgroups is what starts containers.
const crunWithoutCgroups = `#!/bin/sh
exec crun --cgroup-manager=disabled "$@"
`

// newContainerd starts the daemon, which gives each pod the first of the networks.
func newContainerd(m machine, networks int) *containerd {
	for _, tool := range []string{"containerd", "ctr", "crun"} {
		requireTool(m.t, tool)
	}
	d := &containerd{m: m, folder: filepath.Join(m.folder, "containerd")}
	must(m.t, os.Mkdir(d.folder, 0o755))
	conf := strings.NewReplacer("FOLDER", d.folder, "NETWORKS", fmt.Sprint(networks)).Replace(containerdConf)
	must(m.t, os.WriteFile(filepath.Join(d.folder, "config.toml"), []byte(conf), 0o600))
	must(m.t, os.WriteFile(d.crun(), []byte(crunWithoutCgroups), 0o755))
	m.t.Cleanup(d.tellLog)
	must(m.t, d.startDaemon())
	return d
}

func (d *containerd) socket() string { return filepath.Join(d.folder, "socket") }

func (d *containerd) crun() string { return filepath.Join(d.folder, "crun") }

func (d *containerd) startDaemon() error {
	log, err := os.OpenFile(filepath.Join(d.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	pidFile := filepath.Join(d.folder, "pid")
	d.process = d.m.in("sh", "-c", `echo $$ >"$1"; exec containerd --config "$2"`, "sh", pidFile,
		filepath.Join(d.folder, "config.toml"))
	d.process.Stdout, d.process.Stderr = log, log
	if err := d.process.Start(); err != nil {
		return err
	}
	return eventually(func() error {
		_, err := d.ctr("version")
		return err
	})
}

// killDaemon ends the daemon, and no container.
func (d *containerd) killDaemon() error {
	pid, err := os.ReadFile(filepath.Join(d.folder, "pid"))
	if err != nil {
		return err
	}
	_, err = d.m.tryIn("kill", "-KILL", strings.TrimSpace(string(pid)))
	_ = d.process.Wait() // it was killed
	return err
}

// tellLog shows what the daemon complained about, if the test failed.
func (d *containerd) tellLog() {
	if !d.m.t.Failed() {
		return
	}
	log, err := os.ReadFile(filepath.Join(d.folder, "log"))
	must(d.m.t, err)
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, "level=info") && !strings.Contains(line, "loading cgroup") { // there are none
			d.m.t.Log(strings.TrimSpace(line))
		}
	}
}

func (d *containerd) ctr(args ...string) (stdout string, err error) {
	return d.m.tryIn("ctr", append([]string{"--address", d.socket()}, args...)...)
}

// importImage gives the daemon an image with one file system, as "docker save" would print it.
func (d *containerd) importImage(name, root string) {
	d.m.t.Helper()
	folder, err := os.MkdirTemp(d.folder, "image")
	must(d.m.t, err)
	layer := archive(d.m.t, filepath.Join(folder, "layer.tar"), root)
	for file, content := range map[string]any{
		"config.json": map[string]any{
			"architecture": runtime.GOARCH, "os": runtime.GOOS,
			"config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"/bin/sh", "-c", "while :; do sleep 9; done"}},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
		},
		"manifest.json": []any{map[string]any{
			"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"},
		}},
	} {
		text, err := json.Marshal(content)
		must(d.m.t, err)
		must(d.m.t, os.WriteFile(filepath.Join(folder, file), text, 0o600))
	}
	archive(d.m.t, folder+".tar", folder)
	_, err = d.ctr("--namespace", "k8s.io", "images", "import", "--snapshotter", "native", folder+".tar")
	must(d.m.t, err)
}

// archive writes a folder as a tar file, and returns that.
func archive(t *testing.T, file, folder string) (text []byte) {
	t.Helper()
	out, err := os.Create(file)
	must(t, err)
	w := tar.NewWriter(out)
	must(t, w.AddFS(os.DirFS(folder)))
	must(t, errors.Join(w.Close(), out.Close()))
	text, err = os.ReadFile(file)
	must(t, err)
	return text
}
