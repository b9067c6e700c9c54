package pluginmain

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interruptible returns a context that ends with the first SIGTERM, by which a runtime says that it has lost its patience,
// or SIGINT that comes while somebody waits.
//
// Until then both are ignored: all that an ADD does without waiting for others takes milliseconds, and is better ended than
// undone. (The runtime of Go catches signals with threads of their own, which take a twelfth of an ADD to make.)
func interruptible() context.Context {
	asked := []os.Signal{syscall.SIGTERM, syscall.SIGINT}
	signal.Ignore(asked...)
	ctx, cancel := context.WithCancel(context.Background())
	return patience{ctx, sync.OnceFunc(func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, asked...)
		go func() {
			<-signals
			cancel()
		}()
	})}
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
