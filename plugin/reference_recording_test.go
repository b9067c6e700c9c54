package plugin_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A recording is what the reference did in the dialogues of a group, by variant. As a file it has the group's variants
// side by side: "-- 1.0.0 1.1.0: 2 state after ADD --" begins what is the same in both.
type recording map[string]account

func recordingFile(group string) string {
	return filepath.Join("testdata", "reference", group+".txtar")
}

func readRecording(t *testing.T, group string) recording {
	t.Helper()
	archive, err := txtar.ParseFile(recordingFile(group))
	if err != nil {
		t.Fatalf("%v (%s)", err, howToRecord)
	}
	r := recording{}
	for _, f := range archive.Files {
		variants, step, _ := strings.Cut(f.Name, ": ")
		for variant := range strings.FieldsSeq(variants) {
			r[variant] = append(r[variant], entry{step, string(f.Data)})
		}
	}
	return r
}

// write writes the recording, with what is asked for above it. The variants are in the order in which they are given.
func (r recording) write(group, head string, variants []string) error {
	archive := txtar.Archive{Comment: []byte(head)}
	for at := 0; ; at++ {
		files := r.filesAt(at, variants)
		if len(files) == 0 {
			return os.WriteFile(recordingFile(group), txtar.Format(&archive), 0o644)
		}
		archive.Files = append(archive.Files, files...)
	}
}

// filesAt returns what happened at one step, once for all variants in which it is the same.
func (r recording) filesAt(at int, variants []string) (files []txtar.File) {
	var distinct []entry
	having := map[entry][]string{}
	for _, v := range variants {
		if at >= len(r[v]) {
			continue
		}
		e := r[v][at]
		if !slices.Contains(distinct, e) {
			distinct = append(distinct, e)
		}
		having[e] = append(having[e], v)
	}
	for _, e := range distinct {
		name := fmt.Sprintf("%s: %s", strings.Join(having[e], " "), e.step)
		files = append(files, txtar.File{Name: name, Data: []byte(e.text)})
	}
	return files
}

func readRecordings(t *testing.T) map[string]recording {
	t.Helper()
	all := map[string]recording{}
	for _, d := range dialogues() {
		if all[d.group] == nil {
			all[d.group] = readRecording(t, d.group)
		}
	}
	return all
}

// record records the reference in all dialogues.
func record(t *testing.T, r reference) {
	if r == nil {
		t.Fatal(howToRecord)
	}
	recordings, variants := map[string]recording{}, map[string][]string{}
	var mu sync.Mutex
	t.Run("record", func(t *testing.T) {
		for _, d := range dialogues() {
			variants[d.group] = append(variants[d.group], d.variant)
			t.Run(d.name(), func(t *testing.T) {
				t.Parallel()
				held := r(t, d, unchanged())
				mu.Lock()
				defer mu.Unlock()
				if recordings[d.group] == nil {
					recordings[d.group] = recording{}
				}
				recordings[d.group][d.variant] = held
			})
		}
	})
	for group, r := range recordings {
		if len(r) < len(variants[group]) {
			continue // -run asked for some of them
		}
		if err := r.write(group, headOf(group), variants[group]); err != nil {
			t.Fatal(err)
		}
	}
}

// headOf is what is asked for in a group's dialogues, where it is the same in all.
func headOf(group string) string {
	for _, c := range configurations {
		if c.name == group {
			return c.describe()
		}
	}
	return ""
}

// unchanged tells that a state has settled by its having been the same in two looks one after the other, the first of
// which was not the first of all. The next comparison finds those that changed afterwards.
func unchanged() func(at int, state string) bool {
	last, lastAt, looks := "", -1, 0
	return func(at int, state string) bool {
		if at != lastAt {
			looks = 0
		}
		same := looks > 1 && state == last
		last, lastAt = state, at
		looks++
		return same
	}
}
