package operation

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func addressForms() []Form {
	return []Form{
		{
			"ip addr add", "ip [-n NS] addr add PREFIX dev LINK [broadcast ADDRESS] [scope SCOPE] [nodad]",
			"give a link an address", readAddressAdd,
		},
		{"ip addr del", "ip [-n NS] addr del PREFIX dev LINK", "take an address away", readAddressDelete},
	}
}

// An AddressAdd gives a link an address. Of Address, Link is not used.
type AddressAdd struct {
	NetNS, Link string
	Address     kernel.Address
}

func readAddressAdd(netns string, r *words.Reader) (Operation, error) {
	o := AddressAdd{NetNS: netns}
	if err := words.Value(r, "PREFIX", &o.Address.Prefix, words.Prefix)(); err != nil {
		return nil, err
	}
	o.Address.Scope = usualScope(o.Address.Prefix.Addr())
	var err error
	o.Link, err = r.Dev(words.Keywords{
		"broadcast": words.Value(r, "ADDRESS", &o.Address.Broadcast, words.Addr),
		"scope":     words.Value(r, "scope", &o.Address.Scope, parseScope),
		"nodad":     words.Set(&o.Address.NoDAD, true),
	})
	return o, err
}

// usualScope is the scope that ip(8) gives an address whose line names none (ip/ipaddress.c default_scope).
func usualScope(a netip.Addr) kernel.Scope {
	if a.IsLoopback() {
		return kernel.ScopeHost
	}
	return kernel.ScopeGlobal
}

func (o AddressAdd) String() string {
	l := lineOf(o.NetNS, "ip addr add")
	l.add(prefix(o.Address.Prefix), "dev")
	l.quoted(o.Link)
	given(&l, "broadcast", o.Address.Broadcast)
	if o.Address.Scope != usualScope(o.Address.Prefix.Addr()) {
		l.add("scope", o.Address.Scope.String())
	}
	l.flag(o.Address.NoDAD, "nodad")
	return l.String()
}

// prefix is the word for a prefix; an empty one where there is none.
func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return words.Quote("")
	}
	return p.String()
}

// Op implements Operation.
func (o AddressAdd) Op() string { return "address add" }

// In implements Operation.
func (o AddressAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o AddressAdd) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		a := o.Address
		a.Link = index
		return ns.AddAddress(a)
	})
}

// An AddressDelete takes an address away.
type AddressDelete struct {
	NetNS, Link string
	Prefix      netip.Prefix
}

func readAddressDelete(netns string, r *words.Reader) (Operation, error) {
	o := AddressDelete{NetNS: netns}
	if err := words.Value(r, "PREFIX", &o.Prefix, words.Prefix)(); err != nil {
		return nil, err
	}
	var err error
	o.Link, err = r.Dev(nil)
	return o, err
}

func (o AddressDelete) String() string {
	l := lineOf(o.NetNS, "ip addr del")
	l.add(prefix(o.Prefix), "dev")
	l.quoted(o.Link)
	return l.String()
}

// Op implements Operation.
func (o AddressDelete) Op() string { return "address delete" }

// In implements Operation.
func (o AddressDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o AddressDelete) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, index int) error {
		return ns.DeleteAddress(kernel.Address{Link: index, Prefix: o.Prefix})
	})
}
