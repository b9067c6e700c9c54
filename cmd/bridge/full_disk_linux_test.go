package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A lostOutput is a standard output by which no result arrives.
type lostOutput struct {
	name string
	open func(t *testing.T) *os.File
	// during is called while ADD is under way, if there is one.
	during func()
	words  string // of the error on standard error
}

// TestResultIsLost: whoever started ADD and does not get its result does not know of the attachment, so that there must
// be none. On a node that was fresh there is no bridge either.
func TestResultIsLost(t *testing.T) {
	n := newNode(t)
	n.run("ip", "netns", "add", "pod-a")
	before := n.snapshot()
	reader := new(exec.Cmd)
	for _, o := range []lostOutput{
		{name: "closed pipe", open: closedPipe, words: "broken pipe"},
		{name: "/dev/full", open: devFull, words: "no space left on device"},
		{name: "full disk", open: onFullDisk(0), words: "no space left on device"},
		{name: "disk full in the middle", open: onFullDisk(100), words: "no space left on device"},
		{
			name: "killed reader", words: "broken pipe",
			open:   func(t *testing.T) (stdout *os.File) { reader, stdout = startReader(t); return stdout },
			during: func() { kill(t, reader) },
		},
	} {
		t.Run(o.name, func(t *testing.T) {
			n := n
			n.t = t
			stdout := o.open(t)
			defer stdout.Close()
			var stderr bytes.Buffer
			n.mustFail(n.add(stdout, &stderr), o.during)
			mustBeError(t, stderr.Bytes(), "standard output: ", o.words)
			n.mustBe(before, "after an ADD whose result was lost")
			n.mustHaveNoLease()
		})
	}
	t.Run("nobody left to tell", func(t *testing.T) {
		n.t = t
		pipe := closedPipe(t)
		defer pipe.Close()
		n.mustFail(n.add(pipe, pipe), nil)
		n.mustBe(before, "after an ADD with no reader at all")
	})
}

func closedPipe(t *testing.T) *os.File {
	read, write, err := os.Pipe()
	must(t, err)
	must(t, read.Close())
	return write
}

func devFull(t *testing.T) *os.File {
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	return file
}

// onFullDisk opens a file on a disk that has this many bytes left.
func onFullDisk(room int) func(t *testing.T) *os.File {
	return func(t *testing.T) *os.File {
		folder := mountTmpfs(t, "/run/full-disk", "size=64k")
		name := filepath.Join(folder, "result")
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		must(t, err)
		if room > 0 {
			_, err = file.Write(make([]byte, os.Getpagesize()-room))
			must(t, err)
		}
		fill(t, folder, os.Getpagesize())
		t.Cleanup(func() { mustHaveFilled(t, name, room) })
		return file
	}
}

// mustHaveFilled expects that the end of the disk was met, and not something else.
func mustHaveFilled(t *testing.T, name string, room int) {
	info, err := os.Stat(name)
	must(t, err)
	if room > 0 && info.Size() != int64(os.Getpagesize()) || room == 0 && info.Size() != 0 {
		t.Errorf("the result's file has %d bytes", info.Size())
	}
}

// mountTmpfs mounts a file system in this mount namespace, which is the test's own, until the test ends.
func mountTmpfs(t *testing.T, folder, options string) string {
	t.Helper()
	must(t, os.MkdirAll(folder, 0o755))
	must(t, unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options))
	t.Cleanup(func() { must(t, unix.Unmount(folder, unix.MNT_DETACH)) })
	return folder
}

// fill makes files of a size until there is no room for another, and returns their names.
func fill(t *testing.T, disk string, size int) (files []string) {
	t.Helper()
	folder := filepath.Join(disk, "others")
	must(t, os.Mkdir(folder, 0o755))
	for {
		name := filepath.Join(folder, fmt.Sprint(len(files)))
		err := os.WriteFile(name, make([]byte, size), 0o600)
		switch {
		case errors.Is(err, unix.ENOSPC):
			if len(files) < 8 {
				t.Fatalf("the disk is full after %d files", len(files))
			}
			return files
		case err != nil:
			t.Fatal(err)
		}
		files = append(files, name)
	}
}

// startReader starts a process that reads a pipe.
func startReader(t *testing.T) (reader *exec.Cmd, pipe *os.File) {
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	reader = exec.Command("sleep", "60")
	reader.Stdin = read
	must(t, reader.Start())
	return reader, write
}

func kill(t *testing.T, cmd *exec.Cmd) {
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

// add is an ADD with these outputs, to be started.
func (n node) add(stdout, stderr io.Writer) *exec.Cmd {
	cmd := exec.Command(filepath.Join(n.bin, "bridge"))
	cmd.Env = cniEnv("ADD", "pod-a", n.bin)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(conf), stdout, stderr
	return cmd
}

// mustFail runs an ADD, with something happening in the middle, and expects that it ends by itself with status 1.
func (n node) mustFail(add *exec.Cmd, during func()) {
	n.t.Helper()
	if during == nil {
		during = func() {}
	}
	n.halfWay(add, during)
	var exit *exec.ExitError
	if err := add.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		n.t.Errorf("ADD ended with %v, want exit status 1", err)
	}
}

// halfWay starts an ADD and holds it up, by the lock of the host's namespace, for as long as something happens.
func (n node) halfWay(add *exec.Cmd, during func()) {
	n.t.Helper()
	self, err := n.host.Self()
	must(n.t, err)
	defer self.Close()
	unlock, err := self.Lock(n.t.Context(), time.Second)
	must(n.t, err)
	defer unlock()
	must(n.t, add.Start())
	for end := time.Now().Add(10 * time.Second); !n.hasVeth(self); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatal("ADD makes no veth")
		}
	}
	during()
}

func (n node) hasVeth(ns kernel.NetNS) bool {
	links, err := ns.Links()
	must(n.t, err)
	for _, l := range links {
		if l.Kind == kernel.KindVeth {
			return true
		}
	}
	return false
}

// mustBeError expects one error object, its message one line with these words.
func mustBeError(t *testing.T, text []byte, words ...string) (code int) {
	t.Helper()
	var object struct {
		CNIVersion, Msg, Details string
		Code                     int
	}
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("not one error object: %v\n%s", err, text)
	}
	for _, w := range words {
		if !strings.Contains(object.Msg, w) || strings.Contains(object.Msg, "\n") || object.Details == "" {
			t.Errorf("no %q in one line, or no details: %+v", w, object)
		}
	}
	return object.Code
}

// TestLeasesOnFullDisk: wherever an ADD comes to the end of the disk that has the leases, nothing is left of it; and DEL
// needs no room. What is short is bytes or inodes.
func TestLeasesOnFullDisk(t *testing.T) {
	n := newNode(t)
	n.run("ip", "netns", "add", "pod-a")
	for _, disk := range []struct {
		short, options string
		fileSize       int
		least          int // so much room an ADD needs at least
	}{
		{"bytes", "size=64k,nr_inodes=1000", os.Getpagesize(), 3}, // lease, last address, index
		{"inodes", "size=64k,nr_inodes=16", 0, 5},                 // and the folder and the lock
	} {
		t.Run(disk.short, func(t *testing.T) {
			n := n
			n.t = t
			room := 0
			for done := false; !done && room < 10; room++ {
				t.Run(fmt.Sprint("room for ", room), func(t *testing.T) {
					n := n
					n.t = t
					mountTmpfs(t, leases, disk.options)
					for _, name := range fill(t, leases, disk.fileSize)[:room] {
						must(t, os.Remove(name))
					}
					done = n.addOnFullDisk(room)
				})
			}
			if room-1 < disk.least {
				t.Errorf("ADD works with room for %d files", room-1)
			}
		})
	}
}

// addOnFullDisk calls ADD and DEL, and reports whether the room was enough.
func (n node) addOnFullDisk(room int) (enough bool) {
	before := n.snapshot()
	if room == 0 {
		n.refusesStatus()
	}
	var stdout bytes.Buffer
	err := n.add(&stdout, os.Stderr).Run()
	if err == nil {
		n.ping("pod-a", gateway)
		n.mustCall("DEL", "pod-a", conf)
		n.noLeaseLeft()
		n.run("ip", "link", "del", "cni0")
		n.run("sysctl", "-q", "net.ipv4.ip_forward=0")
		return true
	}
	if code := mustBeError(n.t, stdout.Bytes(), "get addresses: host-local: ", "ENOSPC"); code != 5 {
		n.t.Errorf("code %d, want 5, an I/O failure", code)
	}
	n.mustBe(before, "after an ADD on a full disk")
	n.mustCall("DEL", "pod-a", conf)
	n.mustBe(before, "after a DEL on a full disk")
	return false
}

// refusesStatus expects that STATUS says what ADD is going to.
func (n node) refusesStatus() {
	_, err := n.call("STATUS", "pod-a", conf)
	if err == nil || !strings.Contains(err.Error(), `"code": 50`) || !strings.Contains(err.Error(), "ENOSPC") {
		n.t.Errorf("STATUS on a full disk: %v, want code 50 and ENOSPC", err)
	}
}

func (n node) noLeaseLeft() {
	left, err := filepath.Glob(leases + "/lab/10.*")
	must(n.t, err)
	if len(left) > 0 {
		n.t.Errorf("leases %v are left", left)
	}
}
