package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// lockWait is how long an ADD waits for others on the host. Each holds the lock for some milliseconds, on a busy machine for
// a few hundred; when a node comes up there are many, and runtimes wait for minutes.
const lockWait = time.Minute

// connect makes the bridge, connects the container to it and prints the result, with the host's namespace locked, so
// that whatever of it is shared can be undone before anybody else relies on it. Once the lock is given back nothing that
// was changed of it can fail any more, and the bridge, its address and forwarding stay.
func (a *add) connect(ctx context.Context) error {
	unlock, err := lockHost(ctx, a.host)
	if err != nil {
		return err
	}
	s := &section{add: a, unlock: unlock}
	defer s.end()
	if err := run(ctx, s.steps()); err != nil {
		return undone(err, s.undoShared(ctx))
	}
	return nil
}

func lockHost(ctx context.Context, host kernel.NetNS) (unlock func(), err error) {
	unlock, err = host.Lock(ctx, lockWait)
	if errors.Is(err, kernel.EAGAIN) {
		return nil, types.NewError(types.ErrTryAgainLater, err.Error(),
			fmt.Sprintf("another plugin held the lock of the host's network namespace for %s", lockWait))
	}
	return unlock, err
}

// A section is what an ADD does under the lock. Its undo is for what is shared; what is the attachment's goes with the
// veth pair.
type section struct {
	*add
	undo           undo
	unlock         func()      // nil while the lock is not held
	yielded        map[int]int // the ports there were when the lock was given up for some time; nil: it was not
	othersForward  bool        // a port of another bridge has come since, whose network may rely on forwarding
	newGatewayPort string      // of the VLAN's gateway, if this ADD made it
}

func (s *section) steps() []step {
	return []step{
		{"set up bridge " + s.config.Bridge, s.ensureBridge},
		{"have the bridge take all packets", s.setPromisc},
		{"set up the VLAN's gateway", s.ensureGateway},
		{"give the bridge the gateway's address", s.addGateways},
		{"attach the host end to the bridge", s.attach},
		{"put the port into its VLANs", s.joinVLANs},
		{"set the port's modes", s.setPort},
		{"turn forwarding on", s.forward},
		{"give the lock back", s.unlockUnchanged},
		{"configure the container's interface", s.configureContainer},
		{"wait for the bridge's port", s.awaitPort},
		{"wait for the port of the VLAN's gateway", s.awaitGateway},
		{"read the bridge", s.readBridge},
		{"wait for duplicate address detection", s.settle},
		{"announce the addresses", s.announce},
		{"print the result", s.tellResult},
	}
}

// unlockUnchanged gives the lock back early where nothing was changed that is shared: there is nothing to undo of it, and
// nobody takes away what a port of the bridge may rely on. When a node comes up with many containers, each but the first
// has the others wait for two or three requests, and not until its own port works.
func (s *section) unlockUnchanged(context.Context) error {
	if len(s.undo.steps) == 0 {
		s.gaveWay = true
		s.end()
	}
	return nil
}

// attach writes the owner on the host end, makes it a port and sets it up, in one request: from then on it is seen as an
// attachment's by what is written there. (Linux ignores the alias in the request that makes a link: measured on 6.18.)
func (s *section) attach(context.Context) error {
	if s.adopted {
		return s.attachAdopted()
	}
	return s.host.ChangeLink(s.hostEnd.Index, kernel.LinkChange{
		Alias: new(s.attachment.alias()), Master: &s.bridge.Index, Up: new(true),
	})
}

// setPort does what hairpinMode and portIsolation ask for, before the port works. It goes with the veth pair.
func (s *section) setPort(context.Context) error {
	var change kernel.PortChange
	if s.config.HairpinMode {
		change.Hairpin = new(true)
	}
	if s.config.PortIsolation {
		change.Isolated = new(true)
	}
	if change == (kernel.PortChange{}) || s.isOthersPort() {
		return nil
	}
	return s.host.ChangePort(s.hostEnd.Index, change)
}

// The bridge forwards to and from a port a moment after both ends of the veth are up, when the kernel has worked the
// change of carrier off (linkwatch), which mostly takes less than a millisecond. A container that sent at once would lose
// its first packets.
const (
	portWait        = 2 * time.Second
	shortestPoll    = 100 * time.Microsecond
	longestPortPoll = 2 * time.Millisecond
)

func (s *section) awaitPort(ctx context.Context) error {
	if s.config.DisableContainerInterface || s.adopted {
		return nil
	}
	return s.awaitUp(ctx, s.hostEnd.Name)
}

func (s *section) awaitUp(ctx context.Context, port string) error {
	deadline := s.machine.Now().Add(portWait)
	for nap := shortestPoll; ; nap = min(2*nap, longestPortPoll) {
		l, err := s.host.LinkByName(port)
		switch {
		case err != nil:
			return err
		case l.Oper == kernel.OperUp:
			return nil
		case !s.machine.Now().Before(deadline):
			return fmt.Errorf("bridge port in error state: %s is %s after %s", l.Name, l.Oper, portWait)
		}
		if err := s.machine.Sleep(ctx, nap); err != nil {
			return err
		}
	}
}

// readBridge reads what the result says of the bridge: one that was there before may have taken the port's address, or
// its MTU. It cannot where the address is the one that we have given the bridge, and the MTU the same.
func (s *section) readBridge(context.Context) (err error) {
	if bytes.Equal(s.bridge.MAC, bridgeMAC(s.bootID, s.bridge.Name)) && s.bridge.MTU == s.hostEnd.MTU {
		return nil
	}
	s.bridge, err = s.host.LinkByName(s.config.Bridge)
	return err
}

// tellResult prints while the lock is held, if anything shared was changed: that can be undone only as long as nobody else
// relies on it. A reader that is slow makes nobody wait, because a pipe takes 64 KiB at once, many times a result (pipe(7)).
func (s *section) tellResult(context.Context) error { return s.printResult(s.result()) }
