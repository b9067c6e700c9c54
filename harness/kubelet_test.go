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

// speaks is a plugin of which only the versions are asked.
func speaks(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
	io.WriteString(in.Stdout, `{ "cniVersion": "1.0.0", "supportedVersions": [ "0.1.0", "0.4.0", "1.0.0" ] }`)
	return 0
}

// kubeletWith returns a kubelet on a host whose folder of configurations has these files.
func kubeletWith(files map[string]string) harness.Kubelet {
	host := fakeHostWith("bridge", speaks)
	for name, content := range files {
		host.files["etc/cni/net.d/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return harness.Kubelet{Host: host, ConfDir: "/etc/cni/net.d"}
}

func TestKubeletTakesTheFirstFileThatWorks(t *testing.T) {
	const fine = `{ "cniVersion": "0.4.0", "name": "fine", "type": "bridge" }`
	for _, c := range []struct {
		files  map[string]string
		file   string
		passed []string
	}{
		{map[string]string{"20-b.conf": fine, "10-a.conflist": fine, "30-c.json": fine}, "10-a.conflist", nil},
		{map[string]string{"9.conf": fine, "10.conf": fine}, "10.conf", nil}, // as strings, not as numbers
		{map[string]string{"10.conf~": fine, "README": fine, "50.conf": fine}, "50.conf", nil},
		{map[string]string{"10.conf": `{ "name": "old", "type": "bridge" }`, "20.conf": fine}, "10.conf", nil},
		{map[string]string{"10.conf": "{", "20.conf": fine}, "20.conf", []string{"unexpected end"}},
		{map[string]string{"10.conf": `{ "name": "x", "type": "ptp" }`, "20.conf": fine}, "20.conf", []string{"ptp"}},
		{
			map[string]string{"10.conf": `{ "cniVersion": "1.1.0", "name": "x", "type": "bridge" }`, "20.conf": fine},
			"20.conf",
			[]string{"does not speak version 1.1.0"},
		},
		{map[string]string{"10.conf": "{", "README": ""}, "", []string{"10.conf"}},
	} {
		choice, err := kubeletWith(c.files).Choose(t.Context())
		if err != nil {
			t.Errorf("%v: %v", c.files, err)
			continue
		}
		took, none := strings.TrimPrefix(choice.File, "/etc/cni/net.d/"), choice.Network == nil
		if took != c.file || none != (c.file == "") {
			t.Errorf("%v: took %q, want %q", c.files, took, c.file)
		}
		for i, want := range c.passed {
			if len(choice.Passed) <= i || !strings.Contains(choice.Passed[i], want) {
				t.Errorf("%v: passed over %q, want %q", c.files, choice.Passed, want)
			}
		}
	}
}

func TestKubeletWithoutNetwork(t *testing.T) {
	if _, err := kubeletWith(nil).Choose(t.Context()); !errors.Is(err, kernel.ENOENT) {
		t.Errorf("without the folder: %v", err)
	}
	_, err := kubeletWith(map[string]string{"10.conf": "{"}).StartPod(t.Context(), harness.PodNamed("web"))
	for _, want := range []string{"network plugin is not ready", "/etc/cni/net.d", "unexpected end"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// TestGCSaysThatItCannotKnow checks the one thing in which the runtime is not libcni's: results that cannot be read are
// an error, and no reason to call everything clean.
func TestGCSaysThatItCannotKnow(t *testing.T) {
	faults := new(harness.Faults)
	faults.Set(harness.Fault{Op: "folder read", Object: harness.ResultsDir, Errno: kernel.EACCES})
	p := &teller{}
	err := harness.New(faults.Start(fakeHostWith("teller", p.run))).GC(t.Context(), network(t, single))
	if !errors.Is(err, kernel.EACCES) || p.heard.Len() > 0 {
		t.Errorf("%v; the plugin heard %s", err, &p.heard)
	}
}
