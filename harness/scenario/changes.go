package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// changes tells people in the words of ip(8) what differs between two states of a machine: a line for each object that
// came (+), went (-) or changed (~).
//
// It leaves out what follows from the rest or is another on each machine: MAC addresses, 127.0.0.1 and ::1, the routes
// of table local, settings of single links, those that a namespace is born with, and what goes with it.
func changes(before, after kernel.Snapshot) []string {
	d := difference{told(before), told(after)}
	var lines []string
	for _, o := range union(d.before, d.after) {
		if line := d.line(o); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// A difference is that between two states as they are told.
type difference struct{ before, after kernel.Snapshot }

// line tells what became of an object, of which one state or both have a form; "": nothing worth telling.
func (d difference) line(o kernel.Object) string {
	was, existed := find(d.before, o)
	is, exists := find(d.after, o)
	switch {
	case existed && exists:
		return changed(was, is)
	case exists && o.Noun == kernel.NounSysctl && !d.hadNetNS(o.NetNS):
		return "" // it was born like that
	case exists:
		return "+ " + place(brief(is))
	case o.Noun == kernel.NounNetNS:
		return "- " + place(was) + ", and all that was in it"
	case !d.hasNetNS(o.NetNS):
		return "" // it went with its namespace
	}
	return "- " + place(brief(was))
}

// brief is an object without the note that a plugin leaves on its own.
func brief(o kernel.Object) kernel.Object {
	o.Attrs = slices.DeleteFunc(slices.Clone(o.Attrs), func(a kernel.Attr) bool { return a.Key == "alias" })
	return o
}

func (d difference) hadNetNS(name string) bool { return hasNetNS(d.before, name) }
func (d difference) hasNetNS(name string) bool { return name == "" || hasNetNS(d.after, name) }

func hasNetNS(state kernel.Snapshot, name string) bool {
	return slices.ContainsFunc(state, func(o kernel.Object) bool {
		return o.Noun == kernel.NounNetNS && o.Name == name
	})
}

// changed tells which properties differ; "" where none does.
func changed(was, is kernel.Object) string {
	if slices.Equal(was.Attrs, is.Attrs) {
		return ""
	}
	var words []string
	for _, a := range is.Attrs {
		if old, had := was.Attr(a.Key); !had {
			words = append(words, fmt.Sprintf("%s %s (was none)", a.Key, a.Value))
		} else if old != a.Value {
			words = append(words, fmt.Sprintf("%s %s (was %s)", a.Key, a.Value, old))
		}
	}
	for _, a := range was.Attrs {
		if _, has := is.Attr(a.Key); !has {
			words = append(words, fmt.Sprintf("no %s (was %s)", a.Key, a.Value))
		}
	}
	if len(words) == 0 {
		return ""
	}
	name := kernel.Object{NetNS: is.NetNS, Noun: is.Noun, Name: is.Name}
	return "~ " + place(name) + ": " + strings.Join(words, ", ")
}

// find returns the form that a state has of an object.
func find(state kernel.Snapshot, o kernel.Object) (kernel.Object, bool) {
	i := slices.IndexFunc(state, func(other kernel.Object) bool { return sameObject(o, other) })
	if i < 0 {
		return kernel.Object{}, false
	}
	return state[i], true
}

// sameObject reports whether two objects are forms of one. Links, settings and files are told apart by their names, all
// else by all it has.
func sameObject(a, b kernel.Object) bool {
	if a.NetNS != b.NetNS || a.Noun != b.Noun || a.Name != b.Name {
		return false
	}
	named := a.Noun == kernel.NounLink || a.Noun == kernel.NounSysctl || a.Noun == kernel.NounFile
	return named || a.String() == b.String()
}

// union returns the objects of both states, each once, in the order of a snapshot.
func union(before, after kernel.Snapshot) kernel.Snapshot {
	all := slices.Clone(after)
	for _, o := range before {
		if _, ok := find(after, o); !ok {
			all = append(all, o)
		}
	}
	all.Sort()
	return all
}

// untold are properties that are another on each machine, or follow from others.
var untold = []string{"mac", "promiscuity", "broadcast"}

// told is a state as people want to read of it.
func told(state kernel.Snapshot) kernel.Snapshot {
	var kept kernel.Snapshot
	for _, o := range state {
		if isDetail(o) {
			continue
		}
		o.Attrs = slices.DeleteFunc(slices.Clone(o.Attrs), func(a kernel.Attr) bool {
			return slices.Contains(untold, a.Key)
		})
		for i, a := range o.Attrs {
			if a.Key == "content" && len(a.Value) > longContent {
				o.Attrs[i] = kernel.Attr{Key: "bytes", Value: strconv.Itoa(len(a.Value))}
			}
		}
		kept = append(kept, o)
	}
	return kept
}

// longContent is the length in bytes from which a file's content is told by its length.
const longContent = 80

// isDetail knows the addresses of a loopback that is up, the routes of table local, which come and go with addresses,
// and the settings of single links.
func isDetail(o kernel.Object) bool {
	switch o.Noun {
	case kernel.NounAddress:
		prefix, err := netip.ParsePrefix(o.Name)
		return err == nil && prefix.Addr().IsLoopback()
	case kernel.NounRoute:
		table, _ := o.Attr("table")
		return table == "local"
	case kernel.NounSysctl:
		return strings.Contains(o.Name, "/conf/") && !strings.Contains(o.Name, "/conf/all/")
	}
	return false
}
