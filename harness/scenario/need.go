package scenario

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// needs are what some kernels were built without, each with the way to ask for it.
var needs = map[string]func(kernel.NetNS) (bool, error){
	"bridge-vlans": knowsVLANs, "vlan-links": knowsVLANLinks, "dummies": knowsDummies,
	"nftables": knowsNFTables, "vxlans": knowsVXLANs,
}

func needForms() []form {
	return []form{
		{
			"need", "need bridge-vlans|vlan-links|vxlans|dummies|nftables",
			"end here, and count as skipped, where the kernel was built without VLANs on bridges, links of the kind vlan, vxlan or dummy, or nftables for more than bridges",
			(*session).need,
		},
	}
}

func (s *session) need(_ string, w *words.Reader) (string, error) {
	what, err := w.Next("what")
	if err != nil {
		return "", err
	}
	ask, known := needs[what]
	if !known {
		return "", w.Wrong("does not know %q, but %s", what, strings.Join(slices.Sorted(maps.Keys(needs)), ", "))
	}
	if err := w.End(); err != nil {
		return "", err
	}
	return "", s.in(kernel.HostNetNS, func(ns kernel.NetNS) error {
		has, err := ask(ns)
		if err == nil && !has {
			s.skip("left out: this kernel was built without " + what)
		}
		return err
	})
}

// knowsVLANs makes a bridge, which says whether bridges know VLANs, and deletes it again.
func knowsVLANs(ns kernel.NetNS) (bool, error) {
	bridge, err := tryLink(ns, kernel.KindBridge)
	return bridge.Bridge.DefaultPVID != kernel.NoVLANs, err
}

// knowsVLANLinks asks for a vlan on nothing, which is refused as a kind that is not known, or as one that lacks its parent.
func knowsVLANLinks(ns kernel.NetNS) (bool, error) {
	_, err := tryLink(ns, kernel.KindVLAN)
	if errors.Is(err, kernel.EINVAL) {
		return true, nil
	}
	return false, unless(err, kernel.EOPNOTSUPP)
}

func knowsDummies(ns kernel.NetNS) (bool, error) { return knowsKind(ns, kernel.KindDummy) }
func knowsVXLANs(ns kernel.NetNS) (bool, error)  { return knowsKind(ns, kernel.KindVXLAN) }

// knowsKind makes a link, and deletes it again.
func knowsKind(ns kernel.NetNS, kind string) (bool, error) {
	_, err := tryLink(ns, kind)
	return err == nil, unless(err, kernel.EOPNOTSUPP)
}

// knowsNFTables asks for a table of both families of the internet.
func knowsNFTables(ns kernel.NetNS) (bool, error) {
	err := ns.CheckRuleset(kernel.NFTables, []kernel.FilterChange{{Do: kernel.AddTable, Family: kernel.FilterInet, Table: "need"}})
	return err == nil, unless(err, kernel.EOPNOTSUPP)
}

// unless forgets an error with that errno.
func unless(err error, errno kernel.Errno) error {
	if errors.Is(err, errno) {
		return nil
	}
	return err
}

// tryLink makes a link and deletes it again.
func tryLink(ns kernel.NetNS, kind string) (kernel.Link, error) {
	const name = "need"
	if err := ns.AddLink(kernel.LinkSpec{Name: name, Kind: kind}); err != nil {
		return kernel.Link{}, err
	}
	made, err := ns.LinkByName(name)
	if err != nil {
		return made, err
	}
	return made, ns.DeleteLink(made.Index)
}
