package lockstep_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest/twisted"
	"github.com/cnilab/cnilab/sim"
)

// A twist is one rule of a kernel that is wrong.
type twist = twisted.Kernel

// simulated is the simulation with a twist.
func simulated(t twist) lockstep.Kernel { return simulatedAs(sim.Linux618, t) }

// simulatedAs is the simulation of a kernel with a twist.
func simulatedAs(p sim.Profile, t twist) lockstep.Kernel {
	return lockstep.Kernel{Name: "sim", Virtual: true, New: func() (kernel.Host, func(), error) {
		w := sim.NewWorld(sim.Config{Seed: 1, Profile: p})
		return t.Host(w.AddHost("node")), w.Close, nil
	}}
}

// instead answers another errno than the right one; 0 is success.
func instead(err error, of, errno kernel.Errno) error {
	if !errors.Is(err, of) {
		return err
	}
	if errno == 0 {
		return nil
	}
	return &kernel.Error{Op: "twisted", Errno: errno}
}

// A mutant is a kernel that is wrong in one rule.
type mutant struct {
	wrong   string // what it does, in words that follow "a kernel that"
	shownBy int    // the number of the first sequence of mutantSeed that is answered otherwise
	twist   twist
}

func linkMutants() []mutant {
	return []mutant{
		{"answers EBUSY to a name that is taken", 1, twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			return instead(ns.AddLink(s), kernel.EEXIST, kernel.EBUSY)
		}}},
		{"takes a multicast MAC", 5, twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			return instead(ns.AddLink(s), kernel.EADDRNOTAVAIL, 0)
		}}},
		{"makes new links without looking at up", 0, twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			s.Up = false
			return ns.AddLink(s)
		}}},
		{"forgets the MTU of a veth's other end", 2, twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
			s.Peer.MTU = 0
			return ns.AddLink(s)
		}}},
		{"answers EINVAL where the master is no bridge", 2, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			return instead(ns.ChangeLink(i, c), kernel.EOPNOTSUPP, kernel.EINVAL)
		})},
		{"takes a bridge for a bridge's port", 215, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			return instead(ns.ChangeLink(i, c), kernel.ELOOP, 0)
		})},
		{"takes an MTU out of range", 28, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			if c.MTU == nil {
				return ns.ChangeLink(i, c)
			}
			return instead(ns.ChangeLink(i, c), kernel.EINVAL, 0)
		})},
		{"sets no alias", 29, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			c.Alias = nil
			return ns.ChangeLink(i, c)
		})},
		{"never leaves promiscuous mode", 53, changing(func(ns kernel.NetNS, i int, c kernel.LinkChange) error {
			if c.Promisc != nil && !*c.Promisc {
				c.Promisc = nil
			}
			return ns.ChangeLink(i, c)
		})},
		{"deletes lo", 21, twist{DeleteLink: func(ns kernel.NetNS, index int) error {
			return instead(ns.DeleteLink(index), kernel.EOPNOTSUPP, 0)
		}}},
		{"knows no hairpin mode", 51, twist{ChangePort: func(ns kernel.NetNS, i int, c kernel.PortChange) error {
			c.Hairpin = nil
			return ns.ChangePort(i, c)
		}}},
	}
}

func changing(f func(kernel.NetNS, int, kernel.LinkChange) error) twist { return twist{ChangeLink: f} }

func ipMutants() []mutant {
	return []mutant{
		{"takes an address twice", 9, twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
			return instead(ns.AddAddress(a), kernel.EEXIST, 0)
		}}},
		{"forgets broadcast addresses", 6, twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
			a.Broadcast = netip.Addr{}
			return ns.AddAddress(a)
		}}},
		{"does not mind that an address is not there", 3, twist{DeleteAddress: func(ns kernel.NetNS, a kernel.Address) error {
			return instead(ns.DeleteAddress(a), kernel.EADDRNOTAVAIL, 0)
		}}},
		{"takes addresses where IPv6 is disabled", 116, twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
			return instead(ns.AddAddress(a), kernel.EACCES, 0)
		}}},
		{"answers EHOSTUNREACH to an IPv4 gateway that is not reachable", 48, routing(
			func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error {
				return instead(ns.AddRoute(r, mode), kernel.ENETUNREACH, kernel.EHOSTUNREACH)
			})},
		{"puts all routes into the table main", 4, routing(
			func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error {
				r.Table = 0
				return ns.AddRoute(r, mode)
			})},
		{"puts a route behind others that was to be before them", 264, routing(
			func(ns kernel.NetNS, r kernel.Route, _ kernel.RouteMode) error {
				return ns.AddRoute(r, kernel.Exclusive)
			})},
		{"takes a route on a link that is down", 23, routing(
			func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error {
				return instead(ns.AddRoute(r, mode), kernel.ENETDOWN, 0)
			})},
		{"deletes routes that are not there", 1, twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
			return instead(ns.DeleteRoute(r), kernel.ESRCH, 0)
		}}},
		{"does not look at the metric of a route to delete", 268, twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
			r.Metric = 0
			return ns.DeleteRoute(r)
		}}},
		{"takes a neighbour twice", 36, twist{AddNeighbour: func(ns kernel.NetNS, n kernel.Neighbour) error {
			return instead(ns.AddNeighbour(n), kernel.EEXIST, 0)
		}}},
		{"answers ESRCH to a neighbour that is not there", 11, twist{DeleteNeighbour: func(ns kernel.NetNS, n kernel.Neighbour) error {
			return instead(ns.DeleteNeighbour(n), kernel.ENOENT, kernel.ESRCH)
		}}},
	}
}

func routing(f func(kernel.NetNS, kernel.Route, kernel.RouteMode) error) twist {
	return twist{AddRoute: f}
}

func otherMutants() []mutant {
	return []mutant{
		{"does not spread forwarding to all links", 16, twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			if key == "net/ipv6/conf/all/forwarding" {
				return nil
			}
			return ns.SetSysctl(key, value)
		}}},
		{"takes any text for a number", 4, twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			return instead(ns.SetSysctl(key, value), kernel.EINVAL, 0)
		}}},
		{"answers EACCES to a setting that is a folder", 298, twist{Sysctl: func(ns kernel.NetNS, key string) (string, error) {
			value, err := ns.Sysctl(key)
			return value, instead(err, kernel.EISDIR, kernel.EACCES)
		}}},
		{"makes a namespace twice", 58, twist{AddNetNS: func(h kernel.Host, path string) error {
			return instead(h.AddNetNS(path), kernel.EEXIST, 0)
		}}},
		{"answers EINVAL to a namespace that is not there", 4, twist{DeleteNetNS: func(h kernel.Host, path string) error {
			return instead(h.DeleteNetNS(path), kernel.ENOENT, kernel.EINVAL)
		}}},
	}
}

// A wrong rule has to be noticed within so many operations of a seed.
const (
	mutantSeed = 1
	mutantOps  = 20_000
)

// thorough says that all is asked for, as by "make real".
var thorough = os.Getenv("CNILAB_REQUIRE_LINUX") == "1"

// TestMutantsAreFound shows that a run can fail: each single rule that is wrong is noticed. Only the sequence is carried
// out that is known to show it; where that does not, all are, to tell which would.
func TestMutantsAreFound(t *testing.T) {
	for _, topic := range [][]mutant{linkMutants(), ipMutants(), otherMutants(), vlanMutants(), fdbMutants(), ruleMutants(), netfilterMutants()} {
		for _, m := range topic {
			t.Run(strings.ReplaceAll(m.wrong, " ", "-"), func(t *testing.T) {
				t.Parallel()
				if _, found := m.ask(t, m.shownBy); found {
					return
				}
				for number, ops := 0, 0; ops < mutantOps; number++ {
					asked, found := m.ask(t, number)
					if ops += asked; found {
						t.Fatalf("sequence %d does not show it, but %d does, within %d operations", m.shownBy, number, ops)
					}
				}
				t.Errorf("%d operations do not notice a kernel that %s", mutantOps, m.wrong)
			})
		}
	}
}

// ask carries out one sequence, and reports how many operations it has and whether they notice what is wrong.
func (m mutant) ask(t *testing.T, number int) (ops int, found bool) {
	t.Helper()
	report, err := lockstep.Run{
		Reference: simulated(twist{}), Other: simulated(m.twist), Seed: mutantSeed, First: number, Ops: 1,
		Found: func(d *lockstep.Difference) {
			t.Logf("a kernel that %s:\n%s%s", m.wrong, lockstep.Describe(d.Sequence), d)
		},
	}.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report.Ops, len(report.Differences) > 0
}

// A kernel does not differ from itself: what would be found otherwise is not the kernels' doing.
func TestSimulationIsLikeItself(t *testing.T) {
	report, err := lockstep.Run{Reference: simulated(twist{}), Other: simulated(twist{}), Seed: 2, Ops: 5000}.Do(t.Context())
	if err != nil || len(report.Differences) > 0 || report.Unstable > 0 {
		t.Fatalf("%v: %v, %d unstable", err, report.Differences, report.Unstable)
	}
	if report.Coverage.Succeeded() < 0.4 {
		t.Errorf("%.0f%% of the operations succeed, want 40%% or more\n%s", 100*report.Coverage.Succeeded(), report.Coverage)
	}
	t.Logf("%d operations, %.0f a second\n%s", report.Ops, report.OpsPerSecond(), report.Coverage)
}
