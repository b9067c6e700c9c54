package scenario

import (
	"errors"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

func sysctlForms() []form {
	return []form{
		{
			"sysctl", "sysctl [-n NS] KEY[=VALUE]", "print or set a setting; KEY has slashes (net/ipv4/ip_forward)",
			(*session).sysctl,
		},
	}
}

func (s *session) sysctl(netns string, w *words) (out string, err error) {
	var setting string
	if err := errors.Join(w.names("KEY[=VALUE]", &setting), w.end()); err != nil {
		return "", err
	}
	key, val, set := strings.Cut(setting, "=")
	err = s.in(netns, func(ns kernel.NetNS) error {
		if set {
			return ns.SetSysctl(key, val)
		}
		val, err := ns.Sysctl(key)
		if err == nil {
			out = val + "\n"
		}
		return err
	})
	return out, err
}
