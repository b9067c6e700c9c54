//go:build linux

package linux

import (
	"encoding/binary"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// What package unix lacks of include/uapi/linux/netfilter/nf_tables.h.
const (
	nftaTableUserdata = 6
	nftaChainUserdata = 12
)

// nftFamilies are the numbers of families; include/uapi/linux/netfilter.h.
var nftFamilies = map[kernel.FilterFamily]uint8{
	kernel.FilterInet: 1, kernel.FilterIP: unix.AF_INET, "arp": 3, "netdev": 5, kernel.FilterBridge: unix.AF_BRIDGE,
	kernel.FilterIP6: unix.AF_INET6,
}

// nftHooks are the points of a packet's way, by their numbers in the families ip, ip6, inet and bridge.
var nftHooks = []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}

// An nftSocket is a netlink socket of netfilter, opened in a namespace.
type nftSocket struct{ *netlinkSocket }

// onNFT opens a socket in the namespace for the time of f. EOPNOTSUPP where the kernel has no nf_tables.
func (ns *NetNS) onNFT(f func(nftSocket) error) error {
	var s nftSocket
	err := ns.inside(func() (err error) {
		s.netlinkSocket, err = openNetlink(unix.NETLINK_NETFILTER)
		return err
	})
	if is(err, unix.EPROTONOSUPPORT) {
		return unix.EOPNOTSUPP
	}
	if err != nil {
		return err
	}
	defer s.close()
	// A large transaction has as many answers as changes.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, nftReceiveBuffer)
	return f(s)
}

const nftReceiveBuffer = 4 << 20

// nftRuleset reads all tables but those of iptables, with chains and rules, and starts over where they change meanwhile.
func (ns *NetNS) nftRuleset() (tables []kernel.FilterTable, err error) {
	err = ns.onNFT(func(s nftSocket) error {
		tables, err = retry(s.ruleset)
		return err
	})
	return tables, err
}

// nftTables reads which tables there are, those of iptables too; their chains and rules it does not.
func (ns *NetNS) nftTables() (tables []kernel.FilterTable, err error) {
	err = ns.onNFT(func(s nftSocket) error {
		tables, err = retry(func() ([]kernel.FilterTable, error) {
			var r nftReader
			_, err := s.tables(&r)
			return r.tables, err
		})
		return err
	})
	return tables, err
}

// ruleset asks for the rules of each table by itself: those of iptables can be many, and are nothing here.
func (s nftSocket) ruleset() ([]kernel.FilterTable, error) {
	var r nftReader
	generation, err := s.tables(&r)
	if err != nil {
		return nil, err
	}
	r.tables = slices.DeleteFunc(r.tables, func(t kernel.FilterTable) bool { return kernel.OfIPTables(t.Family, t.Name) })
	if len(r.tables) == 0 {
		return nil, nil
	}
	asked := map[kernel.FilterFamily]bool{}
	for _, t := range r.tables {
		if !asked[t.Family] {
			asked[t.Family] = true
			if err := s.dump(unix.NFT_MSG_GETCHAIN, t.Family, r.chain); err != nil {
				return nil, err
			}
		}
		if err := s.dump(unix.NFT_MSG_GETRULE, t.Family, r.rule, nl.NewRtAttr(unix.NFTA_RULE_TABLE, nl.ZeroTerminated(t.Name))); err != nil {
			return nil, err
		}
	}
	now, err := s.generation()
	if err == nil && uint16(now) != generation {
		err = because(unix.EINTR, tooFast)
	}
	return r.tables, err
}

// tables reads which tables there are, and returns the last bits of the generation they are of.
func (s nftSocket) tables(r *nftReader) (generation uint16, err error) {
	messages, err := s.askNFT(unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, "")
	if is(err, unix.EINVAL) {
		return 0, unix.EOPNOTSUPP // see generation
	}
	for _, m := range messages {
		r.table(nftFamilyOf(m[0]), m[nl.SizeofNfgenmsg:])
		generation = binary.BigEndian.Uint16(m[2:]) // net/netfilter/nf_tables_api.c nft_base_seq_be16
	}
	return generation, err
}

// dump calls take with all there is of a kind, in one family if that is given.
func (s nftSocket) dump(kind int, family kernel.FilterFamily, take func(kernel.FilterFamily, []byte), parts ...nl.NetlinkRequestData) error {
	messages, err := s.askNFT(kind, unix.NLM_F_DUMP, family, parts...)
	for _, m := range messages {
		take(nftFamilyOf(m[0]), m[nl.SizeofNfgenmsg:])
	}
	return err
}

// generation is a number that every transaction changes.
func (s nftSocket) generation() (id uint32, err error) {
	messages, err := s.askNFT(unix.NFT_MSG_GETGEN, 0, "")
	if is(err, unix.EINVAL) {
		return 0, unix.EOPNOTSUPP // net/netfilter/nfnetlink.c nfnetlink_rcv_msg: no such subsystem
	}
	for _, m := range messages {
		attributes(m[nl.SizeofNfgenmsg:], func(kind uint16, value []byte) {
			if kind == unix.NFTA_GEN_ID {
				id = binary.BigEndian.Uint32(value)
			}
		})
	}
	return id, err
}

// askNFT sends one request that changes nothing, about a family, or about all.
func (s nftSocket) askNFT(kind, flags int, family kernel.FilterFamily, parts ...nl.NetlinkRequestData) ([][]byte, error) {
	head := &nl.Nfgenmsg{NfgenFamily: nftFamilies[family]}
	return s.ask(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, append([]nl.NetlinkRequestData{head}, parts...)...)
}

// nftChange makes the changes as one batch. Without its end the kernel tries a batch, and then takes all of it back
// (net/netfilter/nfnetlink.c nfnetlink_rcv_batch).
func (ns *NetNS) nftChange(changes []kernel.FilterChange, commit bool) error {
	return ns.onNFT(func(s nftSocket) error {
		if needsRuleset(changes) {
			tables, err := retry(s.ruleset)
			if err != nil {
				return err
			}
			changes = kernel.FindFilterRules(tables, changes)
		}
		batch := netlinkMessage(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, batchHead())
		for i, c := range changes {
			kind, flags, parts := nftRequest(&changes[i])
			head := &nl.Nfgenmsg{NfgenFamily: nftFamilies[c.Family]}
			batch = append(batch, netlinkMessage(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags|unix.NLM_F_ACK, uint32(i+1),
				append([]nl.NetlinkRequestData{head}, parts...)...)...)
		}
		if commit {
			batch = append(batch, netlinkMessage(unix.NFNL_MSG_BATCH_END, 0, uint32(len(changes)+1), batchHead())...)
		}
		return s.sendBatch(batch, len(changes))
	})
}

// needsRuleset reports whether a rule is to be deleted of which the handle has to be found first.
func needsRuleset(changes []kernel.FilterChange) bool {
	for _, c := range changes {
		if c.Do == kernel.DeleteRule && c.Rule.Handle == 0 {
			return true
		}
	}
	return false
}

func batchHead() *nl.Nfgenmsg {
	return &nl.Nfgenmsg{ResId: binary.NativeEndian.Uint16(nl.BEUint16Attr(unix.NFNL_SUBSYS_NFTABLES))}
}

// sendBatch sends a batch and returns the first error that a change in it has. Each is answered, whatever became of the
// others.
func (s nftSocket) sendBatch(batch []byte, changes int) error {
	if changes == 0 {
		return nil
	}
	if err := s.send(batch); err != nil {
		return err
	}
	errs := make([]error, changes)
	for answered := 0; answered < changes; {
		messages, err := s.receive()
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
				continue
			}
			if m.Header.Seq == 0 { // about the batch as such
				return acknowledgement(m)
			}
			if i := int(m.Header.Seq) - 1; i < changes {
				errs[i] = acknowledgement(m)
				answered++
			}
		}
	}
	for i, err := range errs {
		if err != nil {
			return &changeError{i, err}
		}
	}
	return nil
}

// nftRequest is the message of a change.
func nftRequest(c *kernel.FilterChange) (kind, flags int, parts []nl.NetlinkRequestData) {
	add := func(part nl.NetlinkRequestData) { parts = append(parts, part) }
	name := func(kind int, name string) { parts = append(parts, attrString(kind, name)) }
	created := unix.NLM_F_CREATE
	if c.Exclusive {
		created |= unix.NLM_F_EXCL
	}
	switch c.Do {
	case kernel.AddTable:
		name(unix.NFTA_TABLE_NAME, c.Table)
		add(attrUint32(unix.NFTA_TABLE_FLAGS, 0))
		if c.Comment != "" {
			add(nl.NewRtAttr(nftaTableUserdata, commentData(c.Comment)))
		}
		return unix.NFT_MSG_NEWTABLE, created, parts
	case kernel.DeleteTable:
		name(unix.NFTA_TABLE_NAME, c.Table)
		if c.Exclusive {
			flags = unix.NLM_F_NONREC
		}
		return unix.NFT_MSG_DELTABLE, flags, parts
	case kernel.AddChain:
		name(unix.NFTA_CHAIN_TABLE, c.Table)
		name(unix.NFTA_CHAIN_NAME, c.Chain)
		if c.Base != nil {
			parts = append(parts, baseParts(c.Base)...)
		}
		if c.Comment != "" {
			add(nl.NewRtAttr(nftaChainUserdata, commentData(c.Comment)))
		}
		return unix.NFT_MSG_NEWCHAIN, created, parts
	case kernel.DeleteChain:
		name(unix.NFTA_CHAIN_TABLE, c.Table)
		name(unix.NFTA_CHAIN_NAME, c.Chain)
		return unix.NFT_MSG_DELCHAIN, unix.NLM_F_NONREC, parts
	}
	name(unix.NFTA_RULE_TABLE, c.Table)
	if c.Chain != "" {
		name(unix.NFTA_RULE_CHAIN, c.Chain)
	}
	switch c.Do {
	case kernel.FlushChain:
		return unix.NFT_MSG_DELRULE, 0, parts
	case kernel.DeleteRule:
		add(attrBE64(unix.NFTA_RULE_HANDLE, c.Rule.Handle))
		return unix.NFT_MSG_DELRULE, 0, parts
	}
	if c.At != 0 {
		add(attrBE64(unix.NFTA_RULE_POSITION, c.At))
	}
	add(nftExpressions(c.Family, c.Rule))
	if c.Rule.Comment != "" {
		add(nl.NewRtAttr(unix.NFTA_RULE_USERDATA, commentData(c.Rule.Comment)))
	}
	flags = unix.NLM_F_CREATE
	if c.Do == kernel.AddRule {
		flags |= unix.NLM_F_APPEND
	}
	return unix.NFT_MSG_NEWRULE, flags, parts
}

func baseParts(b *kernel.BaseChain) []nl.NetlinkRequestData {
	hook := nl.NewRtAttr(unix.NFTA_CHAIN_HOOK|unix.NLA_F_NESTED, nil)
	for number, name := range nftHooks {
		if name == b.Hook {
			hook.AddRtAttr(unix.NFTA_HOOK_HOOKNUM, nl.BEUint32Attr(uint32(number)))
		}
	}
	hook.AddRtAttr(unix.NFTA_HOOK_PRIORITY, nl.BEUint32Attr(uint32(int32(b.Priority))))
	return []nl.NetlinkRequestData{
		hook,
		nl.NewRtAttr(unix.NFTA_CHAIN_POLICY, nl.BEUint32Attr(verdictCode(b.Policy))),
		attrString(unix.NFTA_CHAIN_TYPE, b.Type),
	}
}

func attrBE64(kind int, v uint64) *nl.RtAttr { return nl.NewRtAttr(kind, nl.BEUint64Attr(v)) }

// commentData is a comment in the form of libnftnl's user data: type, length, and the text with a zero
// (include/libnftnl/udata.h; the type of a comment is 0 for tables, chains and rules).
func commentData(comment string) []byte {
	return append([]byte{0, byte(len(comment) + 1)}, nl.ZeroTerminated(comment)...)
}

func commentOf(data []byte) string {
	for len(data) >= 2 {
		size := int(data[1])
		if len(data) < 2+size {
			return ""
		}
		if data[0] == 0 {
			return stringOf(data[2 : 2+size])
		}
		data = data[2+size:]
	}
	return ""
}

// An nftReader collects what dumps say: first of tables, then of their chains, then of rules.
type nftReader struct{ tables []kernel.FilterTable }

func nftFamilyOf(number uint8) kernel.FilterFamily {
	for family, n := range nftFamilies {
		if n == number {
			return family
		}
	}
	return ""
}

func (r *nftReader) table(family kernel.FilterFamily, m []byte) {
	t := kernel.FilterTable{Family: family}
	attributes(m, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_TABLE_NAME:
			t.Name = stringOf(value)
		case nftaTableUserdata:
			t.Comment = commentOf(value)
		}
	})
	r.tables = append(r.tables, t)
}

func (r *nftReader) chain(family kernel.FilterFamily, m []byte) {
	var table string
	var c kernel.FilterChain
	base := kernel.BaseChain{Policy: kernel.Accept}
	attributes(m, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_CHAIN_TABLE:
			table = stringOf(value)
		case unix.NFTA_CHAIN_NAME:
			c.Name = stringOf(value)
		case unix.NFTA_CHAIN_TYPE:
			base.Type = stringOf(value)
		case unix.NFTA_CHAIN_POLICY:
			base.Policy = actionOf(binary.BigEndian.Uint32(value))
		case unix.NFTA_CHAIN_HOOK:
			c.Base = &base
			readHook(&base, value)
		case nftaChainUserdata:
			c.Comment = commentOf(value)
		}
	})
	if t := kernel.FindFilterTable(r.tables, family, table); t != nil {
		t.Chains = append(t.Chains, c)
	}
}

func (r *nftReader) rule(family kernel.FilterFamily, m []byte) {
	var table, chain string
	attributes(m, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			table = stringOf(value)
		case unix.NFTA_RULE_CHAIN:
			chain = stringOf(value)
		}
	})
	if t := kernel.FindFilterTable(r.tables, family, table); t != nil {
		if c := t.Chain(chain); c != nil {
			c.Rules = append(c.Rules, ruleOf(family, m))
		}
	}
}

func readHook(base *kernel.BaseChain, data []byte) {
	attributes(data, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_HOOK_HOOKNUM:
			base.Hook = "unknown"
			if n := binary.BigEndian.Uint32(value); int(n) < len(nftHooks) {
				base.Hook = nftHooks[n]
			}
		case unix.NFTA_HOOK_PRIORITY:
			base.Priority = int(int32(binary.BigEndian.Uint32(value)))
		}
	})
}
