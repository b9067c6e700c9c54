package plugin_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tracee is a program whose system calls are seen before they do anything (ptrace(2)). Those of its threads are, those
// of the programs that it starts are not.
type tracee struct {
	netns string // path of the namespace that it starts in
	path  string
	env   []string
	stdin string
}

// run runs the program until it ends, or until stop says of a call, by its name, that SIGKILL is to end the program there.
// It returns whether it was.
func (t tracee) run(stop func(call string) bool) (killed bool, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // it traces, in another namespace
		killed, err = t.traceAway(stop)
	}()
	<-done
	return killed, err
}

// traceAway traces, and takes the thread home again, which may be the first of the process: that does not end with its
// goroutine, and its namespace is that of /proc/self.
func (t tracee) traceAway(stop func(call string) bool) (killed bool, err error) {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return false, err
	}
	defer home.Close()
	killed, err = t.trace(stop)
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return killed, errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return killed, err
}

func (t tracee) trace(stop func(call string) bool) (killed bool, err error) {
	netns, err := os.Open(t.netns)
	if err != nil {
		return false, err
	}
	defer netns.Close()
	if err := unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET); err != nil {
		return false, fmt.Errorf("setns: %w", err)
	}
	pid, err := t.start()
	if err != nil {
		return false, err
	}
	var status unix.WaitStatus
	if _, err := wait(pid, &status); err != nil {
		return false, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return false, fmt.Errorf("PTRACE_SETOPTIONS: %w", err)
	}
	return follow(pid, stop)
}

// start starts the program, which stops before its first instruction.
func (t tracee) start() (pid int, err error) {
	cmd := exec.Command(t.path)
	cmd.Env = t.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	in, out, err := os.Pipe() // a goroutine that copies to one would outlive the program
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if _, err := out.WriteString(t.stdin); err != nil {
		return 0, err
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	cmd.Stdin = in
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid = cmd.Process.Pid // Release forgets it
	return pid, cmd.Process.Release()
}

// wait waits for a thread of the program, which is a process group: other children of this thread are others' to wait for.
func wait(pid int, status *unix.WaitStatus) (int, error) {
	for {
		tid, err := unix.Wait4(pid, status, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return tid, err
		}
	}
}

// follow lets the program go from call to call until it has ended.
func follow(pid int, stop func(call string) bool) (killed bool, err error) {
	tid, signal := pid, 0
	for {
		// A thread that is gone by now was ended by SIGKILL.
		if err := unix.PtraceSyscall(tid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return killed, fmt.Errorf("PTRACE_SYSCALL: %w", err)
		}
		var status unix.WaitStatus
		if tid, err = wait(-pid, &status); err != nil {
			return killed, err
		}
		for !status.Stopped() {
			if tid == pid {
				return killed && status.Signaled(), nil
			}
			if tid, err = wait(-pid, &status); err != nil {
				return killed, err
			}
		}
		call, signalled := stopOf(tid, status)
		signal = signalled
		if call != "" && !killed && stop(call) {
			killed = true
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				return killed, err
			}
		}
	}
}

// stopOf says at which call a thread has stopped, and which signal it is to get.
func stopOf(tid int, status unix.WaitStatus) (call string, signal int) {
	switch at := status.StopSignal(); {
	case at == unix.SIGTRAP|0x80: // PTRACE_O_TRACESYSGOOD
		return callAt(tid), 0
	case at == unix.SIGTRAP, at == unix.SIGSTOP: // a thread was made; a thread begins
		return "", 0
	default:
		return "", int(at)
	}
}

// syscallInfo is struct ptrace_syscall_info (include/uapi/linux/ptrace.h), at an entry.
type syscallInfo struct {
	op                  uint8
	_                   [3]uint8
	arch                uint32
	_, _                uint64
	number              uint64
	_, _, _, _, _, _, _ uint64
}

// callAt names the call that a thread is about to make; "" where it has stopped behind one.
func callAt(tid int) string {
	const entry = 1 // PTRACE_SYSCALL_INFO_ENTRY
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 || info.op != entry {
		return ""
	}
	if name, ok := callNames[info.number]; ok {
		return name
	}
	return fmt.Sprint("syscall ", info.number)
}

// callNames are those of the calls that a Go program makes, and that do something.
var callNames = map[uint64]string{
	unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_CLOSE: "close", unix.SYS_FSTAT: "fstat", unix.SYS_MMAP: "mmap",
	unix.SYS_LSEEK: "lseek", unix.SYS_MUNMAP: "munmap", unix.SYS_RT_SIGACTION: "rt_sigaction",
	unix.SYS_RT_SIGPROCMASK: "rt_sigprocmask", unix.SYS_RT_SIGRETURN: "rt_sigreturn", unix.SYS_PREAD64: "pread64",
	unix.SYS_SCHED_YIELD: "sched_yield", unix.SYS_MADVISE: "madvise", unix.SYS_NANOSLEEP: "nanosleep",
	unix.SYS_GETPID: "getpid", unix.SYS_SOCKET: "socket", unix.SYS_CONNECT: "connect", unix.SYS_SENDTO: "sendto",
	unix.SYS_RECVFROM: "recvfrom", unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVMSG: "recvmsg", unix.SYS_BIND: "bind",
	unix.SYS_GETSOCKNAME: "getsockname", unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_GETSOCKOPT: "getsockopt",
	unix.SYS_CLONE: "clone", unix.SYS_EXECVE: "execve", unix.SYS_EXIT: "exit", unix.SYS_WAIT4: "wait4",
	unix.SYS_UNAME: "uname", unix.SYS_FCNTL: "fcntl", unix.SYS_FLOCK: "flock", unix.SYS_IOCTL: "ioctl",
	unix.SYS_GETTID: "gettid", unix.SYS_FUTEX: "futex", unix.SYS_SCHED_GETAFFINITY: "sched_getaffinity",
	unix.SYS_GETDENTS64: "getdents64", unix.SYS_EXIT_GROUP: "exit_group", unix.SYS_TGKILL: "tgkill",
	unix.SYS_WAITID: "waitid", unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_NEWFSTATAT: "newfstatat",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_RENAMEAT: "renameat", unix.SYS_LINKAT: "linkat", unix.SYS_READLINKAT: "readlinkat",
	unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FACCESSAT: "faccessat", unix.SYS_FACCESSAT2: "faccessat2", unix.SYS_PPOLL: "ppoll",
	unix.SYS_EPOLL_CTL: "epoll_ctl", unix.SYS_EPOLL_PWAIT: "epoll_pwait",
	unix.SYS_EPOLL_CREATE1: "epoll_create1", unix.SYS_EVENTFD2: "eventfd2", unix.SYS_PIPE2: "pipe2",
	unix.SYS_PRLIMIT64: "prlimit64", unix.SYS_SETNS: "setns", unix.SYS_GETRANDOM: "getrandom", unix.SYS_STATFS: "statfs",
	unix.SYS_FSTATFS: "fstatfs", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FSYNC: "fsync",
	unix.SYS_SIGALTSTACK: "sigaltstack", unix.SYS_PRCTL: "prctl",
	unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal", unix.SYS_CLONE3: "clone3",
	unix.SYS_GETUID: "getuid", unix.SYS_GETEUID: "geteuid", unix.SYS_SPLICE: "splice",
	unix.SYS_COPY_FILE_RANGE: "copy_file_range", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_STATX: "statx",
	unix.SYS_MPROTECT: "mprotect", unix.SYS_TIMER_CREATE: "timer_create", unix.SYS_TIMER_SETTIME: "timer_settime",
	unix.SYS_TIMER_DELETE: "timer_delete", unix.SYS_SENDFILE: "sendfile", unix.SYS_DUP3: "dup3", unix.SYS_FCHMOD: "fchmod",
	unix.SYS_ARCH_PRCTL: "arch_prctl", unix.SYS_SET_ROBUST_LIST: "set_robust_list", unix.SYS_RSEQ: "rseq", unix.SYS_GETPPID: "getppid",
}

// callsOf returns the calls of a whole run, in their order.
func (t tracee) callsOf() (calls []string, err error) {
	_, err = t.run(func(call string) bool {
		calls = append(calls, call)
		return false
	})
	return calls, err
}

// killAt kills the program at the n-th call of a name, counted from 1.
func (t tracee) killAt(name string, n int) (killed bool, err error) {
	return t.run(func(call string) bool {
		if call == name {
			n--
		}
		return call == name && n == 0
	})
}
