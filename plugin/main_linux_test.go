package plugin_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

func init() { backends = append(backends, backend{"linux", newLinux}) }

func newLinux(t *testing.T) machine {
	sandbox.Require(t)
	h, err := linux.NewIsolated()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, "host-local")); err != nil {
		t.Fatal(err)
	}
	return machine{Host: h, cniPath: folder, dataDir: filepath.Join(folder, "leases"), parallel: inGoroutines}
}

func inGoroutines(_ *testing.T, calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	all.Wait()
}
