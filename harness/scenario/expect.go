package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/harness/internal/pattern"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func (s *session) expect(_ string, w *words.Reader) (string, error) {
	var file string
	if err := w.Only("FILE", &file); err != nil {
		return "", err
	}
	all, err := parseStatements(s.files.read(file), s.scenario.lineOf(file))
	if err != nil {
		return "", w.Wrong("%s:%v", s.scenario.File, err)
	}
	var last kernel.Snapshot
	err = s.settle(func(state kernel.Snapshot) error {
		if state, err = s.withFlows(state, all); err != nil {
			return err
		}
		last = state
		return s.check(file, all, state)
	})
	if err != nil && s.updating {
		return "", s.updateStatements(file, all, last)
	}
	return "", err
}

// check compares the statements of a file with the state.
func (s *session) check(file string, all []statement, state kernel.Snapshot) error {
	var wrong strings.Builder
	for _, st := range all {
		if diff := st.diff(state); diff != "" {
			fmt.Fprintf(&wrong, "%s:%d\n%s", s.scenario.File, st.line, diff)
		}
	}
	if wrong.Len() == 0 {
		return nil
	}
	return fmt.Errorf("the machine is not as %s says (- stated, + is)\n%s", file, wrong.String())
}

// A statement is one line of a file of expect: an object of a snapshot with those of its properties that matter. In its
// name and values * stands for any characters. "!" before it says that there is no such object.
type statement struct {
	line   int // in the scenario's file
	absent bool
	kernel.Object
}

// filesHeader begins the part of a snapshot that belongs to no namespace.
const filesHeader = "files"

// parseStatements reads a file of expect, which begins after the given line. What comes before the first namespace is
// the machine's own.
func parseStatements(text string, before int) ([]statement, error) {
	var all []statement
	netns := kernel.HostNetNS
	for i, line := range strings.Split(text, "\n") {
		st := statement{line: before + 1 + i}
		line, st.absent = strings.CutPrefix(strings.TrimSpace(line), "!")
		if line == "" || line[0] == '#' || line == filesHeader {
			continue
		}
		objects, err := kernel.ParseSnapshot("netns " + netns + "\n" + line)
		if err != nil {
			_, why, _ := strings.Cut(err.Error(), ": ")
			return nil, fmt.Errorf("%d: %s", st.line, why)
		}
		st.Object = newest(objects, netns)
		if st.Noun == kernel.NounNetNS && !st.absent {
			netns = st.Name
		}
		if err := cmp.Or(st.checkFile(), st.checkProperties()); err != nil {
			return nil, fmt.Errorf("%d: %w", st.line, err)
		}
		all = append(all, st)
	}
	return all, nil
}

// newest returns the object that was read together with the header of a namespace.
func newest(objects kernel.Snapshot, netns string) kernel.Object {
	for _, o := range objects {
		if o.Noun != kernel.NounNetNS || o.Name != netns {
			return o
		}
	}
	return objects[0]
}

// diff is empty where the statement is true.
func (st statement) diff(state kernel.Snapshot) string {
	var found, near strings.Builder
	for _, o := range state {
		switch {
		case st.describes(o):
			fmt.Fprintf(&found, "+ %s\n", place(o))
		case st.names(o):
			fmt.Fprintf(&near, "+ %s\n", place(st.columnsOf(o)))
		}
	}
	switch {
	case st.absent == (found.Len() == 0):
		return ""
	case st.absent:
		return fmt.Sprintf("- none: %s\n%s", place(st.Object), found.String())
	}
	return fmt.Sprintf("- %s\n%s", place(st.Object), near.String())
}

// names reports whether the statement is about the object.
func (st statement) names(o kernel.Object) bool {
	return pattern.Matches(st.NetNS, o.NetNS) && st.Noun == o.Noun && pattern.Matches(st.Name, o.Name)
}

// describes reports whether the object is as stated.
func (st statement) describes(o kernel.Object) bool {
	return st.names(o) && haveAll(o.Attrs, st.Attrs)
}

// haveAll reports whether each of the properties that are wanted is there.
func haveAll(got, want []kernel.Attr) bool {
	for _, w := range want {
		if !slices.ContainsFunc(got, func(a kernel.Attr) bool { return isAs(a, w) }) {
			return false
		}
	}
	return true
}

// isAs reports whether a property is as stated. Of a next hop, too, only what matters is.
func isAs(got, want kernel.Attr) bool {
	if got.Key != want.Key {
		return false
	}
	if parts := want.Parts(); parts != nil {
		return haveAll(got.Parts(), parts)
	}
	return pattern.Matches(want.Value, got.Value)
}

// columnsOf returns an object with only the properties that the statement has.
func (st statement) columnsOf(o kernel.Object) kernel.Object {
	short := kernel.Object{NetNS: o.NetNS, Noun: o.Noun, Name: o.Name}
	for i, want := range st.Attrs {
		if slices.ContainsFunc(st.Attrs[:i], func(a kernel.Attr) bool { return a.Key == want.Key }) {
			continue // a further next hop: the first has brought all
		}
		short.Attrs = append(short.Attrs, allOf(o, want.Key)...)
	}
	return short
}

// allOf returns the properties with a key: a route may have several next hops.
func allOf(o kernel.Object, key string) (all []kernel.Attr) {
	for _, a := range o.Attrs {
		if a.Key == key {
			all = append(all, a)
		}
	}
	return all
}

// place is an object's line with its namespace.
func place(o kernel.Object) string {
	if o.NetNS == "" || o.Noun == kernel.NounNetNS {
		return o.String()
	}
	return o.NetNS + ": " + o.String()
}
