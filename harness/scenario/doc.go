// Package scenario is the language of the files below scenarios/: txtar archives whose first part is a script, run by
// testscript with verbs of our own, and whose other parts are the files that the script names.
//
//	# Two pods on one bridge reach each other.
//	ip netns add pod-a
//	ip netns add pod-b
//	cni add net.conflist pod-a eth0
//	cni add net.conflist pod-b eth0
//	ping pod-b 10.1.0.2
//
//	-- net.conflist --
//	{ "cniVersion": "1.1.0", "name": "net", "plugins": [ ... ] }
//
// A script sees a [kernel.Host] and the files of its archive, and nothing else: verbs of testscript that would touch
// the machine that runs it (exec, rm, symlink, ...) are refused before the first line is run. So a scenario does the
// same on a simulated host and on a real one.
//
// What no kernel does on request, a fault or a crash at a call, happens between a plugin and its host: see
// [harness.Faults]. Where plugins cannot meet faults, such a scenario is skipped. One that needs what a real machine
// does not have, such as virtual time, is bound to the simulation by a line in its first comments that gives the
// reason, "# backend: sim, because ...", and counted where it cannot run.
//
// [Run] runs one scenario on any machine, package harness/simulated on the simulation's, which lack nothing; [Test] runs many
// under go test.
package scenario
