// Package harness is a container runtime in a box: it makes pods, gives them networks through CNI plugins and takes
// them away again, on any [kernel.Host].
//
// A [Runtime] does what libcni does in containerd, CRI-O and podman, call for call. Where libcni would start a plugin's
// process, the harness asks the host to execute the program (kernel.Programs): on a simulated host that is a function
// call in this process, on a real one the real binary runs. Where libcni keeps results on disk, the harness uses the
// host's files, in libcni's format. So what a test learns here is what a runtime would see. A [Kubelet] is a runtime
// with the habits of Kubernetes before 1.24.
//
// [Faults] are what goes wrong on a simulated machine: calls that fail, answers that are lost, processes that crash.
//
// Package harness/scenario runs scripts over all of this, under go test, on a host and with plugins of the caller's
// choice; the example of its Run is a whole test of a third party's plugin. No backend comes with the harness: a test
// imports the one that it wants, such as package sim.
package harness
