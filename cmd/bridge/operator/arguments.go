package operator

import (
	"errors"
	"fmt"
	"strings"
)

// Usage is what a person may ask of the plugin.
const Usage = `
usage:
  bridge --install DIR [NAME...]   put this program into DIR, such as /opt/cni/bin: as bridge and each NAME, whoever has
                                   these names, and as host-local, static and loopback where nobody has
  bridge --install DIR --rollback  give the names in DIR back to the programs that had them
  bridge --install-conf FILE DIR   put FILE, a .conflist, into DIR, such as /etc/cni/net.d
  bridge --wait                    do nothing until SIGTERM or SIGINT, as a container does that has done its work
  bridge --version                 print which build this is
  bridge --help                    print this
Whatever interrupts it, each name in DIR is a whole program, the one before or this one.
`

// A command is what the arguments ask for.
type command struct {
	verb     string
	folder   string
	names    []string // --install
	rollback bool     // --install
	file     string   // --install-conf
}

const (
	verbInstall       = "--install"
	verbInstallConf   = "--install-conf"
	verbWait          = "--wait"
	verbVersion       = "--version"
	verbHelp          = "--help"
	argumentRollback  = "--rollback"
	argumentShortHelp = "-h"
)

// parse reads the arguments, without the program's name.
func parse(args []string) (c command, err error) {
	c.verb, args = args[0], args[1:]
	switch c.verb {
	case verbInstall:
		return c.install(args)
	case verbInstallConf:
		if len(args) != 2 {
			return c, errors.New("--install-conf takes a file and a folder")
		}
		c.file, c.folder = args[0], args[1]
		return c, nil
	case verbHelp, argumentShortHelp:
		c.verb = verbHelp
	case verbWait, verbVersion:
	default:
		return c, fmt.Errorf("unknown argument %q", c.verb)
	}
	if len(args) > 0 {
		return c, fmt.Errorf("%s takes no %q", c.verb, args[0])
	}
	return c, nil
}

// install reads what follows --install, in any order.
func (c command) install(args []string) (command, error) {
	for _, arg := range args {
		switch {
		case arg == argumentRollback:
			c.rollback = true
		case strings.HasPrefix(arg, "-"):
			return c, fmt.Errorf("--install takes no %q", arg)
		case c.folder == "":
			c.folder = arg
		default:
			c.names = append(c.names, arg)
		}
	}
	switch {
	case c.folder == "":
		return c, errors.New("--install takes a folder")
	case c.rollback && len(c.names) > 0:
		return c, errors.New("--rollback is of all names, and takes none")
	}
	return c, nil
}
