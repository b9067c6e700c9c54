package kernel

import (
	"errors"
	"fmt"
	"path"
)

// Take reads the state of a host: its own namespace, those bound below NetNSDir, and the regular files below the named
// folders. It makes only calls of the contract and changes nothing. It is not atomic.
//
// Left out is what the kernel does by itself as traffic flows: neighbour entries that are not permanent, what bridges
// have learnt, what conntrack knows (TakeFlows). Per-link sysctls are listed where they differ from conf/default. Rules
// that every namespace begins with, and memberships in VLANs that every port of the bridge begins with, are listed where
// they are gone, as "deleted yes".
func Take(h Host, folders ...string) (Snapshot, error) {
	snapshot, err := takeAll(h, func(all []*namespaceView) func(*namespaceView) ([]Object, error) {
		ends := endsOf(all)
		return func(s *namespaceView) ([]Object, error) { return s.objects(ends) }
	})
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		files, err := takeFiles(h, folder)
		if err != nil {
			return nil, fmt.Errorf("snapshot of %s: %w", folder, err)
		}
		snapshot = append(snapshot, files...)
	}
	snapshot.Sort()
	return snapshot, nil
}

// takeAll opens all namespaces and reads what reader's result says of each.
func takeAll(h Host, reader func(all []*namespaceView) func(*namespaceView) ([]Object, error)) (snapshot Snapshot, err error) {
	spaces, err := openAll(h)
	defer func() {
		for _, s := range spaces {
			s.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	read := reader(spaces)
	for _, s := range spaces {
		objects, err := read(s)
		if err != nil {
			return nil, fmt.Errorf("snapshot of netns %s: %w", s.name, err)
		}
		snapshot = append(snapshot, objects...)
	}
	return snapshot, nil
}

// A namespaceView is one namespace of the host while its snapshot is taken.
type namespaceView struct {
	name   string
	handle NetNS // nil where it cannot be opened
	errno  Errno // why it cannot
	sameAs string
	links  []Link
	names  map[int]string // of the links, by index
}

// A vethEnd is what the ends of a veth in two namespaces know of each other. All ends are found by it.
type (
	vethEnd  struct{ index, peer int }
	vethEnds map[vethEnd][]namedEnd

	namedEnd struct {
		in   *namespaceView
		name string
	}
)

// endsOf returns the ends of veths whose other end is in another namespace.
func endsOf(all []*namespaceView) vethEnds {
	ends := vethEnds{}
	for _, s := range all {
		for _, l := range s.links {
			if l.Kind == KindVeth && !l.PeerHere {
				at := vethEnd{l.Index, l.Peer}
				ends[at] = append(ends[at], namedEnd{s, l.Name})
			}
		}
	}
	return ends
}

func (s *namespaceView) close() {
	if s.handle != nil {
		s.handle.Close()
	}
}

// openAll opens the host's own namespace and all that have a name. What it has opened it returns with the error too.
func openAll(h Host) ([]*namespaceView, error) {
	self, err := h.Self()
	if err != nil {
		return nil, err
	}
	spaces := []*namespaceView{{name: HostNetNS, handle: self}}
	entries, err := h.ReadDir(NetNSDir)
	if err != nil && !errors.Is(err, ENOENT) {
		return spaces, err
	}
	for _, entry := range entries {
		s := &namespaceView{name: entry.Name()}
		s.handle, err = h.OpenNetNS(path.Join(NetNSDir, s.name))
		s.errno = ErrnoOf(err)
		if err != nil && s.errno == 0 {
			return spaces, err
		}
		spaces = append(spaces, s)
	}
	return spaces, readLinks(spaces)
}

// readLinks reads the links of all namespaces first, because a veth is described by its peer in another.
func readLinks(spaces []*namespaceView) error {
	seen := map[NSID]string{}
	for _, s := range spaces {
		if s.handle == nil {
			continue
		}
		if other, ok := seen[s.handle.ID()]; ok {
			s.sameAs = other
			continue
		}
		seen[s.handle.ID()] = s.name
		links, err := s.handle.Links()
		if err != nil {
			return err
		}
		s.links, s.names = links, map[int]string{}
		for _, l := range links {
			s.names[l.Index] = l.Name
		}
	}
	return nil
}

func (s *namespaceView) objects(ends vethEnds) ([]Object, error) {
	header := Object{Noun: NounNetNS, Name: s.name}
	if s.handle == nil {
		header.add("unreadable", s.errno.Name())
	}
	header.add("same-as", s.sameAs)
	objects := []Object{header}
	if s.handle != nil && s.sameAs == "" {
		for _, l := range s.links {
			objects = append(objects, s.link(l, ends))
		}
		for _, read := range []func() ([]Object, error){s.vlans, s.fdb, s.addresses, s.routes, s.rules, s.neighbours, s.sysctls, s.filters} {
			more, err := read()
			if err != nil {
				return nil, err
			}
			objects = append(objects, more...)
		}
	}
	for i := range objects {
		objects[i].NetNS = s.name
	}
	return objects, nil
}
