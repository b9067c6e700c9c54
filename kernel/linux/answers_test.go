//go:build linux

package linux

import (
	"flag"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel/kerneltest"
)

var (
	answers = flag.Bool("answers", false, "compare what this kernel answers to the laws with what was recorded of it")
	record  = flag.Bool("record", false, "with -answers: record what this kernel answers")
)

// What was recorded of this kernel is what it answers. The simulation is held against the record (kernel/kerneltest).
func TestAnswers(t *testing.T) {
	if !*answers {
		t.Skip("takes the time in which Linux settles for every law: make laws")
	}
	version, _, _ := strings.Cut(release(t), "-") // what follows tells one build of it from another
	folder := filepath.Join("..", "kerneltest", "answers", version)
	want, err := kerneltest.ReadRecord(folder)
	must(t, err)
	if len(want) == 0 && !*record {
		t.Skipf("nothing was recorded of Linux %s: make laws RECORD=1", release(t))
	}
	got := ask(t)
	if *record {
		must(t, got.Write(folder, release(t)))
		return
	}
	for law, answers := range got {
		if diff := cmp.Diff(want[law], answers); diff != "" {
			t.Errorf("%s: recorded (-) and answered (+):\n%s", law, diff)
		}
	}
}

// ask tries all laws.
func ask(t *testing.T) kerneltest.Record {
	var mu sync.Mutex
	all := make(kerneltest.Record)
	t.Run("laws", func(t *testing.T) {
		for _, law := range kerneltest.Laws() {
			t.Run(law.Name, func(t *testing.T) {
				t.Parallel()
				h, _ := newMachine(t)
				r := make(kerneltest.Record)
				if err := r.Ask(law, h); err != nil {
					if _, known := differing(law.Name); !known {
						t.Error(err)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all[law.Name] = r[law.Name]
			})
		}
	})
	return all
}

// release returns what uname -r prints.
func release(t *testing.T) string {
	var u unix.Utsname
	must(t, unix.Uname(&u))
	return unix.ByteSliceToString(u.Release[:])
}
