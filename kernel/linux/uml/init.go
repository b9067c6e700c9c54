//go:build linux

package uml

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// initMarker is the parameter of the kernel that the kernel gives to its first process as an environment variable: the
// folder, outside.
const initMarker = "CNILAB_UML_INIT"

// Init is to be called first thing in main by whoever calls Run. It does the work of the processes that Run has this
// program do, and does not return in them.
func Init() {
	switch {
	case os.Getenv(keeperMarker) != "":
		os.Exit(beKeeper(folder(os.Getenv(keeperMarker))))
	case os.Getenv(initMarker) != "" && os.Getpid() == 1:
		beInit(os.Getenv(initMarker))
	}
}

// beInit is the first process of the kernel. Its end is that of the kernel, which panics when it just exits.
func beInit(outer string) {
	inner, err := furnish(outer)
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err) // on the console
	} else if err := inner.perform(); err != nil {
		_ = inner.write(resultFile, result{Error: err.Error()})
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// perform does the task and writes how it ended.
func (f folder) perform() error {
	var t task
	if err := f.read(taskFile, &t); err != nil {
		return err
	}
	for _, folder := range t.Folders {
		if err := show(folder); err != nil {
			return err
		}
	}
	for _, folder := range t.Writable {
		if err := mountHost(folder, folder, 0); err != nil {
			return err
		}
	}
	if err := loadModules(t.Modules); err != nil {
		return err
	}
	if err := bringLoopbackUp(); err != nil {
		return err
	}
	process, err := f.start(t)
	if err != nil {
		return err
	}
	if err := f.write(resultFile, result{Started: true}); err != nil {
		return err
	}
	exit, err := reapUntil(process.Pid)
	if err != nil {
		return err
	}
	return f.write(resultFile, result{Started: true, Ended: true, Exit: exit})
}

// start starts the program of the task.
func (f folder) start(t task) (*os.Process, error) {
	var files []*os.File
	for _, stream := range []struct {
		name string
		flag int
	}{{inFile, os.O_RDONLY}, {outFile, os.O_WRONLY | os.O_APPEND}, {errFile, os.O_WRONLY | os.O_APPEND}} {
		file, err := os.OpenFile(f.file(stream.name), stream.flag, 0)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		files = append(files, file)
	}
	env := slices.DeleteFunc(slices.Clone(t.Env), func(v string) bool { return strings.HasPrefix(v, "TMPDIR=") })
	return os.StartProcess(t.Path, t.Args, &os.ProcAttr{Dir: t.Dir, Env: env, Files: files})
}

// reapUntil waits for processes to end, as the first process does for those that have no parent, until one does, and
// returns its exit status.
func reapUntil(pid int) (exit int, err error) {
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case ended == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case ended == pid:
			return status.ExitStatus(), nil
		}
	}
}

// bringLoopbackUp does what every machine does when it boots.
func bringLoopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
