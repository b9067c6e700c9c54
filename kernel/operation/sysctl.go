package operation

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func sysctlForms() []Form {
	return []Form{{
		"sysctl", "sysctl [-n NS] KEY[=VALUE]", "print or set a setting; KEY has slashes (net/ipv4/ip_forward)", readSysctl,
	}}
}

func readSysctl(netns string, r *words.Reader) (Operation, error) {
	var setting string
	if err := r.Only("KEY[=VALUE]", &setting); err != nil {
		return nil, err
	}
	if key, value, set := strings.Cut(setting, "="); set {
		return SysctlSet{NetNS: netns, Key: key, Value: value}, nil
	}
	return SysctlGet{NetNS: netns, Key: setting}, nil
}

// A SysctlGet asks for a setting. A key has no "=".
type SysctlGet struct{ NetNS, Key string }

func (o SysctlGet) String() string {
	l := lineOf(o.NetNS, "sysctl")
	l.quoted(o.Key)
	return l.String()
}

// Op implements Operation.
func (o SysctlGet) Op() string { return "sysctl get" }

// In implements Operation.
func (o SysctlGet) In() string { return o.NetNS }

// Apply implements Operation.
func (o SysctlGet) Apply(h kernel.Host) (answer string, err error) {
	err = in(h, o.NetNS, func(ns kernel.NetNS) error {
		value, err := ns.Sysctl(o.Key)
		if err == nil {
			answer = value + "\n"
		}
		return err
	})
	return answer, err
}

// A SysctlSet changes a setting. A key has no "=".
type SysctlSet struct{ NetNS, Key, Value string }

func (o SysctlSet) String() string {
	l := lineOf(o.NetNS, "sysctl")
	l.quoted(o.Key + "=" + o.Value)
	return l.String()
}

// Op implements Operation.
func (o SysctlSet) Op() string { return "sysctl set" }

// In implements Operation.
func (o SysctlSet) In() string { return o.NetNS }

// Apply implements Operation.
func (o SysctlSet) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) error { return ns.SetSysctl(o.Key, o.Value) })
}
