package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// maxPodBytes is what a silent pod may cost.
const maxPodBytes = 4096

// A crowd is a node with many pods that nobody has open.
type crowd struct {
	*lab
	bridges int
}

// newCrowd makes the node and its bridges, each with a network of its own.
func newCrowd(t testing.TB, bridges int, c sim.Config) *crowd {
	t.Helper()
	l := &crowd{lab: newLabOf(t, c), bridges: bridges}
	for i := range bridges {
		l.bridge(fmt.Sprint("br", i), fmt.Sprintf("10.%d.0.1/16", i))
	}
	return l
}

// addPods makes n pods, numbered from first, by turns on each of the bridges.
func (l *crowd) addPods(first, n int) {
	l.t.Helper()
	for i := first; i < first+n; i++ {
		l.addPod(i)
	}
}

// addPod makes one pod as the plugin does, from within a namespace that it opens for that.
func (l *crowd) addPod(i int) {
	l.t.Helper()
	ns := l.openNetNS(fmt.Sprint("p", i))
	defer ns.Close()
	l.plugIn(ns, i)
}

// plugIn makes a namespace pod number i.
func (l *crowd) plugIn(ns kernel.NetNS, i int) {
	l.t.Helper()
	on := i % l.bridges
	l.plug(ns, fmt.Sprint("p", i), fmt.Sprint("br", on), l.addressOf(i)+"/16", fmt.Sprintf("10.%d.0.1", on))
}

func (l *crowd) addressOf(i int) string {
	host := i / l.bridges
	return fmt.Sprintf("10.%d.%d.%d", i%l.bridges, host/250+1, host%250+1)
}

// settle lets the time pass in which a new pod is busy with its addresses.
func (l *crowd) settle() { l.must(l.host.Sleep(background, 5*time.Second)) }

// podBytes is what one of so many pods takes of the memory once it is silent.
func podBytes(l *crowd, pods int) float64 {
	l.t.Helper()
	l.addPods(0, l.bridges) // what there is once, whatever the pods
	l.settle()
	before := heapBytes()
	l.addPods(l.bridges, pods)
	l.settle()
	return float64(heapBytes()-before) / float64(pods)
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a first one leaves to sweep, and pools
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSilentPodsAreSmall does not run in parallel: it looks at the memory of the process.
func TestSilentPodsAreSmall(t *testing.T) {
	l := newCrowd(t, 50, sim.Config{Seed: 1})
	if got := podBytes(l, 2000); got > maxPodBytes {
		t.Errorf("a silent pod takes %.0f bytes, more than %d", got, maxPodBytes)
	}
	runtime.KeepAlive(l)
}

// BenchmarkPods makes 10,000 pods on ten bridges.
func BenchmarkPods(b *testing.B) {
	const pods, bridges = 10_000, 10
	for range b.N {
		b.StopTimer()
		l := newCrowd(b, bridges, sim.Config{Seed: 1})
		b.StartTimer()
		l.addPods(0, pods)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*pods), "µs/pod")
}

// BenchmarkSilentPods is the memory that a pod takes.
func BenchmarkSilentPods(b *testing.B) {
	for range b.N {
		b.ReportMetric(podBytes(newCrowd(b, 50, sim.Config{Seed: 1}), 2000), "B/pod")
	}
}

// BenchmarkListLinks is what a view of a node with 1,000 pods costs.
func BenchmarkListLinks(b *testing.B) {
	l := newCrowd(b, 10, sim.Config{Seed: 1})
	l.addPods(0, 1000)
	for b.Loop() {
		links := must(l.node.Links())(b)
		if len(links) < 1000 {
			b.Fatal(len(links))
		}
	}
}

// BenchmarkFirstContact is a ping between two pods that have not heard of each other, across a bridge with 10,000 of
// them: a request to everybody, and all that follows from it. None of them has IPv6, for 20,000 addresses would have to be
// asked about everywhere before.
func BenchmarkFirstContact(b *testing.B) {
	const pods = 10_000
	l := newCrowd(b, 1, sim.Config{Seed: 1, Transport: netstack.New, BridgePorts: pods})
	l.must(l.node.SetSysctl("net/ipv6/conf/all/disable_ipv6", "1"))
	for i := range pods {
		ns := l.openNetNS(fmt.Sprint("p", i))
		l.must(ns.SetSysctl("net/ipv6/conf/all/disable_ipv6", "1"))
		l.plugIn(ns, i)
		ns.Close()
	}
	l.settle()
	from := 0
	for b.Loop() {
		ns := must(l.host.OpenNetNS(fmt.Sprint(kernel.NetNSDir, "/p", from%pods)))(b)
		_, err := ns.Ping(background, kernel.Ping{To: addr(l.addressOf((from + 1) % pods)), Size: 56})
		l.must(err)
		ns.Close()
		from += 2
	}
}
