package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A traced is a probe of which each step is shown.
type traced struct {
	from, to netip.Addr
	over     portOf
	timeout  time.Duration
}

// trace prints what happens to packets during a probe. That the probe fails is what people trace for, and no error.
func (s *session) trace(_ string, w *words) (string, error) {
	p := traced{timeout: patience}
	var netns string
	err := w.options(keywords{
		"-from": value(w, "ADDRESS", &p.from, parseAddr),
		"-wait": value(w, "TIME", &p.timeout, parseDuration),
	})
	if err == nil {
		operands := []func() error{
			value(w, "NS", &netns, parseString), w.arrow, value(w, "ADDRESS", &p.to, parseAddr),
		}
		if len(w.rest) > len(operands) {
			operands = append(operands, value(w, "icmp, tcp/PORT or udp/PORT", &p.over, parseOver))
		}
		err = w.operands(operands...)
	}
	switch {
	case err != nil:
		return "", err
	case s.watch == nil:
		return "", errors.New("trace: " + noTrace)
	}
	var lines strings.Builder
	err = s.in(netns, func(ns kernel.NetNS) error {
		stop := s.watch(func(line string) { fmt.Fprintln(&lines, line) })
		defer stop()
		outcome := p.outcome(s, ns)
		stop()
		fmt.Fprintln(&lines, outcome)
		return nil
	})
	return lines.String(), err
}

// outcome makes the probe, and says what came of it.
func (p traced) outcome(s *session, ns kernel.NetNS) string {
	var err error
	var answer kernel.Answer
	if p.over == (portOf{}) {
		answer, err = ns.Ping(s.ctx, kernel.Ping{To: p.to, From: p.from, Timeout: p.timeout})
	} else {
		answer, err = ns.Call(s.ctx, kernel.Call{
			Transport: p.over.transport, To: netip.AddrPortFrom(p.to, p.over.port), From: p.from, Payload: []byte("hello"), Timeout: p.timeout,
		})
	}
	switch {
	case err != nil:
		return err.Error()
	case p.over == (portOf{}):
		return fmt.Sprintf("answer from %s", answer.From.Addr())
	}
	return fmt.Sprintf("answer from %s, seen as %s", answer.From, answer.Seen)
}

// arrow passes over the word between where a probe is from and whom it is for.
func (w *words) arrow() error {
	word, err := w.next("->")
	if err == nil && word != "->" {
		err = w.wrong(`"->" has to stand between NS and ADDRESS, and %q does`, word)
	}
	return err
}

// A portOf is a port of a transport; the zero value stands for an echo request.
type portOf struct {
	transport kernel.Transport
	port      uint16
}

// parseOver reads how to probe.
func parseOver(s string) (over portOf, err error) {
	if s == "icmp" {
		return over, nil
	}
	transport, port, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return over, fmt.Errorf("no port %q", port)
	}
	over.port = uint16(n)
	over.transport, err = parseTransport(transport)
	return over, err
}
