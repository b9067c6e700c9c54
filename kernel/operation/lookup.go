package operation

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// Path is where the namespace of a line's NS is bound.
func Path(netns string) string { return path.Join(kernel.NetNSDir, netns) }

// Open opens the namespace of a line's NS. Close it.
func Open(h kernel.Host, netns string) (kernel.NetNS, error) {
	if netns == kernel.HostNetNS {
		return h.Self()
	}
	return h.OpenNetNS(Path(netns))
}

// in calls f on a namespace.
func in(h kernel.Host, netns string, f func(kernel.NetNS) error) error {
	ns, err := Open(h, netns)
	if err != nil {
		return err
	}
	defer ns.Close()
	return f(ns)
}

// with calls f on a namespace that a request takes as an argument; nil for none.
func with(h kernel.Host, netns *string, f func(kernel.NetNS) error) error {
	if netns == nil {
		return f(nil)
	}
	return in(h, *netns, f)
}

// onLink calls f on a namespace and the index of a link.
func onLink(h kernel.Host, netns, link string, f func(ns kernel.NetNS, index int) error) error {
	return in(h, netns, func(ns kernel.NetNS) error {
		index, err := IndexOf(ns, link)
		if err != nil {
			return err
		}
		return f(ns, index)
	})
}

// IndexOf returns the index of the link that a line means by a name. ENODEV: there is none of that name, which does not say
// an index either; where it says one there need be no such link.
func IndexOf(ns kernel.NetNS, name string) (int, error) {
	link, err := ns.LinkByName(name)
	if err == nil || !errors.Is(err, kernel.ENODEV) {
		return link.Index, err
	}
	if index, ok := numbered(name); ok {
		return index, nil
	}
	return 0, err
}

// numbered returns the index in a name that iproute2 gives to a link without one.
func numbered(name string) (index int, ok bool) {
	digits, ok := strings.CutPrefix(name, "if")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil && n > 0
}

// Numbered returns the name by which a line calls a link that has only an index.
func Numbered(index int) string { return "if" + strconv.Itoa(index) }
