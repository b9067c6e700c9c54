package netstack

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cnilab/cnilab/kernel"
)

// A conn is what the sockets of package net have in common: a net.Conn without Write and Read.
//
// gVisor has such types too (adapters/gonet). Theirs wait for channels, so that the world's time would not go on, say
// what went wrong by words alone, and do not hear of port unreachable in a UDP Read.
type conn struct {
	endpoint
	network string
	local   net.Addr
	remote  net.Addr // nil where there is none
	listens bool     // for connections

	closed      atomic.Bool
	read, write deadline
}

func (t *Transport) newConn(e endpoint, network string) *conn {
	return &conn{endpoint: e, network: network}
}

// LocalAddr is net.Conn's.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is net.Conn's.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is net.Conn's.
func (c *conn) SetDeadline(at time.Time) error {
	c.read.set(c.transport, at)
	c.write.set(c.transport, at)
	return c.fail("set", c.overClosed())
}

// SetReadDeadline is net.Conn's.
func (c *conn) SetReadDeadline(at time.Time) error {
	c.read.set(c.transport, at)
	return c.fail("set", c.overClosed())
}

// SetWriteDeadline is net.Conn's.
func (c *conn) SetWriteDeadline(at time.Time) error {
	c.write.set(c.transport, at)
	return c.fail("set", c.overClosed())
}

// Close is net.Conn's. Goroutines that wait at the conn go on with net.ErrClosed.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return c.fail("close", net.ErrClosed)
	}
	c.Endpoint.Close()
	c.read.end(c.transport)
	c.write.end(c.transport)
	return nil
}

func (c *conn) overClosed() error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return nil
}

// overBy returns what ends a call besides its answer.
func (c *conn) overBy(d *deadline) func() error {
	return func() error {
		if err := c.overClosed(); err != nil {
			return err
		}
		return d.over()
	}
}

// fail makes an error as package net has them: nil, and the end of file, stay what they are.
func (c *conn) fail(op string, err error) error {
	if c.listens || op == "set" {
		return opError(op, c.network, nil, c.local, err)
	}
	return opError(op, c.network, c.local, c.remote, err)
}

func opError(op, network string, local, remote net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errno, ok := err.(kernel.Errno); ok {
		err = os.NewSyscallError(syscallOf[op], errno)
	}
	return &net.OpError{Op: op, Net: network, Source: local, Addr: remote, Err: err}
}

// syscallOf names the system call behind an operation, as package net does.
var syscallOf = map[string]string{
	"dial": "connect", "listen": "bind", "accept": "accept", "read": "read", "write": "write", "close": "shutdown",
}

// A tcpConn is a connection: a net.Conn.
type tcpConn struct{ *conn }

var _ net.Conn = tcpConn{}

// Read is net.Conn's.
func (c tcpConn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, c.fail("read", c.overClosed())
	}
	to := tcpip.SliceWriter(b)
	err = c.block(waiter.EventIn|waiter.EventRdHUp, c.overBy(&c.read), func() tcpip.Error {
		result, err := c.Endpoint.Read(&to, tcpip.ReadOptions{})
		if n = result.Count; n > 0 {
			c.ModerateRecvBuf(n)
		}
		return err
	})
	if n > 0 {
		return n, nil
	}
	if isEnd(err) {
		err = io.EOF
	}
	return 0, c.fail("read", err)
}

// Write is net.Conn's.
func (c tcpConn) Write(b []byte) (n int, err error) {
	rest := bytes.NewReader(b)
	err = c.block(waiter.EventOut, c.overBy(&c.write), func() tcpip.Error {
		for rest.Len() > 0 {
			if _, err := c.Endpoint.Write(rest, tcpip.WriteOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	return len(b) - rest.Len(), c.fail("write", err)
}

// CloseRead is *net.TCPConn's.
func (c tcpConn) CloseRead() error { return c.shutdown(tcpip.ShutdownRead) }

// CloseWrite is *net.TCPConn's.
func (c tcpConn) CloseWrite() error { return c.shutdown(tcpip.ShutdownWrite) }

func (c tcpConn) shutdown(how tcpip.ShutdownFlags) error {
	defer c.transport.poke()
	err := c.overClosed()
	if err == nil {
		err = asError(errnoOf(c.Shutdown(how)))
	}
	return c.fail("close", err)
}
