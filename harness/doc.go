// Package harness is a container runtime in a box: it makes pods, gives them networks through CNI plugins and takes
// them away again, on any [kernel.Host].
//
// The runtime is libcni, as in containerd, CRI-O and podman. Where libcni would start a plugin's process, the harness
// asks the host to execute the program (kernel.Programs): on a simulated host that is a function call in this process,
// on a real one the real binary runs. Nothing else differs, so what a test learns here is what a runtime would see.
package harness
