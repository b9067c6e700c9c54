package plugin_test

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A place is a path that is no container's network namespace.
type place struct {
	name  string
	path  func(l *lab) string
	code  uint
	words []string
}

// places are those that every backend has; a backend adds its own.
var places = []place{
	{"nothing", at(""), 4, words("CNI_NETNS", "missing")},
	{"not there", at("/run/netns/none"), 4, words("/run/netns/none", "ENOENT", "network namespace")},
	{"below what is not there", at("/none/none/none"), 4, words("/none/none/none", "ENOENT")},
	{"up beyond the root", at("/../../../none"), 4, words("/none", "ENOENT")},
	{"the root", at("/"), 4, words("EINVAL", "network namespace")},
	{"the folder of namespaces", at("/run/netns"), 4, words("/run/netns", "EINVAL")},
	{"a folder", func(l *lab) string { return l.cniPath }, 4, words("EINVAL")},
	{"relative", at("run/netns/a"), 4, words("run/netns/a", "ENOENT")},
	{"a dot", at("."), 4, words("network namespace")},
	{"a plain file", plainFile, 4, words("plain", "EINVAL", "network namespace")},
	{"below a plain file", func(l *lab) string { return plainFile(l) + "/net" }, 4, words("plain", "ENOTDIR")},
	{"a file with a slash", func(l *lab) string { return l.pod("slashed") + "/" }, 4, words("slashed/", "ENOTDIR")},
	{"a name too long", at("/run/netns/" + strings.Repeat("n", 256)), 4, words("ENAMETOOLONG", "network namespace")},
	{"a path too long", at(strings.Repeat("/run/netns/..", 400) + "/none"), 4, words("network namespace")},
	{"a NUL", at("/run/netns\x00/a"), 4, words("network namespace")},
	{"two lines", at("/run/netns/a\nb"), 4, words("/run/netns/a; b", "ENOENT")},
	{"a format", at("/run/netns/%s%n"), 4, words("/run/netns/%s%n", "ENOENT")},
	{"no UTF-8", at("/run/netns/\xff"), 4, words("ENOENT")},
	{"of another kind", at("/proc/self/ns/mnt"), 4, words("/proc/self/ns/mnt")},
	{"the plugin's own", func(l *lab) string { return l.ownPath }, 8, words("not be the same", "CNI_NETNS_OVERRIDE")},
	{"the plugin's own with a detour", detourHome, 8, words("should not be the same")},
}

func at(path string) func(*lab) string { return func(*lab) string { return path } }

func plainFile(l *lab) string {
	name := path.Join(l.cniPath, "plain")
	l.must(l.WriteFile(name, nil, 0o644))
	return name
}

func detourHome(l *lab) string {
	folder, base := path.Split(l.ownPath)
	return folder + "/.././" + path.Base(folder) + "//" + base
}

// TestNoNamespace: ADD and CHECK say what CNI_NETNS is not, and change nothing; DEL needs none.
func TestNoNamespace(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *lab) {
				conf := l.conf(map[string]any{"isDefaultGateway": true})
				netns := p.path(l)
				before := l.everything()
				for _, verb := range []string{"ADD", "CHECK"} {
					prev := l.withPrev(conf, rawJSON(onEth0+`"ips": []}`))
					r := request{verb: verb, id: "a", netns: netns, conf: prev}
					l.refuse(r, trouble{code: p.code, words: p.words})
				}
				l.succeed(request{verb: "DEL", id: "a", netns: netns, conf: conf})
				if diff := cmp.Diff(before, l.everything()); diff != "" {
					t.Errorf("DEL changed something (-before +after):\n%s", diff)
				}
			})
		})
	}
}
