package plugin

import (
	"context"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// maxPorts is how many ports a bridge takes: BR_MAX_PORTS, net/bridge/br_private.h, without number 0.
const maxPorts = 1023

// A status is one STATUS: it fails where an ADD would, as far as that can be known without doing one, and changes
// nothing. Its codes are 50, "The plugin is not available (i.e. cannot service ADD requests)", and 51, "... and
// existing containers in the network may have limited connectivity" (SPEC 1.1.0, section 2, STATUS).
type status struct {
	*call
	config  config.Config
	ipam    ipam.Plugin // nil: layer 2 only
	host    kernel.NetNS
	limited bool // there are attachments, and their bridge does not work
}

func (c *call) status(ctx context.Context) error {
	s := &status{call: c}
	defer func() {
		if s.host != nil {
			s.host.Close()
		}
	}()
	return s.judge(run(ctx, s.steps()))
}

func (s *status) steps() []step {
	return []step{
		{"read the configuration", s.parse},
		{"find the IPAM plugin", s.prepareIPAM},
		{"reach the kernel", s.reach},
		{"look at the bridge", s.inspect},
		{"ask for permission", s.askPermission},
		{"ask whether netfilter can do it", s.checkNetfilter},
		{"ask the IPAM plugin", s.askIPAM},
	}
}

// judge gives a failure a code of STATUS, unless the request itself is wrong, which other codes tell better.
func (s *status) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case isWrongRequest(codeOf(err)), codeOf(err) == types.ErrLimitedConnectivity:
		return err
	case s.limited:
		return types.NewError(types.ErrLimitedConnectivity, message(err), details(err))
	}
	return types.NewError(types.ErrPluginNotAvailable, message(err), details(err))
}

func isWrongRequest(code uint) bool {
	switch code {
	case types.ErrUnsupportedField, types.ErrInvalidEnvironmentVariables, types.ErrDecodingFailure,
		types.ErrInvalidNetworkConfig:
		return true
	}
	return false
}

func (s *status) parse(context.Context) (err error) {
	s.warnOfTypos()
	s.config, err = config.Parse(s.stdin, s.env.args)
	return err
}

func (s *status) prepareIPAM(context.Context) (err error) {
	s.ipam, err = s.findValidIPAM()
	return err
}

func (s *status) reach(context.Context) (err error) {
	s.host, err = s.machine.Self()
	return err
}

// inspect refuses a bridge that ADD could not use.
func (s *status) inspect(context.Context) error {
	links, err := s.host.Links()
	if err != nil {
		return err
	}
	bridge, ports := findBridge(links, s.config.Bridge)
	s.limited = s.countHostEnds(links) > 0 && !bridge.Up
	switch {
	case bridge.Index == 0: // ADD makes it
		return requireVLANs(s.host, s.config, bridge)
	case ports >= maxPorts:
		return types.NewError(types.ErrPluginNotAvailable, fmt.Sprintf("bridge %s has %d ports", bridge.Name, ports),
			"no bridge takes more; use another one")
	}
	if err := mustBeBridge(bridge); err != nil {
		return err
	}
	return requireVLANs(s.host, s.config, bridge)
}

// findBridge returns the link with the name, the zero Link where there is none, and the number of its ports.
func findBridge(links []kernel.Link, name string) (bridge kernel.Link, ports int) {
	for _, l := range links {
		if l.Name == name {
			bridge = l
		}
	}
	for _, l := range links {
		if bridge.Index != 0 && l.Master == bridge.Index {
			ports++
		}
	}
	return bridge, ports
}

// askPermission changes nothing of the loopback device, which takes the permission to change it: rtnetlink_rcv_msg,
// net/core/rtnetlink.c, demands CAP_NET_ADMIN before it looks at the request.
func (s *status) askPermission(context.Context) error {
	lo, err := s.host.LinkByName("lo")
	if err != nil {
		return err
	}
	return s.host.ChangeLink(lo.Index, kernel.LinkChange{})
}

func (s *status) askIPAM(ctx context.Context) error {
	if s.ipam == nil {
		return nil
	}
	return s.ipam.Status(ctx, s.request())
}
