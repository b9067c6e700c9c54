package lockstep

import (
	"slices"

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
	away := map[[2]int][]device{} // veths with their peers elsewhere, by both indexes
	for name, links := range up {
		for _, l := range links {
			self := device{name, l.Index}
			if l.Master != 0 {
				pairs = append(pairs, [2]device{self, {name, l.Master}})
			}
			if l.Parent != 0 && l.ParentHere {
				pairs = append(pairs, [2]device{self, {name, l.Parent}})
			}
			switch {
			case l.Peer == 0:
			case !l.PeerHere:
				key := [2]int{l.Index, l.Peer}
				away[key] = append(away[key], self)
			case l.Index < l.Peer && among(links, l.Peer): // each pair once
				pairs = append(pairs, [2]device{self, {name, l.Peer}})
			}
		}
	}
	for key, list := range away {
		for _, self := range list {
			for _, peer := range away[[2]int{key[1], key[0]}] {
				if self.netns != peer.netns && self.before(peer) {
					pairs = append(pairs, [2]device{self, peer})
				}
			}
		}
	}
	return pairs
}

// among reports whether a link is one of these, which are sorted by index.
func among(links []kernel.Link, index int) bool {
	_, found := slices.BinarySearchFunc(links, index, func(l kernel.Link, index int) int { return l.Index - index })
	return found
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
