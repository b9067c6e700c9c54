package plugin

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// Duplicate address detection takes up to two seconds: Linux asks at a random time within one, and waits for another
// (addrconf_dad_kick, addrconf_dad_work, net/ipv6/addrconf.c).
const (
	dadWait = 5 * time.Second
	dadPoll = 50 * time.Millisecond
)

// detects reports whether the container's IPv6 addresses are looked for on the network before they are used.
func (a *add) detects() bool {
	return a.config.EnableDAD && a.layer3.has(kernel.IPv6) && !a.adopted
}

// newContainerAddress is newAddress, but one that is looked for if that is asked for.
func (a *add) newContainerAddress(prefix netip.Prefix) kernel.Address {
	address := newAddress(a.containerEnd.Index, prefix)
	address.NoDAD = address.NoDAD && !a.config.EnableDAD
	return address
}

// settle waits until nobody has answered that an address is his. It does so without the lock, for the second or two
// that it takes: others would wait for it one after the other. From then on others may rely on what is shared; what
// undoes it looks for them.
func (s *section) settle(ctx context.Context) error {
	if !s.detects() {
		return nil
	}
	if s.unlock == nil {
		return s.awaitAddresses(ctx)
	}
	ports, err := s.ports()
	if err != nil {
		return err
	}
	s.yielded, s.gaveWay = ports, true
	s.end()
	if err := s.awaitAddresses(ctx); err != nil {
		return err
	}
	return s.lock(ctx)
}

// lock takes the lock, again.
func (s *section) lock(ctx context.Context) (err error) {
	s.unlock, err = lockHost(ctx, s.host)
	if err != nil {
		s.unlock = nil
	}
	return err
}

// end gives the lock back.
func (s *section) end() {
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
}

func (s *section) awaitAddresses(ctx context.Context) error {
	for deadline := s.machine.Now().Add(dadWait); ; {
		present, err := s.container.Addresses(s.containerEnd.Index)
		if err != nil {
			return err
		}
		tentative, err := s.unsettled(present)
		switch {
		case err != nil:
			return err
		case !tentative.IsValid():
			return nil
		case !s.machine.Now().Before(deadline):
			return fmt.Errorf("link %s still has tentative addresses after %s: %s", s.env.ifname, dadWait, tentative)
		}
		if err := s.machine.Sleep(ctx, dadPoll); err != nil {
			return err
		}
	}
}

// unsettled returns an address of the container whose detection has not ended; the zero Addr where all have.
func (s *section) unsettled(present []kernel.Address) (tentative netip.Addr, err error) {
	for _, a := range present {
		switch {
		case !slices.Contains(s.layer3.addresses, a.Prefix):
			continue
		case a.DADFailed:
			return tentative, types.NewError(CodeHost,
				fmt.Sprintf("link %s has address %s in DADFAILED state", s.env.ifname, a.Prefix.Addr()),
				"another machine on the network has the address; take it out of the IPAM plugin's range")
		case a.Tentative:
			tentative = a.Prefix.Addr()
		}
	}
	return tentative, nil
}

// undoShared undoes what was done under the lock, unless it was given up in between, and others have come to rely on it.
func (s *section) undoShared(ctx context.Context) error {
	if s.yielded == nil {
		return s.undo.run(ctx)
	}
	if s.unlock == nil {
		if err := s.lock(context.WithoutCancel(ctx)); err != nil {
			return &stepError{"undo what is shared", err}
		}
	}
	ports, err := s.ports()
	if err != nil {
		return err
	}
	for port, bridge := range ports {
		switch {
		case s.yielded[port] == bridge:
		case bridge == s.bridge.Index:
			return nil
		default:
			s.othersForward = true
		}
	}
	return s.undo.run(ctx)
}

// ports are the ports of all bridges, with the index of theirs.
func (s *section) ports() (map[int]int, error) {
	links, err := s.host.Links()
	if err != nil {
		return nil, err
	}
	ports := map[int]int{}
	for _, l := range links {
		if l.Master != 0 {
			ports[l.Index] = l.Master
		}
	}
	return ports, nil
}
