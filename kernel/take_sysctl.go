package kernel

import (
	"errors"
	"strings"
)

// hostSysctls and linkSysctls are the settings that CNI plugins touch. LINK stands for the link's name.
var (
	hostSysctls = []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"}
	linkSysctls = []string{
		"net/ipv4/conf/LINK/arp_notify",
		"net/ipv4/conf/LINK/forwarding",
		"net/ipv4/conf/LINK/rp_filter",
		"net/ipv6/conf/LINK/accept_dad",
		"net/ipv6/conf/LINK/accept_ra",
		"net/ipv6/conf/LINK/disable_ipv6",
		"net/ipv6/conf/LINK/forwarding",
		"net/ipv6/conf/LINK/keep_addr_on_down",
	}
)

func (s *namespaceView) sysctls() ([]Object, error) {
	var objects []Object
	for _, key := range hostSysctls {
		value, err := s.sysctl(key)
		if err != nil {
			return nil, err
		}
		objects = appendSysctl(objects, key, value)
	}
	for _, key := range linkSysctls {
		standard, err := s.sysctl(sysctlOf(key, "default"))
		if err != nil {
			return nil, err
		}
		for _, l := range s.links {
			value, err := s.sysctl(sysctlOf(key, l.Name))
			if err != nil {
				return nil, err
			}
			if value != standard {
				objects = appendSysctl(objects, sysctlOf(key, l.Name), value)
			}
		}
	}
	return objects, nil
}

func sysctlOf(key, link string) string { return strings.Replace(key, "LINK", link, 1) }

// sysctl reads a setting; "" is one that this kernel does not have.
func (s *namespaceView) sysctl(key string) (string, error) {
	value, err := s.handle.Sysctl(key)
	if errors.Is(err, ENOENT) {
		return "", nil
	}
	return value, err
}

func appendSysctl(objects []Object, key, value string) []Object {
	if value == "" {
		return objects
	}
	return append(objects, Object{Noun: NounSysctl, Name: key, Attrs: []Attr{{"value", value}}})
}
