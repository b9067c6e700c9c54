//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/harness/bench"
)

// The sections of the page.
const (
	sectionPlugin   = "The plugin beside the reference"
	sectionScale    = "Many containers"
	sectionRequests = "What an ADD asks of the kernel"
	sectionProgram  = "The program"
	sectionSim      = "The simulation"
)

// A scale says how much is measured.
type scale struct {
	containers, leases, parallel int
	quiet                        time.Duration // see crowd
	seconds                      int           // of a stream of iperf3
	time                         string        // of a Go benchmark
}

// full is what the targets are about. A new container looks for others that have its IPv6 address, for two seconds at most,
// and says twice, within two more, which groups it listens to.
var full = scale{containers: 1000, leases: 5000, parallel: 64, quiet: 5 * time.Second, seconds: 1, time: "1s"}

// rows are the figures of this project, in the order of the page.
func rows(p programs, s scale) []bench.Row {
	return slices.Concat(pluginRows(p), scaleRows(p, s), requestRows(p), floorRows(p), programRows(p), simRows(p, s))
}

// lives are the networks of which ADD, CHECK and DEL are measured, with the targets for ours / reference.
var lives = []struct {
	configuration
	add, check, del bench.Target
	unchecked       bool
	reasons         map[string]string // why a target does not hold, by verb
}{
	{confA, bench.RatioAtMost(0.40), bench.RatioAtMost(1), bench.RatioAtMost(1), false, map[string]string{
		"ADD": "of some 3.3 ms on a quiet machine the start and the end of a Go program take 1.0, and 0.3 more of one of this size; 1.2 are the kernel's for the requests (`floor/a` is those and the start, and a third of the reference's time), 0.25 JSON, 0.2 the lease's files, 0.05 the thread that Go wants for a program that enters namespaces (time stamps in the program)",
		"DEL": "nearly all is the kernel's RTM_DELLINK, for both, and that takes longer the sooner it comes after the link was made: where 20 ms went by before, ours took 21.0 ms and the reference 24.7 (medians of 40)",
	}},
	{confB, bench.RatioAtMost(0.45), bench.RatioAtMost(1), bench.RatioAtMost(0.5), false, nil},
	{confC, bench.RatioAtMost(0.20), bench.RatioAtMost(1), bench.RatioAtMost(0.5), false, nil},
	{confD, bench.RatioAtMost(0.60), bench.Target{}, bench.RatioAtMost(1), true, map[string]string{
		"ADD": "nearly half is the start of the process (`program/start`), as of the reference: 235 of 300 page faults; most of the rest is the kernel's for the veth: `floor/d`, which does nothing else, takes half of the reference's time",
		"DEL": "as `del/a`; where 20 ms went by before, ours took 19.8 ms and the reference 23.7",
	}},
	{confE, bench.RatioAtMost(0.35), bench.RatioAtMost(1), bench.RatioAtMost(1), false, map[string]string{
		"ADD": "as `add/a`, and 0.2 ms more of the kernel's; the reference takes 10 ms or, where its one look at tentative addresses comes too early, 60",
		"DEL": "as `del/a`",
	}},
	{confF, bench.Target{}, bench.RatioAtMost(1), bench.RatioAtMost(1), false, map[string]string{
		"CHECK": "ours looks at the rules of both families, by `iptables-save` and `ip6tables-save`; the reference looks at none",
	}},
	{confG, bench.RatioAtMost(0.25), bench.RatioAtMost(1), bench.RatioAtMost(1), false, nil},
}

// pluginRows hold the verbs beside the reference's.
func pluginRows(p programs) (all []bench.Row) {
	for _, l := range lives {
		for _, v := range []struct {
			verb   string
			target bench.Target
		}{{"ADD", l.add}, {"CHECK", l.check}, {"DEL", l.del}} {
			if v.verb == "CHECK" && l.unchecked {
				continue
			}
			all = append(all, bench.Row{
				Section: sectionPlugin, Name: strings.ToLower(v.verb) + "/" + l.letter, Unit: bench.Seconds,
				What:   v.verb + ": " + l.what,
				Ours:   read(v.verb, life{plugin: p.ours, configuration: l.configuration, unchecked: l.unchecked}),
				Other:  read(v.verb, life{plugin: p.reference, configuration: l.configuration, unchecked: l.unchecked}),
				Target: v.target, Reason: l.reasons[v.verb],
			})
		}
	}
	return all
}

// scaleRows are about nodes with many containers.
func scaleRows(p programs, s scale) []bench.Row {
	many := crowd{containers: s.containers, leases: s.leases, quiet: s.quiet}
	return []bench.Row{
		{
			Section: sectionScale, Name: "scale/add", Unit: bench.Seconds,
			What:   fmt.Sprintf("ADD (a) with %d quiet containers on the bridge and %d leases, beside an empty node", s.containers, s.leases),
			Ours:   read("ADD", life{plugin: p.ours, configuration: confA, crowd: many}),
			Other:  read("ADD", life{plugin: p.ours, configuration: confA, besides: true}),
			Target: bench.RatioAtMost(1.3),
			Reason: "the kernel's, as `scale/floor` shows, which does nothing else and is slowed down as much: with 1,000 ports it hands the announcement, a broadcast, to each of them before it answers, 1.7 ms instead of 0.1, and makes one more of them in 1.5 ms instead of 0.2, of which 1 is a walk over the IPv6 routes, three of each port (`strace -T`, perf); the leases take less than 1 ms, to read and write an index of 460 KB",
		},
		{
			Section: sectionScale, Name: "scale/floor", Unit: bench.Seconds,
			What:  "the same of a program that only asks the kernel for what ours does ([floor](bench/floor/main.go))",
			Ours:  read("ADD", floor{path: p.floor, maker: p.ours, configuration: confA, families: "ipv4", crowd: many}),
			Other: read("ADD", floor{path: p.floor, maker: p.ours, configuration: confA, families: "ipv4", besides: true}),
		},
		{
			Section: sectionScale, Name: "scale/reference", Unit: bench.Seconds,
			What:  "the same of the reference",
			Ours:  read("ADD", life{plugin: p.reference, configuration: confA, crowd: many}),
			Other: read("ADD", life{plugin: p.reference, configuration: confA, besides: true}),
		},
		{
			Section: sectionScale, Name: "scale/parallel", Unit: bench.Seconds,
			What:   fmt.Sprintf("%d ADDs (a) at once, until the last has ended", s.parallel),
			Ours:   read("ADD", burst{p.ours, confA, s.parallel}),
			Other:  read("ADD", burst{p.reference, confA, s.parallel}),
			Target: bench.RatioAtMost(0.5),
			Reason: "the processors are busy, with some 6 ms for each ADD, of which half is the start and the end of the process",
		},
	}
}

// requestRows are about what an ADD asks of the kernel.
func requestRows(p programs) []bench.Row {
	return []bench.Row{
		{
			Section: sectionRequests, Name: "kernel/requests", Unit: bench.Pieces,
			What:   "netlink requests of an ADD (a)",
			Ours:   read("requests", traced{p.ours, confA}),
			Other:  read("requests", traced{p.reference, confA}),
			Target: bench.AtMost(10), Reason: "",
		},
		{
			Section: sectionRequests, Name: "kernel/execs", Unit: bench.Pieces,
			What:   "programs executed by an ADD (a), the plugin itself among them",
			Ours:   read("execs", traced{p.ours, confA}),
			Other:  read("execs", traced{p.reference, confA}),
			Target: bench.AtMost(1), Reason: "",
		},
		{
			Section: sectionRequests, Name: "kernel/floor", Unit: bench.Seconds,
			What:   "ADD (a), beside a program that only asks the kernel for the same ([floor](bench/floor/main.go))",
			Ours:   read("ADD", life{plugin: p.ours, configuration: confA}),
			Other:  read("ADD", floor{path: p.floor, maker: p.ours, configuration: confA, families: "ipv4"}),
			Target: bench.RatioAtMost(2), Reason: "",
		},
	}
}

// floorRows say how near to the reference's time the kernel alone comes.
func floorRows(p programs) (all []bench.Row) {
	for _, l := range []struct {
		configuration
		families  string
		unchecked bool
	}{{confA, "ipv4", false}, {confD, "", true}, {confE, "ipv4 ipv6", false}} {
		all = append(all, bench.Row{
			Section: sectionRequests, Name: "floor/" + l.letter, Unit: bench.Seconds,
			What: fmt.Sprintf("a Go program that asks the kernel for what ADD (%s) asks for, and does nothing else "+
				"([floor](bench/floor/main.go)), beside the reference", l.letter),
			Ours:  read("ADD", floor{path: p.floor, maker: p.ours, configuration: l.configuration, families: l.families}),
			Other: read("ADD", life{plugin: p.reference, configuration: l.configuration, unchecked: l.unchecked}),
		})
	}
	return all
}

// programRows are about the program itself.
func programRows(p programs) []bench.Row {
	return []bench.Row{
		{
			Section: sectionProgram, Name: "program/size", Unit: bench.Bytes,
			What:   "bin/bridge, stripped",
			Ours:   read("size", size{"ours", p.ours.path}),
			Target: bench.AtMost(4_000_000), Reason: "",
		},
		{
			Section: sectionProgram, Name: "program/start", Unit: bench.Seconds,
			What:   "VERSION, beside the start of a Go program that does nothing",
			Ours:   read("time", start{"ours", p.ours.path, "CNI_COMMAND=VERSION", `{"cniVersion": "1.1.0"}`}),
			Other:  read("time", start{"empty", p.empty, "", ""}),
			Target: bench.RatioAtMost(1.3),
			Reason: "it has 240 page faults where an empty program has 165, at 4 µs and more each where the kernel is a virtual machine's: it is three times as large, and of each 64 KiB of its code something is initialised",
		},
	}
}

// packets are what may become of one on its way through a node.
var packets = []struct{ name, benchmark, what, reason string }{
	{
		"route", "Packet/routed_by_1000_routes_and_1000_rules",
		"routing a packet by 1,000 routes and 1,000 rules of ip-rule",
		"half is the routes, which are asked twice, and the rules before them; nothing else is above an eighth (CPU profile)",
	},
	{
		"filter", "Packet/asked_about_by_1000_nftables_rules,_by_source",
		"forwarding a packet that 1,000 rules of nftables are about, by source", "",
	},
	{
		"masquerade", "Packet/masqueraded_by_the_last_of_1000_rules",
		"masquerading a packet among 10,000 flows, with 1,000 rules for new ones",
		"a sixth each is the look-up among 20,000 tuples, more than the nearest caches hold, the translation, and the routes (CPU profile)",
	},
	{
		"all", "Packet/filtered_and_masqueraded_by_1000_rules_each,_routed_by_1000_routes_and_1000_rules",
		"all of that with the same packet", "as `sim/masquerade`, and the route and the rules besides",
	},
}

// simRows are the figures of the simulation, which its own benchmarks give.
func simRows(p programs, s scale) (all []bench.Row) {
	for _, w := range ways {
		all = append(all, bench.Row{
			Section: sectionSim, Name: "sim/" + w.name, Unit: bench.BitsPerSecond,
			What:   "one TCP connection, " + w.name + ", beside Linux in the same topology",
			Ours:   read("MB/s", gobench{p.sim, "Throughput/" + w.name, s.time}),
			Other:  read("bits/s", stream{w, s.seconds}),
			Target: bench.RatioAtLeast(1.5), Reason: w.reason,
		})
	}
	for _, c := range packets {
		all = append(all, bench.Row{
			Section: sectionSim, Name: "sim/" + c.name, Unit: bench.Seconds,
			What:   c.what,
			Ours:   read("ns/op", gobench{p.sim, c.benchmark, s.time}),
			Target: bench.AtMost(1e-6), Reason: c.reason,
		})
	}
	return append(all,
		bench.Row{
			Section: sectionSim, Name: "sim/ping", Unit: bench.Seconds,
			What:   "ping between two pods, there and back",
			Ours:   read("ns/op", gobench{p.sim, "Ping/2_pods/10.1.1.2", s.time}),
			Target: bench.AtMost(60e-6), Reason: "",
		},
		bench.Row{
			Section: sectionSim, Name: "sim/first-contact", Unit: bench.Seconds,
			What:   "ping between two pods that have not heard of each other, across a bridge with 10,000 ports",
			Ours:   read("ns/op", gobench{p.sim, "FirstContact", s.time}),
			Target: bench.AtMost(20e-3), Reason: "",
		},
		bench.Row{
			Section: sectionSim, Name: "sim/pod-memory", Unit: bench.Bytes,
			What:   "memory of a silent pod",
			Ours:   read("B/pod", gobench{p.sim, "SilentPods", once}),
			Target: bench.AtMost(4096), Reason: "",
		},
		bench.Row{
			Section: sectionSim, Name: "sim/pods", Unit: bench.Seconds,
			What:   "making 10,000 pods",
			Ours:   read("ns/op", gobench{p.sim, "Pods", once}),
			Target: bench.AtMost(1), Reason: "",
		},
	)
}

// once is how often a benchmark is run that is long enough.
const once = "1x"

func read(value string, of bench.Source) bench.Reading { return bench.Reading{Of: of, Value: value} }
