package lockstep

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// What a sequence about packets has beside requests: operations too, each with its line of the scenario language, whose
// grammar for them is in package scenario.

// probeWait is how long a probe waits for an answer. Within a machine it comes at once, or never; Linux tells of a
// neighbour that does not answer after three seconds, and sends a SYN again after one.
const probeWait = 400 * time.Millisecond

// An echo is a ping.
type echo struct {
	netns string
	ping  kernel.Ping
}

func (o echo) Op() string { return "ping" }
func (o echo) In() string { return o.netns }

func (o echo) String() string {
	return "ping" + fromWords(o.ping.From) + intWords("-size", o.ping.Size) + intWords("-ttl", o.ping.TTL) +
		fmt.Sprintf(" -wait %s %s %s", o.ping.Timeout, o.netns, o.ping.To)
}

// Apply implements operation.Operation. It says who answered.
func (o echo) Apply(h kernel.Host) (answer string, err error) {
	ns, err := operation.Open(h, o.netns)
	if err != nil {
		return "", err
	}
	defer ns.Close()
	a, err := ns.Ping(context.Background(), o.ping)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("answer from %s\n", a.From.Addr()), nil
}

// A call is an exchange with a service.
type call struct {
	netns string
	call  kernel.Call
}

func (o call) Op() string { return "call " + string(o.call.Transport) }
func (o call) In() string { return o.netns }

func (o call) String() string {
	return "call" + fromWords(o.call.From) +
		fmt.Sprintf(" -wait %s %s %s %s", o.call.Timeout, o.netns, o.call.Transport, o.call.To)
}

// callPayload is what the scenario language sends.
var callPayload = []byte("hello")

// Apply implements operation.Operation. It says who answered, and as whom the service saw the caller.
func (o call) Apply(h kernel.Host) (answer string, err error) {
	ns, err := operation.Open(h, o.netns)
	if err != nil {
		return "", err
	}
	defer ns.Close()
	c := o.call
	c.Payload = callPayload
	a, err := ns.Call(context.Background(), c)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(a.Payload, c.Payload) {
		return fmt.Sprintf("%q came back\n", a.Payload), nil
	}
	return fmt.Sprintf("answer from %s\nseen as %s\n", a.From, a.Seen.Addr()), nil
}

// A serve listens until the arena is closed.
type serve struct {
	netns   string
	service kernel.Service
}

func (o serve) Op() string { return "serve" }
func (o serve) In() string { return o.netns }

func (o serve) String() string {
	return fmt.Sprintf("serve %s %s %s", o.netns, o.service.Transport, o.service.At)
}

// Apply implements operation.Operation.
func (o serve) Apply(h kernel.Host) (string, error) {
	ns, err := operation.Open(h, o.netns)
	if err != nil {
		return "", err
	}
	defer ns.Close()
	stop, err := ns.Serve(o.service)
	if err != nil {
		return "", err
	}
	if a, ok := h.(*arena); ok {
		a.services = append(a.services, stop)
	}
	return "", nil
}

// A pause lets Linux do what it does late, and the simulation's clock go on by as much.
type pause time.Duration

func (o pause) Op() string { return "sleep" }
func (o pause) In() string { return "" }

func (o pause) String() string { return "sleep " + time.Duration(o).String() }

// Apply implements operation.Operation.
func (o pause) Apply(h kernel.Host) (string, error) {
	return "", h.Sleep(context.Background(), time.Duration(o))
}

func fromWords(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return " -from " + a.String()
}

func intWords(option string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s %d", option, n)
}

// isProbe reports whether an operation sends packets, and its answer says what became of them.
func isProbe(o operation.Operation) bool {
	switch o.(type) {
	case echo, call:
		return true
	}
	return false
}

// familyOf is the IP version of a probe.
func familyOf(o operation.Operation) string {
	if e, ok := o.(echo); ok && e.ping.To.Is6() {
		return "6"
	}
	if c, ok := o.(call); ok && c.call.To.Addr().Is6() {
		return "6"
	}
	return "4"
}

// said are the lines of a scenario that look at what a probe was answered.
func said(printed string) string {
	var b strings.Builder
	for line := range strings.Lines(printed) {
		fmt.Fprintf(&b, "stdout '^%s$'\n", strings.NewReplacer(".", `\.`, "[", `\[`, "]", `\]`).Replace(strings.TrimSpace(line)))
	}
	return b.String()
}
