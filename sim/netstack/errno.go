package netstack

import (
	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/kernel"
)

// errnoOf translates what the stack answers; gVisor's own table (pkg/syserr) does not build outside Linux.
func errnoOf(err tcpip.Error) kernel.Errno {
	switch err.(type) {
	case nil:
		return 0
	case *tcpip.ErrConnectionRefused:
		return kernel.ECONNREFUSED
	case *tcpip.ErrConnectionReset:
		return kernel.ECONNRESET
	case *tcpip.ErrConnectionAborted, *tcpip.ErrAborted:
		return kernel.ECONNABORTED
	case *tcpip.ErrNetworkUnreachable:
		return kernel.ENETUNREACH
	case *tcpip.ErrHostUnreachable:
		return kernel.EHOSTUNREACH
	case *tcpip.ErrHostDown:
		return kernel.EHOSTDOWN
	case *tcpip.ErrTimeout:
		return kernel.ETIMEDOUT
	case *tcpip.ErrPortInUse:
		return kernel.EADDRINUSE
	case *tcpip.ErrNoPortAvailable, *tcpip.ErrWouldBlock:
		return kernel.EAGAIN
	case *tcpip.ErrBadLocalAddress:
		return kernel.EADDRNOTAVAIL
	case *tcpip.ErrMessageTooLong:
		return kernel.EMSGSIZE
	case *tcpip.ErrBroadcastDisabled, *tcpip.ErrNotPermitted:
		return kernel.EACCES
	case *tcpip.ErrNoBufferSpace, *tcpip.ErrQueueSizeNotSupported:
		return kernel.ENOBUFS
	case *tcpip.ErrClosedForSend:
		return kernel.EPIPE
	case *tcpip.ErrNotConnected, *tcpip.ErrClosedForReceive:
		return kernel.ENOTCONN
	case *tcpip.ErrUnknownProtocolOption:
		return kernel.EPROTO
	case *tcpip.ErrUnknownDevice: // which the stack itself never meets: stackError's, for want of a word
		return kernel.EPERM
	}
	return kernel.EINVAL
}

// stackError translates what Layer3.Send answers, as far as the stack has a word for it.
func stackError(err error) tcpip.Error {
	switch kernel.ErrnoOf(err) {
	case kernel.ENETUNREACH:
		return &tcpip.ErrNetworkUnreachable{}
	case kernel.EHOSTUNREACH:
		return &tcpip.ErrHostUnreachable{}
	case kernel.EACCES:
		return &tcpip.ErrNotPermitted{}
	case kernel.EMSGSIZE:
		return &tcpip.ErrMessageTooLong{}
	case kernel.ENOBUFS:
		return &tcpip.ErrQueueSizeNotSupported{} // sockets of the stack keep ErrNoBufferSpace to themselves
	case kernel.EPERM:
		return &tcpip.ErrUnknownDevice{}
	}
	return &tcpip.ErrInvalidEndpointState{}
}
