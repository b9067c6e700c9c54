//go:build linux

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cnilab/cnilab/harness/bench"
)

// strace's words: a call that another thread interrupted, an answer that holds a request, one call with two requests, a
// program that is not there.
const straced = `100 execve("/bin/bridge", [], 0x7ff /* 8 vars */) = 0
100 sendto(3, [{nlmsg_len=52, nlmsg_type=RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST, nlmsg_seq=1}, {}], 52, 0, {}, 12) = 52
101 sendto(3, [{nlmsg_len=52, nlmsg_type=RTM_NEWLINK, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK, nlmsg_seq=2}, {}], 52, 0, {}, 12 <unfinished ...>
101 <... sendto resumed>) = 52
100 recvfrom(3, [{nlmsg_len=72, nlmsg_type=NLMSG_ERROR, nlmsg_flags=0}, {error=-ENODEV, msg=[{nlmsg_flags=NLM_F_REQUEST}]}], 72) = 72
100 sendmsg(4, {msg_iov=[{iov_base=[[{nlmsg_flags=NLM_F_REQUEST}], [{nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK}]]}]}, 0) = 88
100 sendto(5, "no netlink", 10, 0, NULL, 0) = 10
102 execve("/bin/no", ["no"], 0x7ff) = -1 ENOENT (No such file or directory)
102 execve("/bin/host-local", ["host-local"], 0x7ff <unfinished ...>
102 <... execve resumed>) = 0
102 +++ exited with 0 +++
`

func TestCountCalls(t *testing.T) {
	if d := cmp.Diff(bench.Values{"requests": 4, "execs": 2}, countCalls(straced)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

const benchmarked = `goos: linux
cpu: any
BenchmarkPing/1000_pods/10.1.1.2-2         	   10000	     99000 ns/op
BenchmarkPing/2_pods/10.1.1.2-2         	   12266	     98500 ns/op	    4096 B/pod
BenchmarkThroughput/bridged 	    5000	    250000 ns/op	1048.58 MB/s
PASS
`

func TestParseBenchmark(t *testing.T) {
	for name, want := range map[string]bench.Values{
		"Ping/2_pods/10.1.1.2": {"ns/op": 98500e-9, "B/pod": 4096},
		"Throughput/bridged":   {"ns/op": 250000e-9, "MB/s": 1048.58 * 8e6},
	} {
		got, err := parseBenchmark(benchmarked, name)
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
	}
	if _, err := parseBenchmark(benchmarked, "Ping/2_pods"); err == nil || err.Error() != "no benchmark is named Ping/2_pods any longer" {
		t.Error(err)
	}
}

func TestPattern(t *testing.T) {
	got := gobench{name: "Ping/2_pods/10.1.1.2"}.pattern()
	if want := "^BenchmarkPing$/^2_pods$/^10\\.1\\.1\\.2$"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestIperf(t *testing.T) {
	r, err := parseIperf(`{"start": {}, "end": {"sum_sent": {"bits_per_second": 9}, "sum_received": {"bits_per_second": 8.5e9}}}`)
	if err != nil || r.failure() != nil || r.refused() || r.bitsPerSecond() != 8.5e9 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = parseIperf(`{"end": {}, "error": "unable to connect to server: Connection refused"}`)
	if err != nil || r.failure() == nil || !r.refused() {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = parseIperf("iperf3: no such option"); err == nil {
		t.Error("what is no JSON was read")
	}
}

// Rows are chosen by name, and the page has their sections in one piece.
func TestRowsAreWellFormed(t *testing.T) {
	names, sections, last := map[string]bool{}, map[string]bool{}, ""
	for _, r := range rows(builtHere(), full) {
		if names[r.Name] || oneLine(r.Name) != r.Name || r.What == "" || r.Ours.Of == nil {
			t.Errorf("row %+v: a name that is taken or has spaces, or something is missing", r)
		}
		if r.Section != last && sections[r.Section] {
			t.Errorf("row %s is apart from the others of %q", r.Name, r.Section)
		}
		names[r.Name], sections[r.Section], last = true, true, r.Section
	}
	if len(names) < 30 {
		t.Errorf("%d rows", len(names))
	}
}
