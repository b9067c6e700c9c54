package scenario

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cnilab/cnilab/harness/reach"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func probeForms() []form {
	return []form{
		{
			"ping", "ping [-from ADDRESS] [-size BYTES] [-ttl N] [-wait TIME] NS ADDRESS",
			"send an echo request from a namespace; print who answered (TIME: 5s)", (*session).ping,
		},
		{
			"serve", "serve NS tcp|udp [ADDRESS:]PORT", "listen there until the end or until the namespace is deleted",
			(*session).serve,
		},
		{
			"call", "call [-from ADDRESS] [-wait TIME] NS tcp|udp ADDRESS:PORT",
			"call what was served; print who answered and as whom it saw the caller (TIME: 5s)", (*session).call,
		},
		{
			"trace", "trace [-from ADDRESS] [-wait TIME] NS -> ADDRESS [icmp|tcp/PORT|udp/PORT]",
			"ping or call, and print all that happens to packets meanwhile, and what came of it (TIME: 5s)", (*session).trace,
		},
		{
			"matrix", "matrix [-wait TIME] [tcp/PORT]", "ping from every namespace to every address of all others, or connect to the port;" +
				" print a table of what came of it: reply, refused, net-unreachable, host-unreachable, prohibited, timeout (TIME: 5s)",
			(*session).matrix,
		},
	}
}

// patience is how long a probe waits where a line does not say. Linux asks three times, a second apart, for a
// neighbour's MAC before it gives up, and a new port of a bridge may take as long to come up.
const patience = 5 * time.Second

func (s *session) ping(_ string, w *words.Reader) (out string, err error) {
	p := kernel.Ping{Timeout: patience}
	var netns string
	err = w.Options(words.Keywords{
		"-from": words.Value(w, "ADDRESS", &p.From, netip.ParseAddr),
		"-size": words.Value(w, "BYTES", &p.Size, words.Int),
		"-ttl":  words.Value(w, "N", &p.TTL, words.Int),
		"-wait": words.Value(w, "TIME", &p.Timeout, words.Duration),
	})
	if err == nil {
		err = w.Operands(words.Value(w, "NS", &netns, words.String), words.Value(w, "ADDRESS", &p.To, netip.ParseAddr))
	}
	if err != nil {
		return "", err
	}
	err = s.in(netns, func(ns kernel.NetNS) error {
		answer, err := ns.Ping(s.ctx, p)
		if err == nil {
			out = fmt.Sprintf("answer from %s\n", answer.From.Addr())
		}
		return err
	})
	return out, err
}

func (s *session) call(_ string, w *words.Reader) (out string, err error) {
	c := kernel.Call{Payload: []byte("hello"), Timeout: patience}
	var netns string
	err = w.Options(words.Keywords{
		"-from": words.Value(w, "ADDRESS", &c.From, netip.ParseAddr),
		"-wait": words.Value(w, "TIME", &c.Timeout, words.Duration),
	})
	if err == nil {
		err = w.Operands(words.Value(w, "NS", &netns, words.String), words.Value(w, "transport", &c.Transport, parseTransport),
			words.Value(w, "ADDRESS:PORT", &c.To, netip.ParseAddrPort))
	}
	if err != nil {
		return "", err
	}
	err = s.in(netns, func(ns kernel.NetNS) error {
		answer, err := ns.Call(s.ctx, c)
		if err != nil {
			return err
		}
		out = fmt.Sprintf("answer from %s\nseen as %s\n", answer.From, answer.Seen.Addr())
		return checkEcho(c, answer)
	})
	return out, err
}

func (s *session) matrix(_ string, w *words.Reader) (string, error) {
	q := reach.Question{Wait: patience}
	err := w.Options(words.Keywords{"-wait": words.Value(w, "TIME", &q.Wait, words.Duration)})
	if err == nil && len(w.Rest) > 0 {
		err = w.Operands(words.Value(w, "tcp/PORT", &q.Port, parseTCPPort))
	}
	if err != nil {
		return "", err
	}
	matrix, err := reach.Ask(s.ctx, s.host, q)
	return matrix.String(), err
}

// parseTCPPort reads "tcp/80".
func parseTCPPort(s string) (uint16, error) {
	number, ok := strings.CutPrefix(s, "tcp/")
	port, err := strconv.ParseUint(number, 10, 16)
	if !ok || err != nil || port == 0 {
		return 0, fmt.Errorf("no TCP port %q", s)
	}
	return uint16(port), nil
}

// checkEcho tells an answer from one that was damaged on the way.
func checkEcho(c kernel.Call, answer kernel.Answer) error {
	if string(answer.Payload) != string(c.Payload) {
		return fmt.Errorf("call %s: sent %q, and %q came back", c.To, c.Payload, answer.Payload)
	}
	return nil
}

// A service is something that runs in a namespace until it is stopped.
type service struct {
	netns string
	name  string // the container's; "": a line "serve" started it
	stop  func()
}

func (s *session) serve(_ string, w *words.Reader) (string, error) {
	var netns string
	var listen kernel.Service
	err := w.Operands(words.Value(w, "NS", &netns, words.String),
		words.Value(w, "transport", &listen.Transport, parseTransport), words.Value(w, "PORT", &listen.At, parseListen))
	if err != nil {
		return "", err
	}
	return "", s.in(netns, func(ns kernel.NetNS) error {
		stop, err := ns.Serve(listen)
		if err == nil {
			s.services = append(s.services, service{netns: netns, stop: stop})
		}
		return err
	})
}

// stopServices ends what runs in a namespace.
func (n *node) stopServices(netns string) {
	n.stopWhere(func(running service) bool { return running.netns == netns })
}

// end stops all that the scenario has going on its machines.
func (s *session) end() {
	for _, n := range s.nodes {
		n.stopWhere(func(service) bool { return true })
	}
}

// stopWhere stops some services, and reports whether there were any.
func (n *node) stopWhere(chosen func(service) bool) (any bool) {
	var others []service
	for _, running := range n.services {
		if !chosen(running) {
			others = append(others, running)
			continue
		}
		running.stop()
		any = true
	}
	n.services = others
	return any
}

func parseTransport(s string) (kernel.Transport, error) {
	switch t := kernel.Transport(s); t {
	case kernel.TCP, kernel.UDP:
		return t, nil
	}
	return "", fmt.Errorf("no transport %q", s)
}

// parseListen reads a port, or an address and a port.
func parseListen(s string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	return netip.ParseAddrPort("0.0.0.0:" + s)
}
