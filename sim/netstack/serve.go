package netstack

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/kernel"
)

// backlog is the number of connections that may wait to be accepted; Settle accepts them at once.
const backlog = 128

// A service listens, and has no goroutine: its sockets react.
type service struct {
	transport *Transport
	listener  *socket

	mu      sync.Mutex
	stopped bool
	conns   map[*socket]struct{}
}

// Serve answers calls until stop is called.
func (t *Transport) Serve(k kernel.Service) (stop func(), err error) {
	sv := &service{transport: t, conns: make(map[*socket]struct{})}
	if errno := sv.start(k); errno != 0 {
		return nil, &kernel.Error{Op: "serve", Object: fmt.Sprintf("%s %v", k.Transport, k.At), Errno: errno}
	}
	return sv.stop, nil
}

func (sv *service) start(k kernel.Service) kernel.Errno {
	proto, errno := protocolOf(k.Transport)
	if errno != 0 {
		return errno
	}
	switch {
	case !k.At.Addr().IsValid():
		return kernel.EINVAL
	case sv.transport.isClosed():
		return errDown
	}
	react := answerDatagrams
	if k.Transport == kernel.TCP {
		react = sv.accept
	}
	s, err := sv.transport.open(proto, networkOf(k.At.Addr()), react)
	if err != nil {
		return errnoOf(err)
	}
	if err := s.listen(k); err != nil {
		s.abort()
		return errnoOf(err)
	}
	sv.listener = s
	return 0
}

func (s *socket) listen(k kernel.Service) tcpip.Error {
	if err := s.bind(k.At.Addr(), k.At.Port()); err != nil {
		return err
	}
	if k.Transport == kernel.UDP {
		s.endpoint.SocketOptions().SetReceiveOriginalDstAddress(true)
		return nil
	}
	return s.endpoint.Listen(backlog)
}

func (sv *service) add(conn *socket) {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.conns[conn] = struct{}{}
}

func (sv *service) remove(conn *socket) {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	delete(sv.conns, conn)
}

// stop ends the service and the connections it has, once.
func (sv *service) stop() {
	sv.mu.Lock()
	stopped, conns := sv.stopped, sv.conns
	sv.stopped, sv.conns = true, make(map[*socket]struct{})
	sv.mu.Unlock()
	if stopped {
		return
	}
	sv.listener.close()
	for _, conn := range slices.SortedFunc(maps.Keys(conns), byAge) {
		conn.abort()
	}
}
