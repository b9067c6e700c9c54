// Package reach finds out who of a machine's namespaces reaches whom: every one asks every address of the others, and the
// answers make a table.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A Question is what is asked of each address: an echo request, or with a port a connection.
type Question struct {
	Port uint16        // of TCP; 0: ping
	Wait time.Duration // for each answer; 0: kernel.DefaultProbeTimeout
}

// A Target is an address of a namespace.
type Target struct {
	NetNS string
	Addr  netip.Addr
}

// A Matrix is what came of it: for each namespace, by name, what it got from each target.
type Matrix struct {
	Targets []Target
	NetNS   []string
	Answers [][]Answer // by namespace and target
}

// An Answer is what somebody got from a target.
type Answer string

// The answers that have names of their own; any other is the errno's.
const (
	Reply           Answer = "reply"            // to a connection: somebody listens
	Refused         Answer = "refused"          // nobody listens there, or somebody on the way says so
	NetUnreachable  Answer = "net-unreachable"  // no route leads there, here or on the way
	HostUnreachable Answer = "host-unreachable" // nobody on the last link has the address
	Prohibited      Answer = "prohibited"
	Timeout         Answer = "timeout"
	Itself          Answer = "-" // the address is its own: not asked
)

var answers = map[kernel.Errno]Answer{
	kernel.ECONNREFUSED: Refused,
	kernel.ENETUNREACH:  NetUnreachable,
	kernel.EHOSTUNREACH: HostUnreachable,
	kernel.EACCES:       Prohibited,
	kernel.ETIMEDOUT:    Timeout,
	kernel.EAGAIN:       Timeout,
	kernel.EPROTO:       Reply, // another service than kernel.Probes' own, which says what it pleases
}

// answerOf names what a probe returned.
func answerOf(err error) Answer {
	errno := kernel.ErrnoOf(err)
	switch answer, ok := answers[errno]; {
	case err == nil:
		return Reply
	case ok:
		return answer
	}
	return Answer(errno.Name())
}

// Ask asks the question of all namespaces of a machine: its own, and those that have a name. Loopback and link-local
// addresses are no targets, nor are those that IPv6 does not use yet.
func Ask(ctx context.Context, h kernel.Host, q Question) (Matrix, error) {
	spaces, err := openAll(h)
	defer func() {
		for _, s := range spaces {
			s.Close()
		}
	}()
	if err != nil {
		return Matrix{}, err
	}
	var m Matrix
	for _, s := range spaces {
		targets, err := targetsIn(s)
		if err != nil {
			return Matrix{}, err
		}
		m.NetNS = append(m.NetNS, s.Name())
		m.Targets = append(m.Targets, targets...)
	}
	for _, s := range spaces {
		row, err := q.askFrom(ctx, s, m.Targets)
		if err != nil {
			return Matrix{}, err
		}
		m.Answers = append(m.Answers, row)
	}
	return m, nil
}

// openAll opens the namespaces, each once: the machine's own first, the others by name. What it has opened it returns
// with the error too.
func openAll(h kernel.Host) (spaces []kernel.NetNS, err error) {
	self, err := h.Self()
	if err != nil {
		return nil, err
	}
	spaces = append(spaces, self)
	entries, err := h.ReadDir(kernel.NetNSDir)
	if err != nil && !errors.Is(err, kernel.ENOENT) {
		return spaces, err
	}
	for _, entry := range entries {
		ns, err := h.OpenNetNS(path.Join(kernel.NetNSDir, entry.Name()))
		if err != nil {
			return spaces, err
		}
		if slices.ContainsFunc(spaces, func(o kernel.NetNS) bool { return o.ID() == ns.ID() }) {
			ns.Close()
			continue
		}
		spaces = append(spaces, ns)
	}
	return spaces, nil
}

func targetsIn(ns kernel.NetNS) (targets []Target, err error) {
	addresses, err := ns.Addresses(0)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		addr := a.Prefix.Addr()
		if !addr.IsLoopback() && !addr.IsLinkLocalUnicast() && !a.Tentative {
			targets = append(targets, Target{ns.Name(), addr})
		}
	}
	slices.SortFunc(targets, func(a, b Target) int { return a.Addr.Compare(b.Addr) })
	return targets, nil
}

func (q Question) askFrom(ctx context.Context, ns kernel.NetNS, targets []Target) (row []Answer, err error) {
	for _, t := range targets {
		if t.NetNS == ns.Name() {
			row = append(row, Itself)
			continue
		}
		err := q.ask(ctx, ns, t.Addr)
		if errors.Is(err, kernel.ECANCELED) {
			return nil, err
		}
		row = append(row, answerOf(err))
	}
	return row, nil
}

func (q Question) ask(ctx context.Context, ns kernel.NetNS, to netip.Addr) (err error) {
	if q.Port == 0 {
		_, err = ns.Ping(ctx, kernel.Ping{To: to, Timeout: q.Wait})
	} else {
		at := netip.AddrPortFrom(to, q.Port)
		_, err = ns.Call(ctx, kernel.Call{Transport: kernel.TCP, To: at, Timeout: q.Wait})
	}
	return err
}

// String is the table: a line for each target, a column for each namespace that asks.
func (m Matrix) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "to\\from\t\t%s\n", strings.Join(m.NetNS, "\t"))
	for i, t := range m.Targets {
		fmt.Fprintf(w, "%s\t%s", t.NetNS, t.Addr)
		for from := range m.NetNS {
			fmt.Fprintf(w, "\t%s", m.Answers[from][i])
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n")+"\n")
	}
	return strings.Join(lines, "")
}
