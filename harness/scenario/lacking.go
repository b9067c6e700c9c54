package scenario

import (
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// Why a scenario cannot run on a machine that lacks what a field of Machine gives.
const (
	noHosts = "it has several machines, and here is one: the backends of cnilab have more, and so has a Machine with AddHost" +
		" and Cable (in Go, package harness/simulated makes one)"
	noTrace = "it traces packets, and this kernel does not show what it does with them: --backend=sim does, and so does a" +
		" Machine with Trace (in Go, package harness/simulated makes one)"
	bindIt = "; a line \"# backend: sim, because ...\" among the first comments says that it is for the simulation alone"
)

// lacks is why the scenario cannot run on this machine; "" where it can.
func (s *session) lacks() (why string) {
	traces := slices.DeleteFunc(probeForms(), func(f form) bool { return f.verb() != "trace" })
	switch {
	case s.faults == nil && s.scenario.has(faultForms()):
		return noFaults
	case (s.makeHost == nil || s.cable == nil) && s.scenario.has(hostForms()):
		return noHosts
	case s.watch == nil && s.scenario.has(traces):
		return noTrace
	}
	return ""
}

// needAll skips a scenario that cannot run on this machine. One that is bound to the simulation fails: that has all, and
// a test that forgot to give it to the machine would show nothing for ever.
func (s *session) needAll(t testscript.T) {
	why := s.lacks()
	if why == "" {
		return
	}
	binding, _ := s.scenario.Binding() // lint has looked at it
	switch {
	case binding.Backend == simulation:
		t.Fatal(why)
	case why == noFaults:
		t.Skip(why)
	default:
		t.Skip(why + bindIt)
	}
}
