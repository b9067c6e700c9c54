package pluginmain

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// The signals by which a runtime says that it has lost its patience, and a person at a terminal.
var impatience = []os.Signal{syscall.SIGTERM, syscall.SIGINT}

// interruptible returns a context that ends with the first of those signals that comes while somebody waits, and the standard
// input behind which they stop to end the process. Until it has been read, nothing has been made.
//
// From then on, while nobody waits, they are ignored: all that an ADD does without waiting for others takes milliseconds, and
// is better ended than undone. (The runtime of Go catches signals with threads of their own, which take a twelfth of an ADD
// to make.)
func interruptible(stdin io.Reader) (context.Context, io.Reader) {
	ctx, cancel := context.WithCancel(context.Background())
	catch := sync.OnceFunc(func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, impatience...)
		go func() {
			<-signals
			cancel()
		}()
	})
	return patience{ctx, catch}, untilRead{stdin}
}

// patience has signals caught from when somebody wants to be told of its end: a wait for a lock or for the time, or another
// program.
type patience struct {
	context.Context
	catch func()
}

// Done implements context.Context.
func (p patience) Done() <-chan struct{} {
	p.catch()
	return p.Context.Done()
}

// untilRead has signals ignored from its end on.
type untilRead struct{ io.Reader }

// Read implements io.Reader.
func (r untilRead) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil {
		signal.Ignore(impatience...)
	}
	return n, err
}
