//go:build linux

package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// own makes folders of its own where there is one, where there is none, and where there is a file, and prints what is not
// as it should be, with what is beside them.
func own() {
	above, err := os.MkdirTemp("/run", "")
	must(err)
	must(os.MkdirAll(above+"/there/below", 0o755))
	must(os.Mkdir(above+"/beside", 0o755))
	must(os.WriteFile(above+"/beside/file", []byte("as before"), 0o600))
	must(os.WriteFile(above+"/no-folder", nil, 0o600))
	for _, name := range []string{"/there", "/absent", "/no-folder", "/absent"} {
		must(sandbox.Own(above + name))
		if entries, err := os.ReadDir(above + name); err != nil || len(entries) > 0 {
			fmt.Printf("%s has %v, %v\n", name, entries, err)
		}
		must(os.WriteFile(above+name+"/file", nil, 0o600))
		if text, err := os.ReadFile(above + "/beside/file"); string(text) != "as before" {
			fmt.Printf("beside %s there is %q, %v\n", name, text, err)
		}
	}
	if err := sandbox.Own(above + "/no/such"); !errors.Is(err, fs.ErrNotExist) {
		fmt.Printf("where nothing is above: %v\n", err)
	}
	os.Exit(0)
}

func TestOwn(t *testing.T) {
	require(t)
	var out bytes.Buffer
	exit, err := sandbox.Run(t.Context(), sandbox.Program{Args: []string{"own"}, Stdout: &out, Stderr: &out})
	if exit != 0 || err != nil || out.String() != "" {
		t.Errorf("exit %d, %v: %s", exit, err, &out)
	}
}

// TestOwnIsForSandboxes, and so is another machine: what is hidden outside of one is hidden from the whole machine.
func TestOwnIsForSandboxes(t *testing.T) {
	for _, err := range []error{sandbox.Own(t.TempDir()), sandbox.Apart()} {
		if err == nil {
			t.Error("done outside of a sandbox")
		}
	}
}
