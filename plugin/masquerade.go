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

// requireMAC refuses an adopted interface of which nobody has said what address it may send with.
func (a *add) requireMAC(context.Context) error {
	if a.adopted && a.config.MACSpoofCheck && a.config.MAC == nil {
		return types.NewError(types.ErrInvalidNetworkConfig,
			"macspoofchk is of no use for an interface of prevResult without the MAC address that is behind it",
			`give the address, by the capability "mac" for example`)
	}
	return nil
}

// masquerade has what the container sends beyond its subnets leave with the node's address, before it can send anything.
// The backend is the one that is asked for, else iptables, unless nftables alone is usable.
//
// Whether the machine can do it is not tried before, as STATUS does: the kernel waits 5 to 20 ms before it gives a trial
// up. An ADD that fails here undoes what little it has made.
func (a *add) masquerade(ctx context.Context) error {
	if !a.config.IPMasq {
		return nil
	}
	a.undo.push("delete the rules that masquerade", a.unmasquerade)
	a.backend = backendOf(a.config)
	err := a.masqueradeBy(ctx, a.backend)
	if !isUnusable(err) {
		return err
	}
	if a.config.IPMasqBackend == "" {
		if a.layer3.has(kernel.IPv6) { // of iptables, what is of IPv4 may have been made
			if undo := a.unmasquerade(ctx); !isUnusable(undo) && undo != nil {
				return errors.Join(err, undo)
			}
		}
		a.backend = kernel.NFTables
		if byNFT := a.masqueradeBy(ctx, a.backend); !isUnusable(byNFT) {
			return byNFT
		}
	}
	return unusable(backendOf(a.config), err)
}

// backendOf is the backend to try first.
func backendOf(c config.Config) kernel.FilterBackend {
	if c.IPMasqBackend == string(kernel.NFTables) {
		return kernel.NFTables
	}
	return kernel.IPTables
}

// isUnusable reports whether an error says that the machine cannot do what was wanted of netfilter.
func isUnusable(err error) bool {
	return errors.Is(err, kernel.EOPNOTSUPP) || errors.Is(err, kernel.EINVAL) || errors.Is(err, kernel.EPERM)
}

func (a *add) masqueradeBy(ctx context.Context, b kernel.FilterBackend) error {
	addresses := a.layer3.addresses
	if b == kernel.NFTables {
		return changeRules(a.host, b, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
			a.madeMasqTable = a.madeMasqTable || masqWriter().in(tables) == nil
			return a.attachment.nftMasquerade(tables, addresses), nil
		})
	}
	plan := func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		return a.attachment.natMasquerade(tables, addresses, a.claim(ctx, a.host, addresses))
	}
	return changeRulesUnread(a.host, b, plan)
}

// unmasquerade takes back what masquerade has made. The other backend was not touched.
func (a *add) unmasquerade(context.Context) error {
	isOwn := func(source netip.Prefix) (bool, error) { return containsAny(source, a.layer3.addresses), nil }
	err := changeRules(a.host, a.backend, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		if a.backend == kernel.NFTables {
			w := masqWriter()
			a.attachment.nftUnmasquerade(w, tables)
			return w.changes, nil
		}
		return a.attachment.natUnmasquerade(tables, isOwn)
	})
	return errors.Join(err, forgetUnused(a.host, a.madeMasqTable, nftUnused))
}

// deleteNFTRules and deleteNATRules are of DEL. They look at both backends, whatever the configuration says: it may
// have changed since ADD, and the rules may be the reference plugin's.
func (c *call) deleteNFTRules(_ context.Context, host kernel.NetNS) error {
	return changeRules(host, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		masq, spoof := masqWriter(), spoofWriter()
		c.attachment().nftUnmasquerade(masq, tables)
		c.attachment().spoofing().delete(spoof, tables)
		return append(masq.changes, spoof.changes...), nil
	})
}

func (c *call) deleteNATRules(ctx context.Context, host kernel.NetNS) error {
	return changeRules(host, kernel.IPTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		return c.attachment().natUnmasquerade(tables, c.claim(ctx, host, c.previousAddresses()))
	})
}

// tryNetfilter finds out whether netfilter can do what is wanted, without doing it.
func tryNetfilter(host kernel.NetNS, c config.Config, a attachment) error {
	if c.MACSpoofCheck {
		if err := host.CheckRuleset(kernel.NFTables, a.spoofing().make(nil, a.hostEnd(), anyMAC)); err != nil {
			return spoofCheckUnusable(err)
		}
	}
	if !c.IPMasq {
		return nil
	}
	tryNFT := func() error { return host.CheckRuleset(kernel.NFTables, a.nftMasquerade(nil, nil)) }
	if backendOf(c) == kernel.NFTables {
		return unusable(kernel.NFTables, tryNFT())
	}
	err := host.CheckRuleset(kernel.IPTables, a.natTrial())
	if err != nil && c.IPMasqBackend == "" && tryNFT() == nil {
		return nil
	}
	return unusable(kernel.IPTables, err)
}

func unusable(b kernel.FilterBackend, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ipMasq by %s does not work on this machine: %w", b, err)
}

// checkNetfilter is STATUS's.
func (s *status) checkNetfilter(context.Context) error {
	return tryNetfilter(s.host, s.config, attachment{network: s.network.Name, containerID: "any", ifname: "any"})
}

// checkMasquerade is CHECK's. By which backend the container is masqueraded is nobody's business but the host's; the one
// that ADD would try first is looked at first.
func (k *check) checkMasquerade(context.Context) error {
	if !k.config.IPMasq {
		return nil
	}
	first, second := kernel.IPTables, kernel.NFTables
	if backendOf(k.config) == kernel.NFTables {
		first, second = second, first
	}
	missing, err := k.masqueradeLacks(first)
	if err != nil || len(missing) == 0 {
		return err
	}
	missingToo, err := k.masqueradeLacks(second)
	if err != nil || len(missingToo) == 0 {
		return err
	}
	if k.config.IPMasqBackend == "" && len(missingToo) < len(missing) {
		k.missRules(second, missingToo)
	} else {
		k.missRules(first, missing)
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
