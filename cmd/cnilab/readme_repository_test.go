//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// foreignRepository is one with a plugin of others, in which cnilab is where README.md puts it, and the current folder.
func foreignRepository(t *testing.T) {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/repository")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Symlink(here, "cnilab"); err != nil {
		t.Fatal(err)
	}
}

// shell runs commands, and returns what they print, and whether they fail.
func shell(t *testing.T, commands string) (out string, err error) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", commands)
	// What this is built of is all that it takes.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -vet=off -ldflags=-w", "GOPROXY=off", "GOWORK=off")
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// TestREADMEsRepository does what README.md tells those who have a plugin in Go: with the test that stands there, go test
// finds what the plugin forgets.
func TestREADMEsRepository(t *testing.T) {
	test, shown := blockWith(t, "// mine_test.go"), blockWith(t, "FAIL forgets")
	edit, tidy, _ := strings.Cut(blockWith(t, "go mod edit -replace"), "\n")
	foreignRepository(t)
	if err := os.WriteFile("mine_test.go", []byte(test), 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(tidy, "go mod tidy ") { // which asks for what tests of others import, too
		t.Errorf("README.md says %q", tidy)
	}
	if out, err := shell(t, "go mod init example.com/mine\n"+edit); err != nil {
		t.Fatal(err, out)
	}
	sums, err := os.ReadFile("cnilab/go.sum")
	if err == nil {
		err = os.WriteFile("go.sum", sums, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell(t, "go test ./...")
	if want := "--- FAIL: TestScenarios/forgets"; err == nil || !strings.Contains(out, want) {
		t.Errorf("%v; want %s:\n%s", err, want, out)
	}
	forgotten := regexp.MustCompile(`\+ file .*`).FindString(shown)
	if forgotten == "" || !strings.Contains(out, forgotten) {
		t.Errorf("there is no %q in\n%s", forgotten, out)
	}
}

// TestREADMEsPrograms does what README.md tells those whose plugin is a program, and reads what stands there.
func TestREADMEsPrograms(t *testing.T) {
	requireSandboxes(t)
	shown := blockWith(t, "FAIL forgets")
	build, command, _ := strings.Cut(strings.TrimSpace(blockWith(t, "--plugin-dir=plugins")), "\n")
	foreignRepository(t)
	makefile, err := os.ReadFile("cnilab/Makefile")
	if words := strings.Fields(build); err != nil || !strings.Contains(string(makefile), "\n"+words[len(words)-1]+":") {
		t.Errorf("%s is no target: %v", build, err)
	}
	exit, stdout, stderr := cnilab(t, strings.Fields(command)[1:]...)
	varies := regexp.MustCompile(`\d+\.\d+s|\n\s*\n`) // times, and blank lines, which blocks are without
	if got, want := varies.ReplaceAllString(stdout, "\n"), varies.ReplaceAllString(shown, "\n"); exit != exitFailed || got != want {
		t.Errorf("exit status %d\n%s%s\nREADME.md shows\n%s", exit, stdout, stderr, shown)
	}
}
