package plugin_test

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// everything is the state of the machine with all its files and folders, but for what host-local keeps for good: its
// lock and its hints, and the folders that these are in.
func (l *lab) everything() string {
	l.t.Helper()
	roots := []string{"/etc", "/opt", "/run", "/tmp", "/var"}
	if !l.simulated {
		roots = []string{kernel.NetNSDir, l.cniPath}
	}
	var b strings.Builder
	for _, root := range roots {
		l.listTree(&b, root)
	}
	return l.snapshot() + b.String()
}

// listTree writes a line for each file below a folder and each folder that is not there for host-local's marks alone,
// and reports whether there was any.
func (l *lab) listTree(b *strings.Builder, folder string) (any bool) {
	l.t.Helper()
	entries, err := l.own().ReadDir(folder)
	l.must(err)
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		switch {
		case entry.IsDir():
			var below strings.Builder
			if !l.listTree(&below, name) && l.isMade(name) {
				continue
			}
			fmt.Fprintf(b, "folder %s\n%s", name, &below)
		case isMark(entry.Name()):
			continue
		default:
			info, err := entry.Info()
			l.must(err)
			fmt.Fprintf(b, "file %s mode %s size %d\n", name, info.Mode(), info.Size())
		}
		any = true
	}
	return any
}

// isMade reports whether a folder is one that host-local makes for its leases.
func (l *lab) isMade(folder string) bool {
	for _, leases := range l.dataDirs {
		if strings.HasPrefix(leases+"/", folder+"/") || path.Dir(folder) == leases {
			return true
		}
	}
	return false
}

// leasesIn notes where a configuration has the leases: a fuzzer's may be anywhere.
func (l *lab) leasesIn(conf string) {
	var keys struct {
		IPAM struct {
			DataDir string `json:"dataDir"`
		} `json:"ipam"`
	}
	if json.Unmarshal([]byte(conf), &keys) == nil && keys.IPAM.DataDir != "" {
		l.dataDirs = append(l.dataDirs, path.Clean(keys.IPAM.DataDir))
	}
}

func isMark(base string) bool {
	return base == "lock" || strings.HasPrefix(base, "last_reserved_ip.") || strings.HasSuffix(base, ".index")
}
