package pluginmain

import (
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// The process's standard output and standard error.
var (
	stdout io.Writer = stream{1, "/dev/stdout"}
	stderr io.Writer = stream{2, "/dev/stderr"}
)

// A stream is written to with write(2) alone. When nobody reads it any more, that fails with EPIPE; an os.File would have
// SIGPIPE end the process, and an ADD whose result got lost would stay. (To have the signal caught instead takes threads and
// some tenths of a millisecond. Were it ignored, it would be so in the programs that the plugin starts, too.)
type stream struct {
	fd   int
	name string
}

// Write implements io.Writer. Where the descriptor is one that does not block, it waits.
func (s stream) Write(data []byte) (written int, err error) {
	for written < len(data) {
		n, err := unix.Write(s.fd, data[written:])
		switch err {
		case nil:
			written += n
		case unix.EINTR:
		case unix.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, -1) // the next try tells what is wrong
		default:
			return written, &fs.PathError{Op: "write", Path: s.name, Err: err}
		}
	}
	return written, nil
}
