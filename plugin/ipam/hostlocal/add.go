package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// Add reserves one address of each range set: the one asked for, or the next free one after the last one reserved.
// Either all are reserved or none is. An attachment that has an address of a set gets no second one.
func (p Plugin) Add(ctx context.Context, r ipam.Request) (*types100.Result, error) {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	result := &types100.Result{CNIVersion: r.CNIVersion, Routes: c.Routes}
	if result.DNS, err = p.dns(c.ResolvConf); err != nil {
		return nil, hostFailure(err)
	}
	ips, err := p.allocate(ctx, r, c)
	if err != nil {
		return nil, hostFailure(err)
	}
	for i, ip := range ips {
		result.IPs = append(result.IPs, c.Sets[i].describe(ip))
	}
	return result, nil
}

func (s RangeSet) describe(ip netip.Addr) *types100.IPConfig {
	r := s[s.rangeOf(ip)]
	return &types100.IPConfig{
		Address: net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(r.Subnet.Bits(), ip.BitLen())},
		Gateway: r.Gateway.AsSlice(),
	}
}

func (p Plugin) dns(file string) (types.DNS, error) {
	if file == "" {
		return types.DNS{}, nil
	}
	content, err := p.Files.ReadFile(file)
	return parseResolvConf(string(content)), err
}

func (p Plugin) allocate(ctx context.Context, r ipam.Request, c Config) ([]netip.Addr, error) {
	boot, err := p.Files.BootID()
	if err != nil {
		return nil, err
	}
	s := newStore(p.Files, c.DataDir, r.Network)
	if err := p.Files.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := s.read()
	if err != nil {
		return nil, err
	}
	a := &allocation{ledger: b, request: r, boot: boot}
	return a.run(c)
}

// An allocation is the work of one ADD, under the lock.
type allocation struct {
	*ledger
	request ipam.Request
	boot    string
	made    []lease
}

func (a *allocation) run(c Config) (ips []netip.Addr, err error) {
	if err := a.clear(); err != nil {
		return nil, err
	}
	for i, set := range c.Sets {
		ip, err := a.choose(i, set, c.asked[i])
		if err == nil {
			err = a.reserve(i, ip)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("failed to allocate for range %d: %w", i, err), a.withdraw())
		}
		ips = append(ips, ip)
	}
	if err := a.remember(); err != nil {
		return nil, errors.Join(err, a.withdraw())
	}
	return ips, nil
}

// clear releases what the attachment had before a reboot: its DEL never came.
func (a *allocation) clear() error {
	for _, l := range a.hintedOf(a.request.ContainerID, a.request.IfName) {
		if !l.void(a.boot) {
			continue
		}
		if err := a.release(l); err != nil {
			return err
		}
	}
	return nil
}

// choose finds the address that a set gives, and frees it where its lease is torn or void.
func (a *allocation) choose(i int, set RangeSet, asked netip.Addr) (netip.Addr, error) {
	if asked.IsValid() {
		return asked, a.free(asked, set)
	}
	if err := a.refuseSecond(set); err != nil {
		return netip.Addr{}, err
	}
	last, err := a.last(i)
	if err != nil {
		return netip.Addr{}, err
	}
	ip, ok, err := a.next(set, last, a.boot)
	switch {
	case err != nil:
		return ip, err
	case !ok:
		return ip, exhausted(CodeExhausted, set)
	}
	return ip, a.free(ip, set)
}

// Duplicate is how Add ends, and the reference's does, for an attachment that has an address.
const Duplicate = "duplicate allocation is not allowed"

// refuseSecond keeps an attachment from a second address of the set. SPEC 1.1.0, section 2: a runtime should not call
// ADD twice for the same container and interface without a DEL. (One that asks for an address gets it, as from the
// reference.)
func (a *allocation) refuseSecond(set RangeSet) error {
	id := a.request.ContainerID
	for _, l := range a.hintedOf(id, a.request.IfName) {
		if !set.Contains(l.ip) {
			continue
		}
		if right, err := a.confirm([]lease{l}); err != nil || !right {
			return err
		}
		return types.NewError(types.ErrInternal,
			fmt.Sprintf("%s has been allocated to %s, %s", l.ip, id, Duplicate),
			"call DEL for the attachment first")
	}
	return nil
}

// free releases the lease of nobody that the address may have. CodeTaken where it is somebody's.
func (a *allocation) free(ip netip.Addr, set RangeSet) error {
	l, taken, err := a.at(ip)
	switch {
	case err != nil || !taken:
		return err
	case l.torn(), l.void(a.boot):
		return a.release(l)
	}
	return types.NewError(CodeTaken, fmt.Sprintf("requested IP address %s is not available in range set %s", ip, set),
		"somebody has it; ask for another one, or delete what has it")
}

// fewLooks is how many addresses are looked at one by one before all leases are read.
const fewLooks = 32

// next returns the first address after last that is free, or else the first whose lease is void.
func (b *ledger) next(set RangeSet, last netip.Addr, boot string) (ip netip.Addr, ok bool, err error) {
	looks := 0
	var second netip.Addr
	for ip := range set.After(last) {
		if looks++; looks == fewLooks {
			if err := b.readAll(); err != nil {
				return ip, false, err
			}
		}
		l, taken, err := b.at(ip)
		switch {
		case err != nil:
			return ip, false, err
		case !taken, l.torn():
			return ip, true, nil
		case l.void(boot) && !second.IsValid():
			second = ip
		}
	}
	return second, second.IsValid(), nil
}

func exhausted(code uint, set RangeSet) error {
	return types.NewError(code, fmt.Sprintf("no IP addresses available in range set: %s", set),
		"delete attachments that are no longer used, or enlarge the range")
}

// reserve publishes the lease and remembers it as the set's last.
func (a *allocation) reserve(set int, ip netip.Addr) error {
	l := lease{ip: ip, owner: ownerOf(a.request.ContainerID, a.request.IfName), boot: a.boot}
	a.made = append(a.made, l)
	if err := a.publish(l); err != nil {
		return err
	}
	return a.setLast(set, ip)
}

// remember puts the new leases into the index, and those that were not known there, as of this boot.
func (a *allocation) remember() error {
	for _, l := range a.made {
		info, err := a.files.Stat(a.file(l.ip))
		if err != nil {
			return err
		}
		l.stamp = stampOf(info)
		a.note(l)
	}
	for ip, l := range a.leases {
		if l.boot == "" {
			l.boot = a.boot
			a.leases[ip] = l
		}
	}
	return a.save()
}

// withdraw undoes reserves that may have got anywhere, and touches no lease of anybody else's. The index may stand as it is,
// the old one or already the new: since the folder has changed after either was written, neither counts as complete.
func (a *allocation) withdraw() error {
	failures := []error{a.remove(a.temporary)}
	for _, l := range a.made {
		failures = append(failures, a.store.release(l))
	}
	return errors.Join(failures...)
}
