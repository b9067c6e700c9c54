package intercept

import (
	"maps"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A Call is one call of a method of a kernel.Host or kernel.NetNS.
type Call struct {
	N      int    // its ordinal among all calls, from 1
	Effect int    // its ordinal among the calls that may change something, from 1; 0 for one that only reads
	Op     Op     // what is done: "link add"
	NetNS  string // the label of the namespace it is done in; empty for what belongs to the host
	Object string // what it is done to, with links by name: "cni0", "10.1.0.1/24 dev cni0"

	// Operation is the call as data, which can be asked of another host; nil where it is no request that changes a
	// network, or none that package operation has.
	Operation operation.Operation
}

// Mutates reports whether the call may change something that outlives the process: links, files, but not locks of
// namespaces, sleep, sockets. A program that is executed may do anything, so that Exec mutates.
func (c Call) Mutates() bool { return c.Effect > 0 }

// String returns one line, as "link add cni0 in netns pod-a".
func (c Call) String() string {
	s := string(c.Op)
	if c.Object != "" {
		s += " " + c.Object
	}
	if c.NetNS != "" {
		s += " in netns " + c.NetNS
	}
	return s
}

// Faulted is the answer of the call where it meets an injected fault.
func (c Call) Faulted(errno kernel.Errno) error { return c.fail(errno, "injected fault") }

// Crashed is what the process would hear of the call if it was not dead.
func (c Call) Crashed() error { return c.fail(kernel.ECANCELED, "the process has crashed") }

// fail returns the error of this call with an errno that no backend gave.
func (c Call) fail(errno kernel.Errno, detail string) error {
	return &kernel.Error{Op: string(c.Op), NetNS: c.NetNS, Object: c.Object, Errno: errno, Detail: detail}
}

// An Op names a method, in the words of ip(8) where it has some.
type Op string

// The ops, each with its method.
const (
	NetNSSelf       Op = "netns self"       // Self
	NetNSOpen       Op = "netns open"       // OpenNetNS
	NetNSAdd        Op = "netns add"        // AddNetNS
	NetNSDelete     Op = "netns delete"     // DeleteNetNS
	NetNSLock       Op = "netns lock"       // Lock
	LinkList        Op = "link list"        // Links
	LinkShow        Op = "link show"        // LinkByName
	LinkAdd         Op = "link add"         // AddLink
	LinkSet         Op = "link set"         // ChangeLink
	LinkDelete      Op = "link delete"      // DeleteLink
	PortSet         Op = "port set"         // ChangePort
	BridgeSet       Op = "bridge set"       // ChangeBridge
	VLANList        Op = "vlan list"        // VLANs
	VLANAdd         Op = "vlan add"         // AddVLANs
	VLANDelete      Op = "vlan delete"      // DeleteVLANs
	FDBList         Op = "fdb list"         // FDB
	FDBAdd          Op = "fdb add"          // AddFDB
	FDBDelete       Op = "fdb delete"       // DeleteFDB
	AddressList     Op = "address list"     // Addresses
	AddressAdd      Op = "address add"      // AddAddress
	AddressDelete   Op = "address delete"   // DeleteAddress
	RouteList       Op = "route list"       // Routes
	RouteAdd        Op = "route add"        // AddRoute
	RouteDelete     Op = "route delete"     // DeleteRoute
	RuleList        Op = "rule list"        // Rules
	RuleAdd         Op = "rule add"         // AddRule
	RuleDelete      Op = "rule delete"      // DeleteRule
	NeighbourList   Op = "neighbour list"   // Neighbours
	NeighbourAdd    Op = "neighbour add"    // AddNeighbour
	NeighbourDelete Op = "neighbour delete" // DeleteNeighbour
	SysctlGet       Op = "sysctl get"       // Sysctl
	SysctlSet       Op = "sysctl set"       // SetSysctl
	RulesetList     Op = "ruleset list"     // Ruleset
	RulesetCheck    Op = "ruleset check"    // CheckRuleset
	RulesetChange   Op = "ruleset change"   // ChangeRuleset
	FlowList        Op = "flow list"        // Flows
	FlowDelete      Op = "flow delete"      // DeleteFlows
	RouterAdvertise Op = "advertise"        // Advertise
	ProbePing       Op = "ping"             // Ping
	ProbeCall       Op = "call"             // Call
	ProbeServe      Op = "serve"            // Serve
	ClockSleep      Op = "sleep"            // Sleep
	FileRead        Op = "file read"        // ReadFile
	FileStat        Op = "file stat"        // Stat
	FileWrite       Op = "file write"       // WriteFile
	FileLink        Op = "file link"        // Link
	FileRename      Op = "file rename"      // Rename
	FileRemove      Op = "file remove"      // Remove
	FileLock        Op = "file lock"        // LockFile
	FolderRead      Op = "folder read"      // ReadDir
	FolderMake      Op = "folder make"      // MkdirAll
	ProgramExec     Op = "exec"             // Exec
	ProgramIsSelf   Op = "is self"          // IsSelf
	HostBootID      Op = "boot id"          // BootID
)

// mutating holds all ops, and of each whether it may leave something behind. LockFile may make the file that it locks.
var mutating = map[Op]bool{
	NetNSSelf: false, NetNSOpen: false, NetNSAdd: true, NetNSDelete: true, NetNSLock: false,
	LinkList: false, LinkShow: false, LinkAdd: true, LinkSet: true, LinkDelete: true, PortSet: true,
	BridgeSet: true, VLANList: false, VLANAdd: true, VLANDelete: true,
	FDBList: false, FDBAdd: true, FDBDelete: true,
	AddressList: false, AddressAdd: true, AddressDelete: true,
	RouteList: false, RouteAdd: true, RouteDelete: true,
	RuleList: false, RuleAdd: true, RuleDelete: true,
	NeighbourList: false, NeighbourAdd: true, NeighbourDelete: true,
	SysctlGet: false, SysctlSet: true,
	RulesetList: false, RulesetCheck: false, RulesetChange: true, FlowList: false, FlowDelete: true,
	RouterAdvertise: false, ProbePing: false, ProbeCall: false, ProbeServe: false, ClockSleep: false,
	FileRead: false, FileStat: false, FileWrite: true, FileLink: true, FileRename: true, FileRemove: true, FileLock: true,
	FolderRead: false, FolderMake: true,
	ProgramExec: true, ProgramIsSelf: false, HostBootID: false,
}

// Ops returns all ops, sorted.
func Ops() []Op { return slices.Sorted(maps.Keys(mutating)) }

// Mutates reports whether a call with the op may change something that outlives the process.
func (op Op) Mutates() bool { return mutating[op] }
