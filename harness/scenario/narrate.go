package scenario

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Legend says how to read the log of a scenario that was run with Options.Verbose.
const Legend = `How to read this:
  >        a line of the scenario is done; what it prints stands below
  !        it has to fail
  + - ~    came, went, changed on the machine by that line: "host" is the machine's own network
  check:   a claim that was compared with the machine, and is true`

// tell makes of a verbose log of testscript what people read: the script's comments as text, its lines with what came
// of them.
func (t *transcript) tell(log string) string {
	n := narrator{transcript: t, seen: map[string]string{}, apart: t.script.commentsApart()}
	for log != "" {
		var line string
		line, log, _ = strings.Cut(log, "\n")
		number, isStep := t.marked(line)
		comment, isComment := strings.CutPrefix(line, "#")
		if !isComment {
			n.endParagraph()
		}
		switch {
		case isStep:
			n.step(number)
			log = t.steps[number].cutPrinted(log)
		case isComment:
			n.comment(comment)
		case strings.HasPrefix(line, "> "):
			n.line(line, refuted(log))
		case line == "PASS" && log == "":
		default:
			n.print(line)
		}
	}
	n.endParagraph()
	return n.page.String()
}

// A narrator writes the page.
type narrator struct {
	*transcript
	page      strings.Builder
	paragraph []string
	first     *call             // the first call that was about a container
	told      string            // the name of the last call
	seen      map[string]string // JSON documents that were shown, and what each is called
	apart     []bool            // of the comments to come: whether a blank line is before them
}

func (n *narrator) print(lines ...string) {
	for _, line := range lines {
		fmt.Fprintln(&n.page, line)
	}
}

// elapsed is what testscript writes behind a comment: how long it took until the next one.
var elapsed = regexp.MustCompile(` \(\d+\.\d{3}s\)$`)

// comment adds a line to a paragraph. Those that are indented stay as they are: pictures.
func (n *narrator) comment(line string) {
	line = elapsed.ReplaceAllString(line, "")
	blank := strings.TrimSpace(line) == ""
	if len(n.apart) > 0 {
		blank = blank || n.apart[0]
		n.apart = n.apart[1:]
	}
	if blank {
		n.endParagraph()
	}
	if strings.TrimSpace(line) == "" {
		return
	}
	n.paragraph = append(n.paragraph, strings.TrimPrefix(line, " "))
}

func (n *narrator) endParagraph() {
	if len(n.paragraph) == 0 {
		return
	}
	if n.page.Len() > 0 {
		n.print("")
	}
	picture := func(line string) bool { return strings.HasPrefix(line, "  ") }
	for len(n.paragraph) > 0 {
		if picture(n.paragraph[0]) {
			n.print(n.paragraph[0])
			n.paragraph = n.paragraph[1:]
			continue
		}
		end := slices.IndexFunc(n.paragraph, picture)
		if end < 0 {
			end = len(n.paragraph)
		}
		n.print(wrap(n.plain(strings.Join(n.paragraph[:end], " ")), pageWidth)...)
		n.paragraph = n.paragraph[end:]
	}
}

// plain is the text of a paragraph, and of the one that binds the scenario what that means.
func (n *narrator) plain(text string) string {
	binding, err := n.script.Binding()
	if err != nil || binding.Backend == "" || !strings.HasPrefix("# "+text, bindingMark) {
		return text
	}
	return "(This " + binding.String() + ".)"
}

// checks are the lines that only compare.
var checks = []string{"expect", "same", "jsoncmp", "stdout", "stderr", "cmp", "cmpenv", "grep", "exists"}

// line tells what is done now. A claim that was refuted is no check: those are true.
func (n *narrator) line(line string, refuted bool) {
	words := cutHost(split(strings.TrimPrefix(strings.TrimPrefix(line, "> "), "! ")))
	if len(words) > 0 && slices.Contains(checks, words[0]) && !refuted {
		line = "  check: " + strings.TrimPrefix(line, "> ")
	}
	n.hang(line, "    ")
}

// refuted reports whether the line before this rest of a log has failed: nothing else is done before the log says so.
func refuted(log string) bool {
	for line := range strings.Lines(log) {
		switch {
		case strings.HasPrefix(line, FailMark):
			return true
		case strings.HasPrefix(line, "> "), strings.HasPrefix(line, stepMark):
			return false
		}
	}
	return false
}

// FailMark begins the line of a log that says where the script has failed, and why.
const FailMark = "FAIL: "

// step tells what came of a line.
func (n *narrator) step(number int) {
	s := n.steps[number]
	for _, c := range s.calls {
		// A kubelet asks all plugins for their versions before each call.
		if s.verb == "plugin" || c.setting("CNI_COMMAND") != "VERSION" {
			n.call(c)
		}
	}
	changes := n.changes(number)
	n.output(s, len(changes) > 0)
	for _, said := range s.said {
		n.indented("  ", said.String())
	}
	for _, note := range s.notes {
		n.indented("  ", note)
	}
	for _, line := range changes {
		n.hang("  "+line, "      ")
	}
}

// output tells what a line prints, and why it failed where that is not said yet.
func (n *narrator) output(s *step, changed bool) {
	calls := slices.Contains([]string{"plugin", "cni", "pod"}, s.verb)
	switch {
	case s.out != "" && calls:
		n.print("  the answer is")
		n.indented("    ", s.out)
		n.seen[canonical([]byte(s.out))] = n.told
	case s.out != "":
		n.indented("  ", s.out)
	case s.err != nil:
		n.hang("  fails, as it should: "+s.err.Error(), "      ")
	case calls && changed:
		n.print("  the answer is empty: no error")
	case calls:
		n.print("  the answer is empty: no error; and nothing changes")
	}
}

// indented prints a text of several lines; a JSON document is laid out.
func (n *narrator) indented(indent, text string) {
	lines := layOutJSON([]byte(text), pageWidth-len(indent))
	if lines == nil {
		lines = strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	for _, line := range lines {
		if line != "" {
			n.hang(indent+line, indent+"    ")
		}
	}
}

// hang prints a line; what is too long for it goes on below, indented. Columns stay in line, however long they are.
func (n *narrator) hang(line, indent string) {
	if len(line) <= pageWidth || strings.Contains(strings.TrimLeft(line, " "), "  ") {
		n.print(line)
		return
	}
	first := line[:len(line)-len(strings.TrimLeft(line, " "))]
	for i, part := range wrap(line, pageWidth-len(indent)) {
		if i == 0 {
			n.print(first + part)
			continue
		}
		n.print(indent + part)
	}
}

// setting returns a variable of the call's environment.
func (c call) setting(name string) string {
	for _, setting := range c.env {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}

// settings are the variables of CNI that the plugin is given.
func (c call) settings() []string {
	return slices.DeleteFunc(slices.Clone(c.env), func(setting string) bool {
		return !strings.HasPrefix(setting, "CNI_") || strings.HasSuffix(setting, "=")
	})
}

// name is what a call is called when another one is like it.
func (c call) name() string {
	name := c.setting("CNI_COMMAND")
	if container := c.setting("CNI_CONTAINERID"); container != "" {
		name += " for " + container + " " + c.setting("CNI_IFNAME")
	}
	return name
}

// call tells what a plugin is given: all of it the first time, and then what is not as it was then.
func (n *narrator) call(c call) {
	name := path.Base(c.plugin)
	ofContainer := c.setting("CNI_CONTAINERID")+c.setting("CNI_NETNS")+c.setting("CNI_IFNAME") != ""
	switch {
	case n.first == nil || !ofContainer:
		n.print(fmt.Sprintf("  %s is run with the environment", name))
		n.settings(c.settings())
	case len(c.differencesFrom(*n.first)) == 0:
		n.print(fmt.Sprintf("  %s is run with the environment of the first run", name))
	default:
		n.print(fmt.Sprintf("  %s is run with the environment of the first run, but", name))
		n.settings(c.differencesFrom(*n.first))
	}
	n.stdin(c)
	if n.first == nil && ofContainer {
		n.first = &c
	}
	n.told = c.name()
}

// stdin tells what a plugin reads. What was shown before is not shown again.
func (n *narrator) stdin(c call) {
	conf, previous := cutPrevious(c.stdin)
	known, result := n.seen[conf], n.seen[previous]
	switch {
	case len(c.stdin) == 0:
		n.print("  and an empty standard input")
	case known != "" && previous == "":
		n.print("  and the standard input of " + known)
	case known != "" && known == result:
		n.print("  and the standard input of " + known + ", with its answer as prevResult")
	case known != "" && result != "":
		n.hang("  and the standard input of "+known+", with the answer to "+result+" as prevResult", "    ")
	default:
		n.print("  and the standard input")
		n.indented("    ", string(c.stdin))
		n.seen[conf] = c.name()
	}
}

// cutPrevious parts what a plugin reads into the configuration and the result of before, in forms that can be compared.
func cutPrevious(stdin []byte) (conf, previous string) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(stdin, &all); err != nil {
		return string(stdin), ""
	}
	previous = canonical(all["prevResult"])
	delete(all, "prevResult")
	rest, _ := json.Marshal(all) // it was read
	return canonical(rest), previous
}

// canonical is a JSON document with its keys sorted and without blanks; "" where the text is none.
func canonical(text []byte) string {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return ""
	}
	sorted, _ := json.Marshal(document) // it was read
	return string(sorted)
}

// settings prints variables, one a line. A list in one goes on below where it is too long.
func (n *narrator) settings(all []string) {
	for _, setting := range all {
		if len(setting) > pageWidth-4 {
			setting = strings.ReplaceAll(setting, ";", "; ")
		}
		for i, part := range wrap(setting, pageWidth-8) {
			n.print("    " + strings.Repeat("    ", min(i, 1)) + strings.ReplaceAll(part, "; ", ";"))
		}
	}
}

// differencesFrom returns the variables that are not as in another call.
func (c call) differencesFrom(other call) []string {
	var all []string
	for _, setting := range c.settings() {
		if !slices.Contains(other.settings(), setting) {
			all = append(all, setting)
		}
	}
	for _, setting := range other.settings() {
		name, _, _ := strings.Cut(setting, "=")
		if c.setting(name) == "" {
			all = append(all, name+" is not set")
		}
	}
	return all
}
