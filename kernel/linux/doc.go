// Package linux is the kernel.Host of a real Linux machine.
//
// It speaks rtnetlink through package nl of github.com/vishvananda/netlink, over one socket per open namespace, and
// system calls for the rest. Every request is one message of our own making: the library's Handle hides several
// requests behind one call, keeps its sockets to itself, and never asks for the kernel's extended acknowledgement.
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
