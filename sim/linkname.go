package sim

import (
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// validName is net/core/dev.c: dev_valid_name.
func validName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > kernel.MaxNameLen {
		return false
	}
	// lib/ctype.c isspace knows Latin-1, whose blank is 0xa0.
	return !strings.ContainsAny(name, "/: \t\n\v\f\r") && !strings.Contains(name, "\xa0")
}

// needsName refuses what the contract does, before anything is asked.
func needsName(name string) *refusal {
	if why := kernel.RefuseName(name); why != "" {
		return refuse(kernel.EINVAL, why)
	}
	return nil
}

// hasSysctls reports whether a link may have the name although its settings then are where those of all links are.
// (net/core/sysctl_net_core.c: sysctl_dev_name_is_allowed.)
func hasSysctls(name string) bool { return name != "all" && name != "default" }

// checkNameLength is the netlink policy of IFLA_IFNAME, which is looked at before anything else.
func checkNameLength(name string) *refusal {
	if len(name) > kernel.MaxNameLen {
		return refuse(kernel.ERANGE) // ifla_policy: NLA_STRING of IFNAMSIZ-1
	}
	return nil
}

// newName returns the name that a link asking for name gets in ns. (net/core/dev.c: dev_prep_valid_name.)
func (ns *namespace) newName(name string) (string, *refusal) {
	if !validName(name) {
		return "", refuse(kernel.EINVAL)
	}
	if strings.Contains(name, "%") {
		return ns.numberedName(name)
	}
	if ns.named(name) != nil {
		return "", refuse(kernel.EEXIST)
	}
	return name, nil
}

// numberedName replaces the %d in name by the lowest number that makes a new one. (net/core/dev.c:
// dev_prep_valid_name.)
func (ns *namespace) numberedName(name string) (string, *refusal) {
	before, after, ok := strings.Cut(name, "%d")
	if !ok || strings.Contains(before, "%") || strings.Contains(after, "%") {
		return "", refuse(kernel.EINVAL)
	}
	for i := 0; ; i++ {
		numbered := before + strconv.Itoa(i) + after
		if ns.named(numbered) == nil {
			return numbered, nil
		}
	}
}
