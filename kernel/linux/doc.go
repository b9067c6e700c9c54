// Package linux is the kernel.Host of a real Linux machine.
//
// It speaks rtnetlink in messages that package nl of github.com/vishvananda/netlink puts together, over one socket of its
// own per open namespace, and makes system calls for the rest. Every request is one message: the library's Handle hides
// several requests behind one call, keeps its sockets to itself, and never asks for the kernel's extended acknowledgement.
//
// # Netfilter
//
// A transaction of nftables is one batch of netlink messages of our own making, which are those of nft(8). Package
// github.com/google/nftables would make them, too, but puts 356 KB into a plugin that had 3,859 KB, and leaves out which
// message of a batch the kernel has refused. What a rule says is read back expression by expression; whatever is not
// written like this is opaque.
//
// Rules of iptables are changed by one run of iptables-restore and read by iptables-save, since two kernel interfaces may
// be behind these programs. Their errors are words; of the legacy variant only the number of a line. The errno is then
// found by what the change is and what there is.
//
// # Threads
//
// A thread enters another network namespace only to open a socket, to reach its sysctls, or to start a program, and goes
// back before anybody else may use it. It is the caller's; but where a process may not go back to its own namespace, it is
// one for that purpose, and ends.
// Netlink requests, probes under way and locks need no thread in the namespace: their sockets and descriptors were
// opened there.
//
// # Several machines
//
// A process may have more machines than the one it runs on, and join them: those of NewApart have a network namespace and
// a mount namespace of their own, in which a thread does all that has to do with paths, and ends; a Cable lies between two.
// What a plugin does not use is not linked into it.
//
// # Errors
//
// Every error is a *kernel.Error with the errno that Linux answered. Detail holds the kernel's extended
// acknowledgement. A request that a signal interrupted, and a dump that a concurrent change cut, are tried again.
//
// The package builds for Linux only.
package linux
