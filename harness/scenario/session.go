package scenario

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A session is one run of a scenario: its machines, and what the script has going on them.
type session struct {
	*node         // the machine that lines are about
	nodes []*node // all, the first one first

	ctx        context.Context
	scenario   Scenario
	line       int // of the script, counted from 1, that is being done
	pluginDirs []string
	faults     *harness.Faults // nil where there can be none
	skip       func(...any)
	ownDisk    bool
	ownFolders []string
	watch      func(see func(line string)) (stop func()) // nil where packets are not to be seen
	snapshots  map[string]kernel.Snapshot

	makeHost func(name string) (kernel.Host, error) // nil where there is one machine alone
	cable    func(Cable) error
	cables   func() []LaidCable // nil where they are not to be seen

	unmet error    // faults that no call had met at the end
	wrong []string // what else was not as it should be then

	keepsState bool
	lastState  string // a snapshot of the machine at the end, if keepsState
	lastCables []LaidCable

	transcript *transcript // nil where nobody wants to read it
	printed    []string    // what lines have printed
	heard      heard

	updating bool
	updates  map[string]string // new texts of files of the archive

	files files
}

// files are those of the archive, and what was made next to them.
type files interface {
	read(name string) string // "stdout" and "stderr" are files too; the script fails where there is none
	write(name, text string)
}

// do carries out one line and returns what it prints.
func (s *session) do(line []string) (string, error) {
	f, netns, rest, err := parseLine(line)
	if err != nil {
		return "", err
	}
	return f.run(s, netns, &words.Reader{Form: f.name, Usage: f.usage, Rest: rest})
}

// advance goes on to the line of the script that is being done: the next with the verb, for each is done once, in its
// order.
func (s *session) advance(verb string) {
	lines := s.scenario.script()
	for s.line < len(lines) {
		s.line++
		if words := wordsOf(lines[s.line-1]); len(words) > 0 && words[0] == verb {
			return
		}
	}
}

// keepState notes what the machine is like, where somebody wants to know it.
func (s *session) keepState() error {
	if !s.keepsState {
		return nil
	}
	state, err := s.take()
	s.lastState = state.String()
	if s.cables != nil {
		s.lastCables = s.cables()
	}
	return err
}

// asRuntime calls f with a runtime in a process of its own.
func (s *session) asRuntime(f func(*harness.Runtime) error) error {
	return s.asProcess("runtime", func(h kernel.Host) error { return f(harness.New(h, s.pluginDirs...)) })
}

// asProcess calls f with the machine as a process of its own sees it, which meets faults and may crash.
func (s *session) asProcess(name string, f func(kernel.Host) error) error {
	if s.faults == nil {
		return f(s.host)
	}
	s.faults.Forget()
	process := s.faults.Start(s.host)
	err := f(process)
	if process.Dead() {
		return fmt.Errorf("the %s has crashed", name)
	}
	return err
}

// netnsPath is where the namespace with the name is bound.
func netnsPath(name string) string { return path.Join(kernel.NetNSDir, name) }

// open opens a namespace by its name; kernel.HostNetNS is the machine's own. Close it.
func (s *session) open(netns string) (kernel.NetNS, error) {
	if netns == kernel.HostNetNS {
		return s.host.Self()
	}
	ns, err := s.host.OpenNetNS(netnsPath(netns))
	return ns, missing(err)
}

// missing says of the error for a namespace that is not there what to do.
func missing(err error) error {
	failed, ok := errors.AsType[*kernel.Error](err)
	if !ok || failed.Op != string(intercept.NetNSOpen) || failed.Errno != kernel.ENOENT {
		return err
	}
	return fmt.Errorf("%w; a line \"ip netns add %s\" makes it", err, path.Base(failed.Object))
}

// in calls f on a namespace.
func (s *session) in(netns string, f func(kernel.NetNS) error) error {
	ns, err := s.open(netns)
	if err != nil {
		return err
	}
	defer ns.Close()
	return f(ns)
}

// onLink calls f on a namespace and a link of it.
func (s *session) onLink(netns, name string, f func(kernel.NetNS, kernel.Link) error) error {
	return s.in(netns, func(ns kernel.NetNS) error {
		link, err := ns.LinkByName(name)
		if err != nil {
			return err
		}
		return f(ns, link)
	})
}
