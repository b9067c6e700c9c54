// Package hostlocal gives away addresses of ranges and keeps the leases in files: the host-local IPAM plugin, with the
// reference plugin's configuration, messages, format on disk and lock. Either can read and release what the other gave.
//
// It differs from the reference where that is not safe, or not what the specification says:
//
//   - Errors have the specification's codes, 7 for a configuration for example, where the reference has 999.
//   - Where args.cni.ips is given, CNI_ARGS is ignored (CONVENTIONS.md); the reference adds both up.
//   - DEL needs no valid ranges. An operation that does not get the lock within 10 s fails with code 11; the reference
//     waits for ever, and goes on when the lock fails.
//   - An empty lease file, which the reference leaves when it dies between making and writing one, is no lease.
//   - CHECK holds the addresses of prevResult against the leases. GC and STATUS do what the specification says.
//   - A lease from before a reboot does not keep its container from a new one, nor its address from being asked for,
//     and goes to somebody else where all others are taken.
//   - The network's own address and its broadcast address are not given, though rangeStart and rangeEnd name them.
package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// Name is the type by which configurations ask for this plugin.
const Name = "host-local"

// The codes of failures for which the specification has none.
const (
	CodeExhausted = 110 // ADD found no free address
	CodeTaken     = 111 // the address that was asked for is somebody's
)

// Files is what the plugin needs of a machine: its file system, and when it was booted.
type Files interface {
	kernel.Files
	kernel.FileLocks
	BootID() (string, error)
}

// A Plugin keeps its leases in a host's files.
type Plugin struct{ Files Files }

var (
	_ ipam.Plugin    = Plugin{}
	_ ipam.Validator = Plugin{}
	_ ipam.Lister    = Plugin{}
)

// Validate returns the error of Add for a configuration, or CNI_ARGS, that is not valid.
func (Plugin) Validate(r ipam.Request) error {
	_, err := ParseConfig(r.Config, r.Args)
	return err
}

// Del releases every address of the attachment. It needs no range: one that is configured no longer may still have
// leases.
func (p Plugin) Del(ctx context.Context, r ipam.Request) error {
	return hostFailure(p.inStore(ctx, r, func(b *ledger) error {
		own, err := b.of(r.ContainerID, r.IfName)
		// An ADD that was killed may have left a temporary file; it is nobody's.
		failures := []error{err, b.remove(b.temporary)}
		for _, l := range own {
			failures = append(failures, b.release(l))
		}
		return errors.Join(append(failures, b.saveIfRoom())...)
	}))
}

// Check returns an error unless the attachment has a lease, and one for each address of the ranges that prevResult
// lists.
func (p Plugin) Check(ctx context.Context, r ipam.Request) error {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return err
	}
	promised, err := promised(r, c.Sets)
	if err != nil {
		return err
	}
	return hostFailure(p.inStore(ctx, r, func(b *ledger) error {
		own, err := b.of(r.ContainerID, r.IfName)
		if err != nil {
			return err
		}
		return checkLeases(own, promised, r)
	}))
}

func checkLeases(own []lease, promised []netip.Addr, r ipam.Request) error {
	has := map[netip.Addr]bool{}
	for _, l := range own {
		has[l.ip] = true
	}
	for _, ip := range promised {
		if !has[ip] {
			return fmt.Errorf("host-local: %s is not reserved for container %s interface %s", ip, r.ContainerID, r.IfName)
		}
	}
	if len(own) == 0 {
		return fmt.Errorf("host-local: Failed to find address added by container %v", r.ContainerID)
	}
	return nil
}

// promised returns the addresses of prevResult that are of a range. Those of other plugins in the chain are not.
func promised(r ipam.Request, sets []RangeSet) ([]netip.Addr, error) {
	result, err := ipam.PrevResult(r)
	if err != nil || result == nil {
		return nil, err
	}
	var ips []netip.Addr
	for _, c := range result.IPs {
		ip, _ := netip.AddrFromSlice(c.Address.IP)
		if slices.ContainsFunc(sets, func(s RangeSet) bool { return s.Contains(ip.Unmap()) }) {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips, nil
}

// inStore calls do with the network locked, and its leases. A network without a folder has none, and none is made. Nor
// has one without a lock, for which an ADD found no room.
func (p Plugin) inStore(ctx context.Context, r ipam.Request, do func(b *ledger) error) error {
	dataDir, err := findDataDir(r.Config)
	if err != nil {
		return err
	}
	s := newStore(p.Files, dataDir, r.Network)
	unlock, err := s.lock(ctx)
	switch {
	case isGone(err), isFull(err) && s.isEmpty():
		return do(&ledger{store: s})
	case err != nil:
		return err
	}
	defer unlock()
	b, err := s.read()
	if err != nil {
		return err
	}
	return do(b)
}

// hostFailure gives an error without a code of its own, which comes from the file system, the specification's: 5, "I/O
// failure".
func hostFailure(err error) error {
	var coded *types.Error
	if err == nil || errors.As(err, &coded) || kernel.ErrnoOf(err) == 0 {
		return err
	}
	return &ioFailure{told: types.NewError(types.ErrIOFailure, "host-local: "+err.Error(), ""), cause: err}
}

// An ioFailure keeps the errno, by which the caller knows what to do about it.
type ioFailure struct {
	told  *types.Error
	cause error
}

func (f *ioFailure) Error() string   { return f.told.Error() }
func (f *ioFailure) Unwrap() []error { return []error{f.told, f.cause} }
