//go:build linux

package uml

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestModulesInTheOrderToLoadThem(t *testing.T) {
	got := needs("net/bridge.ko: net/stp.ko net/llc.ko\nnet/llc.ko:\nnet/stp.ko.xz: net/llc.ko\n\nnot a module\n")
	want := map[string][]string{
		"bridge": {"net/llc.ko", "net/stp.ko", "net/bridge.ko"},
		"llc":    {"net/llc.ko"},
		"stp":    {"net/llc.ko", "net/stp.ko.xz"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFindSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	liar := filepath.Join(dir, "liar")
	if err := os.WriteFile(liar, []byte("#!/bin/sh\necho no release\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                   "install Debian's package user-mode-linux, or set " + PathVariable,
		dir + "/is not here": "install Debian's package user-mode-linux, or set " + PathVariable,
		liar:                 `liar --version does not tell a kernel's release, but "no release"`,
	} {
		t.Setenv("PATH", "")
		t.Setenv(PathVariable, path)
		err := Available()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want one line with %q", path, err, want)
		}
	}
}

func TestFolderThatHoldsNoMemory(t *testing.T) {
	inProc := "free"
	if os.Geteuid() != 0 {
		inProc = "permission denied" // it is asked by making a file first
	}
	for folder, want := range map[string]string{"/proc": inProc, "/nowhere": "no such file"} {
		if err := holdsMemory(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", folder, err, want)
		}
	}
}
