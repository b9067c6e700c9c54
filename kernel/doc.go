// Package kernel is the contract between a CNI plugin and the machine it runs on.
//
// A [Host] is one machine as a plugin sees it: its network namespaces, its clock, its files, the programs it can
// execute and its boot id. Plugin code is written against Host alone and never learns which backend answers:
//
//   - package kernel/linux speaks netlink and system calls to a real Linux kernel;
//   - package sim answers from tables in ordinary memory, on any operating system and without privileges.
//
// Package kernel/kerneltest holds the laws that both obey, and package kernel/intercept wraps any Host to trace, count
// or fail its calls.
//
// # The rules of the contract
//
// Errors are part of it. Every failing method returns a *[Error] that carries Linux's [Errno], whatever the operating
// system the program was built for; errors.Is(err, kernel.EEXIST) is the only test a caller makes. Each method says
// which errno stands for which misuse.
//
// One method has at most one effect: one netlink request, one file operation. A fault injected between two calls is
// therefore a fault that can happen on Linux, and a sweep over all calls of a verb is a sweep over all the states a
// crash can leave behind. What takes several effects is a composition and lives with the caller.
//
// The words are ours: [net/netip] addresses, ifindexes, names. No type of a netlink library appears here, so that a
// simulation builds wherever Go does.
//
// Waiting is the host's. Nobody calls time.Sleep: [Clock].Sleep is the wall clock on a real machine, and virtual time
// in a simulation.
//
// State is compared as text. [Take] reads all that a plugin can change into a [Snapshot], whose lines are sorted, free
// of handles such as ifindexes, read like ip(8) and parse back; [Diff] shows what differs.
package kernel
