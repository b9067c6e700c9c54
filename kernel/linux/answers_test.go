//go:build linux

package linux

import (
	"cmp"
	"flag"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel/kerneltest"
)

var (
	answers = flag.Bool("answers", false, "compare what this kernel answers to the laws with what was recorded of it")
	some    = flag.String("laws", "", "with -answers: a regular expression for the names of the laws to ask")
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
		must(t, together(want, got).Write(folder, release(t)))
		return
	}
	for law, answers := range got {
		if diff := gocmp.Diff(want[law], answers); diff != "" {
			t.Errorf("%s: recorded (-) and answered (+):\n%s", law, diff)
		}
	}
}

// together returns the laws that there are as they were answered now, and those that were not asked ("make laws LAWS=vlan")
// as they were before.
func together(before, now kerneltest.Record) kerneltest.Record {
	all := make(kerneltest.Record)
	for _, law := range kerneltest.Laws() {
		if answers := cmp.Or(now[law.Name], before[law.Name]); answers != "" {
			all[law.Name] = answers
		}
	}
	return all
}

// fewIPTables bounds how many laws about iptables are tried at a time: all machines have one lock between them
// (/run/xtables.lock), and who does not get it within some seconds gives up.
var fewIPTables = make(chan struct{}, 4)

// ask tries all laws.
func ask(t *testing.T) kerneltest.Record {
	var mu sync.Mutex
	all := make(kerneltest.Record)
	wanted := regexp.MustCompile(*some)
	t.Run("laws", func(t *testing.T) {
		for _, law := range kerneltest.Laws() {
			if !wanted.MatchString(law.Name) {
				continue
			}
			t.Run(law.Name, func(t *testing.T) {
				t.Parallel()
				if strings.Contains(law.Name, "iptables") || strings.HasPrefix(law.Name, "bridged/") {
					fewIPTables <- struct{}{}
					defer func() { <-fewIPTables }()
				}
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
