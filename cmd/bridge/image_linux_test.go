package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClientImage does as deploy/Containerfile says: podman builds the image, and a container of it installs the plugin on
// the machine, beside what is there, and takes it away again.
func TestClientImage(t *testing.T) {
	m := newMachine(t)
	p := newPodman(m)
	commands := imageCommands(t, map[string]string{
		`"$IMAGE"`:                        "localhost/bridge:built-by-a-test",
		"cmd/bridge/deploy/Containerfile": absolute(t, "deploy/Containerfile"),
		"bin":                             buildContext(t),
	})
	before := m.mustIn("ls", "-l", "/opt/cni/bin")

	_, err := p.call(commands["build"]...)
	must(t, err)
	said, err := p.call(commands["run"]...)
	must(t, err)
	if !strings.Contains(said, "bridge: installed") {
		t.Errorf("the container does not say what it installed:\n%s", said)
	}
	if _, err := m.tryIn("cmp", filepath.Join(m.bin, "bridge"), "/opt/cni/bin/bridge"); err != nil {
		t.Errorf("not the plugin is installed: %v", err)
	}
	if _, err := m.tryIn("test", "-L", "/opt/cni/bin/bridge"); err == nil {
		t.Error("the link that was there has not been replaced")
	}

	_, err = p.call(append(commands["run"], "--install", "/host/opt/cni/bin", "--rollback")...)
	must(t, err)
	if after := m.mustIn("ls", "-l", "/opt/cni/bin"); after != before {
		t.Errorf("after the rollback there is\n%sand before there was\n%s", after, before)
	}
	_, err = p.call("rmi", "--all")
	must(t, err)
}

// imageCommands are podman's arguments in the lines that deploy/Containerfile gives, by the first, with these words replaced.
func imageCommands(t *testing.T, words map[string]string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("deploy/Containerfile")
	must(t, err)
	commands := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(line, "#     podman ")
		if !ok {
			continue
		}
		args := strings.Fields(command)
		for i, word := range args {
			if instead, ok := words[word]; ok {
				args[i] = instead
			}
		}
		commands[args[0]] = args
	}
	return commands
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	must(t, err)
	return path
}
