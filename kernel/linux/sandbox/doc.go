// Package sandbox lets a program run itself again in namespaces of its own, where it can make and break networks
// without the machine noticing, and from which nothing is left when it ends.
//
// Inside, the program is root over a network namespace that has nothing but a loopback device that is down, and over
// a mount namespace whose /run (with an empty /run/netns) and /var/lib are fresh and in memory. Root gets these
// directly, an ordinary user through a user namespace that maps it to root.
//
// There can be further machines in it, each with a network and these folders for itself: see Apart; and further folders
// that are not those of the machine outside: see Own.
//
// A test binary says
//
//	func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }
//
// and each test that needs the kernel says sandbox.Require(t). A command calls Init first thing in main, and Run to run
// itself.
//
// The package builds for Linux only.
package sandbox
