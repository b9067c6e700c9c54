package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func faultForms() []form {
	return []form{
		{
			"fault", "fault [-n N] [-after|-torn] [OP [OBJECT]] ERRNO",
			"from now on, calls of plugins and of the runtime fail: those of an OP (link add, file write, ..., as listed" +
				" at the end; file *: all that change files), on an OBJECT (* stands for any characters); without OP, all that change" +
				" something; with -n, the N-th of them alone; with -after, when they have taken effect; with -torn," +
				" when half of the file is written",
			(*session).setFault,
		},
		{
			"crash", "crash [-n N] [-after|-torn] [OP [OBJECT]]",
			"the process that makes such a call dies of it, and undoes nothing (N: 1)", (*session).setCrash,
		},
		{
			"faults off", "faults off", "all is well again; fails where a fault was met by no call, as the scenario's end does",
			(*session).endFaults,
		},
		{
			"effects", "effects", "print which calls changed something during the last cni, plugin or pod line, in the" +
				" order in which -n counts",
			(*session).showEffects,
		},
	}
}

// noFaults is why a scenario is skipped on a machine that cannot be broken.
const noFaults = "its faults need plugins that meet them: cnilab's own, or those of harness.Faults.Program"

func (s *session) setFault(_ string, w *words.Reader) (string, error) {
	if len(w.Rest) == 0 {
		return "", w.Wrong("ERRNO is missing")
	}
	last := w.Rest[len(w.Rest)-1]
	errno, ok := kernel.ErrnoNamed(last)
	if !ok {
		return "", w.Wrong("%q is no ERRNO", last)
	}
	w.Rest = w.Rest[:len(w.Rest)-1]
	fault, err := readFault(w)
	fault.Errno = errno
	return "", s.breakOn(fault, err)
}

func (s *session) setCrash(_ string, w *words.Reader) (string, error) {
	fault, err := readFault(w)
	if fault.Nth == 0 {
		fault.Nth = 1
	}
	return "", s.breakOn(fault, err)
}

func (s *session) breakOn(fault harness.Fault, err error) error {
	if err == nil {
		fault.Where = fmt.Sprintf("%s:%d", s.scenario.File, s.line)
		s.faults.Set(fault)
	}
	return err
}

// readFault reads which calls a line is about.
func readFault(w *words.Reader) (f harness.Fault, err error) {
	err = w.Options(words.Keywords{
		"-n":     words.Value(w, "N", &f.Nth, parseOrdinal),
		"-after": words.Set(&f.When, harness.After),
		"-torn":  words.Set(&f.When, harness.Torn),
	})
	if err != nil {
		return f, err
	}
	f.Op, f.Object = cutOp(w.Rest)
	if f.When == harness.Torn && f.Op != "file write" {
		return f, w.Wrong("-torn is for file write alone")
	}
	if known := ops(); f.Op != "" && !slices.Contains(known, f.Op) {
		return f, w.Wrong("%q is no OP%s", f.Op, orRather(f.Op, known))
	}
	return f, nil
}

// ops are those of calls, and of each noun all that change something: "file *".
func ops() []string {
	var all []string
	for _, op := range intercept.Ops() {
		all = append(all, string(op))
		if noun, _, two := strings.Cut(string(op), " "); two && op.Mutates() {
			all = append(all, noun+" *")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// cutOp parts an op from the object, which may have several words.
func cutOp(words []string) (op, object string) {
	length := min(2, len(words))
	if len(words) > 0 && slices.Contains(ops(), words[0]) {
		length = 1
	}
	return strings.Join(words[:length], " "), strings.Join(words[length:], " ")
}

func (s *session) endFaults(_ string, w *words.Reader) (string, error) {
	if err := w.End(); err != nil {
		return "", err
	}
	return "", s.clearFaults()
}

func (s *session) clearFaults() error {
	if s.faults == nil {
		return nil
	}
	return s.faults.Clear()
}

func (s *session) showEffects(_ string, w *words.Reader) (string, error) {
	if err := w.End(); err != nil {
		return "", err
	}
	var out strings.Builder
	for i, call := range s.faults.Effects() {
		fmt.Fprintf(&out, "%d %s\n", i+1, call)
	}
	return out.String(), nil
}

func parseOrdinal(s string) (int, error) {
	n, err := words.Int(s)
	if err == nil && n < 1 {
		err = errors.New("below 1")
	}
	return n, err
}
