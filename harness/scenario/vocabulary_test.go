package scenario

import (
	"os"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// TestWhatIsNotInTheLanguage checks that a line is refused before anything is done, and that people learn which word is
// the wrong one.
func TestWhatIsNotInTheLanguage(t *testing.T) {
	for line, want := range map[string]string{
		"ip":                                     "ip: a word is missing; it takes netns, link, addr, route, rule, neigh",
		"ip rule add":                            `ip rule add: what the rule is for is missing`,
		"ip link change cni0":                    `ip link: does not know "change", but add, del, set, show`,
		"ip -n":                                  "ip -n: the name of a namespace is missing",
		"ip link add":                            "ip link add: NAME is missing",
		"ip link add cni0":                       "ip link add: type is missing",
		"ip link add cni0 type":                  "ip link add: type is missing",
		"ip link add d0 type tun":                `ip link add: does not know the type "tun", but bridge, veth, vlan, vxlan, dummy`,
		"ip link add x type vxlan id 1":          "ip link add: nolearning is missing",
		"ip link add cni0 type bridge stp on":    `ip link add: does not know "stp"`,
		"ip link add cni0 mtu x type bridge":     `ip link add: "x" is no MTU`,
		"ip link add cni0 address x":             `ip link add: "x" is no MAC`,
		"ip link add v type veth":                "ip link add: peer is missing",
		"ip link add v type veth peer eth0 up":   `"type veth" is followed by "peer name NAME", not by "peer eth0"`,
		"ip link add v type veth peer name e x":  `ip link add: does not know "x" here, but address, mtu, netns`,
		"ip link set cni0":                       "ip link set: what to set is missing",
		"ip link set cni0 promisc maybe":         `ip link set: "maybe" is no switch (on or off)`,
		"ip link set cni0 type veth":             `ip link set: can set things of the type bridge, not of "veth"`,
		"ip link del cni0 eth0":                  `ip link del: does not know "eth0"`,
		"conntrack -D -p tpc":                    "conntrack -D: no protocol: tpc (usage: ",
		"ip addr add 10.1.0.1/24":                "ip addr add: dev is missing",
		"ip addr add 10.1.0.1/33 dev eth0":       `ip addr add: "10.1.0.1/33" is no PREFIX`,
		"ip addr add 10.1.0.1/24 dev eth0 x":     `ip addr add: does not know "x" here, but broadcast, dev, nodad`,
		"ip addr del 10.1.0.1/24 dev eth0 nodad": `ip addr del: does not know "nodad" here, but dev`,
		"ip route add":                           "ip route add: PREFIX is missing",
		"ip route add nowhere dev eth0":          `ip route add: "nowhere" is no PREFIX`,
		"ip route add default via x":             `ip route add: "x" is no ADDRESS`,
		"ip route add default encap x":           `ip route add: does not know "encap" here`,
		"ip route add default nexthop via x":     `ip route add: "x" is no ADDRESS`,
		"ip route del default onlink":            `ip route del: does not know "onlink" here`,
		"ip route replace default via 10.1.0.1":  `ip route: does not know "replace", but add, prepend, del, show`,
		"ip neigh add 10.1.0.2 dev eth0 nud x":   `ip neigh add: "x" is no STATE`,
		"ip netns add":                           "ip netns add: NAME is missing",
		"ip netns exec pod-a true":               `ip netns: does not know "exec", but add, del, show`,
		"ip -n pod-a netns add pod-b":            "ip netns add: does not take -n",
		"sysctl":                                 "sysctl: KEY[=VALUE] is missing",
		"cni":                                    "cni: a word is missing; it takes add, check, del, gc, status, version",
		"cni add net pod-a":                      "cni add: IFNAME is missing",
		"cni add -x net pod-a eth0":              `cni add: does not know "-x"`,
		"cni add -args IP net pod-a eth0":        `cni add: "IP" has no =`,
		"cni gc net pod-a":                       `cni gc: "pod-a" is no POD/IFNAME`,
		"ping pod-a":                             "ping: ADDRESS is missing",
		"ping -wait 2 pod-a 10.1.0.1":            `ping: "2" is no TIME`,
		"serve pod-a sctp 80":                    `serve: "sctp" is no transport`,
		"serve pod-a tcp http":                   `serve: "http" is no PORT`,
		"call pod-a tcp 10.1.0.2":                `call: "10.1.0.2" is no ADDRESS:PORT`,
		"snapshot":                               "snapshot: NAME is missing",
		"same before":                            `same: no snapshot "before" was taken before`,
		"expect":                                 "expect: FILE is missing",
		"jsoncmp stdout":                         "jsoncmp: FILE2 is missing",
		"file show":                              "file show: PATH is missing",
		"cni add -env PATH=/ net pod-a eth0":     `cni add: "PATH=/" is no CNI_NAME=VALUE`,
		"cni add -env CNI_X net pod-a eth0":      `cni add: "CNI_X" is no CNI_NAME=VALUE`,
		"plugin bridge":                          "plugin: COMMAND is missing",
		"plugin -x bridge ADD":                   `plugin: does not know "-x"`,
		"plugin bridge ADD net pod-a":            "plugin: IFNAME is missing",
		"plugin bridge ADD net pod-a eth0 x":     `plugin: does not know "x"`,
		"plugin -args IP bridge ADD":             `plugin: "IP" is no KEY=VALUE;...`,
		"sleep":                                  "sleep: TIME is missing",
		"sleep long":                             `sleep: "long" is no TIME`,
		"fault":                                  "fault: ERRNO is missing",
		"fault link add EWHAT":                   `fault: "EWHAT" is no ERRNO`,
		"fault link EIO":                         `fault: "link" is no OP (usage: `,
		"fault link ad EIO":                      `fault: "link ad" is no OP; is it "link add"? (usage: `,
		"crash files *":                          `crash: "files *" is no OP; is it "file *"?`,
		"fault pnig EIO":                         `fault: "pnig" is no OP`,
		"fault -n 0 EIO":                         `fault: "0" is no N`,
		"fault -torn link add EIO":               "fault: -torn is for file write alone",
		"crash -effect":                          `crash: does not know "-effect"`,
		"faults on":                              `faults: does not know "on", but off`,
		"faults off now":                         `faults off: does not know "now"`,
		"effects all":                            `effects: does not know "all"`,
		"kubelet":                                "kubelet: --cni-conf-dir is missing",
		"kubelet --cni-conf-dir":                 `kubelet: does not know "--cni-conf-dir"`,
		"kubelet --network-plugin=kubenet":       "--cni-conf-dir is missing",
		"pod":                                    "pod: a word is missing; it takes start, stop",
		"pod start":                              "pod start: POD is missing",
		"pod stop a b":                           `pod stop: does not know "b"`,
		"host":                                   "host: NAME is missing",
		"host a/b":                               `host: "a/b" is no NAME`,
		"host node":                              "host: there is a machine node already",
		"on":                                     "on: HOST is missing",
		"on b ip link show":                      `on: there is no machine "b", but node`,
		"on node":                                "on: LINE is missing",
		"on node ping pod-a":                     "ping: ADDRESS is missing",
		"cable node":                             "cable: B is missing",
		"cable node b":                           `cable: there is no machine "b"; a line "host b" makes it (usage: `,
		"cable node node:eth1 loss 1":            `cable: "1" is no PERCENT`,
		"cable node node:eth1 loss 101%":         `cable: "101%" is no PERCENT`,
		"cable node node:eth1 rate fast":         `cable: "fast" is no BITS`,
		"cable node node:eth1 rate -1mbit":       `cable: "-1mbit" is no BITS`,
		"cable node node:eth1 broken":            `cable: does not know "broken" here, but blackhole, cut, delay`,
		"cable c:eth0 node":                      `cable: there is no machine "c"; a line "host c" makes it`,
		"trace pod-a 10.1.0.2":                   `trace: "->" has to stand between NS and ADDRESS, and "10.1.0.2" does (usage: `,
		"trace pod-a":                            "trace: -> is missing",
		"pod start host":                         `pod start: "host" is no POD: the machine's own namespace is called so`,
		"container start busy app":               "container start: pod busy has a container app already",
		"container start a":                      "container start: NAME is missing",
		"container start a app tcp":              "container start: PORT is missing",
		"container crash a app":                  "container crash: pod a has no container app",
	} {
		out, err := testedSession().do(strings.Fields(line))
		if !words.IsUsage(err) || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%s\ngot  %q, %v\nwant %s", line, out, err, want)
		}
	}
}

// testedSession has a machine that nobody may ask for anything.
func testedSession() *session {
	s := new(session)
	s.node = s.addNode(FirstHost, nil)
	s.services = []service{{netns: "busy", name: "app"}}
	return s
}

func TestSynonyms(t *testing.T) {
	for line, want := range map[string]string{
		"ip l":                        "ip link show",
		"ip -n pod-a a":               "ip addr show",
		"ip address delete x":         "ip addr del",
		"ip r list":                   "ip route show",
		"ip neighbor":                 "ip neigh show",
		"ip netns ls":                 "ip netns show",
		"ip link set address address": "ip link set",
	} {
		f, _, _, err := parseLine(strings.Fields(line))
		if err != nil || f.name != want {
			t.Errorf("%s: got %+v, %v, want %s", line, f, err, want)
		}
	}
}

// TestVocabulary checks that the explanation is of the language: each form is explained once, by a line that begins
// with its own name.
func TestVocabulary(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range forms() {
		line := strings.Replace(f.usage, " [-n NS]", "", 1)
		if !strings.HasPrefix(line, f.name) {
			t.Errorf("%s is explained by %q", f.name, f.usage)
		}
		if got, _, _, err := parseLine(strings.Fields(f.name + " x")); err != nil || got.name != f.name {
			t.Errorf("%s is understood as %v, %v", f.name, got, err)
		}
		seen[f.name] = true
	}
	for _, b := range builtins() {
		if !strings.HasPrefix(b.usage, b.name) || seen[b.name] {
			t.Errorf("%s is explained by %q, or twice", b.name, b.usage)
		}
	}
	for _, e := range entries() {
		if !strings.Contains(Help(), e.usage) || !strings.Contains(Vocabulary(), e.about) || strings.Contains(e.about, "\n") {
			t.Errorf("%q is explained badly", e.usage)
		}
	}
}

// TestOpsAreExplained looks for what may be broken in what people read of it.
func TestOpsAreExplained(t *testing.T) {
	for _, op := range intercept.Ops() {
		if !strings.Contains(strings.ReplaceAll(Help(), "\n", " "), " "+string(op)) {
			t.Errorf("%q is not explained", op)
		}
	}
}

// TestLanguageIsTriedWhole checks that the scenarios that cmd/cnilab runs on the kernels have every form of line.
func TestLanguageIsTriedWhole(t *testing.T) {
	used := map[string]bool{}
	for _, file := range []string{"language.txtar", "faults.txtar", "kubelet.txtar", "trace.txtar", "vlan.txtar", "hosts.txtar"} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f, _, _, err := parseLine(strings.Fields(strings.TrimPrefix(line, "! "))); err == nil {
				used[f.name] = true
			}
		}
	}
	for _, f := range forms() {
		if !used[f.name] {
			t.Errorf("no scenario of testdata has a line %q", f.name)
		}
	}
}
