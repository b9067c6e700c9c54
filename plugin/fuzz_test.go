package plugin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/plugin/config"
)

// fuzzLab is a machine with all IPAM plugins, a bridge and an empty container.
func fuzzLab(t *testing.T) *lab {
	l := newLab(t, newSim(t))
	l.addBridge()
	l.pod("a")
	return l
}

// FuzzProtocol makes a call of choices, with the fuzzer's own text for standard input and as further environment where
// they say so. It is refused where the reference's skel refuses it, with the same code, unless that is one of the
// differences on purpose.
func FuzzProtocol(f *testing.F) {
	const list = `{"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "bridge"}]}`
	f.Add([]byte{}, []byte{}, "")
	for verb := range byte(9) {
		f.Add([]byte{verb}, []byte{}, "")                                                 // nothing attached
		f.Add([]byte{verb, 0, 0, 0, 0, 0, 0, 0, 1}, []byte{}, "")                         // attached
		f.Add([]byte{verb, 0, 0, 0, 0, 0, 0, 1, 1}, []byte{}, "")                         // the IPAM plugin itself
		f.Add([]byte{verb, 0, 5, 0, 0, 0, 0}, []byte{}, "")                               // the own namespace
		f.Add([]byte{verb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, []byte("{"), "") // half a document
		f.Add([]byte{verb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, []byte(list), "")
		f.Add([]byte{verb, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, []byte(list), "")
	}
	f.Add([]byte{0, 2, 2, 2, 2, 2, 2, 2}, []byte("null"), "CNI_COMMAND=DEL\nCNI_IFNAME=e%d\n=\n\x00=\xff")
	for data := range atRandom {
		f.Add(data, []byte("{}"), "")
	}
	f.Fuzz(func(t *testing.T, data, stdin []byte, more string) {
		l := fuzzLab(t)
		c := &choices{data}
		r := request{env: c.environment(l.cniPath)}
		r.name = c.of("bridge", "host-local", "static", "renamed")
		if c.number()%2 == 1 {
			l.add("a", "/run/netns/a", l.conf(nil))
		}
		r.conf = c.configuration(stdin)
		r.env = append(r.env, strings.Split(more, "\n")...)
		wantExplained(l, r, l.obey(r))
	})
}

// wantExplained compares with skel, where a process can have the environment at all.
func wantExplained(l *lab, r request, a answer) {
	l.t.Helper()
	if strings.Contains(strings.Join(r.env, ""), "\x00") {
		return
	}
	v := l.compare(r, a)
	if !v.same() && len(v.explained()) == 0 {
		l.t.Errorf("skel: %v\nours: %+v\n%q\n%s", v.skel, v.ours, r.env, r.conf)
	}
}

// TestOptionsAreTakenBack holds ADD to the rules with each option of which something stays for all.
func TestOptionsAreTakenBack(t *testing.T) {
	for name, with := range map[string]map[string]any{
		"gateway":                  {"isGateway": true},
		"default gateway, IPv6":    {"isDefaultGateway": true, "ipam": map[string]any{"type": "host-local", "subnet": "fd00:9::/64"}},
		"masqueraded by iptables":  {"ipMasq": true, "ipMasqBackend": "iptables"},
		"masqueraded by nftables":  {"ipMasq": true, "ipMasqBackend": "nftables"},
		"checked for spoofing":     {"macspoofchk": true},
		"in a VLAN":                {"vlan": 7},
		"in VLANs":                 {"vlanTrunk": []any{map[string]any{"id": 7}, map[string]any{"minID": 9, "maxID": 12}}},
		"gateway in a VLAN":        {"vlan": 7, "isGateway": true},
		"with a bridge that hears": {"promiscMode": true},
	} {
		t.Run(name, func(t *testing.T) {
			l := fuzzLab(t)
			r := request{verb: "ADD", id: "a", netns: "/run/netns/a", conf: l.conf(with)}
			if a := l.obey(r); a.exit != 0 {
				t.Error(a.stdout)
			}
		})
	}
}

// FuzzConfiguration reads configurations of choices. One that is accepted is within all limits, and the same for verbs
// that read less of it; one that is refused is so with a code.
func FuzzConfiguration(f *testing.F) {
	for data := range atRandom {
		f.Add(data, []byte("{}"), "")
	}
	f.Fuzz(func(t *testing.T, data, raw []byte, args string) {
		conf := []byte((&choices{data}).configuration(raw))
		c, err := config.Parse(conf, args)
		if coded := new(types.Error); err != nil {
			if !errors.As(err, &coded) || !slices.Contains(mayEndWith, coded.Code) {
				t.Errorf("no code: %v", err)
			}
			return
		}
		network, err := config.ParseNetwork(conf)
		if diff := cmp.Diff(network, c.Network); err != nil || diff != "" {
			t.Errorf("what DEL reads: %v\n%s", err, diff)
		}
		mtu := c.MTU == 0 || c.MTU >= 68 && c.MTU <= 65535
		if config.ValidateLinkName(c.Bridge) != nil || !mtu || len(c.MAC)%6 != 0 {
			t.Errorf("accepted %+v", c)
		}
	})
}

// FuzzArgs gives CNI_ARGS to ADD. What it says is known, or explicitly need not be, and is what the container gets.
func FuzzArgs(f *testing.F) {
	for _, args := range []string{
		"", ";", "=", "A=B", "MAC=02:00:00:00:00:01", "IP=10.9.0.9", "IgnoreUnknown=1;A=B", "IgnoreUnknown=0;A=B",
		"IgnoreUnknown=true;IP=10.9.0.9;MAC=02-00-00-00-00-01", "MAC=02:00:00:00:00:01;MAC=02:00:00:00:00:02",
		"IP=10.9.0.1",
		"IP=10.9.0.0", "IP=::1", "IP=10.9.0.9/24", "GATEWAY=10.9.0.1", "CommonArgs=1", "ip=10.9.0.9", "MAC= ", "A\n=B",
	} {
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, args string) {
		l := fuzzLab(t)
		r := request{verb: "ADD", id: "a", netns: "/run/netns/a", conf: l.conf(nil), env: env("CNI_ARGS=" + args)}
		a := l.obey(r)
		if a.exit != 0 {
			return
		}
		own := l.result(a).Interfaces[2]
		for _, pair := range strings.Split(args, ";") {
			key, value, _ := strings.Cut(pair, "=")
			if known := slices.Contains([]string{"IgnoreUnknown", "MAC", "IP", ""}, key); !known &&
				!strings.Contains(args, "IgnoreUnknown=") {
				t.Errorf("%q: nobody knows %q", args, key)
			}
			if key == "MAC" && value != "" && strings.Count(args, "MAC=") == 1 && !sameMAC(value, own.Mac) {
				t.Errorf("%q: the container has %s", args, own.Mac)
			}
		}
	})
}

// previousResults are such as runtimes might keep, and others.
var previousResults = []string{
	"null", "[]", `{"ips":[null]}`, `{"IPS":[null]}`, `{"interfaces":[{"name":"veth00000000"}]}`,
	`{"ip4":null,"ip6":{}}`, `{"ip4":{"ip":"10.9.0.2/24","routes":[null]}}`, `{"cniVersion":7}`,
	`{"cniVersion":"0.2.0","ip4":{"ip":"10.9.0.2/24"}}`,
	`{"interfaces":[{"name":"eth0","sandbox":"x"}],"ips":[{"address":"10.9.0.2/24","interface":-7}],"routes":[{}]}`,
}

// FuzzPreviousResult gives a result of any version and shape to CHECK, DEL and an ADD of another container, while two
// containers are attached. CHECK changes nothing; DEL does its job whatever it is told, and nothing to the other one.
func FuzzPreviousResult(f *testing.F) {
	for i := range version.All.SupportedVersions() {
		for _, result := range previousResults {
			f.Add([]byte{byte(i), 4}, []byte(result))
		}
	}
	for data := range atRandom {
		f.Add(data, []byte("null"))
	}
	f.Fuzz(func(t *testing.T, data, raw []byte) {
		l := fuzzLab(t)
		l.pod("b")
		c := &choices{data}
		versions := version.All.SupportedVersions()
		conf := l.conf(map[string]any{"cniVersion": versions[c.number()%len(versions)]})
		l.add("b", "/run/netns/b", l.conf(nil))
		without := l.everything()
		a := l.succeed(request{verb: "ADD", id: "a", netns: "/run/netns/a", conf: conf})
		r := request{id: "a", netns: "/run/netns/a", conf: withResult(conf, c.result(a.stdout, raw))}
		for _, verb := range []string{"CHECK", "DEL"} {
			r.env = env("CNI_COMMAND=" + verb)
			a = l.obey(r)
		}
		if json.Valid([]byte(r.conf)) && a.exit != 0 {
			t.Errorf("DEL: %s\n%s", a.stdout, r.conf)
		}
		if json.Valid([]byte(r.conf)) && withoutLasting(l.everything()) != withoutLasting(without) {
			t.Errorf("DEL left something, or took another's:\n%s", r.conf)
		}
	})
}

// result chooses a result: the good one with other keys, spoilt, or the fuzzer's own.
func (c *choices) result(good string, raw []byte) string {
	if c.number()%5 == 4 {
		return string(raw)
	}
	keys := []string{"interfaces", "ips", "routes", "dns", "cniVersion", "ip4", "ip6", "INTERFACES"}
	return c.spoil(c.pairs([]string{strings.Trim(strings.TrimSpace(good), "{}")}, keys), raw)
}

// withResult puts a result, which may be no JSON, into a configuration.
func withResult(conf, result string) string {
	return fmt.Sprintf(`{"prevResult": %s, %s`, result, conf[1:])
}
