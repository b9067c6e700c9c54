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
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A discrepancy is a field in which an answer is not the reference's. In a row of DIFFERENCES.md "*" stands for any
// characters, "?" for one, and "–" for a field that is not there.
type discrepancy struct {
	dialogue, call, field, reference, ours string
}

const nothing = "–"

// TestAnswersLikeReference compares the plugin's answers with recorded ones of the reference. What differs has to stand
// in DIFFERENCES.md, and what stands there has to occur.
func TestAnswersLikeReference(t *testing.T) {
	if folder := os.Getenv(referenceVariable); *update && folder != "" {
		record(t, folder)
	}
	rows := readRows(t)
	met := make([]bool, len(rows))
	for _, d := range dialogues() {
		golden, err := txtar.ParseFile(goldenFile(d))
		if err != nil {
			t.Fatal(err)
		}
		l := newLab(t, newSim(t))
		ours := l.transcript(d, l.call)
		found := compare(d.name, golden.Files, ours.Files)
		if len(found) == 0 && !bytes.Equal(txtar.Format(golden), txtar.Format(&ours)) {
			t.Errorf("%s: the fields are the same, and the bytes are not:\n%s", d.name, txtar.Format(&ours))
		}
		for _, found := range found {
			at := slices.IndexFunc(rows, found.isOf)
			if at < 0 {
				t.Errorf("not in DIFFERENCES.md: %q", found)
				continue
			}
			met[at] = true
		}
	}
	for i, row := range rows {
		if !met[i] {
			t.Errorf("stands in DIFFERENCES.md, and does not occur: %q", row)
		}
	}
}

// readRows reads the tables of DIFFERENCES.md: their first five columns.
func readRows(t *testing.T) (rows []discrepancy) {
	t.Helper()
	text, err := os.ReadFile("DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| dialogue") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "`", ""))
		}
		rows = append(rows, discrepancy{cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows
}

// isOf reports whether a row speaks of the discrepancy.
func (d discrepancy) isOf(row discrepancy) bool {
	for _, pair := range [][2]string{
		{row.dialogue, d.dialogue},
		{row.call, d.call},
		{row.field, d.field},
		{row.reference, d.reference},
		{row.ours, d.ours},
	} {
		if !matches(pair[0], pair[1]) {
			return false
		}
	}
	return true
}

// matches knows no other wildcards than "*" and "?".
func matches(pattern, s string) bool {
	escaped := strings.NewReplacer("/", "\x01", "[", `\[`, `\`, `\\`).Replace(pattern)
	ok, err := path.Match(escaped, strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

// compare compares the answers one by one.
func compare(dialogue string, reference, ours []txtar.File) (all []discrepancy) {
	for i := range reference {
		call, wantExit, _ := strings.Cut(reference[i].Name[2:], " ")
		_, gotExit, _ := strings.Cut(ours[i].Name[2:], " ")
		want, got := fieldsOf(reference[i].Data), fieldsOf(ours[i].Data)
		want["exit"], got["exit"] = wantExit, gotExit
		names := maps.Clone(want)
		maps.Copy(names, got)
		for _, field := range slices.Sorted(maps.Keys(names)) {
			d := discrepancy{dialogue, call, field, orNothing(want, field), orNothing(got, field)}
			if !agree(d) {
				all = append(all, d)
			}
		}
	}
	return all
}

func orNothing(fields map[string]string, name string) string {
	if v, ok := fields[name]; ok {
		return v
	}
	return nothing
}

// agree reports whether the answers agree in a field: with a message, that ours has the reference's words in it.
func agree(d discrepancy) bool {
	return d.reference == d.ours || d.field == "msg" && d.reference != nothing && strings.Contains(d.ours, d.reference)
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
