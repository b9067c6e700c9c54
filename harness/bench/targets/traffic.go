//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
)

// A way is one that the packets of a connection go, in the topology of the simulation's BenchmarkThroughput.
type way struct {
	name    string // as the benchmark has it
	server  string // the pod, and its address
	address string
	reason  string // why the target does not hold
}

// besideTwo is why no way reaches the target.
const besideTwo = "of a train 31 % is copied and cleared, 14 % is sim's hops, 4 % allocation, and most of the rest gVisor's (CPU profile);" +
	" one thing is done at a time, where iperf3 has a processor for each end"

var ways = []way{
	{"bridged", "c", "10.1.0.9", besideTwo},
	{"routed", "b", "10.2.0.2", besideTwo},
	{"masqueraded", "b", "10.2.0.2", besideTwo},
}

// topology is a node with two bridges: pods a and c on the first, pod b on the second. Their namespaces are named after
// $NODE.
const topology = `
set -e
bridge() { ip link add $1 type bridge; ip addr add $2 dev $1; ip link set $1 up; }
pod() {
	ip link add veth-$1 type veth peer name eth0 netns $NODE-$1
	ip link set veth-$1 master $2 up
	ip -n $NODE-$1 addr add $3 dev eth0
	ip -n $NODE-$1 link set eth0 up
	ip -n $NODE-$1 route add default via $4
}
bridge cni0 10.1.0.1/24
bridge cni1 10.2.0.1/24
pod a cni0 10.1.0.2/24 10.1.0.1
pod c cni0 10.1.0.9/24 10.1.0.1
pod b cni1 10.2.0.2/24 10.2.0.1
echo 1 >/proc/sys/net/ipv4/ip_forward
`

// masquerade is what the way of that name has besides.
const masquerade = `
nft add table ip t
nft add chain ip t post '{ type nat hook postrouting priority 100 ; }'
nft add rule ip t post ip saddr 10.1.0.0/16 masquerade
`

// A stream is one TCP connection through the kernel, as quick as iperf3 can, from pod a. Its value is "bits/s".
type stream struct {
	way
	seconds int
}

func (s stream) Label() string { return "iperf3" }

func (s stream) PerRound() int { return 1 }

func (s stream) SetUp(ctx context.Context) (bench.Measure, error) {
	if err := require("iperf3", "ip", "nft"); err != nil {
		return nil, err
	}
	n, err := newNode()
	if err != nil {
		return nil, err
	}
	for _, pod := range []string{"a", "b", "c"} {
		if _, err := n.addPod(pod); err != nil {
			return nil, err
		}
	}
	script := "NODE=" + n.name + topology
	if s.name == "masqueraded" {
		script += masquerade
	}
	if _, err := shell(ctx, n.Host, nil, script); err != nil {
		return nil, err
	}
	client, err := linux.NewIn(filepath.Join(kernel.NetNSDir, n.name+"-a"))
	if err != nil {
		return nil, err
	}
	server, err := linux.NewIn(filepath.Join(kernel.NetNSDir, n.name+"-"+s.server))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bench.Values, error) { return s.measure(ctx, client, server) }, nil
}

// measure runs iperf3 at both ends; the server ends with the first connection, or with the client.
func (s stream) measure(ctx context.Context, client, server *linux.Host) (bench.Values, error) {
	serving, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = shell(serving, server, nil, "exec iperf3 -s -1") // the client tells what is wrong
	}()
	defer func() { stop(); <-ended }()
	script := fmt.Sprintf("exec iperf3 -J -t %d -c %s", s.seconds, s.address)
	for {
		out, err := shell(ctx, client, nil, script)
		report, unreadable := parseIperf(out)
		switch {
		case report.refused():
		case err == nil && unreadable == nil && report.Error == "":
			return bench.Values{"bits/s": report.bitsPerSecond()}, nil
		default:
			return nil, errors.Join(err, unreadable, report.failure())
		}
		select { // the server is on its way
		case <-ended:
			return nil, errors.New("the server of iperf3 ended before anybody came")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
