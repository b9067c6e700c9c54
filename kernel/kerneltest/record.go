package kerneltest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A Record is what one kernel answered to the laws, by their names: the text of Law.Answers, or why the law was left
// out. Records of real kernels are kept below answers/, one folder for each release that uname(2) names, and the
// simulation of that release has to give the same.
type Record map[string]string

// Ask adds the answers of a host to a law, and returns an error where the law does not hold or could not be tried.
func (r Record) Ask(l Law, h kernel.Host) error {
	answers, err := l.Answers(h)
	if errors.Is(err, ErrLeftOut) {
		answers, err = fmt.Sprintln(err), nil
	}
	if answers != "" {
		r[l.Name] = answers
	}
	return err
}

// ReadRecord reads the record of one kernel: a file for each topic, such as link.txt for the laws "link/...". A folder
// that is not there holds an empty record.
func ReadRecord(folder string) (Record, error) {
	r := make(Record)
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, section := range strings.Split("\n"+string(data), "\n"+sectionMark)[1:] {
			law, answers, _ := strings.Cut(section, "\n")
			r[law] = strings.TrimSpace(answers) + "\n"
		}
	}
	return r, nil
}

// Lacks reports whether the kernel was built without what a topic is about: all laws of it were left out.
func (r Record) Lacks(topic string) bool {
	asked := false
	for law, answers := range r {
		if !strings.HasPrefix(law, topic+"/") {
			continue
		}
		if !strings.Contains(answers, ErrLeftOut.Error()) {
			return false
		}
		asked = true
	}
	return asked
}

// Lacks reports whether the kernel of a host was built without what a topic is about: all laws of it are left out.
func Lacks(h kernel.Host, topic string) bool {
	asked := make(Record)
	for _, l := range Laws() {
		if !strings.HasPrefix(l.Name, topic+"/") {
			continue
		}
		_ = asked.Ask(l, h) // whether it holds is not the question
		if !asked.Lacks(topic) {
			return false
		}
	}
	return asked.Lacks(topic)
}

// sectionMark is before the name of a law.
const sectionMark = "== "

// Write writes the record of a kernel in place of what the folder held.
func (r Record) Write(folder, release string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files := make(map[string]*strings.Builder)
	for _, law := range slices.Sorted(maps.Keys(r)) {
		topic, _, _ := strings.Cut(law, "/")
		if files[topic] == nil {
			files[topic] = new(strings.Builder)
			fmt.Fprintf(files[topic], "What Linux %s (uname -r) answers to the laws about %q. \"make laws\" records it.\n", release, topic)
		}
		fmt.Fprintf(files[topic], "\n%s%s\n%s", sectionMark, law, r[law])
	}
	for topic, text := range files {
		if err := os.WriteFile(filepath.Join(folder, topic+".txt"), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
