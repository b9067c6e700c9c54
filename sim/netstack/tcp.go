package netstack

import (
	"bytes"
	"context"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/kernel"
)

// A stream is one end of a connection: what is still to be written, and what has been read.
type stream struct {
	out     *bytes.Reader
	in      bytes.Buffer
	shut    bool // nothing more will be written
	ended   bool // the peer's end of file was read
	started bool // the connection stands
}

// push writes what the socket takes, and shuts it for writing when all is written.
func (st *stream) push(s *socket) tcpip.Error {
	for st.out.Len() > 0 {
		if _, err := s.endpoint.Write(st.out, tcpip.WriteOptions{}); err != nil {
			return unlessBlocked(err)
		}
	}
	if st.shut {
		return nil
	}
	st.shut = true
	return s.endpoint.Shutdown(tcpip.ShutdownWrite)
}

// pull reads all there is.
func (st *stream) pull(s *socket) tcpip.Error {
	for !st.ended {
		result, err := s.endpoint.Read(&st.in, tcpip.ReadOptions{})
		switch err.(type) {
		case nil:
			s.endpoint.ModerateRecvBuf(result.Count)
		case *tcpip.ErrClosedForReceive:
			st.ended = true
		default:
			return unlessBlocked(err)
		}
	}
	return nil
}

func unlessBlocked(err tcpip.Error) tcpip.Error {
	if _, blocked := err.(*tcpip.ErrWouldBlock); blocked {
		return nil
	}
	return err
}

// callTCP connects, sends the payload, half-closes, and reads to the end.
func (t *Transport) callTCP(ctx context.Context, x *exchange, c kernel.Call) (kernel.Answer, kernel.Errno) {
	st := &stream{out: bytes.NewReader(c.Payload)}
	s, err := t.open(x.proto, networkOf(c.To.Addr()), func(s *socket) { x.carry(s, st) })
	if err != nil {
		return kernel.Answer{}, errnoOf(err)
	}
	t.setPathMTU(t.l3.MTU(c.To.Addr()))
	if err := s.connect(x, c); err != nil {
		s.abort()
		return kernel.Answer{}, errnoOf(err)
	}
	answer, errno := x.wait(ctx, c.Timeout)
	if errno != 0 {
		s.abort()
	} else {
		s.close()
	}
	return answer, errno
}

func (s *socket) connect(x *exchange, c kernel.Call) tcpip.Error {
	if err := s.bind(c.From, 0); err != nil {
		return err
	}
	x.bound(s.local())
	err := s.endpoint.Connect(fullAddress(c.To.Addr(), c.To.Port()))
	if _, started := err.(*tcpip.ErrConnectStarted); started {
		return nil
	}
	return err
}

// carry is how the caller's socket reacts.
func (x *exchange) carry(s *socket, st *stream) {
	if err := st.advance(x, s); err != nil {
		x.fail(errnoOf(err))
	} else if st.ended {
		x.finish(st.in.Bytes())
	}
}

func (st *stream) advance(x *exchange, s *socket) tcpip.Error {
	if err := s.endpoint.LastError(); err != nil {
		return err
	}
	if !st.started {
		if _, err := s.endpoint.GetRemoteAddress(); err != nil {
			return nil // not connected yet
		}
		st.started = true
		x.connected()
	}
	if err := st.push(s); err != nil {
		return err
	}
	return st.pull(s)
}

// accept is how a TCP service reacts: each connection becomes a socket of its own.
func (sv *service) accept(s *socket) {
	for {
		endpoint, queue, err := s.endpoint.Accept(nil)
		if err != nil {
			return
		}
		st := &stream{}
		conn := s.transport.adopt(endpoint, queue, func(conn *socket) { sv.echo(conn, st) })
		sv.add(conn)
		conn.react()
	}
}

// echo reads to the end of file, answers and closes.
func (sv *service) echo(s *socket, st *stream) {
	if err := st.pull(s); err != nil {
		sv.remove(s)
		s.abort()
		return
	}
	if !st.ended {
		return
	}
	if st.out == nil {
		caller, _ := s.endpoint.GetRemoteAddress()
		st.out = bytes.NewReader(answerTo(addrPortOf(caller), st.in.Bytes()))
	}
	if err := st.push(s); err != nil || st.shut {
		sv.remove(s)
		s.close()
	}
}
