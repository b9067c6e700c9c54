package kerneltest

import (
	"cmp"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func linkMutants() []mutant {
	return []mutant{
		{"link/list/loopback-alone", "sets lo up", eachLink(func(l *kernel.Link) { l.Up = l.Name == "lo" })},
		{"link/list/by-index", "lists links by name", twist{
			ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
				slices.SortFunc(links, func(a, b kernel.Link) int { return cmp.Compare(a.Name, b.Name) })
				return links
			},
		}},
		{"link/show/absent", "says ENOENT", confuse(intercept.LinkShow, kernel.ENODEV, kernel.ENOENT)},
		{"link/show/same-as-listed", "shows one link without its master", twist{
			ShowLink: func(_ kernel.NetNS, l kernel.Link) kernel.Link { l.Master = 0; return l },
		}},
		{"link/add/name-taken", "replaces the link that has the name", twist{AddLink: replaceTaken}},
		{"link/add/name-too-long", "cuts names", addAs(func(s *kernel.LinkSpec) {
			s.Name = s.Name[:min(len(s.Name), kernel.MaxNameLen)]
		})},
		{"link/add/name-invalid", "takes names with white space", addAs(func(s *kernel.LinkSpec) {
			s.Name = strings.ReplaceAll(s.Name, " ", "_")
		})},
		{"link/add/kind-unknown", "says EINVAL", confuse(intercept.LinkAdd, kernel.EOPNOTSUPP, kernel.EINVAL)},
		{"link/add/mtu-default", "gives a new veth the MTU of loopback", addAs(func(s *kernel.LinkSpec) {
			if s.Kind == kernel.KindVeth {
				s.MTU = kernel.MaxMTU
			}
		})},
		{"link/add/mtu-limits", "fits MTUs into the limits", addAs(func(s *kernel.LinkSpec) {
			if s.MTU != 0 {
				s.MTU = min(max(s.MTU, kernel.MinMTU), kernel.MaxMTU)
			}
		})},
		{"link/add/mtu-given", "ignores the MTU of a bridge", addAs(func(s *kernel.LinkSpec) { s.MTU = 0 })},
		{"link/add/mac-given", "ignores the MAC", addAs(func(s *kernel.LinkSpec) { s.MAC = nil })},
		{"link/add/mac-invalid", "says EINVAL", confuse(intercept.LinkAdd, kernel.EADDRNOTAVAIL, kernel.EINVAL)},
		{"link/add/mac-length", "cuts MACs", addAs(func(s *kernel.LinkSpec) { s.MAC = s.MAC[:min(len(s.MAC), 6)] })},
		{"link/add/mac-random", "gives all links one MAC", eachLink(func(l *kernel.Link) { l.MAC = mac(macMid) })},
		{"link/add/down", "sets new links up", addAs(func(s *kernel.LinkSpec) { s.Up = true })},
		{"link/add/up", "leaves new links down", addAs(func(s *kernel.LinkSpec) { s.Up = false })},
		{"link/add/master-no-bridge", "ignores a master that is no bridge", twist{AddLink: forgivingMaster}},
		{"link/add/refused-leaves-nothing", "leaves the link there", twist{AddLink: leaveRefused}},
		{"link/add/master-absent", "says ENODEV", confuse(intercept.LinkAdd, kernel.EINVAL, kernel.ENODEV)},
		{"link/delete/gone", "deletes nothing", pretend(intercept.Every(intercept.LinkDelete))},
		{"link/delete/absent", "says nothing", swallow(intercept.LinkDelete, kernel.ENODEV)},
		{"link/delete/twice", "says nothing", swallow(intercept.LinkDelete, kernel.ENODEV)},
		{"link/delete/loopback", "says EPERM", confuse(intercept.LinkDelete, kernel.EOPNOTSUPP, kernel.EPERM)},
		{"link/index/per-namespace", "counts indexes for all namespaces", twist{
			ShowLinks: func(ns kernel.NetNS, links []kernel.Link) []kernel.Link {
				for i := range links {
					links[i].Index += int(ns.Name()[len(ns.Name())-1] - 'a')
				}
				return links
			},
		}},
		{"link/index/never-reused", "numbers links as they are listed", twist{
			ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
				for i := range links {
					links[i].Index = i + 1
				}
				return links
			},
		}},
	}
}

// replaceTaken deletes the link that has the name.
func replaceTaken(ns kernel.NetNS, spec kernel.LinkSpec) error {
	if l, err := ns.LinkByName(spec.Name); err == nil {
		if err := ns.DeleteLink(l.Index); err != nil {
			return err
		}
	}
	return ns.AddLink(spec)
}

// forgivingMaster adds the link without a master where the master will not do.
func forgivingMaster(ns kernel.NetNS, spec kernel.LinkSpec) error {
	err := ns.AddLink(spec)
	if errors.Is(err, kernel.EOPNOTSUPP) {
		spec.Master = 0
		return ns.AddLink(spec)
	}
	return err
}

// leaveRefused adds the link first and sets its master then.
func leaveRefused(ns kernel.NetNS, spec kernel.LinkSpec) error {
	master := spec.Master
	spec.Master = 0
	if err := ns.AddLink(spec); err != nil || master == 0 {
		return err
	}
	l, err := ns.LinkByName(spec.Name)
	if err != nil {
		return err
	}
	return ns.ChangeLink(l.Index, kernel.LinkChange{Master: &master})
}

func changeMutants() []mutant {
	return []mutant{
		{"link/change/absent", "says nothing", swallow(intercept.LinkSet, kernel.ENODEV)},
		{
			"link/rename/found-by-new-name", "keeps the old name",
			changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
				c.Name = nil
			}),
		},
		{"link/rename/taken", "says EBUSY", confuse(intercept.LinkSet, kernel.EEXIST, kernel.EBUSY)},
		{"link/rename/to-itself", "takes the link's own name for taken", twist{ChangeLink: ownNameTaken}},
		{"link/rename/while-up", "says EBUSY, as Linux did before 6.2", twist{ChangeLink: busyWhileUp}},
		{
			"link/rename/invalid", "takes names with white space",
			changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
				if c.Name != nil {
					*c.Name = strings.ReplaceAll(*c.Name, " ", "_")
				}
			}),
		},
		{"link/rename/too-long", "says EINVAL", confuse(intercept.LinkSet, kernel.ERANGE, kernel.EINVAL)},
		{"link/rename/frees-name", "leaves another link with the old name behind", twist{ChangeLink: leaveOldName}},
		{"link/mtu/set", "changes the MTU of both ends", twist{ChangeLink: resizePeer}},
		{"link/mtu/limits", "fits MTUs into the limits", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.MTU != nil {
				c.MTU = new(min(max(*c.MTU, kernel.MinMTU), kernel.MaxMTU))
			}
		})},
		{
			"link/mtu/loopback-has-no-limits", "has limits for lo",
			refuse(kernel.EINVAL, intercept.Every(intercept.LinkSet, "lo mtu 67")),
		},
		{"link/mac/same-and-invalid", "says EINVAL", refuse(kernel.EINVAL, intercept.Every(intercept.LinkSet))},
		{"link/mac/set", "keeps its MAC", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) { c.MAC = nil })},
		{"link/mac/invalid", "says EINVAL", confuse(intercept.LinkSet, kernel.EADDRNOTAVAIL, kernel.EINVAL)},
		{
			"link/alias/set", "ignores the alias",
			changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) { c.Alias = nil }),
		},
		{"link/alias/removed", "takes no alias away", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.Alias != nil && *c.Alias == "" {
				c.Alias = nil
			}
		})},
		{"link/alias/too-long", "cuts aliases", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.Alias != nil {
				c.Alias = new((*c.Alias)[:min(len(*c.Alias), 255)])
			}
		})},
		{"link/change/order", "sets all or nothing", twist{ChangeLink: masterFirst}},
		{"link/up/set-and-unset", "never sets a link down", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.Up != nil {
				c.Up = new(true)
			}
		})},
		{"link/promisc/flag", "counts the flag each time", countPromisc()},
		{"link/promisc/port", "does not count the bridge", eachLink(func(l *kernel.Link) {
			if l.Master != 0 {
				l.Promiscuity--
			}
		})},
	}
}

func ownNameTaken(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	if c.Name != nil {
		if _, err := ns.LinkByName(*c.Name); err == nil {
			return &kernel.Error{Op: "link set", Errno: kernel.EEXIST}
		}
	}
	return ns.ChangeLink(index, c)
}

func busyWhileUp(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	if l, ok := linkAt(ns, index); ok && l.Up && c.Name != nil {
		return &kernel.Error{Op: "link set", Errno: kernel.EBUSY}
	}
	return ns.ChangeLink(index, c)
}

func leaveOldName(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	l, _ := linkAt(ns, index)
	if err := ns.ChangeLink(index, c); err != nil || c.Name == nil {
		return err
	}
	return ns.AddLink(kernel.LinkSpec{Name: l.Name, Kind: kernel.KindBridge})
}

func resizePeer(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	if l, ok := linkAt(ns, index); ok && l.PeerHere && c.MTU != nil {
		if err := ns.ChangeLink(l.Peer, kernel.LinkChange{MTU: c.MTU}); err != nil {
			return err
		}
	}
	return ns.ChangeLink(index, c)
}

// masterFirst sets the master before all else.
func masterFirst(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	if c.Master != nil {
		if err := ns.ChangeLink(index, kernel.LinkChange{Master: c.Master}); err != nil {
			return err
		}
	}
	return ns.ChangeLink(index, c)
}

// countPromisc counts how often the flag was set.
func countPromisc() twist {
	sets := 0
	t := eachLink(func(l *kernel.Link) {
		if l.Promisc {
			l.Promiscuity = sets
		}
	})
	t.ChangeLink = func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		if c.Promisc != nil && *c.Promisc {
			sets++
		}
		return ns.ChangeLink(index, c)
	}
	return t
}

// linkAt returns the link with an index.
func linkAt(ns kernel.NetNS, index int) (kernel.Link, bool) {
	links, _ := ns.Links()
	i := slices.IndexFunc(links, func(l kernel.Link) bool { return l.Index == index })
	if i < 0 {
		return kernel.Link{}, false
	}
	return links[i], true
}

func vethMutants() []mutant {
	// leftover is the twist that leaves a link of the name behind when a veth is refused.
	leftover := func(errno kernel.Errno) twist {
		return twist{AddLink: func(ns kernel.NetNS, spec kernel.LinkSpec) error {
			err := ns.AddLink(spec)
			if errors.Is(err, errno) && spec.Kind == kernel.KindVeth {
				_ = ns.AddLink(kernel.LinkSpec{Name: spec.Name, Kind: kernel.KindBridge})
			}
			return err
		}}
	}
	return []mutant{
		{
			"veth/add/both-ends", "does not say that the other end is here",
			eachLink(func(l *kernel.Link) { l.PeerHere = false }),
		},
		{"veth/add/peer-first", "makes the peer second", twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			s.Name, s.Peer.Name = s.Peer.Name, s.Name
			return ns.AddLink(s)
		}}},
		{"veth/add/peer-name-taken", "leaves the other end", leftover(kernel.EEXIST)},
		{"veth/add/peer-of-same-name", "finds another name for the peer", addAs(func(s *kernel.LinkSpec) {
			if s.Name == s.Peer.Name {
				s.Peer.Name += "0"
			}
		})},
		{"veth/add/peer-mtu-limits", "leaves the other end", leftover(kernel.EINVAL)},
		{"veth/add/peer-mac-invalid", "ignores the peer's MAC", addAs(func(s *kernel.LinkSpec) { s.Peer.MAC = nil })},
		{"veth/add/both-names-wrong", "says ENOENT", refuse(kernel.ENOENT, func(c intercept.Call) bool { return strings.HasPrefix(c.Object, "v type veth") })},
		{"veth/add/peer-name-invalid", "leaves the other end", leftover(kernel.EINVAL)},
		{
			"veth/add/peer-elsewhere", "says that the other end is here",
			eachLink(func(l *kernel.Link) { l.PeerHere = l.Peer != 0 }),
		},
		{
			"veth/add/same-name-elsewhere", "looks for the peer's name here",
			twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
				if s.Name == s.Peer.Name {
					return &kernel.Error{Op: "link add", Errno: kernel.EEXIST}
				}
				return ns.AddLink(s)
			}},
		},
		{"veth/add/peer-name-taken-elsewhere", "leaves the other end", leftover(kernel.EEXIST)},
		{
			"veth/add/peer-netns-closed", "makes the peer here",
			twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
				err := ns.AddLink(s)
				if errors.Is(err, kernel.EBADF) {
					s.Peer.NetNS = nil
					return ns.AddLink(s)
				}
				return err
			}},
		},
		{"veth/add/all-in-one-request", "ignores the peer's MTU", addAs(func(s *kernel.LinkSpec) { s.Peer.MTU = 0 })},
		{"veth/delete/takes-peer", "keeps the other end", keepPeer()},
		{"veth/delete/takes-peer-elsewhere", "keeps the other end", keepPeer()},
	}
}

// keepPeer shows links that went with another one as if they were there still.
func keepPeer() twist {
	seen := make(map[kernel.NSID][]kernel.Link)
	return twist{
		ShowLinks: func(ns kernel.NetNS, links []kernel.Link) []kernel.Link {
			for _, old := range seen[ns.ID()] {
				if !slices.ContainsFunc(links, func(l kernel.Link) bool { return l.Index == old.Index }) {
					links = append(links, old)
				}
			}
			seen[ns.ID()] = slices.Clone(links)
			return links
		},
		DeleteLink: func(ns kernel.NetNS, index int) error {
			seen[ns.ID()] = slices.DeleteFunc(seen[ns.ID()], func(l kernel.Link) bool { return l.Index == index })
			return ns.DeleteLink(index)
		},
	}
}

func bridgeMutants() []mutant {
	zero := net.HardwareAddr{0, 0, 0, 0, 0, 0}
	return []mutant{
		{
			"bridge/mac/lowest-port", "takes the MAC of the highest port",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				for _, p := range ports {
					if slices.Compare(p.MAC, b.MAC) > 0 {
						b.MAC = p.MAC
					}
				}
			}),
		},
		{"bridge/mac/port-changes-its-own", "looks at a port's MAC when it comes", firstMAC()},
		{
			"bridge/mac/empty-again", "keeps the MAC of the port that left",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				if len(ports) == 0 {
					b.MAC = mac(macMid)
				}
			}),
		},
		{
			"bridge/mac/port-deleted", "keeps the MAC of the port that is gone",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				b.MAC = mac(macLow)
			}),
		},
		{"bridge/mac/pinned", "follows its ports all the same", bridgeView(func(b *kernel.Link, ports []kernel.Link) {
			b.MAC = zero
		})},
		{"bridge/mac/pinned-by-its-own", "does not take the MAC it has for set", twist{ChangeLink: ignoreSameMAC}},
		{
			"bridge/mac/pinned-at-creation", "follows its ports all the same",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				if len(ports) > 0 {
					b.MAC = ports[0].MAC
				}
			}),
		},
		{
			"bridge/mtu/lowest-port", "takes the MTU of the last port",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				if len(ports) > 0 {
					b.MTU = ports[len(ports)-1].MTU
				}
			}),
		},
		{
			"bridge/mtu/grows", "never exceeds 1500",
			bridgeView(func(b *kernel.Link, _ []kernel.Link) { b.MTU = min(b.MTU, 1500) }),
		},
		{
			"bridge/mtu/empty-again", "keeps the MTU of the port that left",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				b.MTU = 1400
			}),
		},
		{"bridge/mtu/pinned", "follows its ports all the same", bridgeView(func(b *kernel.Link, ports []kernel.Link) {
			for _, p := range ports {
				b.MTU = min(b.MTU, p.MTU)
			}
		})},
		{"bridge/delete/frees-ports", "leaves ports their master", keepMaster()},
	}
}

// bridgeView shows bridges other than they are.
func bridgeView(f func(b *kernel.Link, ports []kernel.Link)) twist {
	return twist{ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
		for i := range links {
			if links[i].Kind == kernel.KindBridge {
				f(&links[i], portsOf(links, links[i].Index))
			}
		}
		return links
	}}
}

func portsOf(links []kernel.Link, bridge int) (ports []kernel.Link) {
	for _, l := range links {
		if l.Master == bridge {
			ports = append(ports, l)
		}
	}
	return ports
}

// firstMAC shows bridges with the MAC they had when a port came last.
func firstMAC() twist {
	var first net.HardwareAddr
	t := bridgeView(func(b *kernel.Link, _ []kernel.Link) {
		if first != nil {
			b.MAC = first
		}
	})
	t.ChangeLink = func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		err := ns.ChangeLink(index, c)
		if c.Master != nil {
			bridge, _ := linkAt(ns, *c.Master)
			first = bridge.MAC
		}
		return err
	}
	return t
}

func ignoreSameMAC(ns kernel.NetNS, index int, c kernel.LinkChange) error {
	if l, ok := linkAt(ns, index); ok && slices.Equal(l.MAC, c.MAC) {
		c.MAC = nil
	}
	return ns.ChangeLink(index, c)
}

// keepMaster shows ports with the master they had last.
func keepMaster() twist {
	masters := make(map[int]int)
	t := eachLink(func(l *kernel.Link) { l.Master = masters[l.Index] })
	t.ChangeLink = func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		if c.Master != nil && *c.Master != 0 {
			masters[index] = *c.Master
		}
		return ns.ChangeLink(index, c)
	}
	return t
}

func masterMutants() []mutant {
	return []mutant{
		{"master/set", "never frees a port", keepMaster()},
		{
			"master/none-to-none", "says EINVAL",
			twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if l, ok := linkAt(ns, index); ok && l.Master == 0 && c.Master != nil && *c.Master == 0 {
					return &kernel.Error{Op: "link set", Errno: kernel.EINVAL}
				}
				return ns.ChangeLink(index, c)
			}},
		},
		{
			"master/same-again", "says EBUSY",
			twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if l, ok := linkAt(ns, index); ok && l.Master != 0 && c.Master != nil && *c.Master == l.Master {
					return &kernel.Error{Op: "link set", Errno: kernel.EBUSY}
				}
				return ns.ChangeLink(index, c)
			}},
		},
		{
			"master/another", "lets a port keep its first bridge",
			twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if l, ok := linkAt(ns, index); ok && l.Master != 0 {
					c.Master = nil
				}
				return ns.ChangeLink(index, c)
			}},
		},
		{"master/absent", "says ENODEV", confuse(intercept.LinkSet, kernel.EINVAL, kernel.ENODEV)},
		{"master/no-bridge", "takes any master", swallow(intercept.LinkSet, kernel.EOPNOTSUPP)},
		{"master/bridge-under-bridge", "lets bridges form a loop", swallow(intercept.LinkSet, kernel.ELOOP)},
		{"master/loopback-under-bridge", "takes lo for a port", swallow(intercept.LinkSet, kernel.EINVAL)},
		{"master/bridge-full", "says ENOSPC", confuse(intercept.LinkAdd, kernel.EXFULL, kernel.ENOSPC)},
	}
}

func stateMutants() []mutant {
	return []mutant{
		{
			"state/veth/down", "shows a carrier where a link is down",
			eachLink(func(l *kernel.Link) { l.LowerUp = true }),
		},
		{"state/veth/peer-down", "does not tell LOWERLAYERDOWN from DOWN", eachLink(func(l *kernel.Link) {
			if l.Oper == kernel.OperLowerLayerDown {
				l.Oper = kernel.OperDown
			}
		})},
		{"state/veth/made-as-port", "looks at the state of a new veth before it is a port", eachLink(func(l *kernel.Link) {
			if l.Oper == kernel.OperLowerLayerDown && l.Master != 0 {
				l.Oper = kernel.OperDown
			}
		})},
		{"state/veth/both-up", "shows no carrier", eachLink(func(l *kernel.Link) { l.LowerUp = false })},
		{"state/veth/peer-set-down", "does not tell the peer", staysUp(kernel.KindVeth)},
		{
			"state/bridge/never-had-a-port", "has no carrier without ports",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				b.LowerUp = b.LowerUp && len(ports) > 0
			}),
		},
		{
			"state/bridge/port-down", "keeps the carrier it had without ports",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				b.LowerUp, b.Oper = true, kernel.OperUnknown
			}),
		},
		{
			"state/bridge/port-without-carrier", "is up when a port is",
			bridgeView(func(b *kernel.Link, ports []kernel.Link) {
				if slices.ContainsFunc(ports, func(p kernel.Link) bool { return p.Up }) {
					b.Oper = kernel.OperUp
				}
			}),
		},
		{
			"state/bridge/port-with-carrier", "has no carrier",
			bridgeView(func(b *kernel.Link, _ []kernel.Link) { b.LowerUp = false }),
		},
		{"state/bridge/last-running-port-leaves", "stays up", staysUp(kernel.KindBridge)},
		{"state/bridge/peer-set-down", "stays up", staysUp(kernel.KindBridge)},
		{"state/loopback/up", "gives lo the state UP", eachLink(func(l *kernel.Link) {
			if l.Name == "lo" && l.Up {
				l.Oper = kernel.OperUp
			}
		})},
	}
}

// staysUp shows links of a kind UP for ever once they were.
func staysUp(kind string) twist {
	was := make(map[int]bool)
	return eachLink(func(l *kernel.Link) {
		was[l.Index] = was[l.Index] || l.Oper == kernel.OperUp
		if l.Kind == kind && was[l.Index] {
			l.Oper = kernel.OperUp
		}
	})
}

func moveMutants() []mutant {
	// after does something to a link in its new namespace.
	after := func(do func(to kernel.NetNS, l kernel.Link) error) twist {
		return twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
			was, _ := linkAt(ns, index)
			if err := ns.ChangeLink(index, c); err != nil || c.NetNS == nil {
				return err
			}
			l, err := c.NetNS.LinkByName(was.Name)
			if err != nil {
				return err
			}
			return do(c.NetNS, l)
		}}
	}
	return []mutant{
		{"move/there-and-not-here", "gives the link another MAC", after(func(to kernel.NetNS, l kernel.Link) error {
			return to.ChangeLink(l.Index, kernel.LinkChange{MAC: mac(macHigh)})
		})},
		{"move/stays", "looks at the kind of the link first", twist{ChangeLink: func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			if c.NetNS != nil && c.NetNS.ID() == ns.ID() {
				return &kernel.Error{Op: "link set", Errno: kernel.EINVAL}
			}
			return ns.ChangeLink(i, c)
		}}},
		{"move/goes-down", "leaves the link up", after(func(to kernel.NetNS, l kernel.Link) error {
			return to.ChangeLink(l.Index, kernel.LinkChange{Up: new(true)})
		})},
		{"move/loses-addresses", "takes the addresses along", after(func(to kernel.NetNS, l kernel.Link) error {
			return to.AddAddress(on(l.Index, "10.0.0.1/24"))
		})},
		{"move/leaves-bridge", "lets the link count its old bridge", eachLink(func(l *kernel.Link) {
			if l.Name == "p01" {
				l.Promiscuity = 1
			}
		})},
		{"move/name-taken", "says EBUSY", confuse(intercept.LinkSet, kernel.EEXIST, kernel.EBUSY)},
		{
			"move/with-new-name", "looks at the old name",
			twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if c.NetNS != nil && c.Name != nil {
					if err := ns.ChangeLink(index, kernel.LinkChange{NetNS: c.NetNS}); err != nil {
						return err
					}
				}
				return ns.ChangeLink(index, c)
			}},
		},
		{"move/new-name-taken", "says nothing", swallow(intercept.LinkSet, kernel.EEXIST)},
		{"move/keeps-free-index", "gives links new indexes", eachLink(func(l *kernel.Link) {
			if l.Kind == kernel.KindVeth && !l.PeerHere {
				l.Index += 7
			}
		})},
		{"move/new-index-where-taken", "has an index twice", eachLink(func(l *kernel.Link) {
			if l.Name == "w" {
				l.Index = 2
			}
		})},
		{"move/to-where-it-is", "sets the link down", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.NetNS != nil {
				c.Up = new(false)
			}
		})},
		{"move/netns-closed", "stays here and says nothing", swallow(intercept.LinkSet, kernel.EBADF)},
		{"move/loopback", "says EPERM", confuse(intercept.LinkSet, kernel.EINVAL, kernel.EPERM)},
		{"move/bridge", "stays here and says nothing", swallow(intercept.LinkSet, kernel.EINVAL)},
	}
}
