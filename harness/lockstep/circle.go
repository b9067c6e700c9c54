package lockstep

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A device is a link of one of the namespaces of an arena.
type device struct {
	netns string
	index int
}

// circular reports whether an operation has joined bridges in such a way that frames go round: without the spanning tree
// protocol each broadcast goes on for ever, and where there are two ways round, twice as many at every turn. Linux does
// nothing else then.
func circular(a *arena, o operation.Operation) bool {
	switch o.(type) {
	case operation.LinkAdd, operation.LinkSet:
		return haveCircle(joints(a.upLinks()))
	}
	return false
}

// upLinks are the links that send, by namespace.
func (a *arena) upLinks() map[string][]kernel.Link {
	up := map[string][]kernel.Link{}
	for _, name := range a.names {
		ns, err := a.OpenNetNS(kernel.NetNSDir + "/" + name)
		if err != nil {
			continue // deleted by an operation
		}
		links, _ := ns.Links()
		for _, l := range links {
			if l.Up {
				up[name] = append(up[name], l)
			}
		}
	}
	return up
}

// joints are the pairs of devices between which frames go: ports and their bridges, vlans and their parents, the ends of
// veths. A peer in another namespace is told by its index alone; whoever it may be counts.
func joints(up map[string][]kernel.Link) (pairs [][2]device) {
	for name, links := range up {
		for _, l := range links {
			self := device{name, l.Index}
			if l.Master != 0 {
				pairs = append(pairs, [2]device{self, {name, l.Master}})
			}
			if l.Parent != 0 && l.ParentHere {
				pairs = append(pairs, [2]device{self, {name, l.Parent}})
			}
			for _, peer := range otherEnds(up, name, l) {
				if self.before(peer) { // each pair once
					pairs = append(pairs, [2]device{self, peer})
				}
			}
		}
	}
	return pairs
}

func otherEnds(up map[string][]kernel.Link, netns string, l kernel.Link) (peers []device) {
	for name, links := range up {
		for _, other := range links {
			mutual := l.Peer == other.Index && other.Peer == l.Index && l.PeerHere == other.PeerHere
			if l.Peer != 0 && mutual && l.PeerHere == (name == netns) {
				peers = append(peers, device{name, other.Index})
			}
		}
	}
	return peers
}

func (d device) before(other device) bool {
	if d.netns != other.netns {
		return d.netns < other.netns
	}
	return d.index < other.index
}

// haveCircle reports whether one of the pairs joins what the others have joined already.
func haveCircle(pairs [][2]device) bool {
	leads := map[device]device{} // to one that it is joined with; a device that leads nowhere stands for all that lead to it
	end := func(d device) device {
		for next, ok := leads[d]; ok; next, ok = leads[d] {
			d = next
		}
		return d
	}
	for _, p := range pairs {
		a, b := end(p[0]), end(p[1])
		if a == b {
			return true
		}
		leads[a] = b
	}
	return false
}
