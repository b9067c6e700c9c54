package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readmeCommands returns the one indented block of README.md that has the text, without its indentation.
func readmeCommands(t *testing.T, text string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	var found []string
	for _, block := range regexp.MustCompile(`(?m)(?:^    .*\n)+`).FindAllString(string(readme), -1) {
		if strings.Contains(block, text) {
			found = append(found, regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, ""))
		}
	}
	if len(found) != 1 {
		t.Fatalf("README.md has %d blocks with %q", len(found), text)
	}
	return found[0]
}

// TestREADMEsNode runs what README.md tells operators, to the letter, on a node that had the plugins of somebody else.
func TestREADMEsNode(t *testing.T) {
	n := newNode(t)
	for _, folder := range []string{"/opt", "/etc"} {
		mountTmpfs(t, folder, "size=32m")
	}
	const plugins = "/opt/cni/bin"
	must(t, os.MkdirAll(plugins, 0o755))
	before := map[string]string{}
	for _, name := range []string{"bridge", "host-local", "loopback"} {
		before[name] = theirs(t, plugins, name)
	}
	checkout := t.TempDir()
	must(t, os.Symlink(n.bin, filepath.Join(checkout, "bin")))
	run := func(text string) (out string) {
		t.Helper()
		cmd := exec.Command("sh", "-e", "-c", readmeCommands(t, text))
		cmd.Dir = checkout
		all, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, all)
		}
		return string(all)
	}

	told := run("mkdir -p /opt/cni/bin")
	for _, name := range []string{"bridge", "host-local", "static"} {
		if got := version(t, filepath.Join(plugins, name)); !strings.Contains(got, `"1.1.0"`) {
			t.Errorf("%s answers %s, after\n%s", name, got, told)
		}
	}
	mustHold(t, filepath.Join(plugins, "loopback"), before["loopback"])
	if told := run("CNI_COMMAND=ADD /opt/cni/bin/bridge"); !strings.Contains(told, " 0% packet loss") {
		t.Errorf("no ping was answered:\n%s", told)
	}
	run("--rollback\n")
	for name, program := range before {
		mustHold(t, filepath.Join(plugins, name), program)
	}
	entries, err := os.ReadDir(plugins)
	must(t, err)
	if len(entries) != len(before) {
		t.Errorf("left after the roll-back: %v", entries)
	}
}
