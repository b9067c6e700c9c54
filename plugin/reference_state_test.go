package plugin_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// state is that of the lab's own namespaces and files. Left out is the operational state, which follows changes some
// time later.
func (l *lab) state() kernel.Snapshot {
	l.t.Helper()
	s, err := kernel.Take(l.own(), l.dataDir)
	l.must(err)
	for i := range s {
		s[i].Attrs = slices.DeleteFunc(slices.Clone(s[i].Attrs), func(a kernel.Attr) bool { return a.Key == "oper" })
	}
	return s
}

// identities are the properties that tell an object from others of its name.
var identities = map[string][]string{
	kernel.NounAddress:   {"dev"},
	kernel.NounRoute:     {"type", "via", "dev", "table", "metric"},
	kernel.NounNeighbour: {"dev"},
}

// changedFields returns the properties of the objects that came and went, by names such as "+ host: link br0: mtu".
func changedFields(changes string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(changes) {
		sign, netns, o := parseChange(strings.TrimSuffix(line, "\n"))
		name, rest := sign+" "+netns+o.Noun+" "+o.Name, []kernel.Attr{}
		for _, a := range o.Attrs {
			if slices.Contains(identities[o.Noun], a.Key) {
				name += " " + a.Key + " " + a.Value
				continue
			}
			rest = append(rest, a)
		}
		for _, a := range rest {
			fields[name+": "+a.Key] = a.Value
		}
	}
	return fields
}

// parseChange reads a line of kernel.Diff.
func parseChange(line string) (sign, netns string, o kernel.Object) {
	sign, text, _ := strings.Cut(line, " ")
	header := "files\n"
	if !strings.HasPrefix(text, kernel.NounFile+" ") {
		name, object, _ := strings.Cut(text, ": ")
		netns, header, text = name+": ", "netns "+name+"\n", object
	}
	s, err := kernel.ParseSnapshot(header + text)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", line, err))
	}
	return sign, netns, s[len(s)-1]
}
