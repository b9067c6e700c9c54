// Package kerneltest holds the laws that every backend of kernel.Host obeys. Linux is the judge: each law was measured
// on it, names the function of its source that has the rule, and holds on a real kernel; a simulation is as good as the
// laws that hold on it.
//
// The laws have two faces. [Run] makes every law a subtest:
//
//	func TestLaws(t *testing.T) {
//		kerneltest.Run(t, func(t testing.TB) kernel.Host { return newHost(t) })
//	}
//
// [Check] answers an error that holds every broken law, for use outside of tests.
//
// A law makes namespaces of its own below kernel.NetNSDir, files below a folder of its own in /run, and cleans both up. What the backend
// calls its own namespace ([kernel.Namespaces].Self) is looked at, never changed. On a real machine let the laws run in
// a mount namespace of their own all the same.
package kerneltest
