package kernel

import (
	"context"
	"io"
	"io/fs"
	"time"
)

// A Host is one machine as a plugin sees it. Its methods may be called concurrently.
type Host interface {
	Namespaces
	Clock
	Files
	FileLocks
	Programs

	// BootID identifies the time since the machine started: it changes with every boot and never in between
	// (/proc/sys/kernel/random/boot_id).
	BootID() (string, error)
}

// NetNSDir is where named network namespaces are bound, by the convention of ip-netns(8).
const NetNSDir = "/run/netns"

// Namespaces opens, makes and deletes network namespaces.
type Namespaces interface {
	// Self opens the namespace the caller runs in: for a plugin, the node's own. Its Name is "host".
	Self() (NetNS, error)

	// OpenNetNS opens the namespace bound at path. The caller closes it.
	//
	//	ENOENT   nothing is there
	//	ENOTDIR  a part of path is no directory
	//	EACCES   the caller may not open it
	//	EINVAL   what is there is no network namespace
	OpenNetNS(path string) (NetNS, error)

	// AddNetNS makes a namespace, empty but for a loopback device that is down, and binds it at path, as
	// "ip netns add" does. The folder of path must exist.
	//
	//	EEXIST  something is there already
	//	ENOENT  the folder is not there
	//	EPERM   the caller may not make namespaces
	AddNetNS(path string) error

	// DeleteNetNS takes the binding at path away. The namespace dies with its last reference, and its links with
	// it; on Linux that takes some milliseconds more.
	//
	//	ENOENT  nothing is there
	//	EINVAL  what is there is no bound network namespace
	DeleteNetNS(path string) error
}

// Clock is the host's time.
type Clock interface {
	// Now returns the host's time.
	Now() time.Time

	// Sleep returns after d, or with ECANCELED as soon as ctx ends. In a simulation it takes no real time: virtual
	// time moves on when all who live in it wait.
	Sleep(ctx context.Context, d time.Duration) error
}

// Files is the host's file system, as far as plugins need it: configuration, leases, caches. Names are absolute and
// separated by slashes. The errors are those of open(2), link(2), rename(2) and unlink(2).
type Files interface {
	// ReadFile returns the whole content of a file. ENOENT, ENOTDIR, EISDIR, EACCES.
	ReadFile(name string) ([]byte, error)

	// ReadDir returns the entries of a folder, sorted by name. ENOENT, ENOTDIR, EACCES.
	ReadDir(name string) ([]fs.DirEntry, error)

	// Stat describes a file; symbolic links are followed. A folder was modified when a name in it was last made or taken
	// away. ENOENT, ENOTDIR, EACCES.
	Stat(name string) (fs.FileInfo, error)

	// MkdirAll makes a folder and those above it; one that is there already is no error. ENOTDIR, EACCES, EROFS,
	// ENOSPC.
	MkdirAll(name string, perm fs.FileMode) error

	// WriteFile gives a file this content, whatever it held before, making it where it is not there. A failure or a
	// crash may leave it empty or cut: publish what others read with Link or Rename. ENOENT, ENOTDIR, EISDIR,
	// EACCES, EROFS, ENOSPC.
	WriteFile(name string, data []byte, perm fs.FileMode) error

	// Link gives the file old the second name name, at once and whole. EEXIST where name is taken, ENOENT, EXDEV.
	Link(old, name string) error

	// Rename moves old to name, replacing what name held, at once. ENOENT, EISDIR, ENOTDIR, EXDEV.
	Rename(old, name string) error

	// Remove deletes a file or an empty folder. ENOENT, ENOTEMPTY, EACCES, EROFS.
	Remove(name string) error
}

// FileLocks are flock(2) locks on files: they end with unlock or with the process, whichever is first.
type FileLocks interface {
	// LockFile takes the exclusive lock of the file, making the file where it is not there, on a descriptor of its
	// own. It waits for at most wait while someone else holds the lock.
	//
	//	EAGAIN     it was still held after wait
	//	ECANCELED  ctx ended first
	//	           and the errors of opening the file
	LockFile(ctx context.Context, name string, wait time.Duration) (unlock func(), err error)
}

// Programs executes what the host has installed.
type Programs interface {
	// Exec runs the program at path with this environment and standard input, and returns what it printed and its
	// exit status; a status other than 0 is no error. A program that a signal ended has the status 128 + signal. It
	// is killed when ctx ends (ECANCELED). ENOENT, EACCES, ENOEXEC where it cannot be started.
	Exec(ctx context.Context, path string, env []string, stdin []byte) (Output, error)

	// IsSelf reports whether the file at path is the very program that is calling (same device and inode). ENOENT
	// where nothing is there.
	IsSelf(path string) (bool, error)
}

// Output is what a program left behind when it ended.
type Output struct {
	Stdout, Stderr []byte
	Exit           int
}

// An Invocation is one execution of a program, as plain values.
type Invocation struct {
	Name   string   // the base name it was called by
	Env    []string // the environment, each "KEY=value"
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// A Program is what an executable file does when it is run on h: main, as a function. It returns the exit status.
type Program func(ctx context.Context, in Invocation, h Host) (exit int)
