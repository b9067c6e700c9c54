package pluginmain

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStreamThatDoesNotBlock: whoever started the plugin may have set the pipe so, which the plugin then has, too. It takes
// a page at a time here.
func TestStreamThatDoesNotBlock(t *testing.T) {
	read, write := pipe(t)
	if err := unix.SetNonblock(write, true); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(write), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("result\n"), os.Getpagesize())
	written := make(chan error, 1)
	go func() {
		n, err := stream{write, "/dev/stdout"}.Write(want)
		if err == nil && n != len(want) {
			err = io.ErrShortWrite
		}
		unix.Close(write)
		written <- err
	}()
	got, err := io.ReadAll(os.NewFile(uintptr(read), "pipe"))
	if err := errors.Join(err, <-written); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived of %d: %v", len(got), len(want), err)
	}
}

func TestStreamWithoutReader(t *testing.T) {
	read, write := pipe(t)
	unix.Close(read)
	defer unix.Close(write)
	n, err := stream{write, "/dev/stdout"}.Write([]byte("result"))
	if n != 0 || !errors.Is(err, syscall.EPIPE) || err.Error() != "write /dev/stdout: broken pipe" {
		t.Errorf("%d bytes written, and %v", n, err)
	}
}

func pipe(t *testing.T) (read, write int) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return ends[0], ends[1]
}
