package kernel

import (
	"net/netip"
	"strconv"
)

// Rules are the routing policy of a namespace: which table a packet's route is looked up in. They are tried by ascending
// priority; a table without a route for the packet leaves it to the next rule.
type Rules interface {
	// Rules returns the rules of a family in the order in which they are tried. EAFNOSUPPORT for other families than
	// IPv4 and IPv6.
	Rules(f Family) ([]Rule, error)

	// AddRule puts a rule behind those of its priority (RTM_NEWRULE with NLM_F_CREATE|NLM_F_EXCL).
	//
	//	EAFNOSUPPORT  the family is neither IPv4 nor IPv6
	//	ERANGE        a link's name of more than 15 bytes
	//	EINVAL        From or To is of the other family; IPv6: ToTable without a Table
	//	EEXIST        there is a rule of the same priority, action, table, links, mark and protocol with From and To as
	//	              far as the new one has them: "from all" is there where "from 10.0.0.0/8" is. Not does not count
	AddRule(r Rule) error

	// DeleteRule deletes the first rule that has all that is given. ENOENT where there is none; EAFNOSUPPORT, ERANGE,
	// EINVAL as AddRule.
	DeleteRule(r Rule) error
}

// A Rule. What Linux can match by besides (type of service, ports, users, tunnels) is not shown.
type Rule struct {
	Family   Family
	Priority int          // AnyPriority for AddRule: one before the second rule there is; for DeleteRule: any
	Not      bool         // for all packets but those that the rest describes; DeleteRule does not look at it
	From, To netip.Prefix // the zero Prefix, or one of length 0: any
	In       string       // the link that the packet came in by, "lo" for the namespace's own; "": any
	Out      string       // the link that the sender's socket is bound to; "": any
	// The packet's mark agrees with Mark in the bits that Mask has. A Mask of 0 stands for all bits if there is a Mark,
	// and else for any mark.
	Mark, Mask uint32
	Action     RuleAction // "" for AddRule: ToTable, for DeleteRule: any
	Table      int        // of ToTable; 0 for AddRule, IPv4: the first table that does not exist; for DeleteRule: any
	Protocol   int        // who made it; for DeleteRule 0: any
}

// Label names the rule in an error, by what rules are told apart by.
func (r Rule) Label() string {
	if r.Priority == AnyPriority {
		return r.Family.String()
	}
	return r.Family.String() + " priority " + strconv.Itoa(r.Priority)
}

// AnyPriority is the Priority of a rule that does not name one.
const AnyPriority = -1

// A RuleAction says what becomes of the packets that a rule is for, by the names of ip-rule(8).
type RuleAction string

// The actions. An application sees the last three as EINVAL, ENETUNREACH and EACCES.
const (
	ToTable         RuleAction = "lookup"
	RuleBlackhole   RuleAction = "blackhole"
	RuleUnreachable RuleAction = "unreachable"
	RuleProhibit    RuleAction = "prohibit"
)

// StandardRules are the rules that every namespace begins with.
func StandardRules(f Family) []Rule {
	rules := []Rule{
		{Family: f, Priority: 0, Action: ToTable, Table: TableLocal, Protocol: ProtoKernel},
		{Family: f, Priority: 32766, Action: ToTable, Table: TableMain, Protocol: ProtoKernel},
	}
	if f == IPv4 {
		rules = append(rules, Rule{Family: f, Priority: 32767, Action: ToTable, Table: TableDefault, Protocol: ProtoKernel})
	}
	return rules
}
