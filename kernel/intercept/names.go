package intercept

import (
	"fmt"
	"sync"

	"github.com/cnilab/cnilab/kernel"
)

// names remembers what links are called, so that calls, which have indexes, can be printed and matched by name. A
// caller learns an index from an answer, and every answer passes here; the backend is never asked.
type names struct {
	mu sync.Mutex
	of map[kernel.NSID]map[int]string
}

// learn takes the names of links that an answer holds.
func (n *names) learn(id kernel.NSID, links ...kernel.Link) {
	for _, l := range links {
		n.set(id, l.Index, l.Name)
	}
}

func (n *names) set(id kernel.NSID, index int, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = make(map[kernel.NSID]map[int]string)
	}
	if n.of[id] == nil {
		n.of[id] = make(map[int]string)
	}
	n.of[id][index] = name
}

// link returns the name of a link, or "#7" for one that was never seen.
func (n *names) link(id kernel.NSID, index int) string {
	return n.linkOr(id, index, func(index int) string { return fmt.Sprintf("#%d", index) })
}

// linkOr returns the name of a link, or what unknown calls one that was never seen.
func (n *names) linkOr(id kernel.NSID, index int, unknown func(index int) string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.of[id][index]; ok {
		return name
	}
	return unknown(index)
}
