package operation

import (
	"errors"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func vlanForms() []Form {
	return []Form{
		{
			"bridge vlan add", "bridge [-n NS] vlan add vid ID[-LAST] dev LINK [pvid] [untagged] [self]",
			"make a bridge's port, or with self the bridge, a member of VLANs, in one request",
			func(netns string, r *words.Reader) (Operation, error) {
				o := VLANAdd{NetNS: netns}
				link, err := readVLANs(r, &o.VLANs, words.Keywords{
					"pvid":     words.Set(&o.VLANs.PVID, true),
					"untagged": words.Set(&o.VLANs.Untagged, true),
				})
				o.Link = link
				return o, err
			},
		},
		{
			"bridge vlan del", "bridge [-n NS] vlan del vid ID[-LAST] dev LINK [self]", "end memberships in VLANs",
			func(netns string, r *words.Reader) (Operation, error) {
				o := VLANDelete{NetNS: netns}
				link, err := readVLANs(r, &o.VLANs, words.Keywords{})
				o.Link = link
				return o, err
			},
		},
	}
}

// A VLANAdd makes a link a member of VLANs. Of VLANs, Link is not used.
type VLANAdd struct {
	NetNS, Link string
	VLANs       kernel.VLANRange
}

func (o VLANAdd) String() string {
	l := vlanLine(o.NetNS, "bridge vlan add", o.Link, o.VLANs)
	l.flag(o.VLANs.PVID, "pvid")
	l.flag(o.VLANs.Untagged, "untagged")
	l.flag(o.VLANs.Self, "self")
	return l.String()
}

// Op implements Operation.
func (o VLANAdd) Op() string { return "vlan add" }

// In implements Operation.
func (o VLANAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o VLANAdd) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		o.VLANs.Link = index
		return ns.AddVLANs(o.VLANs)
	})
}

// A VLANDelete ends memberships in VLANs. Of VLANs, Link is not used.
type VLANDelete struct {
	NetNS, Link string
	VLANs       kernel.VLANRange
}

func (o VLANDelete) String() string {
	l := vlanLine(o.NetNS, "bridge vlan del", o.Link, o.VLANs)
	l.flag(o.VLANs.Self, "self")
	return l.String()
}

// Op implements Operation.
func (o VLANDelete) Op() string { return "vlan delete" }

// In implements Operation.
func (o VLANDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o VLANDelete) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		o.VLANs.Link = index
		return ns.DeleteVLANs(o.VLANs)
	})
}

// readVLANs reads VLANs and the name of the link.
func readVLANs(r *words.Reader, v *kernel.VLANRange, more words.Keywords) (link string, err error) {
	more["vid"] = words.Value(r, "ID", v, func(s string) (kernel.VLANRange, error) { return parseVLANs(*v, s) })
	more["self"] = words.Set(&v.Self, true)
	return r.Dev(more)
}

// parseVLANs takes an ID, or two with a hyphen between them. Each may be negative, so that a wrong one
// can be said.
func parseVLANs(v kernel.VLANRange, s string) (kernel.VLANRange, error) {
	first, last := s, ""
	if hyphen := strings.Index(s[min(1, len(s)):], "-"); hyphen >= 0 {
		first, last = s[:hyphen+1], s[hyphen+2:]
	}
	var errs [2]error
	v.First, errs[0] = strconv.Atoi(first)
	if last != "" {
		v.Last, errs[1] = strconv.Atoi(last)
	}
	return v, errors.Join(errs[:]...)
}

func vlanLine(netns, name, link string, v kernel.VLANRange) line {
	l := lineOf(netns, name)
	l.add("vid", v.IDs(), "dev")
	l.quoted(link)
	return l
}

// bridgeWords are what can be set of a bridge, behind its type.
const bridgeWords = " [vlan_filtering 0|1] [vlan_default_pvid ID]"

// A BridgeSet changes how a bridge treats VLANs.
type BridgeSet struct {
	NetNS, Link string
	Change      kernel.BridgeChange
}

// readBridgeSet reads what follows the name of the link, from the type on.
func readBridgeSet(netns, link string, r *words.Reader) (Operation, error) {
	o := BridgeSet{NetNS: netns, Link: link}
	r.Skip("type")
	kind, err := r.Next("type")
	switch {
	case err != nil:
		return nil, err
	case kind != kernel.KindBridge:
		return nil, r.Wrong("can set things of the type %s, not of %q", kernel.KindBridge, kind)
	}
	err = readBridge(r, &o.Change)
	return o, err
}

func readBridge(r *words.Reader, c *kernel.BridgeChange) error {
	return r.Keywords(words.Keywords{
		"vlan_filtering":    words.Value(r, "switch (0 or 1)", &c.Filtering, words.Pointer(parseBit)),
		"vlan_default_pvid": words.Value(r, "ID", &c.DefaultPVID, words.Pointer(words.Int)),
	})
}

func parseBit(s string) (bool, error) {
	switch s {
	case "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, errors.New("neither 0 nor 1")
}

func (o BridgeSet) String() string {
	l := lineOf(o.NetNS, "ip link set")
	l.quoted(o.Link)
	l.add("type", kernel.KindBridge)
	addBridge(&l, o.Change)
	return l.String()
}

func addBridge(l *line, c kernel.BridgeChange) {
	if c.Filtering != nil {
		l.add("vlan_filtering", map[bool]string{true: "1", false: "0"}[*c.Filtering])
	}
	set(l, "vlan_default_pvid", c.DefaultPVID)
}

// Op implements Operation.
func (o BridgeSet) Op() string { return "bridge set" }

// In implements Operation.
func (o BridgeSet) In() string { return o.NetNS }

// Apply implements Operation.
func (o BridgeSet) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		return ns.ChangeBridge(index, o.Change)
	})
}
