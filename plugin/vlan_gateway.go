package plugin

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// A vlanGateway is the host's way into a VLAN of a bridge: a veth pair of which one end, named BRIDGE.VLAN, has the
// gateway's addresses, and the other is a port of the bridge, in the VLAN. All containers of the VLAN share it; the last
// one takes it along. Its users are not counted anywhere: they are the bridge's other ports whose untagged frames are of
// the VLAN, and what a crash leaves is no user.
type vlanGateway struct {
	bridge string
	vlan   int
}

// parseVLANGateway reads the name of one.
func parseVLANGateway(name string) (g vlanGateway, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return g, false
	}
	vlan, err := strconv.Atoi(name[dot+1:])
	g = vlanGateway{name[:dot], vlan}
	return g, err == nil && vlan > 0 && vlan <= kernel.MaxVLAN && g.name() == name
}

func (g vlanGateway) name() string { return g.bridge + "." + strconv.Itoa(g.vlan) }

// portName is that of the bridge's port.
func (g vlanGateway) portName() string {
	return "vlan" + letters(digest("vlan gateway", g.name()), 11)
}

// mac proves that a link is one that this plugin made. The reference, which never deletes its own, gives none.
func (g vlanGateway) mac(bootID string) net.HardwareAddr {
	return localMAC(digest("vlan gateway", bootID, g.name()))
}

// portMAC is none that a bridge would take, like a host end's.
func (g vlanGateway) portMAC(bootID string) net.HardwareAddr {
	mac := localMAC(digest("vlan gateway port", bootID, g.name()))
	mac[0] = hostMACStart
	return mac
}

func (g vlanGateway) owns(l kernel.Link, bootID string) bool {
	return l.Name == g.name() && l.Kind == kernel.KindVeth && bytes.Equal(l.MAC, g.mac(bootID))
}

// ensureGateway finds or makes the link that has the gateway's addresses: the bridge, or that of the VLAN.
func (s *section) ensureGateway(context.Context) error {
	s.gateway = s.bridge
	name := s.config.VLANGateway()
	if name == "" || len(s.layer3.gateways) == 0 {
		return nil
	}
	link, err := s.host.LinkByName(name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return s.createVLANGateway(vlanGateway{s.config.Bridge, s.config.VLANs.ID})
	case err != nil:
		return err
	}
	return s.useVLANGateway(link)
}

func (s *section) createVLANGateway(g vlanGateway) error {
	s.undo.push("delete the VLAN's gateway", func(context.Context) error { return s.deleteVLANGateway(g) })
	err := s.host.AddLink(kernel.LinkSpec{
		Name: g.name(), Kind: kernel.KindVeth, MTU: s.bridge.MTU, MAC: g.mac(s.bootID),
		Peer: kernel.PeerSpec{Name: g.portName(), MTU: s.bridge.MTU, MAC: g.portMAC(s.bootID)},
	})
	if err != nil {
		return err
	}
	link, err := s.host.LinkByName(g.name())
	if err != nil {
		return err
	}
	s.newGatewayPort = g.portName()
	return s.connectVLANGateway(link)
}

// useVLANGateway takes the gateway there is, whoever made it; one of ours is completed where a crash or a new bridge
// has left it alone.
func (s *section) useVLANGateway(link kernel.Link) error {
	g := vlanGateway{s.config.Bridge, s.config.VLANs.ID}
	if !g.owns(link, s.bootID) {
		s.gateway = link
		return s.setDeafUp(link)
	}
	port, err := s.host.LinkByName(g.portName())
	switch {
	case err != nil:
		return err
	case link.Up && port.Up && port.Master == s.bridge.Index:
		s.gateway = link
		return nil
	}
	return s.connectVLANGateway(link)
}

// connectVLANGateway sets the gateway up last, which says that the rest is done.
func (s *section) connectVLANGateway(link kernel.Link) error {
	s.gateway = link
	if err := s.host.ChangeLink(link.Peer, kernel.LinkChange{Master: &s.bridge.Index}); err != nil {
		return err
	}
	if err := s.join(link.Peer, gatewayVLANs(s.config)); err != nil {
		return err
	}
	if err := s.host.ChangeLink(link.Peer, kernel.LinkChange{Up: new(true)}); err != nil {
		return err
	}
	if err := s.refuseAdvertisements(link.Name); err != nil {
		return err
	}
	return s.host.ChangeLink(link.Index, kernel.LinkChange{Up: new(true)})
}

// gatewayVLANs are those of the gateway's port: the one it is for.
func gatewayVLANs(c config.Config) config.VLANs {
	return config.VLANs{ID: c.VLANs.ID, PreserveDefault: c.VLANs.PreserveDefault}
}

// deleteVLANGateway takes the gateway back that this ADD made.
func (s *section) deleteVLANGateway(g vlanGateway) error {
	return deleteOwn(s.host, g.name(), func(l kernel.Link) bool { return g.owns(l, s.bootID) })
}

// awaitGateway waits until the bridge forwards to a gateway that is new.
func (s *section) awaitGateway(ctx context.Context) error {
	if s.newGatewayPort == "" {
		return nil
	}
	return s.awaitUp(ctx, s.newGatewayPort)
}

// deleteUnusedGateway deletes the gateway of a VLAN with its last user. Which it is the configuration says, and
// prevResult, which has it from before the configuration was changed.
func (c *call) deleteUnusedGateway(ctx context.Context, host kernel.NetNS) error {
	var present []kernel.Link
	for _, name := range c.gatewayNames() {
		link, err := host.LinkByName(name)
		switch {
		case errors.Is(err, kernel.ENODEV):
			continue
		case err != nil:
			return err
		}
		present = append(present, link)
	}
	return c.deleteUnusedGateways(ctx, host, present)
}

// leaveVLAN is for an ADD that failed when it had given the lock back: whoever left the VLAN meanwhile left the gateway to
// its container, and who came to another VLAN of the bridge does not need it.
func (a *add) leaveVLAN(ctx context.Context) error {
	if !a.gaveWay || a.config.VLANGateway() == "" {
		return nil
	}
	return a.deleteUnusedGateway(ctx, a.host)
}

// gatewayNames are those that the attachment may have used.
func (c *call) gatewayNames() (names []string) {
	if name := config.FindVLANGateway(c.stdin); name != "" {
		names = append(names, name)
	}
	for _, i := range c.previousInterfaces() {
		if i == nil || i.Sandbox != "" || len(i.Name) > kernel.MaxNameLen {
			continue
		}
		if _, ok := parseVLANGateway(i.Name); ok && (len(names) == 0 || names[0] != i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// deleteUnusedGateways deletes those of the links that are gateways of ours without users. The lock keeps an ADD from
// becoming one at the same time.
func (c *call) deleteUnusedGateways(ctx context.Context, host kernel.NetNS, candidates []kernel.Link) error {
	bootID, ours := "", false
	for _, l := range candidates {
		g, ok := parseVLANGateway(l.Name)
		if !ok || l.Kind != kernel.KindVeth {
			continue
		}
		if bootID == "" {
			var err error
			if bootID, err = c.machine.BootID(); err != nil {
				return err
			}
		}
		ours = ours || g.owns(l, bootID)
	}
	if !ours {
		return nil
	}
	unlock, err := lockHost(ctx, host)
	if err != nil {
		return err
	}
	defer unlock()
	return deleteGateways(host, candidates, bootID)
}

// deleteGateways looks at everything anew, since the candidates were read without the lock.
func deleteGateways(host kernel.NetNS, candidates []kernel.Link, bootID string) error {
	links, err := host.Links()
	if err != nil {
		return err
	}
	vlans, err := host.VLANs()
	if err != nil {
		return err
	}
	var failures []error
	for _, candidate := range candidates {
		for _, l := range links {
			g, ok := parseVLANGateway(l.Name)
			if ok && l.Index == candidate.Index && g.owns(l, bootID) && !isUsed(l, g.vlan, links, vlans) {
				failures = append(failures, deleteLink(host, l.Index))
			}
		}
	}
	return errors.Join(failures...)
}

// isUsed reports whether another port of the bridge has untagged frames of the VLAN.
func isUsed(gateway kernel.Link, vlan int, links []kernel.Link, vlans []kernel.VLAN) bool {
	master := map[int]int{}
	for _, l := range links {
		master[l.Index] = l.Master
	}
	bridge := master[gateway.Peer]
	for _, v := range vlans {
		if v.ID == vlan && v.PVID && v.Link != gateway.Peer && bridge != 0 && master[v.Link] == bridge {
			return true
		}
	}
	return false
}

// checkGatewayLink finds the link that has the gateway's addresses, and notes what is wrong with it; the zero Link
// where it is not there.
func (k *check) checkGatewayLink() (kernel.Link, error) {
	name := k.config.VLANGateway()
	if name == "" {
		return k.bridge, nil
	}
	link, err := k.host.LinkByName(name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		k.missing("no link %s in netns %s", name, k.host.Name())
		return kernel.Link{}, nil
	case err != nil:
		return link, err
	case !link.Up:
		k.missing("%s in netns %s is down", name, k.host.Name())
	}
	return link, k.checkGatewayPort(link)
}

// checkGatewayPort looks at the other end of a gateway that is a veth, as ours and the reference's are.
func (k *check) checkGatewayPort(gateway kernel.Link) error {
	if gateway.Kind != kernel.KindVeth || !gateway.PeerHere || k.bridge.Index == 0 {
		return nil
	}
	links, err := k.host.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		switch {
		case l.Index != gateway.Peer:
			continue
		case l.Master != k.bridge.Index:
			k.missing("%s, the other end of %s, is not a port of bridge %s", l.Name, gateway.Name, k.bridge.Name)
		default:
			v := gatewayVLANs(k.config)
			v.PreserveDefault = true // whoever it was made for may have asked for that
			return k.checkMemberships(l, v)
		}
	}
	return nil
}
