package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Take reads the state of a host: its own namespace, those bound below NetNSDir, and the regular files below the named
// folders. It makes only calls of the contract and changes nothing. It is not atomic.
//
// Left out is what the kernel does by itself as traffic flows: neighbour entries that are not permanent, what bridges
// have learnt. Per-link sysctls are listed where they differ from conf/default. Rules that every namespace begins with,
// and memberships in VLANs that every port of the bridge begins with, are listed where they are gone, as "deleted yes".
func Take(h Host, folders ...string) (Snapshot, error) {
	spaces, err := openAll(h)
	defer func() {
		for _, s := range spaces {
			s.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	var snapshot Snapshot
	for _, s := range spaces {
		objects, err := s.objects(spaces)
		if err != nil {
			return nil, fmt.Errorf("snapshot of netns %s: %w", s.name, err)
		}
		snapshot = append(snapshot, objects...)
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

// A namespaceView is one namespace of the host while its snapshot is taken.
type namespaceView struct {
	name   string
	handle NetNS // nil where it cannot be opened
	errno  Errno // why it cannot
	sameAs string
	links  []Link
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
		s.links = links
	}
	return nil
}

func (s *namespaceView) objects(all []*namespaceView) ([]Object, error) {
	header := Object{Noun: NounNetNS, Name: s.name}
	if s.handle == nil {
		header.add("unreadable", s.errno.Name())
	}
	header.add("same-as", s.sameAs)
	objects := []Object{header}
	if s.handle != nil && s.sameAs == "" {
		for _, l := range s.links {
			objects = append(objects, s.link(l, all))
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

func (s *namespaceView) link(l Link, all []*namespaceView) Object {
	o := Object{Noun: NounLink, Name: l.Name}
	kind := l.Kind
	if kind == "" {
		kind = "loopback"
	}
	o.add("type", kind)
	if l.Kind == KindVeth {
		o.add("peer", s.peerName(l, all))
	}
	o.add("mac", l.MAC.String())
	o.add("mtu", strconv.Itoa(l.MTU))
	o.add("admin", map[bool]string{true: "up", false: "down"}[l.Up])
	o.add("oper", string(l.Oper))
	if l.Master != 0 {
		o.add("master", s.linkName(l.Master))
	}
	if l.Kind == KindVLAN {
		o.add("parent", s.parentName(l))
		o.add("id", strconv.Itoa(l.VLAN))
	}
	o.addFlag("hairpin", l.Port.Hairpin)
	o.addFlag("isolated", l.Port.Isolated)
	o.add("alias", l.Alias)
	o.addFlag("promisc", l.Promisc)
	if l.Promiscuity != 0 {
		o.add("promiscuity", strconv.Itoa(l.Promiscuity))
	}
	o.addFlag("vlan_filtering", l.Bridge.Filtering)
	if l.Kind == KindBridge && l.Bridge.DefaultPVID != StandardPVID && l.Bridge.DefaultPVID != NoVLANs {
		o.add("vlan_default_pvid", strconv.Itoa(l.Bridge.DefaultPVID))
	}
	return o
}

// addFlag appends "key yes" where the flag is set.
func (o *Object) addFlag(key string, set bool) {
	if set {
		o.add(key, "yes")
	}
}

// unknownPeer stands for a veth's other end that is in none of the host's named namespaces.
const unknownPeer = "?"

// peerName names the other end of a veth: by its name, and by its namespace where that is another one. Two ends know
// each other's index only, so that an end whose peer could be one of several is unknown too.
func (s *namespaceView) peerName(l Link, all []*namespaceView) string {
	if l.PeerHere {
		return s.linkName(l.Peer)
	}
	var found []string
	for _, other := range all {
		if other == s {
			continue
		}
		for _, p := range other.links {
			if p.Kind == KindVeth && p.Index == l.Peer && p.Peer == l.Index && !p.PeerHere {
				found = append(found, p.Name+"@"+other.name)
			}
		}
	}
	if len(found) != 1 {
		return unknownPeer
	}
	return found[0]
}

// parentName names the link that a vlan is on.
func (s *namespaceView) parentName(l Link) string {
	if !l.ParentHere {
		return unknownPeer
	}
	return s.linkName(l.Parent)
}

func (s *namespaceView) linkName(index int) string {
	for _, l := range s.links {
		if l.Index == index {
			return l.Name
		}
	}
	return unknownPeer
}

func (s *namespaceView) vlans() ([]Object, error) {
	vlans, err := s.handle.VLANs()
	if err != nil {
		return nil, err
	}
	standard := s.standardVLANs()
	var objects []Object
	for _, v := range vlans {
		if i := slices.Index(standard, v); i >= 0 {
			standard = slices.Delete(standard, i, i+1)
			continue
		}
		objects = append(objects, s.vlan(v))
	}
	for _, v := range standard {
		o := s.vlan(v)
		o.addFlag("deleted", true)
		objects = append(objects, o)
	}
	return objects, nil
}

// standardVLANs are the memberships that bridges give themselves and their ports.
func (s *namespaceView) standardVLANs() (standard []VLAN) {
	defaults := map[int]int{}
	for _, l := range s.links {
		if l.Kind == KindBridge {
			defaults[l.Index] = l.Bridge.DefaultPVID
		}
	}
	for _, l := range s.links {
		bridge := l.Master
		if l.Kind == KindBridge {
			bridge = l.Index
		}
		if id := defaults[bridge]; id > 0 {
			standard = append(standard, VLAN{Link: l.Index, ID: id, PVID: true, Untagged: true})
		}
	}
	return standard
}

func (s *namespaceView) vlan(v VLAN) Object {
	o := Object{Noun: NounVLAN, Name: strconv.Itoa(v.ID)}
	o.add("dev", s.linkName(v.Link))
	o.addFlag("pvid", v.PVID)
	o.addFlag("untagged", v.Untagged)
	return o
}

func (s *namespaceView) fdb() ([]Object, error) {
	entries, err := s.handle.FDB()
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, e := range entries {
		if e.State == FDBDynamic {
			continue
		}
		o := Object{Noun: NounFDB, Name: e.MAC.String()}
		o.add("dev", s.linkName(e.Link))
		if e.VLAN != 0 {
			o.add("vlan", strconv.Itoa(e.VLAN))
		}
		o.add("state", string(e.State))
		objects = append(objects, o)
	}
	return objects, nil
}

func (s *namespaceView) addresses() ([]Object, error) {
	addresses, err := s.handle.Addresses(0)
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, a := range addresses {
		o := Object{Noun: NounAddress, Name: a.Prefix.String()}
		o.add("dev", s.linkName(a.Link))
		if a.Broadcast.IsValid() {
			o.add("broadcast", a.Broadcast.String())
		}
		o.add("scope", a.Scope.String())
		o.addFlag("nodad", a.NoDAD)
		o.addFlag("secondary", a.Secondary)
		o.addFlag("tentative", a.Tentative)
		o.addFlag("dadfailed", a.DADFailed)
		objects = append(objects, o)
	}
	return objects, nil
}

func (s *namespaceView) routes() ([]Object, error) {
	var objects []Object
	for _, family := range []Family{IPv4, IPv6} {
		routes, err := s.handle.Routes(family)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			objects = append(objects, s.route(r))
		}
	}
	return objects, nil
}

func (s *namespaceView) route(r Route) Object {
	o := Object{Noun: NounRoute, Name: r.Dst.String()}
	if r.Type != Unicast {
		o.add("type", string(r.Type))
	}
	if r.Gateway.IsValid() {
		o.add("via", r.Gateway.String())
	}
	if r.Link != 0 {
		o.add("dev", s.linkName(r.Link))
	}
	if r.Table != TableMain {
		o.add("table", tableName(r.Table))
	}
	o.add("proto", protocolName(r.Protocol))
	if r.Dst.Addr().Is4() {
		o.add("scope", r.Scope.String())
	}
	if r.Source.IsValid() {
		o.add("src", r.Source.String())
	}
	if r.Metric != 0 {
		o.add("metric", strconv.Itoa(r.Metric))
	}
	o.addFlag("onlink", r.OnLink)
	return o
}

func (s *namespaceView) rules() ([]Object, error) {
	var objects []Object
	for _, family := range []Family{IPv4, IPv6} {
		rules, err := s.handle.Rules(family)
		if err != nil {
			return nil, err
		}
		standard := StandardRules(family)
		for _, r := range rules {
			if i := slices.Index(standard, r); i >= 0 {
				standard = slices.Delete(standard, i, i+1)
				continue
			}
			objects = append(objects, describeRule(r))
		}
		for _, r := range standard {
			o := describeRule(r)
			o.addFlag("deleted", true)
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func describeRule(r Rule) Object {
	o := Object{Noun: NounRule, Name: strconv.Itoa(r.Priority)}
	o.add("family", r.Family.String())
	o.addFlag("not", r.Not)
	o.add("from", orAll(r.From))
	if r.To.IsValid() {
		o.add("to", r.To.String())
	}
	o.add("iif", r.In)
	o.add("oif", r.Out)
	if r.Mark != 0 || r.Mask != 0 {
		o.add("fwmark", fmt.Sprintf("%#x/%#x", r.Mark, r.Mask))
	}
	if r.Action == ToTable {
		o.add("lookup", tableName(r.Table))
	} else {
		o.add("type", string(r.Action))
	}
	if r.Protocol != 0 {
		o.add("proto", protocolName(r.Protocol))
	}
	return o
}

// orAll names the packets of a prefix as ip-rule(8) does.
func orAll(p netip.Prefix) string {
	if !p.IsValid() {
		return "all"
	}
	return p.String()
}

func (s *namespaceView) neighbours() ([]Object, error) {
	neighbours, err := s.handle.Neighbours(0)
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, n := range neighbours {
		if n.State != Permanent {
			continue
		}
		o := Object{Noun: NounNeighbour, Name: n.IP.String()}
		o.add("dev", s.linkName(n.Link))
		o.add("mac", n.MAC.String())
		o.add("state", string(n.State))
		objects = append(objects, o)
	}
	return objects, nil
}

// hostSysctls and linkSysctls are the settings that CNI plugins touch. LINK stands for the link's name.
var (
	hostSysctls = []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"}
	linkSysctls = []string{
		"net/ipv4/conf/LINK/arp_notify",
		"net/ipv4/conf/LINK/forwarding",
		"net/ipv4/conf/LINK/rp_filter",
		"net/ipv6/conf/LINK/accept_dad",
		"net/ipv6/conf/LINK/accept_ra",
		"net/ipv6/conf/LINK/disable_ipv6",
		"net/ipv6/conf/LINK/forwarding",
		"net/ipv6/conf/LINK/keep_addr_on_down",
	}
)

func (s *namespaceView) sysctls() ([]Object, error) {
	var objects []Object
	for _, key := range hostSysctls {
		value, err := s.sysctl(key)
		if err != nil {
			return nil, err
		}
		objects = appendSysctl(objects, key, value)
	}
	for _, key := range linkSysctls {
		standard, err := s.sysctl(sysctlOf(key, "default"))
		if err != nil {
			return nil, err
		}
		for _, l := range s.links {
			value, err := s.sysctl(sysctlOf(key, l.Name))
			if err != nil {
				return nil, err
			}
			if value != standard {
				objects = appendSysctl(objects, sysctlOf(key, l.Name), value)
			}
		}
	}
	return objects, nil
}

func sysctlOf(key, link string) string { return strings.Replace(key, "LINK", link, 1) }

// sysctl reads a setting; "" is one that this kernel does not have.
func (s *namespaceView) sysctl(key string) (string, error) {
	value, err := s.handle.Sysctl(key)
	if errors.Is(err, ENOENT) {
		return "", nil
	}
	return value, err
}

func appendSysctl(objects []Object, key, value string) []Object {
	if value == "" {
		return objects
	}
	return append(objects, Object{Noun: NounSysctl, Name: key, Attrs: []Attr{{"value", value}}})
}

// takeFiles reads the regular files below a folder; one that is not there has none.
func takeFiles(h Host, folder string) ([]Object, error) {
	entries, err := h.ReadDir(folder)
	if errors.Is(err, ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, entry := range entries {
		more, err := takeFile(h, path.Join(folder, entry.Name()), entry)
		if err != nil {
			return nil, err
		}
		objects = slices.Concat(objects, more)
	}
	return objects, nil
}

func takeFile(h Host, name string, entry fs.DirEntry) ([]Object, error) {
	switch {
	case entry.IsDir():
		return takeFiles(h, name)
	case !entry.Type().IsRegular():
		return nil, nil
	}
	info, err := h.Stat(name)
	if err != nil {
		return nil, err
	}
	content, err := h.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return []Object{{Noun: NounFile, Name: name, Attrs: []Attr{
		{"mode", fmt.Sprintf("%04o", info.Mode().Perm())},
		{"content", string(content)},
	}}}, nil
}

// String returns the name that ip(8) prints, or the number.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

func tableName(table int) string {
	switch table {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.Itoa(table)
}

func protocolName(protocol int) string {
	switch protocol {
	case ProtoRedirect:
		return "redirect"
	case ProtoKernel:
		return "kernel"
	case ProtoBoot:
		return "boot"
	case ProtoStatic:
		return "static"
	case ProtoRA:
		return "ra"
	}
	return strconv.Itoa(protocol)
}
