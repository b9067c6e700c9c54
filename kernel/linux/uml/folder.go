//go:build linux

package uml

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files of a folder. Those that the inside writes exist before it boots, so that outside they belong to the caller.
const (
	taskFile    = "task"
	selfFile    = "init" // a symbolic link to this program: the kernel's command line has no quotes for odd names
	inFile      = "stdin"
	outFile     = "stdout"
	errFile     = "stderr"
	resultFile  = "result"
	consoleFile = "console"
)

// A task is what the first process inside has to do.
type task struct {
	Path    string
	Args    []string // with the program's name
	Env     []string
	Dir     string
	Folders []string
	Modules string

	Writable []string
}

// A result is how the task ended. Before the program starts it is empty, then has Started only.
type result struct {
	Started bool
	Ended   bool
	Exit    int
	Error   string // why the program could not be started
}

// A folder is where one kernel has its memory and the two sides have their files.
type folder string

func newFolder(t task, stdin io.Reader) (f folder, err error) {
	parent, err := memoryFolder()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "uml-")
	if err != nil {
		return "", err
	}
	f = folder(dir)
	if err := f.fill(t, stdin); err != nil {
		f.remove()
		return "", err
	}
	return f, nil
}

func (f folder) file(name string) string { return filepath.Join(string(f), name) }

func (f folder) remove() { _ = os.RemoveAll(string(f)) }

func (f folder) fill(t task, stdin io.Reader) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Symlink(self, f.file(selfFile)); err != nil {
		return err
	}
	for _, name := range []string{outFile, errFile, resultFile, consoleFile} {
		if err := os.WriteFile(f.file(name), nil, 0o600); err != nil {
			return err
		}
	}
	if err := f.write(taskFile, t); err != nil {
		return err
	}
	return f.keepInput(stdin)
}

func (f folder) keepInput(stdin io.Reader) error {
	file, err := os.Create(f.file(inFile))
	if err != nil || stdin == nil {
		return errors.Join(err, file.Close())
	}
	_, err = io.Copy(file, stdin)
	return errors.Join(err, file.Close())
}

// write writes a value for the other side, at once: whoever reads meets all of it or nothing.
func (f folder) write(name string, value any) error {
	file, err := os.Create(f.file(name + ".new"))
	if err != nil {
		return err
	}
	err = errors.Join(gob.NewEncoder(file).Encode(value), file.Close())
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return os.Rename(file.Name(), f.file(name))
}

func (f folder) read(name string, value any) error {
	file, err := os.Open(f.file(name))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := gob.NewDecoder(file).Decode(value); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return nil
}

func (f folder) started() bool {
	var r result
	err := f.read(resultFile, &r)
	return err == nil && r.Started
}

// result returns the exit status of the program once the kernel has ended.
func (f folder) result() (exit int, err error) {
	var r result
	if err := f.read(resultFile, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	switch {
	case r.Error != "":
		return 0, errors.New(r.Error)
	case r.Ended:
		return r.Exit, nil
	case r.Started:
		return 0, f.consoleError("the kernel ended before the program")
	}
	return 0, f.consoleError("the kernel did not come up")
}

// consoleLines is how many of the console's last lines an error shows: a panic with its call trace.
const consoleLines = 40

// consoleError is an error with what the kernel said last.
func (f folder) consoleError(what string) error {
	said, err := os.ReadFile(f.file(consoleFile))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	lines = lines[max(0, len(lines)-consoleLines):]
	return fmt.Errorf("%s; its console:\n    %s", what, strings.Join(lines, "\n    "))
}

// A tail passes on what is written to a file.
type tail struct {
	*os.File
	to io.Writer
}

func (f folder) tail(name string, to io.Writer) (*tail, error) {
	file, err := os.Open(f.file(name))
	if to == nil {
		to = io.Discard
	}
	return &tail{file, to}, err
}

// pass passes on what is new.
func (t *tail) pass() error {
	_, err := io.Copy(t.to, t.File)
	return err
}
