package operation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// An Operation is one request to a kernel.
type Operation interface {
	// String returns the line of the scenario language, which Parse reads back.
	String() string

	// Op names what is asked, as kernel.Error.Op does: "link add".
	Op() string

	// In is the name of the namespace that it is asked of; "" where it is asked of the host.
	In() string

	// Apply makes the request. The answer is what a line prints: a value that was asked for, otherwise "". Errors are
	// those of the contract.
	Apply(h kernel.Host) (answer string, err error)
}

// A Form is what the lines of an operation look like.
type Form struct {
	Name  string // the words it begins with: "ip link add"
	Usage string // the whole line
	About string // one line

	// Read reads the words after the name; netns is the namespace that "-n" names.
	Read func(netns string, r *words.Reader) (Operation, error)
}

// Forms returns the forms of all lines, by noun.
func Forms() []Form {
	return slices.Concat(netnsForms(), linkForms(), portForms(), vlanForms(), fdbForms(), addressForms(), routeForms(), ruleForms(), neighbourForms(), sysctlForms(), netfilterForms())
}

// ReadWords reads the words after the form's name.
func (f Form) ReadWords(netns string, rest []string) (Operation, error) {
	unquoted := make([]string, len(rest))
	for i, word := range rest {
		unquoted[i] = words.Unquote(word)
	}
	return f.Read(netns, &words.Reader{Form: f.Name, Usage: f.Usage, Rest: unquoted})
}

// Parse reads the line of an operation, as String prints it. What is no such line is a words.UsageError.
func Parse(line string) (Operation, error) {
	netns, rest, err := CutNetNS(words.Split(line))
	if err != nil {
		return nil, err
	}
	for _, f := range Forms() {
		name := strings.Fields(f.Name)
		if len(rest) >= len(name) && slices.Equal(rest[:len(name)], name) {
			return f.ReadWords(netns, rest[len(name):])
		}
	}
	return nil, words.UsageError{Message: fmt.Sprintf("%q is no line of an operation", line)}
}

// netnsPrograms are the first words of lines that take "-n NS".
var netnsPrograms = []string{"ip", "bridge", "sysctl", "nft", "iptables", "ip6tables", "conntrack"}

// CutNetNS takes "-n NS", which programs take before everything else, out of a line. Without it NS is the host's own.
func CutNetNS(line []string) (netns string, rest []string, err error) {
	if len(line) < 2 || line[1] != "-n" || !slices.Contains(netnsPrograms, line[0]) {
		return kernel.HostNetNS, line, nil
	}
	if len(line) < 3 {
		return "", nil, words.UsageError{Message: line[0] + " -n: the name of a namespace is missing"}
	}
	return words.Unquote(line[2]), append([]string{line[0]}, line[3:]...), nil
}

// A line is built word by word.
type line []string

// lineOf begins the line of a form in a namespace.
func lineOf(netns, name string) line {
	fields := strings.Fields(name)
	if netns == kernel.HostNetNS {
		return fields
	}
	return slices.Concat(fields[:1], []string{"-n", words.Quote(netns)}, fields[1:])
}

// add appends words as they are.
func (l *line) add(words ...string) { *l = append(*l, words...) }

// quoted appends words that may be anything.
func (l *line) quoted(all ...string) {
	for _, word := range all {
		*l = append(*l, words.Quote(word))
	}
}

// flag appends a word if it is so.
func (l *line) flag(so bool, word string) {
	if so {
		l.add(word)
	}
}

// given appends a keyword and its value, unless that is the zero value.
func given[T comparable](l *line, key string, value T) {
	var zero T
	if value != zero {
		l.add(key)
		l.quoted(fmt.Sprint(value))
	}
}

// set appends a keyword and its value, unless that is nil.
func set[T any](l *line, key string, value *T) {
	if value != nil {
		l.add(key)
		l.quoted(fmt.Sprint(*value))
	}
}

// onOff appends a keyword and a switch, unless that is nil.
func onOff(l *line, key string, on *bool) {
	if on != nil {
		l.add(key, map[bool]string{true: "on", false: "off"}[*on])
	}
}

func (l line) String() string { return strings.Join(l, " ") }
