package kerneltest

import (
	"maps"
	"path"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// namespaceLaws are about namespaces and the handles of them.
var namespaceLaws = []Law{
	{"netns/self", "the contract; /proc/thread-self/ns/net", func(e *env) {
		self, err := e.Self()
		e.ok(err, "open the host's own namespace")
		defer self.Close()
		equal(e, self.Name(), "host", "label of the host's own namespace")
		equal(e, self.ID() == e.netns("a").ID(), false, "whether a new namespace is the host's own")
	}},
	{"netns/open/absent", "fs/namei.c path_openat", func(e *env) {
		e.netns("a")
		_, err := e.OpenNetNS(e.bindPath("absent"))
		e.refused(err, kernel.ENOENT, "open a namespace where nothing is")
	}},
	{"netns/open/plain-file", "net/core/net_namespace.c get_net_ns_by_fd: proc_ns_file", func(e *env) {
		_, err := e.OpenNetNS(e.file(e.folder(), "plain", "no namespace"))
		e.refused(err, kernel.EINVAL, "open a plain file as a namespace")
	}},
	{"netns/open/folder", "net/core/net_namespace.c get_net_ns_by_fd: proc_ns_file", func(e *env) {
		_, err := e.OpenNetNS(e.folder())
		e.refused(err, kernel.EINVAL, "open a folder as a namespace")
	}},
	{"netns/open/below-a-file", "fs/namei.c link_path_walk", func(e *env) {
		_, err := e.OpenNetNS(path.Join(e.file(e.folder(), "plain", ""), "ns"))
		e.refused(err, kernel.ENOTDIR, "open a namespace below a plain file")
	}},
	{"netns/open/name", "the contract", func(e *env) {
		equal(e, e.netns("a").Name(), path.Base(e.bindPath("a")), "label of a namespace: the last element of its path")
	}},
	{"netns/add/twice", "fs/namei.c: open with O_CREAT|O_EXCL", func(e *env) {
		e.netns("a")
		e.refused(e.AddNetNS(e.bindPath("a")), kernel.EEXIST, "add a namespace where one is")
	}},
	{"netns/add/file-in-the-way", "fs/namei.c: open with O_CREAT|O_EXCL", func(e *env) {
		file := e.file(e.folder(), "plain", "precious")
		e.refused(e.AddNetNS(file), kernel.EEXIST, "add a namespace where a plain file is")
		equal(e, e.content(file), "precious", "what the file holds after it")
	}},
	{"netns/add/folder-absent", "fs/namei.c: open with O_CREAT|O_EXCL", func(e *env) {
		e.refused(e.AddNetNS(path.Join(e.folder(), "absent", "ns")), kernel.ENOENT,
			"add a namespace in a folder that is not there")
	}},
	{"netns/delete/absent", "fs/namespace.c do_umount's path lookup", func(e *env) {
		e.netns("a")
		e.refused(e.DeleteNetNS(e.bindPath("absent")), kernel.ENOENT, "delete a namespace where nothing is")
	}},
	{"netns/delete/plain-file", "fs/namespace.c can_umount: path_mounted", func(e *env) {
		file := e.file(e.folder(), "plain", "precious")
		e.refused(e.DeleteNetNS(file), kernel.EINVAL, "delete a plain file as a namespace")
		equal(e, e.content(file), "precious", "what the file holds after it")
	}},
	{"netns/delete/frees-path", "the contract; ip-netns(8) delete", func(e *env) {
		e.netns("a")
		e.ok(e.DeleteNetNS(e.bindPath("a")), "delete a namespace")
		_, err := e.Stat(e.bindPath("a"))
		e.refused(err, kernel.ENOENT, "look at the path of a namespace that was deleted")
		e.ok(e.AddNetNS(e.bindPath("a")), "add a namespace at the same path")
	}},
	{"netns/delete/handle-keeps-it-alive", "fs/nsfs.c: an open file holds a reference", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br")
		e.ok(e.DeleteNetNS(ns.path), "delete a namespace that is open")
		equal(e, ns.names(), []string{"br"}, "links of a namespace that only a handle refers to")
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "br2", Kind: kernel.KindBridge}), "add a link there")
	}},
	{"netns/death/takes-peers", "net/core/net_namespace.c cleanup_net: default_device_exit_batch", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.vethTo(b, "v", "w")
		e.ok(e.DeleteNetNS(b.path), "delete the namespace of a veth's peer")
		b.Close()
		a.gone("links whose peer was in a namespace that has died")
	}},
	{"netns/death/waits-for-last-handle", "fs/nsfs.c: an open file holds a reference", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.vethTo(b, "v", "w")
		second := e.open(b.path)
		e.ok(e.DeleteNetNS(b.path), "delete the namespace of a veth's peer")
		b.Close()
		e.ok(e.Sleep(e.ctx, 100*time.Millisecond), "sleep")
		equal(e, a.names(), []string{"v"}, "links whose peer is in a namespace that one more handle refers to")
		second.Close()
		a.gone("links whose peer was in a namespace that has died")
	}},
	{"netns/id/same-namespace", "fs/nsfs.c: device and inode", func(e *env) {
		a := e.netns("a")
		equal(e, e.open(a.path).ID(), a.ID(), "identity of a namespace that was opened twice")
	}},
	{"netns/id/other-namespace", "fs/nsfs.c: device and inode", func(e *env) {
		equal(e, e.netns("a").ID() == e.netns("b").ID(), false, "whether two namespaces have one identity")
	}},
	{"netns/id/after-close", "the contract: Name and ID are the handle's own", func(e *env) {
		a := e.netns("a")
		id, name := a.ID(), a.Name()
		a.Close()
		equal(e, []any{a.ID(), a.Name()}, []any{id, name}, "identity and label of a closed handle")
	}},
	{"netns/close/ebadf", "the contract; fs/file.c fdget", func(e *env) {
		for _, name := range slices.Sorted(maps.Keys(callsOnHandle)) {
			call := callsOnHandle[name]
			ns := e.netns(name)
			ns.Close()
			e.refused(call(e, ns), kernel.EBADF, "%s on a closed handle", name)
			e.ok(e.DeleteNetNS(ns.path), "delete the namespace")
		}
	}},
	{"netns/close/twice", "the contract", func(e *env) {
		a := e.netns("a")
		second := e.open(a.path)
		a.Close()
		a.Close()
		_, err := second.Links()
		e.ok(err, "use a handle after another of the same namespace was closed twice")
	}},
	{"netns/links-are-apart", "include/net/net_namespace.h", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.bridge("br")
		equal(e, b.names(), []string{}, "links of a namespace after one was made in another")
		e.ok(b.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge}), "make one of the same name there")
	}},
}

// callsOnHandle are calls of all methods of a handle that answer an error, by name.
var callsOnHandle = map[string]func(e *env, ns *netns) error{
	"Links":      func(e *env, ns *netns) error { _, err := ns.Links(); return err },
	"LinkByName": func(e *env, ns *netns) error { _, err := ns.LinkByName("lo"); return err },
	"AddLink": func(e *env, ns *netns) error {
		return ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge})
	},
	"ChangeLink":    func(e *env, ns *netns) error { return ns.ChangeLink(1, kernel.LinkChange{Up: new(true)}) },
	"DeleteLink":    func(e *env, ns *netns) error { return ns.DeleteLink(1) },
	"ChangePort":    func(e *env, ns *netns) error { return ns.ChangePort(1, hairpin(true)) },
	"Addresses":     func(e *env, ns *netns) error { _, err := ns.Addresses(0); return err },
	"AddAddress":    func(e *env, ns *netns) error { return ns.AddAddress(on(1, "10.0.0.1/24")) },
	"DeleteAddress": func(e *env, ns *netns) error { return ns.DeleteAddress(on(1, "10.0.0.1/24")) },
	"Routes":        func(e *env, ns *netns) error { _, err := ns.Routes(kernel.IPv4); return err },
	"AddRoute": func(e *env, ns *netns) error {
		return ns.AddRoute(via(1, "10.1.0.0/16", ""), kernel.Exclusive)
	},
	"DeleteRoute":     func(e *env, ns *netns) error { return ns.DeleteRoute(via(1, "10.1.0.0/16", "")) },
	"Neighbours":      func(e *env, ns *netns) error { _, err := ns.Neighbours(0); return err },
	"AddNeighbour":    func(e *env, ns *netns) error { return ns.AddNeighbour(neighbour(1, "10.0.0.9")) },
	"DeleteNeighbour": func(e *env, ns *netns) error { return ns.DeleteNeighbour(neighbour(1, "10.0.0.9")) },
	"Sysctl":          func(e *env, ns *netns) error { _, err := ns.Sysctl("net/ipv4/ip_forward"); return err },
	"SetSysctl":       func(e *env, ns *netns) error { return ns.SetSysctl("net/ipv4/ip_forward", "1") },
	"Ruleset":         func(e *env, ns *netns) error { _, err := ns.Ruleset(kernel.NFTables); return err },
	"ChangeRuleset":   func(e *env, ns *netns) error { return ns.ChangeRuleset(kernel.NFTables, nft("add table inet t")) },
	"CheckRuleset":    func(e *env, ns *netns) error { return ns.CheckRuleset(kernel.NFTables, nft("add table inet t")) },
	"Lock":            func(e *env, ns *netns) error { _, err := ns.Lock(e.ctx, 0); return err },
}
