package sim

import "github.com/cnilab/cnilab/kernel"

// ChangeBridge is kernel.VLANs'.
func (n *handle) ChangeBridge(index int, c kernel.BridgeChange) error {
	return n.do("bridge set", n.label(index), func() *refusal { return n.ns.changeBridge(index, c) })
}

// VLANs is kernel.VLANs'.
func (n *handle) VLANs() (list []kernel.VLAN, err error) {
	err = n.do("vlan list", "", func() *refusal {
		for _, l := range n.ns.sorted() {
			for _, self := range []bool{true, false} {
				if g := l.vlanGroup(self); g != nil {
					list = append(list, g.describe(l.index)...)
				}
			}
		}
		return nil
	})
	return list, err
}

// AddVLANs is kernel.VLANs'.
func (n *handle) AddVLANs(v kernel.VLANRange) error {
	return n.do("vlan add", n.nameVLANs(v), func() *refusal {
		return n.ns.addVLANs(v)
	})
}

// DeleteVLANs is kernel.VLANs'.
func (n *handle) DeleteVLANs(v kernel.VLANRange) error {
	v.PVID, v.Untagged = false, false
	return n.do("vlan delete", n.nameVLANs(v), func() *refusal {
		return n.ns.leaveVLANs(v)
	})
}

func (n *handle) nameVLANs(v kernel.VLANRange) string { return v.IDs() + " dev " + n.label(v.Link) }
