package version

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, c := range []struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", nil, "v1.2.3"},
		{"v1.2.3", []debug.BuildSetting{commit}, "v1.2.3"},
		{"(devel)", []debug.BuildSetting{commit}, "0123456789ab"},
		{"(devel)", []debug.BuildSetting{commit, modified}, "0123456789ab+changes"},
		{"(devel)", nil, unknown},
		{"", nil, unknown},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.module}, Settings: c.settings}
		if got := of(info); got != c.want {
			t.Errorf("module %q, settings %v: got %q, want %q", c.module, c.settings, got, c.want)
		}
	}
}
