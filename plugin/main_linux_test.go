package plugin_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

func init() { backends = append(backends, backend{"linux", newLinux}) }

// linuxLabs counts machines, which may be there at the same time.
var linuxLabs atomic.Int64

// newLinux makes a machine whose own namespace has a path.
func newLinux(t *testing.T) machine {
	sandbox.Require(t)
	prefix := fmt.Sprintf("lab%d-", linuxLabs.Add(1))
	own := kernel.NetNSDir + "/" + prefix + "own"
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
	for _, name := range []string{"host-local", "static"} {
		if err := os.Symlink(self, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return machine{
		Host: h, ownPath: own, prefix: prefix, cniPath: folder, dataDir: filepath.Join(folder, "leases"), parallel: inGoroutines,
	}
}

func inGoroutines(_ *testing.T, calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	all.Wait()
}
