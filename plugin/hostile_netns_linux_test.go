package plugin_test

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What simulated machines do not have is not there for them, and refused as that.
func init() {
	places = append(places, []place{
		{"a pipe", pipe, 4, words("pipe", "network namespace")},
		{"a device", at("/dev/null"), 4, words("/dev/null", "network namespace")},
		{"a link to nowhere", symlink("nowhere", "gone"), 4, words("nowhere", "ENOENT")},
		{"a link to itself", symlink("itself", "itself"), 4, words("itself", "network namespace")},
		{"a link to a folder", symlink("folder", "."), 4, words("folder", "network namespace")},
		{"a link to another kind", symlink("kind", "/proc/self/ns/uts"), 4, words("kind", "network namespace")},
		{"a process that ended", at("/proc/4194305/ns/net"), 4, words("/proc/4194305/ns/net", "ENOENT")},
	}...)
}

// pipe makes one without a writer: to open it would wait for ever.
func pipe(l *lab) string {
	name := filepath.Join(l.cniPath, "pipe")
	if !l.simulated {
		l.must(unix.Mkfifo(name, 0o644))
	}
	return name
}

func symlink(name, target string) func(l *lab) string {
	return func(l *lab) string {
		path := filepath.Join(l.cniPath, name)
		if !l.simulated {
			l.must(unix.Symlink(target, path))
		}
		return path
	}
}
