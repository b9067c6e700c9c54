package reach_test

import (
	"context"
	"io/fs"
	"net/netip"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness/reach"
	"github.com/cnilab/cnilab/kernel"
)

// A machine has namespaces that answer as told, by the address that is asked.
type machine struct {
	kernel.Host
	spaces []*space
}

// A space is a namespace: its addresses, and what it gets from others.
type space struct {
	kernel.NetNS
	name   string
	ino    uint64
	addrs  []string
	gets   map[string]kernel.Errno
	closed int
}

func (m machine) Self() (kernel.NetNS, error) { return m.spaces[0], nil }

func (m machine) ReadDir(string) ([]fs.DirEntry, error) {
	files := fstest.MapFS{}
	for _, s := range m.spaces[1:] {
		files[s.name] = &fstest.MapFile{}
	}
	return files.ReadDir(".")
}

func (m machine) OpenNetNS(name string) (kernel.NetNS, error) {
	for _, s := range m.spaces[1:] {
		if name == kernel.NetNSDir+"/"+s.name {
			return s, nil
		}
	}
	return nil, kernel.ENOENT
}

func (s *space) Name() string    { return s.name }
func (s *space) ID() kernel.NSID { return kernel.NSID{Ino: s.ino} }
func (s *space) Close()          { s.closed++ }

func (s *space) Addresses(int) (all []kernel.Address, err error) {
	for _, a := range s.addrs {
		all = append(all, kernel.Address{Prefix: netip.MustParsePrefix(a)})
	}
	return all, nil
}

func (s *space) answer(to netip.Addr) (kernel.Answer, error) {
	if errno := s.gets[to.String()]; errno != 0 {
		return kernel.Answer{}, &kernel.Error{Op: "probe", Errno: errno}
	}
	return kernel.Answer{}, nil
}

func (s *space) Ping(_ context.Context, p kernel.Ping) (kernel.Answer, error) { return s.answer(p.To) }

func (s *space) Call(_ context.Context, c kernel.Call) (kernel.Answer, error) {
	if c.Transport != kernel.TCP || c.To.Port() != 80 {
		return kernel.Answer{}, kernel.EINVAL
	}
	return s.answer(c.To.Addr())
}

func newMachine() machine {
	host := &space{name: "host", ino: 1, addrs: []string{"127.0.0.1/8", "10.0.0.1/24", "fe80::1/64"}}
	host.gets = map[string]kernel.Errno{"10.0.0.2": kernel.ETIMEDOUT, "fd00::2": kernel.EACCES}
	a := &space{name: "pod-a", ino: 2, addrs: []string{"fd00::2/64", "10.0.0.2/24"}}
	a.gets = map[string]kernel.Errno{"10.0.0.1": kernel.EHOSTUNREACH}
	b := &space{name: "pod-b", ino: 3}
	b.gets = map[string]kernel.Errno{"10.0.0.1": kernel.ECONNREFUSED, "10.0.0.2": kernel.ENETUNREACH, "fd00::2": kernel.ENETDOWN}
	alias := &space{name: "pod-c", ino: 2, addrs: a.addrs}
	return machine{spaces: []*space{host, a, b, alias}}
}

func TestMatrix(t *testing.T) {
	const want = `to\from            host        pod-a             pod-b
host     10.0.0.1  -           host-unreachable  refused
pod-a    10.0.0.2  timeout     -                 net-unreachable
pod-a    fd00::2   prohibited  -                 ENETDOWN
`
	for _, port := range []uint16{0, 80} {
		m := newMachine()
		got, err := reach.Ask(t.Context(), m, reach.Question{Port: port})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("port %d: (-want +got)\n%s", port, diff)
		}
		for _, s := range m.spaces {
			if s.closed != 1 {
				t.Errorf("%s was closed %d times", s.name, s.closed)
			}
		}
	}
}

// TestCanceled: a table that was not finished is none.
func TestCanceled(t *testing.T) {
	m := newMachine()
	m.spaces[1].gets["10.0.0.1"] = kernel.ECANCELED
	if got, err := reach.Ask(t.Context(), m, reach.Question{}); err == nil {
		t.Errorf("got\n%s", got)
	}
}
