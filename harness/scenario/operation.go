package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// requests returns the forms of lines that are one request to the kernel and begin with these words.
func requests(begin string) []form {
	var all []form
	for _, f := range operation.Forms() {
		if strings.HasPrefix(f.Name+" ", begin+" ") {
			all = append(all, form{f.Name, f.Usage, f.About, func(s *session, netns string, w *words.Reader) (string, error) {
				o, err := f.ReadWords(netns, w.Rest)
				if err != nil {
					return "", err
				}
				out, err := s.request(o)
				return out, missing(hint(o, err))
			}})
		}
	}
	return all
}

// request makes a request to the kernel. A namespace is a pod's, with all that belongs to one.
func (s *session) request(o operation.Operation) (string, error) {
	switch o := o.(type) {
	case operation.NetNSAdd:
		if problem := misnamed(o.Name); problem != "" {
			return "", words.UsageError{Message: fmt.Sprintf("ip netns add: %q is no NAME: %s", o.Name, problem)}
		}
		return "", harness.PodNamed(o.Name).Start(s.host)
	case operation.NetNSDelete:
		s.stopServices(o.Name) // they run in its containers, and would hold it
		return "", harness.PodNamed(o.Name).Stop(s.host)
	}
	answer, err := o.Apply(s.host)
	if given, ok := o.(operation.AddressAdd); ok && err == nil && usableAtOnce(given) {
		err = s.awaitLocal(given)
	}
	return answer, err
}

// misnamed says why no new namespace has the name, if so. Linux has no objection to "host", but no line could mean it.
func misnamed(name string) string {
	switch {
	case slices.Contains([]string{"", ".", ".."}, name), strings.Contains(name, "/"):
		return "it is that of a file in " + kernel.NetNSDir
	case name == kernel.HostNetNS:
		return "the machine's own namespace is called so"
	}
	return ""
}

// usableAtOnce reports whether nothing looks for others that have the IPv6 address before packets to it are taken.
func usableAtOnce(o operation.AddressAdd) bool {
	return o.Address.Prefix.Addr().Is6() && (o.Address.NoDAD || o.Link == "lo")
}

// awaitLocal waits until packets to an address are taken: Linux has a work item add its local route, a moment after the
// request for the address has ended (net/ipv6/addrconf.c addrconf_dad_start), and until then answers that there is no route.
func (s *session) awaitLocal(o operation.AddressAdd) error {
	return s.in(o.NetNS, func(ns kernel.NetNS) error {
		for deadline := s.host.Now().Add(settleTime); ; {
			routes, err := ns.Routes(kernel.IPv6)
			local := func(r kernel.Route) bool { return r.Type == kernel.Local && r.Dst.Addr() == o.Address.Prefix.Addr() }
			if err != nil || slices.ContainsFunc(routes, local) || !s.host.Now().Before(deadline) {
				return err
			}
			if err := s.host.Sleep(s.ctx, localPause); err != nil {
				return err
			}
		}
	})
}

// localPause is how long Linux usually takes for that.
const localPause = time.Millisecond

// hint says what people may have meant by a request that was refused.
func hint(o operation.Operation, err error) error {
	key := ""
	switch o := o.(type) {
	case operation.SysctlGet:
		key = o.Key
	case operation.SysctlSet:
		key = o.Key
	}
	if !errors.Is(err, kernel.ENOENT) || strings.Contains(key, "/") || !strings.Contains(key, ".") {
		return err
	}
	return fmt.Errorf("%w; KEY has slashes: %s", err, strings.ReplaceAll(key, ".", "/"))
}

// showForm returns the form of a line that prints what a snapshot says of a noun.
func showForm(name, usage, about string, run func(*session, string, *words.Reader) (string, error)) []form {
	return []form{{name, usage, about, run}}
}

// isOn reports whether an object of a snapshot is on a link; "" is every one.
func isOn(o kernel.Object, dev string) bool {
	on, _ := o.Attr("dev")
	return dev == "" || on == dev
}
