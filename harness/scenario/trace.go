package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A traced is a probe of which each step is shown.
type traced struct {
	from, to netip.Addr
	over     portOf
	timeout  time.Duration
}

// trace prints what happens to packets during a probe. That the probe fails is what people trace for, and no error.
func (s *session) trace(_ string, w *words.Reader) (string, error) {
	p := traced{timeout: patience}
	var netns string
	err := w.Options(words.Keywords{
		"-from": words.Value(w, "ADDRESS", &p.from, netip.ParseAddr),
		"-wait": words.Value(w, "TIME", &p.timeout, words.Duration),
	})
	if err == nil {
		operands := []func() error{
			words.Value(w, "NS", &netns, words.String), arrow(w), words.Value(w, "ADDRESS", &p.to, netip.ParseAddr),
		}
		if len(w.Rest) > len(operands) {
			operands = append(operands, words.Value(w, "icmp, tcp/PORT or udp/PORT", &p.over, parseOver))
		}
		err = w.Operands(operands...)
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

// arrow returns what passes over the word between where a probe is from and whom it is for.
func arrow(w *words.Reader) func() error {
	return func() error {
		word, err := w.Next("->")
		if err == nil && word != "->" {
			err = w.Wrong(`"->" has to stand between NS and ADDRESS, and %q does`, word)
		}
		return err
	}
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
