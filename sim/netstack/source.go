package netstack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/cnilab/cnilab/sim"
)

// withOurSource wraps a network protocol so that the namespace's routes choose the source address of a socket that has
// none. gVisor would take the address with the longest common prefix.
func withOurSource(factory stack.NetworkProtocolFactory, l3 sim.Layer3) stack.NetworkProtocolFactory {
	return func(s *stack.Stack) stack.NetworkProtocol {
		return &sourcedProtocol{NetworkProtocol: factory(s), l3: l3}
	}
}

type sourcedProtocol struct {
	stack.NetworkProtocol
	l3 sim.Layer3
}

func (p *sourcedProtocol) NewEndpoint(nic stack.NetworkInterface, d stack.TransportDispatcher) stack.NetworkEndpoint {
	return &sourcedEndpoint{networkEndpoint: p.NetworkProtocol.NewEndpoint(nic, d).(networkEndpoint), l3: p.l3}
}

// A networkEndpoint is what the stack asks of gVisor's IPv4 and IPv6 endpoints by type assertion (stack/nic.go).
type networkEndpoint interface {
	stack.MulticastForwardingNetworkEndpoint
	stack.AddressableEndpoint
	stack.GroupAddressableEndpoint
}

type sourcedEndpoint struct {
	networkEndpoint
	l3 sim.Layer3
}

// AcquireOutgoingPrimaryAddress is asked by Stack.FindRoute for the source of what goes to remote. Without one the
// destination is unreachable.
func (e *sourcedEndpoint) AcquireOutgoingPrimaryAddress(remote, _ tcpip.Address, _ bool) stack.AddressEndpoint {
	if remote.Len() == 0 {
		return nil
	}
	src, err := e.l3.Source(addrOf(remote))
	if err != nil || !src.IsValid() {
		return nil
	}
	return e.AcquireAssignedAddress(stackAddr(src), true, stack.NeverPrimaryEndpoint, false)
}
