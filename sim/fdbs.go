package sim

import "github.com/cnilab/cnilab/kernel"

// FDB is kernel.FDB's.
func (n *handle) FDB() (list []kernel.FDBEntry, err error) {
	err = n.do("fdb list", "", func() *refusal {
		list = n.ns.listFDB()
		return nil
	})
	return list, err
}

// AddFDB is kernel.FDB's.
func (n *handle) AddFDB(e kernel.FDBEntry) error {
	return n.do("fdb add", e.MAC.String()+" dev "+n.label(e.Link), func() *refusal { return n.ns.addFDB(e) })
}

// DeleteFDB is kernel.FDB's.
func (n *handle) DeleteFDB(e kernel.FDBEntry) error {
	return n.do("fdb delete", e.MAC.String()+" dev "+n.label(e.Link), func() *refusal { return n.ns.deleteFDB(e) })
}
