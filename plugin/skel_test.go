package plugin_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// The reference's protocol front, skel, reads the process's own environment and standard input: one call at a time.
var skelOwnsTheProcess sync.Mutex

// skelVariables are all that skel looks at.
var skelVariables = []string{
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", "CNI_NETNS_OVERRIDE",
}

// askSkel returns the error of a plugin made with skel whose verbs all succeed; nil where it calls one.
func askSkel(t *testing.T, environment map[string]string, stdin string) *types.Error {
	t.Helper()
	skelOwnsTheProcess.Lock()
	defer skelOwnsTheProcess.Unlock()
	for _, name := range skelVariables {
		t.Setenv(name, environment[name])
	}
	defer replace(&os.Stdin, reading(t, stdin))()
	defer replace(&os.Stdout, nowhere(t))()
	succeed := func(*skel.CmdArgs) error { return nil }
	return skel.PluginMainFuncsWithError(skel.CNIFuncs{
		Add: succeed, Del: succeed, Check: succeed, GC: succeed, Status: succeed,
	}, version.All, "")
}

func replace(stream **os.File, by *os.File) (restore func()) {
	was := *stream
	*stream = by
	return func() { *stream = was; _ = by.Close() }
}

// reading opens a pipe that has this content.
func reading(t *testing.T, content string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = w.WriteString(content) // who does not read on is not interested
		_ = w.Close()
	}()
	return r
}

func nowhere(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// variables are the environment as a process would find it: the last of a name counts.
func variables(entries []string) map[string]string {
	all := map[string]string{}
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok {
			all[name] = value
		}
	}
	return all
}
