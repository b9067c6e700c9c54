package operator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/cmd/bridge/install"
	"github.com/cnilab/cnilab/cmd/bridge/version"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/plugin"
)

// Main does what the arguments say, of which there is at least one, and returns the exit status: 0, 1 for what failed,
// with one line on standard error, and 2 for arguments that say nothing.
func Main(about string, args []string, stdout, stderr io.Writer) (exit int) {
	c, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "bridge: %v; see bridge --help\n", err)
		return 2
	}
	switch c.verb {
	case verbHelp:
		fmt.Fprint(stdout, about, Usage)
	case verbVersion:
		fmt.Fprintln(stdout, "bridge", version.String())
	case verbWait:
		wait(stdout)
	default:
		err = c.inFolder(stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bridge: %v\n", err)
		return 1
	}
	return 0
}

// wait is all that a container does whose work is done. A process without a parent is not ended by signals that it does
// not ask for (pid_namespaces(7)).
func wait(stdout io.Writer) {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	fmt.Fprintln(stdout, "waiting for SIGTERM or SIGINT")
	<-end
}

// inFolder does what changes a folder, and says what became of it.
func (c command) inFolder(stdout io.Writer) error {
	outcomes, err := c.alone()
	for _, o := range outcomes {
		fmt.Fprintln(stdout, o)
	}
	if err == nil {
		return nil
	}
	left := "nothing was changed"
	if len(outcomes) > 0 {
		left = "the other names are what they were"
	}
	return fmt.Errorf("%s %s: %w%s; %s", c.verb, c.folder, err, hint(err), left)
}

// alone does it while nobody else does.
func (c command) alone() ([]install.Outcome, error) {
	unlock, err := lock(c.folder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	host, err := linux.New()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	unix.Umask(0o022) // what is installed is for everybody
	return c.do(install.Folder{Files: install.OnDisk(host), Path: c.folder})
}

func hint(err error) string {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return ": be root"
	}
	return ""
}

// lock waits for others who install into the folder. The lock ends with the process.
func lock(folder string) (unlock func(), err error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return func() { dir.Close() }, nil
}

func (c command) do(f install.Folder) ([]install.Outcome, error) {
	if c.verb == verbInstallConf {
		return c.installConf(f)
	}
	p, err := self()
	switch {
	case err != nil:
		return nil, err
	case c.rollback:
		return f.Rollback(p)
	}
	return f.Install(p, c.names)
}

func (c command) installConf(f install.Folder) ([]install.Outcome, error) {
	content, err := os.ReadFile(c.file)
	if err != nil {
		return nil, err
	}
	o, err := f.InstallConfiguration(filepath.Base(c.file), content)
	if o == (install.Outcome{}) {
		return nil, err
	}
	return []install.Outcome{o}, err
}

// self is this program. What all its builds have in common, and nobody else has, is the line about the main package that
// Go writes into each binary.
func self() (p install.Program, err error) {
	p.Names = plugin.Names()
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		p.Mark = []byte("path\t" + info.Path + "\n")
	}
	p.Image, err = os.ReadFile("/proc/self/exe")
	return p, err
}
