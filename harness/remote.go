package harness

import (
	"net"
	"net/rpc"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// RemoteFaults are the Faults that another process serves. Where programs are processes of their own, as on Linux, each
// of their calls asks there what it meets.
type RemoteFaults struct{ client *rpc.Client }

// meetMethod is what is asked of a server.
const meetMethod = "Faults.Meet"

// Serve tells the processes that dial which faults their calls meet, until the listener is closed.
func (f *Faults) Serve(l net.Listener) error {
	server := rpc.NewServer()
	if err := server.RegisterName("Faults", faultServer{f}); err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go server.ServeConn(conn)
	}
}

// DialFaults finds the faults that are served at an address.
func DialFaults(network, address string) (*RemoteFaults, error) {
	client, err := rpc.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &RemoteFaults{client}, nil
}

// Close ends the connection.
func (r *RemoteFaults) Close() error { return r.client.Close() }

// Program returns the program on a machine with these faults, as Faults.Program does.
func (r *RemoteFaults) Program(program kernel.Program) kernel.Program {
	return meeting(r.meet).program(program)
}

// meet panics where nobody serves the faults any more: the test whose they are has ended, and this process with it.
func (r *RemoteFaults) meet(c intercept.Call) (Fault, bool) {
	c.Operation = nil // faults go by what is printed of a call
	var met []Fault
	if err := r.client.Call(meetMethod, c, &met); err != nil {
		panic("ask which fault a call meets: " + err.Error())
	}
	if len(met) == 0 {
		return Fault{}, false
	}
	return met[0], true
}

// A faultServer answers for Faults.
type faultServer struct{ faults *Faults }

// Meet answers which fault a call meets: none or one.
func (s faultServer) Meet(c intercept.Call, met *[]Fault) error {
	if fault, ok := s.faults.meet(c); ok {
		*met = []Fault{fault}
	}
	return nil
}
