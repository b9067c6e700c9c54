package kernel

import (
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// Netfilter is what a namespace does with packets on their way: tables of chains of rules. There are two of it side by
// side, and Linux asks both: nftables, and iptables with fixed tables and no handles. One model serves them, and what
// only one of them has is said where it stands.
//
// What others wrote and the model has no words for is opaque: shown as text, and left as it is.
type Netfilter interface {
	// Ruleset returns the tables of a backend by family and name, and the chains of each by name.
	//
	// Of iptables, tables are left out that are as they came: nothing but built-in chains with the policy accept and
	// without rules. Of nftables, sets, maps and the like are left out, and the tables in which iptables keeps what is its
	// own (see OfIPTables).
	//
	//	EOPNOTSUPP  the machine does not have this backend: the kernel lacks nf_tables, or there is no iptables-save, and no
	//	            ip6tables-save either: what there is of one family alone is returned
	Ruleset(b FilterBackend) ([]FilterTable, error)

	// ChangeRuleset makes the changes in their order and in one transaction: all, or none. The error names the first
	// change that is refused. Of iptables, all changes of a transaction belong to one table.
	//
	//	EINVAL      the change is no good in itself (see FilterChange.Valid); iptables: masquerade in a chain that is called
	//	            from another than POSTROUTING; SNAT, and DNAT, likewise where FilterAction has them not
	//	ERANGE      a name or comment is too long
	//	ENOENT      the table, the chain, the chain jumped to, or the rule is not there
	//	EEXIST      Exclusive: the table or chain is there; a chain is there that is not of this hook, type or priority
	//	EBUSY       the chain to delete has rules, or rules jump to it
	//	EOPNOTSUPP  the machine does not have the backend, the family, or what a rule needs; nftables: the chain's type
	//	            does not go with the hook; masquerade in a chain that is, or is called by, another than one of type
	//	            nat at postrouting; SNAT, and DNAT, likewise where FilterAction has them not; reject at postrouting; a
	//	            jump to a base chain
	//	EMLINK      a packet can go from a base chain in circles, or through more than 16 chains
	//	EAGAIN      iptables: another process held the lock for FilterLockWait
	//	EPERM       the caller may not
	ChangeRuleset(b FilterBackend, changes []FilterChange) error

	// CheckRuleset answers as ChangeRuleset would, and changes nothing: whether a machine can do what is wanted. Of
	// iptables it finds no more than iptables-restore --test does: EINVAL and EOPNOTSUPP.
	CheckRuleset(b FilterBackend, changes []FilterChange) error
}

// A FilterBackend is one of the two kinds of netfilter rules that a machine may have.
type FilterBackend string

// The backends.
const (
	NFTables FilterBackend = "nftables" // by netlink
	IPTables FilterBackend = "iptables" // by iptables-save and iptables-restore, whatever those keep it in
)

// FilterLockWait is how many seconds a change of iptables waits for other processes that change them.
const FilterLockWait = 5

// A FilterFamily says which packets a table sees, by the names of nft(8).
type FilterFamily string

// The families. IPTables has the first two.
const (
	FilterIP     FilterFamily = "ip"
	FilterIP6    FilterFamily = "ip6"
	FilterInet   FilterFamily = "inet" // IPv4 and IPv6
	FilterBridge FilterFamily = "bridge"
)

// A FilterTable holds chains.
type FilterTable struct {
	Family  FilterFamily
	Name    string
	Comment string
	Chains  []FilterChain
}

// A FilterChain is a list of rules, asked one after the other.
type FilterChain struct {
	Name    string
	Base    *BaseChain // nil: only rules lead here
	Comment string
	Rules   []FilterRule
}

// A BaseChain says at which point of its way a packet meets a chain. Of iptables' built-in chains it has the policy only.
type BaseChain struct {
	Type     string       // "filter", "nat", "route"
	Hook     string       // "prerouting", "input", "forward", "output", "postrouting"
	Priority int          // chains of a hook are asked in the order of these
	Policy   FilterAction // Accept or Drop: what becomes of packets at the end of the chain
}

// A FilterRule says what becomes of packets that all its matches are true of.
type FilterRule struct {
	Handle  uint64 // nftables: unique in the table, never used again there; 0 for a rule that is added
	Matches []FilterMatch
	Action  FilterAction
	Target  string         // the chain of Jump and GoTo
	With    Rejection      // of Reject
	To      netip.AddrPort // of SNAT and DNAT; port 0: as it was
	Random  bool           // of Masquerade and SNAT: the sender gets any port, though its own is free
	Mark    FilterMark     // of SetMark and SetFlowMark
	Copy    MarkCopy       // of SaveMark and RestoreMark
	Comment string
	Opaque  string // the whole rule, where the model has no words for it; nothing else but Handle is set then
}

// A FilterChange is one change of a transaction.
type FilterChange struct {
	Do        FilterVerb
	Family    FilterFamily
	Table     string
	Chain     string
	Exclusive bool       // AddTable, AddChain: EEXIST where it is there; DeleteTable: EBUSY where anything is in it
	Base      *BaseChain // AddChain
	Comment   string     // AddTable, AddChain
	Rule      FilterRule // AddRule, InsertRule, DeleteRule
	At        uint64     // AddRule, InsertRule: the handle of the rule behind or before which to put it; 0: last, or first
}

// A FilterVerb is what a change does.
type FilterVerb string

// The verbs, in the words of nft(8).
const (
	AddTable    FilterVerb = "add table"    // nftables only
	DeleteTable FilterVerb = "delete table" // with all that is in it, unless Exclusive; nftables only
	// AddChain makes a chain. One that is there stays as it is, but for the policy of a base chain. Of iptables, a chain is
	// made Exclusive and without Base; with Base, and not Exclusive, the policy of a built-in chain is set.
	AddChain    FilterVerb = "add chain"
	DeleteChain FilterVerb = "delete chain"
	// FlushChain deletes all rules of a chain; where none is named, of all chains of the table.
	FlushChain FilterVerb = "flush chain"
	AddRule    FilterVerb = "add rule"    // as the last of its chain
	InsertRule FilterVerb = "insert rule" // as the first
	// DeleteRule deletes the rule with Rule's handle; without one, the first that says the same as Rule.
	DeleteRule FilterVerb = "delete rule"
)

// Limits of Linux.
const (
	MaxFilterName      = 255 // bytes of a table's or a chain's name: NFT_NAME_MAXLEN
	MaxFilterComment   = 128 // bytes of a comment: NFTNL_UDATA_COMMENT_MAXLEN
	MaxIPTablesChain   = 28  // bytes of a chain's name: XT_EXTENSION_MAXNAMELEN - 1
	MaxIPTablesComment = 255 // bytes of a comment: XT_MAX_COMMENT_LEN - 1

	// MaxFilterMatches is how many matches a rule can have, whatever they are. Linux has a limit of 128 expressions
	// (NFT_RULE_MAXEXPRS), of which a match is up to five, and one of 4096 bytes (net/netfilter/nf_tables_api.c:
	// nf_tables_newrule), of which it takes up to 200.
	MaxFilterMatches = 20
)

// IPTablesChains returns the built-in chains of a table of iptables; none where iptables has no such table.
func IPTablesChains(table string) []string {
	switch table {
	case "raw":
		return []string{"PREROUTING", "OUTPUT"}
	case "mangle":
		return []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
	case "nat":
		return []string{"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}
	case "filter", "security":
		return []string{"INPUT", "FORWARD", "OUTPUT"}
	}
	return nil
}

// OfIPTables reports whether a table of nftables is one in which iptables may keep its rules. Linux lets anybody write
// there, but nft(8) warns not to; our calls do not.
func OfIPTables(family FilterFamily, table string) bool {
	return (family == FilterIP || family == FilterIP6) && IPTablesChains(table) != nil
}

// Says reports whether two rules say the same: all but their handles.
func (r FilterRule) Says(other FilterRule) bool { return r.String() == other.String() }

// Valid says what is wrong with a change whatever the machine, in the contract's words; nil for nothing.
//
//	EINVAL  a verb, family, match or action that the backend does not have there; a name that is missing or has
//	        characters that do not fit a line; more matches than MaxFilterMatches; a prefix that says nothing, has bits
//	        beyond its length, or is of another family; ports that are all or none; matches on two protocols, or on one
//	        twice; a rejection or an address of another family; a port to translate to, of what has none; a mark of which
//	        no bit is asked or copied, or that stays as it is; a list of no ports, or of more than MaxPorts; a priority of
//	        more than 32 bits; an opaque rule to add; of nftables: a table of iptables, a list of ports, a mark that is
//	        copied to some bits of another one; of iptables: two matches of one kind, a link that a built-in chain cannot
//	        know, a chain with the name of a target, to delete a built-in chain, drop in the table nat, a translation in
//	        another, reject in another than filter, At, a handle
//	ERANGE  a name or comment that is too long
func (c *FilterChange) Valid(b FilterBackend) error {
	if err := c.validPlace(b); err != nil {
		return err
	}
	if err := c.validVerb(b); err != nil {
		return err
	}
	if err := c.validNames(b); err != nil {
		return err
	}
	return c.validRule(b)
}

func (c *FilterChange) validPlace(b FilterBackend) error {
	switch c.Family {
	case FilterIP, FilterIP6:
	case FilterInet, FilterBridge:
		if b == IPTables {
			return EINVAL
		}
	default:
		return EINVAL
	}
	switch b {
	case NFTables:
		if OfIPTables(c.Family, c.Table) {
			return EINVAL
		}
	case IPTables:
		if IPTablesChains(c.Table) == nil {
			return EINVAL
		}
	default:
		return EINVAL
	}
	return nil
}

func (c *FilterChange) validVerb(b FilterBackend) error {
	ofTable, ofRule := false, false
	switch c.Do {
	case AddTable, DeleteTable:
		ofTable = true
	case FlushChain:
		ofTable = c.Chain == ""
	case AddRule, InsertRule, DeleteRule:
		ofRule = true
	case AddChain, DeleteChain:
	default:
		return EINVAL
	}
	switch {
	case ofTable && c.Chain != "", !ofTable && c.Chain == "":
		return EINVAL
	case c.At != 0 && (!ofRule || c.Do == DeleteRule || b == IPTables), c.Rule.Handle != 0 && b == IPTables:
		return EINVAL
	case c.Do != AddChain && c.Base != nil, c.Do != AddChain && c.Do != AddTable && c.Comment != "":
		return EINVAL
	case c.Exclusive && c.Do != AddChain && c.Do != AddTable && c.Do != DeleteTable:
		return EINVAL
	case b == IPTables && (c.Do == AddTable || c.Do == DeleteTable || c.Comment != ""):
		return EINVAL
	case b == IPTables && c.Do == AddChain && (c.Exclusive == (c.Base != nil) || isTarget(c.Chain)):
		return EINVAL
	case b == IPTables && c.Do == DeleteChain && slices.Contains(IPTablesChains(c.Table), c.Chain):
		return EINVAL // where nf_tables is behind iptables, that deletes one without rules
	}
	return c.validBase(b)
}

func (c *FilterChange) validBase(b FilterBackend) error {
	if c.Base == nil {
		return nil
	}
	whole := slices.Contains(chainTypes, c.Base.Type) && slices.Contains(chainHooks, c.Base.Hook)
	bare := *c.Base == BaseChain{Policy: c.Base.Policy}
	switch {
	case c.Base.Policy != Accept && c.Base.Policy != Drop, b == NFTables && !whole, b == IPTables && !bare:
		return EINVAL
	case c.Base.Priority != int(int32(c.Base.Priority)):
		return EINVAL // NFTA_HOOK_PRIORITY has 32 bits
	case c.Family == FilterBridge && c.Base.Type != "filter":
		return EINVAL
	case b == IPTables && (!slices.Contains(IPTablesChains(c.Table), c.Chain) || c.Table == "nat" && c.Base.Policy == Drop):
		return EINVAL
	}
	return nil
}

func (c *FilterChange) validNames(b FilterBackend) error {
	longest, longestComment := MaxFilterName, MaxFilterComment
	if b == IPTables {
		longest, longestComment = MaxIPTablesChain, MaxIPTablesComment
	}
	for _, name := range []string{c.Table, c.Chain, c.Rule.Target} {
		switch {
		case strings.ContainsAny(name, "\" {};#'") || strings.HasPrefix(name, "-") || !isLine(name):
			return EINVAL
		case len(name) > longest:
			return ERANGE
		}
	}
	for _, comment := range []string{c.Comment, c.Rule.Comment} {
		switch {
		case !isLine(comment):
			return EINVAL
		case len(comment) > longestComment:
			return ERANGE
		}
	}
	if c.Table == "" {
		return EINVAL
	}
	return nil
}

// isLine reports whether a text can stand in one line of what iptables-restore reads.
func isLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (c *FilterChange) validRule(b FilterBackend) error {
	r := &c.Rule
	if r.Opaque != "" {
		return c.validOpaque(b)
	}
	if !r.validAction(c.Family) {
		return EINVAL
	}
	if b == IPTables {
		if err := c.validIPTablesRule(); err != nil {
			return err
		}
	} else if r.Action.copiesMark() && r.Copy.To != wholeMark || portsOf(r.Matches, MatchKey.onPorts) != "" {
		return EINVAL
	}
	if len(r.Matches) > MaxFilterMatches {
		return EINVAL
	}
	for _, m := range r.Matches {
		if !m.valid(c.Family) {
			return EINVAL
		}
	}
	return nil
}

// validIPTablesRule knows what iptables itself refuses (libxtables/xtables.c, iptables/xshared.c), and that targets are
// for one table: net/netfilter/xt_MASQUERADE.c, xt_nat.c, net/ipv4/netfilter/ipt_REJECT.c.
func (c *FilterChange) validIPTablesRule() error {
	a := c.Rule.Action
	if c.Table == "nat" && a == Drop || c.Table != "nat" && a.Translates() ||
		c.Table != "filter" && a == Reject {
		return EINVAL
	}
	seen := map[MatchKey]bool{}
	for _, m := range c.Rule.Matches {
		in := m.On == MatchInLink && (c.Chain == "OUTPUT" || c.Chain == "POSTROUTING")
		out := m.On == MatchOutLink && (c.Chain == "INPUT" || c.Chain == "PREROUTING")
		if seen[m.On] || in || out {
			return EINVAL
		}
		seen[m.On] = true
	}
	return nil
}

// validOpaque lets a rule that has no words be deleted: by its handle, or in iptables' own words.
func (c *FilterChange) validOpaque(b FilterBackend) error {
	if c.Do == DeleteRule && (c.Rule.Handle != 0 || b == IPTables) && isLine(c.Rule.Opaque) {
		return nil
	}
	return EINVAL
}

// SortFilterTables brings tables into the order of a Ruleset.
func SortFilterTables(tables []FilterTable) {
	// The functions of package slices would be there once more for each of these types: 25 KB of the plugin's binary.
	sort.Slice(tables, func(i, j int) bool {
		a, b := &tables[i], &tables[j]
		return a.Family < b.Family || a.Family == b.Family && a.Name < b.Name
	})
	for _, t := range tables {
		sort.Slice(t.Chains, func(i, j int) bool { return t.Chains[i].Name < t.Chains[j].Name })
	}
}

// FindFilterTable returns a table; nil where there is none.
func FindFilterTable(tables []FilterTable, family FilterFamily, name string) *FilterTable {
	for i := range tables {
		if tables[i].Family == family && tables[i].Name == name {
			return &tables[i]
		}
	}
	return nil
}

// Chain returns a chain of the table; nil where there is none.
func (t *FilterTable) Chain(name string) *FilterChain {
	for i := range t.Chains {
		if t.Chains[i].Name == name {
			return &t.Chains[i]
		}
	}
	return nil
}

// NoHandle is the handle of no rule.
const NoHandle = 1 << 63

// FindFilterRules gives each DeleteRule of a transaction that names its rule by what it says the handle of that rule in
// the tables: of the first such that no change before it takes away. Where there is none it is NoHandle.
func FindFilterRules(tables []FilterTable, changes []FilterChange) []FilterChange {
	type place struct {
		table *FilterTable
		rule  uint64
	}
	taken := map[place]bool{}
	changes = slices.Clone(changes)
	for i, c := range changes {
		if c.Do != DeleteRule {
			continue
		}
		t := FindFilterTable(tables, c.Family, c.Table)
		if c.Rule.Handle == 0 {
			changes[i].Rule.Handle = NoHandle
			if t == nil || t.Chain(c.Chain) == nil {
				continue
			}
			for _, r := range t.Chain(c.Chain).Rules {
				if r.Says(c.Rule) && !taken[place{t, r.Handle}] {
					changes[i].Rule.Handle = r.Handle
					break
				}
			}
		}
		taken[place{t, changes[i].Rule.Handle}] = true
	}
	return changes
}

var (
	chainTypes = []string{"filter", "nat", "route"}
	chainHooks = []string{"prerouting", "input", "forward", "output", "postrouting"}
)
