package plugin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A discrepancy is a field in which an answer, or a state, is not the reference's. In a row of DIFFERENCES.md "*" stands
// for any characters, "?" for one, and "–" for a field that is not there; in the name of a dialogue "[12]" for 1 and 2.
type discrepancy struct {
	dialogue, call, field, reference, ours string
}

const nothing = "–"

// A differenceTable is the rows of DIFFERENCES.md, each of which has to occur.
type differenceTable struct {
	rows []discrepancy

	mu    sync.Mutex
	about map[string][]int // the rows that speak of a dialogue, by its name
	met   []bool
}

// readDifferences reads the tables' first five columns.
func readDifferences(t *testing.T) *differenceTable {
	t.Helper()
	text, err := os.ReadFile("DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	d := &differenceTable{about: map[string][]int{}}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| dialogue") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "`", ""))
		}
		d.rows = append(d.rows, discrepancy{cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	d.met = make([]bool, len(d.rows))
	return d
}

// unlisted returns the discrepancies that no row speaks of.
func (d *differenceTable) unlisted(found []discrepancy) (left []discrepancy) {
	for _, f := range found {
		if d.row(f) < 0 {
			left = append(left, f)
		}
	}
	return left
}

// meet notes the rows that speak of what was found.
func (d *differenceTable) meet(found []discrepancy) {
	for _, f := range found {
		if at := d.row(f); at >= 0 {
			d.mu.Lock()
			d.met[at] = true
			d.mu.Unlock()
		}
	}
}

// row returns which row speaks of the discrepancy, the first of them; -1 if none does.
func (d *differenceTable) row(f discrepancy) int {
	for _, at := range d.rowsAbout(f.dialogue) {
		if f.isOf(d.rows[at]) {
			return at
		}
	}
	return -1
}

// rowsAbout returns the rows whose first column is about the dialogue.
func (d *differenceTable) rowsAbout(dialogue string) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, known := d.about[dialogue]
	if !known {
		for at, row := range d.rows {
			if ok, err := path.Match(row.dialogue, dialogue); ok && err == nil {
				rows = append(rows, at)
			}
		}
		d.about[dialogue] = rows
	}
	return rows
}

// isOf reports whether a row that is about the dialogue speaks of the discrepancy.
func (d discrepancy) isOf(row discrepancy) bool {
	return matches(row.call, d.call) && matches(row.field, d.field) &&
		matches(row.reference, d.reference) && matches(row.ours, d.ours)
}

var literally = strings.NewReplacer("/", "\x01", "[", `\[`, `\`, `\\`)

// matches knows no other wildcards than "*" and "?".
func matches(pattern, s string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == s
	}
	ok, err := path.Match(literally.Replace(pattern), strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

// compare returns in which fields an entry is not the reference's.
func compare(dialogue string, reference, ours entry) (all []discrepancy) {
	call, want := reference.fields()
	_, got := ours.fields()
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, field := range slices.Sorted(maps.Keys(names)) {
		d := discrepancy{dialogue, call, field, orNothing(want, field), orNothing(got, field)}
		if !agree(d) {
			all = append(all, d)
		}
	}
	if len(all) == 0 && reference.text != ours.text {
		lines := func(e entry) string { return fmt.Sprint(strings.Count(e.text, "\n")) }
		all = append(all, discrepancy{dialogue, call, "lines of text", lines(reference), lines(ours)})
	}
	return all
}

func orNothing(fields map[string]string, name string) string {
	if v, ok := fields[name]; ok {
		return v
	}
	return nothing
}

// agree reports whether a field is the same: of a message, that ours has the reference's words in it.
func agree(d discrepancy) bool {
	return d.reference == d.ours || d.field == "msg" && d.reference != nothing && strings.Contains(d.ours, d.reference)
}

// fields returns what a row calls the entry, and what there is to compare.
func (e entry) fields() (call string, fields map[string]string) {
	_, step, _ := strings.Cut(e.step, " ")
	if e.isState() {
		return step, changedFields(e.text)
	}
	call, exit, _ := strings.Cut(step, " exit ")
	fields = fieldsOf([]byte(e.text))
	fields["exit"] = exit
	return call, fields
}

// fieldsOf returns the values in an answer by their paths, as "interfaces.0.mac". Of several documents the later ones
// begin with their number.
func fieldsOf(data []byte) map[string]string {
	fields := map[string]string{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	for n := 1; decoder.More(); n++ {
		var document any
		if err := decoder.Decode(&document); err != nil {
			fields["no JSON"] = string(data)
			break
		}
		prefix := ""
		if n > 1 {
			prefix = fmt.Sprintf("document %d.", n)
		}
		flatten(prefix, document, fields)
	}
	return fields
}

func flatten(name string, value any, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			flatten(name+key+".", v, into)
		}
	case []any:
		for i, v := range value {
			flatten(fmt.Sprintf("%s%d.", name, i), v, into)
		}
	default:
		into[strings.TrimSuffix(name, ".")] = fmt.Sprint(value)
	}
}
