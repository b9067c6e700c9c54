// Package version tells which build of the project a program is.
package version

import "runtime/debug"

// String returns the module's version, or the commit for a build from a checkout; "+changes" is one with more than was
// committed.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return of(info)
}

const unknown = "(unknown version)"

func of(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit == "" {
		return unknown
	}
	if settings["vcs.modified"] == "true" {
		return commit[:min(12, len(commit))] + "+changes"
	}
	return commit[:min(12, len(commit))]
}
