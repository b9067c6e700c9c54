package scenario

import (
	"slices"
	"strings"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// A node is one machine of a session, and what the script has going on it.
type node struct {
	name     string
	host     kernel.Host
	kubelet  *harness.Kubelet // nil where none was started
	services []service
}

// FirstHost is the name of the machine that every scenario has: lines are about it, unless they begin with "on".
const FirstHost = "node"

// addNode notes that there is one more machine.
func (s *session) addNode(name string, host kernel.Host) *node {
	host = heardHost{host, &s.heard}
	if s.transcript != nil {
		host = s.transcript.watch(host)
	}
	n := &node{name: name, host: host}
	s.nodes = append(s.nodes, n)
	return n
}

// nodeNamed returns nil where there is no such machine.
func (s *session) nodeNamed(name string) *node {
	i := slices.IndexFunc(s.nodes, func(n *node) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return s.nodes[i]
}

// nodeNames are those of all machines.
func (s *session) nodeNames() (all []string) {
	for _, n := range s.nodes {
		all = append(all, n.name)
	}
	return all
}

// take reads the state of one machine.
func (n *node) take(folders ...string) (kernel.Snapshot, error) {
	state, err := kernel.Take(n.host, folders...)
	return slices.DeleteFunc(state, isBookkeeping), err
}

// take reads the state of all machines.
func (s *session) take(folders ...string) (kernel.Snapshot, error) {
	var all kernel.Snapshot
	for _, n := range s.nodes {
		state, err := n.take(folders...)
		if err != nil {
			return nil, err
		}
		for _, o := range state {
			all = append(all, n.qualified(o))
		}
	}
	all.Sort()
	return all, nil
}

// qualified names an object of another machine than the first by that: "other/pod-a" is its namespace pod-a, "other:/run"
// its file /run.
func (n *node) qualified(o kernel.Object) kernel.Object {
	switch {
	case n.name == FirstHost:
		return o
	case o.Noun == kernel.NounFile:
		o.Name = n.name + ":" + o.Name
		return o
	case o.Noun == kernel.NounNetNS:
		o.Name = n.name + "/" + o.Name
	}
	o.NetNS = n.name + "/" + o.NetNS
	o.Attrs = slices.Clone(o.Attrs)
	for i, a := range o.Attrs {
		if link, netns, elsewhere := strings.Cut(a.Value, "@"); a.Key == "peer" && elsewhere {
			o.Attrs[i].Value = link + "@" + n.name + "/" + netns
		}
	}
	return o
}
