package sim

// hearers returns the links that take in what l sends to everybody: through veths and bridges, as far as they run.
func (l *link) hearers() []*link {
	h := hearing{}
	if l.bridge != nil {
		h.flood(l, nil)
	} else {
		h.leave(l)
	}
	return h.links
}

// A hearing follows a frame to everybody. It passes each bridge once, for bridges may form a circle.
type hearing struct {
	links  []*link
	passed map[*link]bool
}

// leave follows what is sent out of a veth.
func (h *hearing) leave(l *link) {
	switch {
	case l.peer == nil || !l.running():
	case l.peer.master == nil:
		h.links = append(h.links, l.peer)
	case l.peer.forwards() && !h.passed[l.peer.master]:
		h.links = append(h.links, l.peer.master)
		h.flood(l.peer.master, l.peer)
	}
}

// flood follows what a bridge sends out of all ports but one.
func (h *hearing) flood(bridge, except *link) {
	if h.passed == nil {
		h.passed = map[*link]bool{}
	}
	h.passed[bridge] = true
	for _, p := range bridge.bridge.ports {
		if p != except && p.forwards() {
			h.leave(p)
		}
	}
}
