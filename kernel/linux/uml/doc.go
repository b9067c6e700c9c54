// Package uml runs a program on a Linux kernel of its own: User Mode Linux, which is a kernel that is an ordinary
// process. It needs no root, no capability, no user namespace and no virtual machine; ptrace and memory that may be
// executed are all it asks of the machine. Debian has such a kernel as its package user-mode-linux, with modules.
//
// # Outside
//
// Run boots a kernel, runs one program in it as root, and ends with it:
//
//	exit, err := uml.Run(ctx, uml.Program{Path: "/usr/sbin/ip", Args: []string{"link"}, Stdout: os.Stdout})
//
// A program that calls Run says
//
//	uml.Init()
//
// first thing in main or TestMain, because it is run again in two other parts: as the keeper, a process outside that ends
// the kernel and removes its files however the caller ends; and as the first process inside (see init(8)). Init does the
// work of these and does not return; in any other process it does nothing.
//
// # Inside
//
// The program sees the files of the machine, read only, as far as the user who called Run may read them (hostfs);
// /tmp, /run, /dev, /proc and /sys are fresh. Program.Folders, the working directory and the folder of the
// program are there even if they are below one of those; those of Program.Writable can be written, too. The network is
// that of a machine after its boot: a loopback, which is up. There is one processor, and each system call costs about ten
// times what it costs outside.
//
// Where the machine's processors have AMX, programs inside do without AVX: the kernel would not keep its registers.
//
// What the program writes to its standard output and error goes to the caller at once. What the kernel says on its
// console does not: its last lines are part of the error when the kernel panics, does not come up, or ends without the
// program's status.
//
// The package builds for Linux only.
package uml
