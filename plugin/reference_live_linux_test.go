package plugin_test

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func init() {
	liveReference = func(t *testing.T) reference {
		if folder := findReference(t); folder != "" {
			return folder.hold
		}
		return nil
	}
}

// pluginFolder is where the programs of plugins are, the reference's or ours.
type pluginFolder string

// findReference returns "" where the reference's plugins are not asked for. Who asks for all that Linux can run has to
// ask for them, too.
func findReference(t *testing.T) pluginFolder {
	t.Helper()
	sandbox.Require(t)
	folder := os.Getenv(referenceVariable)
	if folder == "" && os.Getenv(sandbox.RequireVariable) == "1" {
		t.Fatalf("%s=1, and %s is not the folder of the reference's plugins (\"make real\" builds them, and sets it)",
			sandbox.RequireVariable, referenceVariable)
	}
	for _, name := range []string{"bridge", "host-local", "loopback", "static"} {
		if _, err := os.Stat(filepath.Join(folder, name)); folder != "" && err != nil {
			t.Fatalf("%s: %v (\"make bin/reference/bridge\" builds all)", referenceVariable, err)
		}
	}
	return pluginFolder(folder)
}

// hold holds a dialogue on a machine of its own.
func (f pluginFolder) hold(t *testing.T, d dialogue, settled func(at int, state string) bool) account {
	l := newLab(t, newLinux(t))
	return (&listener{lab: l, call: f.on(l), settled: settled}).hold(d)
}

// on returns how to call the plugins on a machine.
func (f pluginFolder) on(l *lab) func(request) answer {
	folder := string(f)
	return func(r request) answer {
		out, err := l.Exec(l.t.Context(), filepath.Join(folder, cmp.Or(r.name, "bridge")), f.env(r), []byte(r.conf))
		l.must(err)
		return answer{out.Exit, strings.ReplaceAll(string(out.Stdout), folder, l.cniPath), string(out.Stderr)}
	}
}

// env is the environment of a call, with what the machine's programs need: User Mode Linux has some do without AVX.
func (f pluginFolder) env(r request) []string {
	env := []string{
		"CNI_COMMAND=" + r.verb, "CNI_CONTAINERID=" + r.id, "CNI_NETNS=" + r.netns, "CNI_IFNAME=eth0", "CNI_PATH=" + string(f),
	}
	for _, name := range []string{"PATH", "GODEBUG", "GLIBC_TUNABLES"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, r.env...)
}
