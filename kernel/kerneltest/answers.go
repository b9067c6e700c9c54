package kerneltest

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A kernel does some things late: duplicate address detection takes up to a second's delay and a second's wait
// (net/ipv6/addrconf.c), an operational state up to a second (net/core/link_watch.c). A state is taken for settled when it
// has been the same for a while, longer where an address is tentative, or the operational state of a link is not known: it
// may be so for good, for want of a carrier, or of a driver that says.
const (
	settled    = 2500 * time.Millisecond
	settledNot = 5 * time.Second
	settlePoll = 500 * time.Millisecond
)

// undecided is in the text of a state that may change on its own.
var undecided = regexp.MustCompile(` tentative yes| type (veth|bridge|vlan) .* admin up oper UNKNOWN`)

// Answers tries the law, and returns what the kernel answered: each request that may change something, or that was
// refused, with its errno, and the state in the end, once it has settled. It is text that two kernels can be compared by: what a
// kernel chooses at random (MACs, and the link-local addresses made of them) has a name in it instead. Where the law does
// not hold, the answers so far are returned with the error: another kernel may answer otherwise.
func (l Law) Answers(h kernel.Host) (string, error) {
	r := &recorder{}
	var state kernel.Snapshot
	err := l.check(recorded{intercept.Wrap(h, r.hook), r}, func(e *env) {
		r.stop()
		state = e.settle(ownNamespaces{h, ownPrefix(l.Name)})
	})
	switch _, isBroken := errors.AsType[broken](err); {
	case isBroken:
		return l.plain(strings.Join(append(r.lines, "broken"), "\n")), err
	case err != nil:
		return "", err
	}
	state = slices.DeleteFunc(state, func(o kernel.Object) bool { return o.NetNS == kernel.HostNetNS })
	named := anonymous(state)
	text := fold(named.Replace(strings.Join(r.lines, "\n")) + "\n\n" + brief(rename(state, named)))
	return l.plain(text), nil
}

// plain takes the law's own paths out of a text.
func (l Law) plain(text string) string {
	text = strings.NewReplacer(ownPrefix(l.Name), "", scratchPath(l.Name), "DIR").Replace(text)
	return strings.TrimSpace(text) + "\n"
}

// settle returns the state of a host once it does not change any more.
func (e *env) settle(h kernel.Host) (state kernel.Snapshot) {
	e.awaitCalm(hasty{h})
	state, err := kernel.Take(h, scratchPath(e.law))
	e.ok(err, "take a snapshot")
	return state
}

// awaitCalm waits until the state of a host does not change any more.
func (e *env) awaitCalm(h kernel.Host) {
	since, last := h.Now(), ""
	for {
		state, err := kernel.Take(h)
		e.ok(err, "look whether the state has settled")
		text := state.String()
		if text != last {
			since, last = h.Now(), text
		}
		long := settled
		if undecided.MatchString(text) {
			long = settledNot
		}
		if h.Now().Sub(since) >= long {
			return
		}
		e.ok(h.Sleep(e.ctx, settlePoll), "let the state settle")
	}
}

// hasty is a host whose settings and rules of netfilter are not read: they are most of a snapshot, and Linux does nothing
// to them late.
type hasty struct{ kernel.Host }

// Self implements kernel.Namespaces.
func (h hasty) Self() (kernel.NetNS, error) { return hastily(h.Host.Self()) }

// OpenNetNS implements kernel.Namespaces.
func (h hasty) OpenNetNS(path string) (kernel.NetNS, error) { return hastily(h.Host.OpenNetNS(path)) }

func hastily(ns kernel.NetNS, err error) (kernel.NetNS, error) {
	if err != nil {
		return nil, err
	}
	return hastyNetNS{ns}, nil
}

type hastyNetNS struct{ kernel.NetNS }

// Sysctl implements kernel.Sysctls.
func (hastyNetNS) Sysctl(string) (string, error) { return "", kernel.ENOENT }

// Ruleset implements kernel.Netfilter.
func (hastyNetNS) Ruleset(kernel.FilterBackend) ([]kernel.FilterTable, error) { return nil, nil }

// fresh is what every new namespace has.
var fresh = []string{
	"  link lo type loopback mac 00:00:00:00:00:00 mtu 65536 admin down oper DOWN",
	"  sysctl net/ipv4/ip_forward value 0",
	"  sysctl net/ipv6/conf/all/forwarding value 0",
	"  sysctl net/ipv6/conf/lo/accept_dad value -1",
}

// brief returns the text of a snapshot without what every new namespace has, and says so where one has it not.
func brief(s kernel.Snapshot) string {
	var b strings.Builder
	for len(s) > 0 {
		n := 1
		for n < len(s) && s[n].NetNS == s[0].NetNS {
			n++
		}
		briefNamespace(&b, s[:n])
		s = s[n:]
	}
	return b.String()
}

func briefNamespace(b *strings.Builder, objects kernel.Snapshot) {
	missing := slices.Clone(fresh)
	if objects[0].NetNS == "" || len(objects[0].Attrs) > 0 {
		missing = nil // files; a namespace that cannot be read, or is another one's double
	}
	text := objects.String()
	for _, line := range fresh {
		if short := strings.Replace(text, line+"\n", "", 1); short != text {
			text = short
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == line })
		}
	}
	b.WriteString(text)
	for _, line := range missing {
		fmt.Fprintln(b, "  without", strings.TrimSpace(line))
	}
}

// recorded is a host whose requests are kept.
type recorded struct {
	kernel.Host
	recorder *recorder
}

// A recorder keeps the requests of a law.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	stopped bool
	waiting int // eventually's looks are not requests: their number is a matter of time
}

func (r *recorder) stop() { r.set(func() { r.stopped = true }) }

// wait is called around the looks at what is waited for.
func (r *recorder) wait() (end func()) {
	r.set(func() { r.waiting++ })
	return func() { r.set(func() { r.waiting-- }) }
}

func (r *recorder) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// hook notes what may have changed something, and what was refused.
func (r *recorder) hook(c intercept.Call, next func() error) error {
	err := next()
	r.set(func() {
		if r.stopped || (r.waiting > 0 && !c.Mutates()) || (err == nil && !c.Mutates()) {
			return
		}
		answer := "ok"
		if err != nil {
			answer = kernel.ErrnoOf(err).Name()
		}
		r.lines = append(r.lines, fmt.Sprintf("%s: %s", c, answer))
	})
	return err
}

// ownPrefix is what the names of a law's namespaces begin with.
func ownPrefix(law string) string { return "law-" + shortName(law) + "-" }

// ownNamespaces is a host as far as one law is concerned: laws are tried side by side on one machine.
type ownNamespaces struct {
	kernel.Host
	prefix string
}

// ReadDir leaves the namespaces of others out.
func (o ownNamespaces) ReadDir(folder string) ([]fs.DirEntry, error) {
	entries, err := o.Host.ReadDir(folder)
	if folder == kernel.NetNSDir {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), o.prefix) })
	}
	return entries, err
}

// chosenMACs is how the MACs begin that laws choose and links get.
var chosenMACs = regexp.MustCompile(`^02:00:(00|5e):`)

// anonymous names the MACs that the kernel chose MAC1, MAC2, … by the order of their links, and the link-local addresses
// made of them LL1, LL2, …. A link may have an address left that was made of a MAC it had before: LL-dev.
func anonymous(s kernel.Snapshot) *strings.Replacer {
	var pairs []string
	known := map[string]bool{"": true, "00:00:00:00:00:00": true}
	for _, o := range s {
		mac, _ := o.Attr("mac")
		if o.Noun != kernel.NounLink || known[mac] || chosenMACs.MatchString(mac) {
			continue
		}
		known[mac] = true
		n := len(known) - 2
		pairs = append(pairs, mac, fmt.Sprintf("MAC%d", n), linkLocal(mac), fmt.Sprintf("LL%d", n))
	}
	for _, o := range s {
		if dev, _ := o.Attr("dev"); o.Noun == kernel.NounAddress && generated.MatchString(o.Name) {
			pairs = append(pairs, strings.TrimSuffix(o.Name, "/64"), "LL-"+dev)
		}
	}
	return strings.NewReplacer(pairs...)
}

// generated is a link-local address made of a MAC that no law chose.
var generated = regexp.MustCompile(`^fe80::[0-9a-f]{1,4}:[0-9a-f]{0,2}ff:fe[0-9a-f]{2}:[0-9a-f]{1,4}/64$`)

// rename replaces words in the names and values of a snapshot, and sorts it anew.
func rename(s kernel.Snapshot, words *strings.Replacer) kernel.Snapshot {
	renamed := make(kernel.Snapshot, 0, len(s))
	for _, o := range s {
		o.Name, o.Attrs = words.Replace(o.Name), slices.Clone(o.Attrs)
		for i, a := range o.Attrs {
			o.Attrs[i].Value = words.Replace(a.Value)
		}
		renamed = append(renamed, o)
	}
	renamed.Sort()
	return renamed
}

// foldFrom is how many lines in a row that differ in nothing but numbers are told by the first and the last.
const foldFrom = 20

var number = regexp.MustCompile(`[0-9]+`)

// fold shortens what is much of the same.
func fold(text string) string {
	lines := strings.SplitAfter(text, "\n")
	var b strings.Builder
	for len(lines) > 0 {
		n, like := 1, number.ReplaceAllString(lines[0], "#")
		for n < len(lines) && number.ReplaceAllString(lines[n], "#") == like {
			n++
		}
		if n < foldFrom {
			b.WriteString(strings.Join(lines[:n], ""))
		} else {
			fmt.Fprintf(&b, "%s… %d lines like these …\n%s", lines[0], n-2, lines[n-1])
		}
		lines = lines[n:]
	}
	return b.String()
}

// linkLocal returns the link-local address that is made of a MAC (RFC 4291, appendix A).
func linkLocal(mac string) string {
	m, err := net.ParseMAC(mac)
	if err != nil {
		return mac
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}).String()
}
