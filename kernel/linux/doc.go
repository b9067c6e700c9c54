// Package linux is the kernel.Host of a real Linux machine.
//
// It speaks rtnetlink through package nl of github.com/vishvananda/netlink, over one socket per open namespace, and
// system calls for the rest. Every request is one message of our own making: the library's Handle hides several
// requests behind one call, keeps its sockets to itself, and never asks for the kernel's extended acknowledgement.
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
// A thread enters another network namespace only to open a socket, to reach its sysctls, or to start a program. Each
// time that is a thread of its own, which goes back before anybody else may use it; one that cannot go back is ended.
// Netlink requests, probes under way and locks need no thread in the namespace: their sockets and descriptors were
// opened there.
//
// # Errors
//
// Every error is a *kernel.Error with the errno that Linux answered. Detail holds the kernel's extended
// acknowledgement. A request that a signal interrupted, and a dump that a concurrent change cut, are tried again.
//
// The package builds for Linux only.
package linux
