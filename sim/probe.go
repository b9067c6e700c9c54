package sim

import (
	"context"

	"github.com/cnilab/cnilab/kernel"
)

// Ping is kernel.Probes'.
func (n *handle) Ping(ctx context.Context, p kernel.Ping) (answer kernel.Answer, err error) {
	t, err := n.openSockets()
	if err == nil {
		answer, err = t.Ping(ctx, p)
	}
	return answer, n.probeError("ping", p.To.String(), err)
}

// Call is kernel.Probes'.
func (n *handle) Call(ctx context.Context, c kernel.Call) (answer kernel.Answer, err error) {
	t, err := n.openSockets()
	if err == nil {
		answer, err = t.Call(ctx, c)
	}
	return answer, n.probeError("call", string(c.Transport)+" "+c.To.String(), err)
}

// Serve is kernel.Probes'.
func (n *handle) Serve(s kernel.Service) (stop func(), err error) {
	t, err := n.openSockets()
	if err == nil {
		stop, err = t.Serve(s)
	}
	return stop, n.probeError("serve", string(s.Transport)+" "+s.At.String(), err)
}

func (n *handle) openSockets() (Transport, error) {
	if err := n.do("probe", "", func() *refusal { return nil }); err != nil {
		return nil, err
	}
	return n.ns.sockets()
}

func (n *handle) probeError(op, object string, err error) error {
	if err == nil {
		return nil
	}
	return n.fail(op, object, refuse(kernel.ErrnoOf(err)))
}
