package harness_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// writes is a program that writes three files, says so, and ends with the number of those that it could not write.
func writes(_ context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
	for _, name := range []string{"/a", "/b", "/c"} {
		if h.WriteFile(name, []byte("content"), 0o600) != nil {
			exit++
		}
	}
	io.WriteString(in.Stdout, "done")
	return exit
}

// runWith runs the program on a host with faults, and returns it.
func runWith(t *testing.T, faults ...harness.Fault) (out kernel.Output, files fstest.MapFS, unmet error) {
	t.Helper()
	all := new(harness.Faults)
	for _, fault := range faults {
		all.Set(fault)
	}
	host := fakeHostWith("writes", all.Program(writes))
	out, err := host.Exec(t.Context(), "/opt/cni/bin/writes", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out, host.files, all.Clear()
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault harness.Fault
		exit  int
		files string // what is in a, b and c
	}{
		{harness.Fault{Op: "file write", Errno: kernel.EIO}, 3, "- - -"},
		{harness.Fault{Op: "file *", Errno: kernel.EIO}, 3, "- - -"},
		{harness.Fault{Errno: kernel.EIO}, 3, "- - -"},
		{harness.Fault{Op: "file write", Object: "/b", Errno: kernel.EIO}, 1, "content - content"},
		{harness.Fault{Nth: 2, Errno: kernel.EIO}, 1, "content - content"},
		{harness.Fault{Nth: 2, Errno: kernel.EIO, When: harness.After}, 1, "content content content"},
		{harness.Fault{Op: "file write", Object: "*b", Errno: kernel.EIO, When: harness.Torn}, 1, "content con content"},
		{harness.Fault{Nth: 2}, 137, "content - -"},
		{harness.Fault{Nth: 2, When: harness.After}, 137, "content content -"},
		{harness.Fault{Op: "file write", Nth: 2, When: harness.Torn}, 137, "content con -"},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			out, files, unmet := runWith(t, c.fault)
			if out.Exit != c.exit || unmet != nil {
				t.Errorf("exit status %d, want %d; %v", out.Exit, c.exit, unmet)
			}
			if died := out.Exit == 137; (len(out.Stdout) == 0) != died {
				t.Errorf("it printed %q", out.Stdout)
			}
			if got := contents(files, "a", "b", "c"); got != c.files {
				t.Errorf("the files are %q, want %q", got, c.files)
			}
		})
	}
}

func contents(files fstest.MapFS, names ...string) string {
	var all []string
	for _, name := range names {
		content := "-"
		if f, ok := files[name]; ok {
			content = string(f.Data)
		}
		all = append(all, content)
	}
	return strings.Join(all, " ")
}

func TestFaultThatNoCallMeets(t *testing.T) {
	for _, fault := range []harness.Fault{
		{Op: "link add", Errno: kernel.EIO},
		{Op: "file write", Object: "/d", Errno: kernel.EIO},
		{Nth: 4, Errno: kernel.EIO},
	} {
		if _, _, unmet := runWith(t, fault); unmet == nil || !strings.Contains(unmet.Error(), fault.String()) {
			t.Errorf("%s: %v", fault, unmet)
		}
	}
}

func TestDeadProcessesDoNothing(t *testing.T) {
	faults := new(harness.Faults)
	faults.Set(harness.Fault{Nth: 1})
	host := fakeHostWith("none", nil)
	p := faults.Start(host)
	if err := p.WriteFile("/a", nil, 0o600); !errors.Is(err, kernel.ECANCELED) || !p.Dead() {
		t.Errorf("the crash answers %v; dead: %v", err, p.Dead())
	}
	if _, err := p.Stat("/opt/cni/bin/none"); !errors.Is(err, kernel.ECANCELED) {
		t.Errorf("a dead process reads: %v", err)
	}
	other := faults.Start(host)
	if err := other.WriteFile("/a", nil, 0o600); err != nil || other.Dead() {
		t.Errorf("the next process: %v; dead: %v", err, other.Dead())
	}
}
