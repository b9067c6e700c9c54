package plugin_test

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A lossyOutput is a standard output that takes some bytes, and no more. It counts who tries.
type lossyOutput struct {
	takes  int
	fails  error // nil: it writes less than it was given, and says nothing
	writes int
}

func (w *lossyOutput) Write(p []byte) (int, error) {
	w.writes++
	return min(w.takes, len(p)), w.fails
}

// brokenPipe is the standard output that nobody reads.
func brokenPipe() *lossyOutput { return &lossyOutput{fails: kernel.EPIPE} }

// lossyOutputs are the ways in which a result gets lost. (What real ones do to the program as a process is tested in
// cmd/bridge.)
var lossyOutputs = map[string]struct {
	output lossyOutput
	words  string // of the error
}{
	"broken pipe":              {lossyOutput{fails: kernel.EPIPE}, "broken pipe (EPIPE)"},
	"broken in the middle":     {lossyOutput{fails: kernel.EPIPE, takes: 10}, "broken pipe (EPIPE)"},
	"full disk":                {lossyOutput{fails: kernel.ENOSPC}, "no space left on device (ENOSPC)"},
	"disk full in the middle":  {lossyOutput{fails: kernel.ENOSPC, takes: 10}, "no space left on device (ENOSPC)"},
	"input and output error":   {lossyOutput{fails: kernel.EIO}, "(EIO)"},
	"nothing taken, no error":  {lossyOutput{}, "short write"},
	"a part taken and no more": {lossyOutput{takes: 10}, "short write"},
}

// TestLostResultIsNoAttachment: whoever started ADD does not know of an attachment whose result got lost, so that there
// must be none; on a fresh node not even a bridge.
func TestLostResultIsNoAttachment(t *testing.T) {
	for _, program := range []string{"bridge", "host-local", "loopback"} {
		for _, others := range []bool{false, true} {
			t.Run(program, func(t *testing.T) {
				onEach(t, func(t *testing.T, l *lab) { l.testLostResult(program, others) })
			})
		}
	}
}

func (l *lab) testLostResult(program string, others bool) {
	conf := l.conf(map[string]any{"isDefaultGateway": true})
	if others {
		l.add("other", l.pod("other"), conf)
	}
	r := request{name: program, verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
	before := l.snapshot()
	for when, c := range lossyOutputs {
		output := c.output
		r.to = &output
		l.wantErrorBeside(when, l.call(r), c.words)
		l.wantState(when, before)
		if output.writes != 1 {
			l.t.Errorf("%s: %d documents tried, want one", when, output.writes)
		}
		l.succeed(r.as("DEL"))
		l.wantState(when+", then DEL", before)
	}
	r.to = nil
	l.succeed(r)
}

// wantErrorBeside expects a failure that is told on standard error, as one error object.
func (l *lab) wantErrorBeside(when string, a answer, words string) {
	l.t.Helper()
	var e errorObject
	if err := json.Unmarshal([]byte(a.stderr), &e); err != nil || a.exit != 1 {
		l.t.Fatalf("%s: exit %d, %v; want 1 and one error object, got:\n%s", when, a.exit, err, a.stderr)
	}
	if e.Code != 5 || !strings.Contains(e.Msg, "standard output: ") || !strings.Contains(e.Msg, words) || e.Details == "" {
		l.t.Errorf("%s: %+v, want %q", when, e, words)
	}
}

// A fullDisk has room for some more inodes, or for some more files that have content, and then for none. What needs no
// room works, such as deleting, and opening what is there.
type fullDisk struct {
	kernel.Files
	bytes bool // inodes there are enough
	room  int
}

func (d *fullDisk) hook(c intercept.Call, next func() error) error {
	switch {
	case !d.needsRoom(c):
		return next()
	case d.room > 0:
		d.room--
		return next()
	case d.bytes: // open(2) has succeeded when write(2) does not
		if err := d.WriteFile(c.Object, nil, 0o600); err != nil {
			return err
		}
	}
	return refusal(c, kernel.ENOSPC)
}

func (d *fullDisk) needsRoom(c intercept.Call) bool {
	switch c.Op {
	case intercept.FileWrite:
		return true
	case intercept.FileLink:
		return !d.bytes // on a tmpfs a second name takes an inode (mm/shmem.c shmem_link)
	case intercept.FolderMake, intercept.FileLock:
		return !d.bytes && !d.has(c.Object) && (c.Op == intercept.FolderMake || d.has(path.Dir(c.Object)))
	}
	return false
}

func (d *fullDisk) has(name string) bool {
	_, err := d.Stat(name)
	return err == nil
}

// TestFullDiskIsNoAttachment: wherever an ADD comes to the end of the disk, and that stays full, it leaves nothing. DEL
// needs no room.
func TestFullDiskIsNoAttachment(t *testing.T) {
	for name, bytes := range map[string]bool{"inodes": false, "bytes": true} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *lab) { l.testFullDisk(bytes) })
		})
	}
}

func (l *lab) testFullDisk(bytes bool) {
	r := request{
		verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isDefaultGateway": true}),
	}
	before, room := l.snapshot(), 0
	for ; ; room++ {
		full := fullDisk{Files: l.Host, bytes: bytes, room: room}
		r.on = intercept.Wrap(l.Host, full.hook)
		a := l.call(r)
		if a.exit == 0 {
			break
		}
		if e := wantError(l.t, a); e.Code != 5 || !strings.Contains(e.Msg, "ENOSPC") || e.Details == "" {
			l.t.Errorf("room for %d: %+v", room, e)
		}
		l.wantState("ADD on a full disk", before)
		l.succeed(r.onFullDisk(l, bytes))
		l.wantState("DEL on a full disk", before)
	}
	if room < 3 { // lease, last address, index
		l.t.Errorf("an ADD needs room for %d files only", room)
	}
	l.succeed(r.onFullDisk(l, bytes))
	l.wantNothingLeft("DEL on a full disk")
}

func (r request) onFullDisk(l *lab, bytes bool) request {
	del, full := r.as("DEL"), fullDisk{Files: l.Host, bytes: bytes}
	del.on = intercept.Wrap(l.Host, full.hook)
	return del
}
