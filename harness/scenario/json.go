package scenario

import (
	"encoding/json"
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel/operation/words"
)

func (s *session) compareJSON(_ string, w *words.Reader) (string, error) {
	var gotFile, wantFile string
	if err := w.Only("FILE1 FILE2", &gotFile, &wantFile); err != nil {
		return "", err
	}
	got, err := s.readJSON(gotFile)
	if err != nil {
		return "", err
	}
	want, err := s.readJSON(wantFile)
	if err != nil {
		return "", err
	}
	is := stated(want, got)
	diff := cmp.Diff(want, is)
	switch {
	case diff == "":
		return "", nil
	case s.updating:
		return "", s.updateJSON(wantFile, is)
	}
	return "", fmt.Errorf("%s is not what %s:%d (%s) states (- stated, + is)\n%s",
		gotFile, s.scenario.File, s.scenario.lineOf(wantFile)+1, wantFile, diff)
}

func (s *session) readJSON(file string) (any, error) {
	var document any
	text := s.files.read(file)
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, s.misread(file, text, fmt.Errorf("no JSON document: %w", err))
	}
	return document, nil
}

// stated returns of got what want has something to say about: the same members of objects, the same elements of lists.
func stated(want, got any) any {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return statedMembers(want, got)
		}
	case []any:
		if got, ok := got.([]any); ok {
			return statedElements(want, got)
		}
	}
	return got
}

func statedMembers(want, got map[string]any) map[string]any {
	short := map[string]any{}
	for key := range want {
		if member, ok := got[key]; ok {
			short[key] = stated(want[key], member)
		}
	}
	return short
}

func statedElements(want, got []any) []any {
	short := make([]any, len(got))
	for i := range got {
		short[i] = got[i]
		if i < len(want) {
			short[i] = stated(want[i], got[i])
		}
	}
	return short
}
