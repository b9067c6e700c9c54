// Package start fits Go's runtime to a process that does one thing after the other and ends some milliseconds later. It is
// imported for that alone. It depends on no package that has to be initialised, so that it comes before all that have to.
package start

func init() {
	growStack(false)
}

// enough makes it 32 KB, to which an ADD would come by doubling four times.
const enough = 24 << 10

// growStack has the main goroutine's stack grow at once, while there is nothing on it. Each time it does later, the runtime
// looks up what lies where on it, in tables that have to be paged in for that. What counts is the frame, not its use.
//
//go:noinline
func growStack(use bool) {
	if use {
		var frame [enough]byte
		keep(&frame)
	}
}

//go:noinline
func keep(*[enough]byte) {}
