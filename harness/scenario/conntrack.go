package scenario

import (
	"fmt"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func flowForms() []form {
	return []form{
		{
			"conntrack -L", "conntrack [-n NS] -L",
			"print the flows that conntrack knows, as in a snapshot: without ports that are random, and times",
			(*session).showFlows,
		},
		{
			"conntrack -D", "conntrack [-n NS] -D [-f ipv4|ipv6] [-p PROTOCOL] [-s|-d|-r|-q ADDRESS] [--sport|--dport PORT]",
			"have conntrack forget flows, and print how many; -r and -q are source and destination of replies",
			(*session).deleteFlows,
		},
	}
}

func (s *session) showFlows(netns string, w *words.Reader) (out string, err error) {
	if err := w.End(); err != nil {
		return "", err
	}
	err = s.in(netns, func(ns kernel.NetNS) error {
		flows, err := ns.Flows()
		for _, o := range kernel.FlowObjects(flows) {
			out += fmt.Sprintln(o)
		}
		return err
	})
	return out, err
}

func (s *session) deleteFlows(netns string, w *words.Reader) (out string, err error) {
	f, err := kernel.ParseFlowFilter(w.Rest)
	if err != nil {
		return "", w.Wrong("%v", err)
	}
	err = s.in(netns, func(ns kernel.NetNS) error {
		deleted, err := ns.DeleteFlows(f)
		out = fmt.Sprintf("deleted %d\n", deleted)
		return err
	})
	return out, err
}

// withFlows adds the flows to a state where one of some statements is about them.
func (s *session) withFlows(state kernel.Snapshot, all []statement) (kernel.Snapshot, error) {
	if !slices.ContainsFunc(all, func(st statement) bool { return st.Passes() }) {
		return state, nil
	}
	flows, err := kernel.TakeFlows(s.host)
	return append(slices.Clone(state), flows...), err
}
