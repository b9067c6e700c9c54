package hostlocal_test

import (
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// valid are attachments by eth0.
func valid(ids ...string) (list []types.GCAttachment) {
	for _, id := range ids {
		list = append(list, types.GCAttachment{ContainerID: id, IfName: "eth0"})
	}
	return list
}

func TestGC(t *testing.T) {
	d := newDisk(t)
	d.must(d.plugin().GC(t.Context(), request("", wide), nil))
	d.wantFiles(map[string]string{})
	d.write("10.1.0.2", "a\r\neth0")
	d.write("10.1.0.3", "a\r\neth1")
	d.write("10.1.0.4", "old\n")
	d.write("10.1.0.5", "gone\r\neth0")
	d.write("10.1.0.6", "")
	d.write("notes", "gone\r\neth0")
	d.must(d.MkdirAll("/var/lib/cni/networks/other", 0o755))
	d.must(d.WriteFile("/var/lib/cni/networks/other/10.1.0.5", []byte("gone\r\neth0"), 0o600))
	d.must(d.plugin().GC(t.Context(), request("", wide), valid("a", "old")))
	kept := map[string]string{"other/10.1.0.5": "gone\r\neth0", "net/lock": "", "net/notes": "gone\r\neth0"}
	all := map[string]string{"net/10.1.0.2": "a\r\neth0", "net/10.1.0.4": "old\n"}
	for name, content := range kept {
		all[name] = content
	}
	d.wantFiles(all)
	d.must(d.plugin().GC(t.Context(), request("", wide), nil))
	d.wantFiles(kept)
}

// TestStatus is what an ADD would say.
func TestStatus(t *testing.T) {
	d := newDisk(t)
	status := func() error { return d.plugin().Status(t.Context(), request("", dual)) }
	d.must(status())
	d.add("a", dual)
	d.must(status())
	before := d.files()
	d.must(status())
	d.wantFiles(before)
	d.add("b", dual)
	wantCode(t, status(), 50, "no IP addresses available in range set: 10.1.0.1-10.1.0.2,10.2.0.1-10.2.0.2")
	d.write("10.1.0.2", "") // torn
	d.write("fd00::2", "")
	d.must(status())
	wantCode(t, d.plugin().Status(t.Context(), request("", `"x": 1`)), 7, "no IP ranges specified")
}

// TestStatusOfReadOnlyDisk: what an ADD could not write is not available.
func TestStatusOfReadOnlyDisk(t *testing.T) {
	for _, op := range []intercept.Op{intercept.FolderMake, intercept.FileLock, intercept.FileWrite} {
		fault := &intercept.Fault{When: intercept.Every(op), Errno: kernel.EROFS}
		p := hostlocal.Plugin{Files: intercept.Wrap(newDisk(t).Host, fault.Hook)}
		wantCode(t, p.Status(t.Context(), request("", wide)), 50, "EROFS")
	}
}
