package plugin_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// slow is how long iptables-restore waits, as it does where others hold xtables.lock.
const slow = 500 * time.Millisecond

// TestKilledWhileRulesAreMade: an iptables-restore that waits does not outlive the ADD that started it, and so makes no
// rules behind the back of DEL.
func TestKilledWhileRulesAreMade(t *testing.T) {
	sandbox.Require(t)
	if !sandbox.Thorough() {
		t.Skip("a machine of its own and a build: \"make real\" asks for it")
	}
	v := newVictim(t, buildPlugin(t), protected[0], false)
	before := v.settle(v.unshared)
	folder, began := slowRestore(t)
	add := v.tracee()
	ctx, kill := context.WithCancel(t.Context())
	go func() {
		defer kill()
		for !exists(began) && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := v.Exec(ctx, add.path, append(add.env, "PATH="+folder+":"+os.Getenv("PATH")), []byte(add.stdin)); err == nil {
		t.Fatal("ADD ended before it was killed")
	}
	v.end(true)
	v.must(v.Sleep(t.Context(), 2*slow))
	v.wantUnshared(before, "killed while iptables-restore waited")
}

// slowRestore makes an iptables-restore that waits when it has read the rules; the file tells that it does.
func slowRestore(t *testing.T) (folder, began string) {
	t.Helper()
	restore, err := exec.LookPath("iptables-restore")
	if err != nil {
		t.Skip(err)
	}
	folder = t.TempDir()
	began = filepath.Join(folder, "began")
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in *--test*) exec %[4]s "$@" ;; esac
cat >%[1]s/rules; touch %[2]s; sleep %[3]v; exec %[4]s "$@" <%[1]s/rules
`, folder, began, slow.Seconds(), restore)
	if err := os.WriteFile(filepath.Join(folder, "iptables-restore"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder, began
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
