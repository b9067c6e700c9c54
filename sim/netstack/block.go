package netstack

import (
	"errors"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cnilab/cnilab/kernel"
)

// errBlocked is what a call answers that has to wait.
var errBlocked = &tcpip.ErrWouldBlock{}

// An endpoint is one of the stack's that goroutines wait at, who may be of the world or not.
type endpoint struct {
	tcpip.Endpoint
	transport *Transport
	queue     *waiter.Queue
}

// newEndpoint makes an endpoint, unless the transport is closed.
func (t *Transport) newEndpoint(
	proto tcpip.TransportProtocolNumber, network tcpip.NetworkProtocolNumber,
) (endpoint, error) {
	if t.isClosed() {
		return endpoint{}, errDown
	}
	queue := new(waiter.Queue)
	e, err := t.openEndpoint(proto, network, queue)
	if err != nil {
		return endpoint{}, errnoOf(err)
	}
	return endpoint{e, t, queue}, nil
}

// block calls try until it does not have to wait any more, or over says why it should not. Between two tries it waits
// for such events.
func (e endpoint) block(events waiter.EventMask, over func() error, try func() tcpip.Error) error {
	defer e.transport.l3.Poke()
	if err := e.whyOver(over); err != nil {
		return err
	}
	if err := e.attempt(try); err != errBlocked {
		return asError(errnoOf(err))
	}
	var woken atomic.Bool
	entry := waiter.NewFunctionEntry(events|waiter.EventErr|waiter.EventHUp, func(waiter.EventMask) { woken.Store(true) })
	e.queue.EventRegister(&entry)
	defer e.queue.EventUnregister(&entry)
	for {
		woken.Store(false)
		if err := e.whyOver(over); err != nil {
			return err
		}
		if err := e.attempt(try); err != errBlocked {
			return asError(errnoOf(err))
		}
		done := func() bool { return woken.Load() || e.whyOver(over) != nil }
		if e.transport.l3.Linger(done) != nil {
			return errDown // the world is closed
		}
	}
}

// attempt calls try, and returns errBlocked where that has to wait.
func (e endpoint) attempt(try func() tcpip.Error) (err tcpip.Error) {
	e.transport.processors.call(func() { err = try() })
	if _, blocked := err.(*tcpip.ErrWouldBlock); blocked {
		return errBlocked
	}
	return err
}

// whyOver returns what ends a call. Who has closed his socket is told that, whatever became of the namespace since.
func (e endpoint) whyOver(over func() error) error {
	err := over()
	if err == nil && e.transport.link.closed.Load() {
		return errDown
	}
	return err
}

// poke lets the world look at everything again: who waits, for something may have changed, and what the stack's
// processors may have been given to do.
func (t *Transport) poke() {
	t.processors.owe()
	t.l3.Poke()
}

// asError returns nil for 0: a kernel.Errno in an error is never nil.
func asError(errno kernel.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// isEnd reports whether an error is the end of file.
func isEnd(err error) bool { return errors.Is(err, kernel.ENOTCONN) }
