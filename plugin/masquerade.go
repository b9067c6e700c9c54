package plugin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// What masquerades an attachment is laid out as by the reference plugin (pkg/ip/ipmasq_*_linux.go, pkg/utils/utils.go),
// so that either cleans up after the other: the names of tables and chains, the rules, their order and their comments.

// longHash is how the reference makes names: the beginning of a SHA-512 in hexadecimal digits.
func longHash(length int, text string) string {
	sum := sha512([]byte(text))
	return hex.EncodeToString(sum[:])[:length]
}

// multicast is never masqueraded: pods may talk to others of their network by it.
func multicast(f kernel.Family) netip.Prefix {
	if f == kernel.IPv4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 4)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0xff}), 8)
}

// chooseNetfilter finds out, before anything is made, whether netfilter can do what is wanted.
func (a *add) chooseNetfilter(context.Context) (err error) {
	if a.adopted && a.config.MACSpoofCheck && a.config.MAC == nil {
		return types.NewError(types.ErrInvalidNetworkConfig,
			"macspoofchk is of no use for an interface of prevResult without the MAC address that is behind it",
			`give the address, by the capability "mac" for example`)
	}
	a.backend, err = chooseNetfilter(a.host, a.config, a.attachment)
	return err
}

// chooseNetfilter returns the backend by which to masquerade, if that is asked for.
func chooseNetfilter(host kernel.NetNS, c config.Config, a attachment) (b kernel.FilterBackend, err error) {
	if c.MACSpoofCheck {
		trial := a.spoofing().make(nil, a.hostEnd(), anyMAC)
		if err := host.CheckRuleset(kernel.NFTables, trial); err != nil {
			return "", fmt.Errorf("macspoofchk does not work on this machine: %w", err)
		}
	}
	if c.IPMasq {
		b, err = chooseBackend(host, c, a)
	}
	return b, err
}

// masquerade has what the container sends beyond its subnets leave with the node's address, before it can send anything.
func (a *add) masquerade(ctx context.Context) error {
	if !a.config.IPMasq {
		return nil
	}
	a.undo.push("delete the rules that masquerade", a.unmasquerade)
	addresses := a.layer3.addresses
	return changeRules(a.host, a.backend, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		if a.backend == kernel.NFTables {
			return a.attachment.nftMasquerade(tables, addresses), nil
		}
		return a.attachment.natMasquerade(tables, addresses, a.claim(ctx, a.host, addresses))
	})
}

// unmasquerade takes back what masquerade has made. The other backend was not touched.
func (a *add) unmasquerade(context.Context) error {
	isOwn := func(source netip.Prefix) (bool, error) { return containsAny(source, a.layer3.addresses), nil }
	return changeRules(a.host, a.backend, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		if a.backend == kernel.NFTables {
			w := masqWriter()
			a.attachment.nftUnmasquerade(w, tables)
			return w.changes, nil
		}
		return a.attachment.natUnmasquerade(tables, isOwn)
	})
}

// deleteNFTRules and deleteNATRules are of DEL. They look at both backends, whatever the configuration says: it may
// have changed since ADD, and the rules may be the reference plugin's.
func (c *call) deleteNFTRules(context.Context) error {
	return c.onHost(func(host kernel.NetNS) error {
		return changeRules(host, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
			masq, spoof := masqWriter(), spoofWriter()
			c.attachment().nftUnmasquerade(masq, tables)
			c.attachment().spoofing().delete(spoof, tables)
			return append(masq.changes, spoof.changes...), nil
		})
	})
}

func (c *call) deleteNATRules(ctx context.Context) error {
	return c.onHost(func(host kernel.NetNS) error {
		return changeRules(host, kernel.IPTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
			return c.attachment().natUnmasquerade(tables, c.claim(ctx, host, c.previousAddresses()))
		})
	})
}

// onHost opens the host's namespace for the time of do.
func (c *call) onHost(do func(host kernel.NetNS) error) error {
	host, err := c.machine.Self()
	if err != nil {
		return err
	}
	defer host.Close()
	return do(host)
}

// chooseBackend returns the backend by which to masquerade: the one that is asked for, else iptables, unless nftables
// alone is usable; with an error where it is not.
func chooseBackend(host kernel.NetNS, c config.Config, a attachment) (kernel.FilterBackend, error) {
	tryNFT := func() error { return host.CheckRuleset(kernel.NFTables, a.nftMasquerade(nil, nil)) }
	if c.IPMasqBackend == string(kernel.NFTables) {
		return kernel.NFTables, unusable(kernel.NFTables, tryNFT())
	}
	err := host.CheckRuleset(kernel.IPTables, a.natTrial())
	if err != nil && c.IPMasqBackend == "" && tryNFT() == nil {
		return kernel.NFTables, nil
	}
	return kernel.IPTables, unusable(kernel.IPTables, err)
}

func unusable(b kernel.FilterBackend, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ipMasq by %s does not work on this machine: %w", b, err)
}

// checkNetfilter is STATUS's.
func (s *status) checkNetfilter(context.Context) error {
	_, err := chooseNetfilter(s.host, s.config, attachment{network: s.network.Name, containerID: "any", ifname: "any"})
	return err
}

// checkMasquerade is CHECK's. By which backend the container is masqueraded is nobody's business but the host's.
func (k *check) checkMasquerade(context.Context) error {
	if !k.config.IPMasq {
		return nil
	}
	missing, err := k.masqueradeLacks(kernel.IPTables)
	if err != nil || len(missing) == 0 {
		return err
	}
	byNFT, err := k.masqueradeLacks(kernel.NFTables)
	if err != nil || len(byNFT) == 0 {
		return err
	}
	if k.config.IPMasqBackend == string(kernel.NFTables) || k.config.IPMasqBackend == "" && len(byNFT) < len(missing) {
		k.missRules(kernel.NFTables, byNFT)
	} else {
		k.missRules(kernel.IPTables, missing)
	}
	return nil
}

// missRules notes what is missing of a backend's rules.
func (k *check) missRules(b kernel.FilterBackend, changes []kernel.FilterChange) {
	for i := range changes {
		k.missing("missing rule: %s", describeChange(b, &changes[i]))
	}
}

func (k *check) masqueradeLacks(b kernel.FilterBackend) ([]kernel.FilterChange, error) {
	tables, err := k.host.Ruleset(b)
	if err != nil && !errors.Is(err, kernel.EOPNOTSUPP) {
		return nil, err
	}
	if b == kernel.NFTables {
		return lacking(tables, k.attachment().nftMasquerade(nil, k.layer3.addresses)), nil
	}
	var missing []kernel.FilterChange
	for _, f := range natFamilies {
		missing = append(missing, lacking(tables, k.attachment().natRules(f, k.layer3.addresses))...)
	}
	return missing, nil
}
