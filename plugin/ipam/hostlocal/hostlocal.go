// Package hostlocal gives away IPv4 addresses of one range and keeps the leases in files: the host-local IPAM plugin,
// with the reference plugin's configuration, format on disk and lock.
package hostlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// Name is the type by which configurations ask for this plugin.
const Name = "host-local"

// CodeExhausted is the code of an ADD that found no free address. The specification has none for it.
const CodeExhausted = 110

// A Plugin keeps its leases in a host's files.
type Plugin struct {
	Files interface {
		kernel.Files
		kernel.FileLocks
	}
}

var (
	_ ipam.Plugin    = Plugin{}
	_ ipam.Validator = Plugin{}
)

// Validate returns the error of Add for a configuration, or CNI_ARGS, that is not valid.
func (Plugin) Validate(r ipam.Request) error {
	_, err := ParseConfig(r.Config, r.Args)
	return err
}

// Add reserves the next free address after the last one reserved. An attachment that has an address gets no second one.
func (p Plugin) Add(ctx context.Context, r ipam.Request) (*types100.Result, error) {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	ip, err := p.allocate(ctx, r, c)
	if err != nil {
		return nil, hostFailure(err)
	}
	return &types100.Result{
		CNIVersion: r.CNIVersion,
		IPs: []*types100.IPConfig{{
			Address: net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(c.Pool.Subnet.Bits(), 32)},
			Gateway: c.Pool.Gateway.AsSlice(),
		}},
		Routes: c.Routes,
	}, nil
}

func (p Plugin) allocate(ctx context.Context, r ipam.Request, c Config) (netip.Addr, error) {
	s := p.store(c.DataDir, r.Network)
	unlock, err := s.open(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	defer unlock()
	all, err := s.leases()
	if err != nil {
		return netip.Addr{}, err
	}
	if err := refuseSecond(all, r, c.Pool); err != nil {
		return netip.Addr{}, err
	}
	ip, err := s.choose(all, c.Pool)
	if err != nil {
		return netip.Addr{}, err
	}
	return ip, s.reserve(lease{ip, r.ContainerID + lineBreak + r.IfName})
}

// refuseSecond keeps an attachment from a second address of the pool. SPEC 1.1.0, section 2: a runtime should not call
// ADD twice for the same container and interface without a DEL.
func refuseSecond(all []lease, r ipam.Request, pool Pool) error {
	for _, l := range of(all, r.ContainerID, r.IfName) {
		if pool.Contains(l.ip) {
			return types.NewError(types.ErrInternal,
				fmt.Sprintf("%s has been allocated to %s, duplicate allocation is not allowed", l.ip, r.ContainerID),
				"call DEL for the attachment first")
		}
	}
	return nil
}

// choose finds a free address, and frees one whose file is torn.
func (s store) choose(all []lease, pool Pool) (netip.Addr, error) {
	last, err := s.last()
	if err != nil {
		return netip.Addr{}, err
	}
	taken := map[netip.Addr]lease{}
	for _, l := range all {
		taken[l.ip] = l
	}
	for ip := range pool.After(last) {
		l, ok := taken[ip]
		switch {
		case !ok:
			return ip, nil
		case l.torn():
			return ip, s.release(ip)
		}
	}
	return netip.Addr{}, types.NewError(CodeExhausted,
		fmt.Sprintf("no IP addresses available in range set: %s-%s", pool.First, pool.Last),
		"delete attachments that are no longer used, or enlarge the range")
}

// reserve publishes the lease and remembers it as the last. When either fails nothing is reserved.
func (s store) reserve(l lease) error {
	err := s.publish(l)
	if err == nil {
		err = s.setLast(l.ip)
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, s.withdraw(l))
}

// withdraw undoes a reserve that may have got anywhere, and touches no lease of anybody else's.
func (s store) withdraw(l lease) error {
	tidied := s.remove(s.temporary)
	content, err := s.files.ReadFile(s.file(l.ip))
	switch {
	case errors.Is(err, kernel.ENOENT):
		return tidied
	case err != nil:
		return errors.Join(tidied, err)
	case string(content) != l.owner:
		return tidied
	}
	return errors.Join(tidied, s.release(l.ip))
}

// Del releases every address of the attachment. It needs no range: one that is configured no longer may still have
// leases.
func (p Plugin) Del(ctx context.Context, r ipam.Request) error {
	return hostFailure(p.inStore(ctx, r, func(s store, all []lease) error {
		// An ADD that was killed may have left this; it is nobody's.
		failures := []error{s.remove(s.temporary)}
		for _, l := range of(all, r.ContainerID, r.IfName) {
			failures = append(failures, s.release(l.ip))
		}
		return errors.Join(failures...)
	}))
}

// Check returns an error unless the attachment has a lease, and one for each address of the pool that prevResult lists.
func (p Plugin) Check(ctx context.Context, r ipam.Request) error {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return err
	}
	promised, err := promised(r.Config, c.Pool)
	if err != nil {
		return err
	}
	return hostFailure(p.inStore(ctx, r, func(_ store, all []lease) error {
		return checkLeases(of(all, r.ContainerID, r.IfName), promised, r)
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

// promised returns the addresses of prevResult that are of the pool. Those of other plugins in the chain are not.
func promised(data []byte, pool Pool) ([]netip.Addr, error) {
	var keys struct {
		PrevResult types100.Result `json:"prevResult"`
	}
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "prevResult: "+err.Error(), "")
	}
	var ips []netip.Addr
	for _, c := range keys.PrevResult.IPs {
		if ip, ok := netip.AddrFromSlice(c.Address.IP); ok && pool.Contains(ip.Unmap()) {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips, nil
}

// inStore calls do with the attachment's network locked. A network without a folder has no leases, and none is made.
func (p Plugin) inStore(ctx context.Context, r ipam.Request, do func(s store, all []lease) error) error {
	keys, err := parseSection(r.Config)
	if err != nil {
		return err
	}
	dataDir, err := keys.dataDir()
	if err != nil {
		return err
	}
	s := p.store(dataDir, r.Network)
	unlock, err := s.lock(ctx)
	if errors.Is(err, kernel.ENOENT) {
		return do(s, nil)
	}
	if err != nil {
		return err
	}
	defer unlock()
	all, err := s.leases()
	if err != nil {
		return err
	}
	return do(s, all)
}

func (p Plugin) store(dataDir, network string) store {
	return store{files: p.Files, dir: path.Join(dataDir, network), temporary: path.Join(dataDir, "."+network+".tmp")}
}

// hostFailure gives an error without a code of its own, which comes from the file system, the specification's: 5, "I/O
// failure".
func hostFailure(err error) error {
	var coded *types.Error
	if err == nil || errors.As(err, &coded) || kernel.ErrnoOf(err) == 0 {
		return err
	}
	return types.NewError(types.ErrIOFailure, "host-local: "+err.Error(), "")
}
