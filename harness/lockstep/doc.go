// Package lockstep asks two kernels the same and compares what they answer: the simulation and a real one, in step.
//
// # How a run goes
//
// A run is a number of sequences of operations (see [kernel/operation]). Each is drawn from the seed of the run and its
// own number alone, before anything is asked: the same seed gives the same operations, whatever the kernels answer and
// however many sequences run side by side. [Sequence] is the generator, one of pgregory.net/rapid, which a property of
// its own or a fuzz target can draw from, too. It keeps a rough model of what a kernel would have by then, so that most
// operations make sense, and draws misuse on purpose: names that are taken, invalid or missing, values out of range.
//
// Now and then an operation is asked by a closed handle, or names a plain file where a namespace would be. One sequence in
// about a thousand is a crowd, which fills a bridge with all the ports that it takes and asks for more; its states are
// compared in the end alone.
//
// Both kernels carry a sequence out in namespaces of its own. After each operation the errno and what was printed are
// compared; after each that changes more than a table, the links, addresses and routes; after every few all
// tables, and in the end the whole snapshot, settings and netfilter included. Linux does some things late (operational states, local routes of IPv6 addresses, the death of
// a namespace): a comparison of states is repeated until they are equal or [Patience] is over. A simulation's clock is
// moved on before, so that nothing is left to happen there.
//
// # What is left out
//
// All links are given MACs, but for vlans, which have their parents', so that nothing in a snapshot is random. Entries of
// forwarding databases are not asked for by MACs that a bridge may learn when their links send. What a kernel was built
// without is drawn rarely (see [Shape]). The MTU, the peers and all else is compared as kernel.Take prints it. Duplicate address detection is switched off in most sequences, since it takes up to two seconds.
//
// A sequence ends early where Linux decides by timing alone what comes of an operation (a veth that is made up and a port
// of a bridge), and where it would be busy for minutes (rules of nftables that lead to each other in too many ways, bridges that send frames
// in a circle). Which of
// two links that want one address has lost it after duplicate address detection is random, and no difference.
//
// # Packets
//
// Requests send nothing. A run may be about packets instead ([Run.Packets]): its sequences ([Packets]) build a small network,
// most of which works, and probe it; change it while it lives, and probe it again, twice, so that what conntrack, the
// forwarding databases, neighbours and paths' MTUs have kept by then counts. A network has a node, which forwards, and up to
// four other namespaces; bridges and cables, addresses and routes of both IP versions, rules of nftables or iptables. What
// changes it takes links down, addresses and routes away, adds routes, rules of routing and of netfilter, neighbours, settings,
// MTUs, modes of ports. Probes are pings and calls by TCP and UDP, to what is served and not, to addresses that nobody has, now
// and then from a chosen source, in pieces, or with few hops.
//
// Compared is what each request and probe is answered: the errno, who answers, and as whom the service saw the caller; and in
// the end the tables, and the flows of conntrack. Every probe is a line of the scenario language, and so is a pause for what
// Linux does late: a sequence is a scenario, and each kernel has its own time for it. The clock of the simulation is moved on
// by as much as the other kernel took longer, so that what ends by itself does so on both.
//
// Left out is what Linux decides by chance: several next hops, ports and identifiers; what is so near to three seconds
// that a neighbour is given up or is not; the limits of ICMP errors but for those that a router has no way for. Left out, too, is
// what the simulation is known not to do: ip_nonlocal_bind, and redirects of IPv4.
//
// # Differences
//
// A difference that is there again when the sequence is carried out anew is made shorter ([Shrink]): operations are left
// out as long as the kernels still answer differently to the same kind of operation. [Difference.Scenario] then is a
// scenario that holds on the reference and not on the other.
//
// # Coverage
//
// [Coverage] counts the pairs of operation and errno that the reference has answered. A run that never asks for what the
// laws know shows nothing; the command prints the pairs that hardly occurred in a long one.
//
// [kernel/operation]: https://pkg.go.dev/github.com/cnilab/cnilab/kernel/operation
package lockstep
