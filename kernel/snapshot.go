package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Snapshot is the state of a host, as far as a plugin can change it: sorted, free of handles, comparable. Its text has
// one object a line below the namespace that it belongs to, in the words of ip(8), each a noun, a name and pairs of key
// and value:
//
//	netns host
//	  link cni0 type bridge mac 0a:58:0a:01:00:01 mtu 1500 admin up oper UP
//	  link veth1 type veth peer eth0@pod-a mac 02:00:00:00:00:01 mtu 1500 admin up oper UP master cni0
//	  address 10.1.0.1/24 dev cni0 scope global
//	  route 10.1.0.0/24 dev cni0 proto kernel scope link src 10.1.0.1
//	  route 10.2.0.0/24 proto boot scope global nexthop via 10.1.0.2 dev cni0 weight 1 nexthop via 10.9.0.2 dev eth0 weight 2
//	  sysctl net/ipv4/ip_forward value 1
//	  nft table inet t
//	  nft chain inet t c
//	  nft rule inet t c ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment pod-a
//	  iptables -t nat -A POSTROUTING -s 10.1.0.2/32 -j CNI-a
//	  flow udp src 10.1.0.2 dst 192.0.2.9 dport 53 reply-src 192.0.2.9 reply-dst 192.0.2.1 reply-sport 53
//	netns pod-a
//	  link eth0 ...
//	files
//	  file /var/lib/cni/networks/net/10.1.0.2 mode 0600 content "pod-a\r\neth0"
type Snapshot []Object

// An Object is one line of a Snapshot.
type Object struct {
	NetNS string // the namespace's name; "" for a file
	Noun  string // "netns", "link", "vlan", "fdb", "address", "route", "rule", "neighbour", "sysctl", "flow", "file"
	Name  string // what tells it from others of its noun; an address or route may stand on several links
	Attrs []Attr
}

// An Attr is a property of an Object.
type Attr struct {
	Key, Value string
}

// The nouns of a snapshot, in the order in which it lists them.
const (
	NounNetNS     = "netns"
	NounLink      = "link"
	NounVLAN      = "vlan"
	NounFDB       = "fdb"
	NounAddress   = "address"
	NounRoute     = "route"
	NounRule      = "rule"
	NounNeighbour = "neighbour"
	NounSysctl    = "sysctl"
	NounFlow      = "flow"
	NounFile      = "file"

	// The nouns of netfilter: of nftables, of iptables for IPv4 and for IPv6. The name of such an object is its whole line,
	// in the words of nft(8) or iptables(8), and it has no attributes.
	NounNFT       = "nft"
	NounIPTables  = "iptables"
	NounIP6Tables = "ip6tables"
)

var nouns = []string{
	NounNetNS, NounLink, NounVLAN, NounFDB, NounAddress, NounRoute, NounRule, NounNeighbour, NounSysctl,
	NounNFT, NounIPTables, NounIP6Tables, NounFlow, NounFile,
}

// filesHeader begins the part of a snapshot's text that belongs to no namespace.
const filesHeader = "files"

// Attr returns the value of a property, and whether the object has it.
func (o Object) Attr(key string) (string, bool) {
	for _, a := range o.Attrs {
		if a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// String returns the object's line, without its namespace.
func (o Object) String() string {
	if o.filters() {
		return o.Noun + " " + o.Name
	}
	line := o.Noun + " " + quoteWord(o.Name)
	if len(o.Attrs) > 0 {
		line += " " + o.pairs()
	}
	return line
}

// pairs are the object's properties as they stand in its line.
func (o Object) pairs() string {
	words := make([]string, 0, 2*len(o.Attrs))
	for _, a := range o.Attrs {
		if a.Key == keyNextHop {
			words = append(words, a.Key, a.Value)
		} else {
			words = append(words, quoteWord(a.Key), quoteWord(a.Value))
		}
	}
	return strings.Join(words, " ")
}

// add appends a property, unless it has no value.
func (o *Object) add(key, value string) {
	if value == "" {
		return
	}
	if o.Attrs == nil {
		const usual = 6
		o.Attrs = make([]Attr, 0, usual)
	}
	o.Attrs = append(o.Attrs, Attr{key, value})
}

// addFlag appends "key yes" where the flag is set.
func (o *Object) addFlag(key string, set bool) {
	if set {
		o.add(key, "yes")
	}
}

// String returns the text of the snapshot, which ParseSnapshot reads back.
func (s Snapshot) String() string {
	var b strings.Builder
	inFiles := false
	for _, o := range s {
		switch {
		case o.Noun == NounNetNS:
			fmt.Fprintln(&b, o)
			continue
		case o.Noun == NounFile && !inFiles:
			fmt.Fprintln(&b, filesHeader)
			inFiles = true
		}
		fmt.Fprintln(&b, "  "+o.String())
	}
	return b.String()
}

// Sort brings the objects into the order of the text: the host's namespace, the others by name, the files. The rules of a
// chain stay in their order.
func (s Snapshot) Sort() { slices.SortStableFunc(s, compareObjects) }

func compareObjects(a, b Object) int {
	if c := compareNetNS(a.NetNS, b.NetNS); c != 0 {
		return c
	}
	if c := slices.Index(nouns, a.Noun) - slices.Index(nouns, b.Noun); c != 0 {
		return c
	}
	if a.filters() {
		return compareFilters(a, b)
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 || slices.Equal(a.Attrs, b.Attrs) {
		return c
	}
	return strings.Compare(a.String(), b.String())
}

// equal reports whether two objects are the same one, without the texts that comparing makes.
func (o Object) equal(other Object) bool {
	return o.Name == other.Name && o.Noun == other.Noun && o.NetNS == other.NetNS && slices.Equal(o.Attrs, other.Attrs)
}

// compareNetNS puts the host's namespace first and what has none last.
func compareNetNS(a, b string) int {
	rank := func(name string) int {
		switch name {
		case HostNetNS:
			return 0
		case "":
			return 2
		}
		return 1
	}
	if c := rank(a) - rank(b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// HostNetNS is the name of the namespace that a host itself runs in.
const HostNetNS = "host"

// ParseSnapshot reads the text of a snapshot. Blank lines and lines that begin with # are passed over.
func ParseSnapshot(text string) (Snapshot, error) {
	var s Snapshot
	netns := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line == filesHeader {
			netns = ""
			continue
		}
		o, err := parseObject(line)
		if err == nil {
			netns, err = o.placeIn(netns)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot line %d: %w", i+1, err)
		}
		s = append(s, o)
	}
	s.Sort()
	return s, nil
}

// placeIn puts an object that was read into the namespace whose header came last, and returns the one that the next
// line belongs to.
func (o *Object) placeIn(netns string) (next string, err error) {
	switch {
	case o.Noun == NounFile:
		return netns, nil
	case o.Noun == NounNetNS:
		netns = o.Name
	}
	if netns == "" {
		return "", fmt.Errorf("a %s belongs below a line \"netns NAME\"", o.Noun)
	}
	o.NetNS = netns
	return netns, nil
}

func parseObject(line string) (Object, error) {
	words, err := splitWords(line)
	if err != nil {
		return Object{}, err
	}
	if !slices.Contains(nouns, words[0]) {
		return Object{}, fmt.Errorf("%q is none of %s", words[0], strings.Join(nouns, ", "))
	}
	if (Object{Noun: words[0]}).filters() {
		return Object{Noun: words[0], Name: joinWords(words[1:])}, nil
	}
	own, hops := cutNextHops(words)
	if len(own)%2 != 0 {
		return Object{}, fmt.Errorf("want a noun, a name and pairs of key and value, got %d words", len(own))
	}
	o := Object{Noun: own[0], Name: own[1], Attrs: pairUp(own[2:])}
	for _, hop := range hops {
		if len(hop)%2 != 0 {
			return Object{}, fmt.Errorf("want pairs of key and value behind %s, got %d words", keyNextHop, len(hop))
		}
		o.Attrs = append(o.Attrs, Attr{keyNextHop, Object{Attrs: pairUp(hop)}.pairs()})
	}
	return o, nil
}

// splitWords splits at spaces; a word may be a Go string in double quotes.
func splitWords(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("no string in Go's double quotes: %s", line)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("no string in Go's double quotes: %s", quoted)
		}
		words, line = append(words, word), line[len(quoted):]
	}
	return words, nil
}

// quoteWord puts a value in quotes where it would not be read back as one word.
func quoteWord(s string) string {
	plain := func(r rune) bool { return r > ' ' && r < 0x7f && r != '"' && r != '\\' }
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Diff shows what differs, a line for each object that only one of the two has: "-" only want, "+" only got. It is
// empty where they are equal.
func Diff(want, got Snapshot) string {
	var b strings.Builder
	for len(want) > 0 || len(got) > 0 {
		switch c := compareHeads(want, got); {
		case c < 0:
			fmt.Fprintf(&b, "- %s\n", qualified(want[0]))
			want = want[1:]
		case c > 0:
			fmt.Fprintf(&b, "+ %s\n", qualified(got[0]))
			got = got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return b.String()
}

func compareHeads(want, got Snapshot) int {
	switch {
	case len(want) == 0:
		return 1
	case len(got) == 0:
		return -1
	case want[0].equal(got[0]):
		return 0
	}
	if c := compareObjects(want[0], got[0]); c != 0 {
		return c
	}
	return compareRuleHeads(want, got)
}

func qualified(o Object) string {
	if o.NetNS == "" || o.Noun == NounNetNS {
		return o.String()
	}
	return o.NetNS + ": " + o.String()
}
