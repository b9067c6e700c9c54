package plugin_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

func init() { backends = append(backends, backend{"linux", newLinux}) }

// newLinux makes a machine whose own namespace has a path.
func newLinux(t *testing.T) machine {
	sandbox.Require(t)
	const own = kernel.NetNSDir + "/own"
	here, err := linux.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(here.Close)
	if err := here.AddNetNS(own); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := here.DeleteNetNS(own); err != nil {
			t.Error(err)
		}
	})
	h, err := linux.NewIn(own)
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
	return machine{
		Host: h, ownPath: own, cniPath: folder, dataDir: filepath.Join(folder, "leases"), parallel: inGoroutines,
	}
}

func inGoroutines(_ *testing.T, calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	all.Wait()
}
