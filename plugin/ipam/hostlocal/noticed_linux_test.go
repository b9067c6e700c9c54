package hostlocal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// TestLeasesRightBehindAreNoticed: what another plugin leases right behind an ADD of ours, within one tick of the kernel's
// clock or across two, counts for the next one.
func TestLeasesRightBehindAreNoticed(t *testing.T) {
	if !eachChangeHasItsTime(t) {
		t.Skip(t.Name() + ": left out: this kernel, or file system, gives two changes one time (Linux does up to 6.12)")
	}
	h, err := linux.New()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p := hostlocal.Plugin{Files: h}
	for i := range 400 {
		dataDir := t.TempDir()
		keys := fmt.Sprintf(`"dataDir": %q, "subnet": "10.1.0.0/19"`, dataDir)
		time.Sleep(time.Duration(i%40) * 100 * time.Microsecond) // a tick is 1 to 10 ms
		if _, err := p.Add(t.Context(), request("a", keys)); err != nil {
			t.Fatal(err)
		}
		theirs := filepath.Join(dataDir, "net", "10.1.9.9")
		if err := os.WriteFile(theirs, []byte("b\r\neth0"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Add(t.Context(), request("b", keys)); err == nil {
			t.Fatalf("try %d: b, who has an address, got a second one", i)
		}
	}
}

// eachChangeHasItsTime tries whether a folder's time tells each change from the one before that somebody has seen.
func eachChangeHasItsTime(t *testing.T) bool {
	folder := t.TempDir()
	var last time.Time
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(folder)
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().Equal(last) {
			return false
		}
		last = info.ModTime()
	}
	return true
}
