package plugin_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// choices turn the fuzzer's bytes into decisions, one a byte: so that a changed byte changes a decision, and the engine
// finds its way without guessing words. When they have run out, every decision is the first, which is the good one.
type choices struct{ left []byte }

func (c *choices) number() int {
	if len(c.left) == 0 {
		return 0
	}
	n := c.left[0]
	c.left = c.left[1:]
	return int(n)
}

// atRandom are some hundred choices, the same each time. They find what several unusual decisions at once do, to which
// the fuzzer, that changes a little at a time, takes long to come.
func atRandom(yield func([]byte) bool) {
	r := rand.New(rand.NewPCG(1, 2))
	for more, n := true, 0; more && n < 150; n++ {
		data := make([]byte, 4+r.IntN(40))
		unusual := r.Float64()
		for i := range data {
			if r.Float64() < unusual {
				data[i] = byte(r.IntN(256))
			}
		}
		more = yield(data)
	}
}

// of chooses one. The last of 256 decisions is always the fuzzer's own text.
func (c *choices) of(options ...string) string {
	n := c.number()
	if n == 255 {
		return c.text()
	}
	return options[n%len(options)]
}

// text is the fuzzer's own: a length and as many bytes.
func (c *choices) text() string {
	n := min(c.number(), len(c.left))
	text := string(c.left[:n])
	c.left = c.left[n:]
	return text
}

// variable chooses a value for the environment.
func (c *choices) variable(name string, options ...string) string {
	return name + "=" + c.of(options...)
}

// environment chooses all that CNI has.
func (c *choices) environment(path string) []string {
	return []string{
		c.variable("CNI_COMMAND", "ADD", "DEL", "CHECK", "VERSION", "GC", "STATUS", "", "add", "ADD\n"),
		c.variable("CNI_CONTAINERID", "a", "b", "", "a/b", "..", "-a", "a b", "lock", strings.Repeat("x", 300)),
		c.variable("CNI_NETNS", "/run/netns/a", "", "/run/netns/none", "/run/netns", "/", ownPath, "run/netns/a",
			"/run/netns/a/", "/run/netns/../netns/a", "/opt/cni/bin/bridge"),
		c.variable("CNI_IFNAME", "eth0", "", "lo", "..", "a/b", "eth%d", "sixteen-letters-", "br-test", "größe",
			"a b", "all"),
		c.variable("CNI_ARGS", "", "IgnoreUnknown=1", "A=B", ";", "MAC=02:00:00:00:00:01", "IP=10.9.0.9",
			"IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.9.0.9;MAC=02:00:00:00:00:01", "MAC=zz", "CommonArgs=1"),
		c.variable("CNI_PATH", path, "", ":", "/none", path+"/bridge", "::"+path+":"),
		c.variable("CNI_NETNS_OVERRIDE", "", "1", "true", "TRUE", "yes", "0"),
	}
}

// What a configuration may hold: things that are right for one key and wrong for all others.
var jsonValues = []string{
	"null", "true", "false", "0", "1", "-1", "1500", "65536", "1e3", "1e999", "18446744073709551616",
	`""`, `"x"`, `"..."`,
	`".."`, `"eth%d"`, `"br-test"`, `"lo"`, `"br\u0000"`, `"\ud800"`, `"10.9.0.0/24"`, `"10.9.0.9"`, `"10.9.0.0/31"`,
	`"fd00:9::/64"`, `"fd00:9::1"`, `"::ffff:10.9.0.0/120"`,
	`"02:00:00:00:00:01"`, `"ff:ff:ff:ff:ff:ff"`, `"/tmp/leases"`,
	`"/run/netns/a"`, `"leases"`, `"host-local"`, `"static"`, `"bridge"`, `"nftables"`, `"0.1.0"`, `"0.3.1"`, `"0.4.0"`,
	`"1.0.0"`, `"9.9.9"`, "[]", "[null]", "[[]]", "[[null]]", "[{}]", `["x"]`, `["10.9.0.9"]`,
	`[[{"subnet":"10.9.0.0/30"}]]`,
	`[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]]`, `[{"dst":"0.0.0.0/0"}]`,
	`[{"dst":"10.9.0.0/24","gw":"10.9.0.1"}]`,
	`[{"dst":"192.0.2.0/24","gw":"198.51.100.1"}]`, `[{"address":"10.9.0.7/24"}]`, `[{"id":7}]`,
	`[{"containerID":"a","ifname":"eth0"}]`,
	"{}", `{"cni":{"mac":"02:00:00:00:00:01"}}`, `{"cni":{"ips":["10.9.0.9"]}}`, `{"mac":"02:00:00:00:00:01"}`,
	`{"ips":["10.9.0.9/24"]}`, `{"nameservers":["192.0.2.53"],"domain":"x"}`, `{"x":null}`,
	strings.Repeat("[", 20) + strings.Repeat("]", 20),
}

var networkKeys = []string{
	"cniVersion", "name", "type", "bridge", "isGateway", "isDefaultGateway", "mtu", "dns", "args", "runtimeConfig",
	"prevResult", "ipMasq", "ipMasqBackend", "hairpinMode", "promiscMode", "forceAddress", "enabledad",
	"disableContainerInterface",
	"portIsolation", "macspoofchk", "vlan", "vlanTrunk", "preserveDefaultVlan", "capabilities", "ipam",
	"cni.dev/valid-attachments", "cni.dev/attachments",
}

var ipamKeys = []string{
	"type", "subnet", "rangeStart", "rangeEnd", "gateway", "ranges", "routes", "dataDir", "resolvConf", "addresses",
	"dns",
}

// ipamSections are good ones, without their braces.
var ipamSections = []string{
	`"type":"host-local","subnet":"10.9.0.0/24","dataDir":"/var/lib/cni/networks"`,
	`"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],"routes":[{"dst":"::/0"}]`,
	`"type":"static","addresses":[{"address":"10.9.0.9/24","gateway":"10.9.0.1"},{"address":"fd00:9::9/64"}]`,
}

// pairs appends up to three keys to a document's; the last of a key counts, and the first may be of the wrong type.
func (c *choices) pairs(good, keys []string) string {
	good = slices.Clone(good)
	for range c.number() % 4 {
		good = append(good, fmt.Sprintf("%q:%s", c.of(keys...), c.of(jsonValues...)))
	}
	return "{" + strings.Join(good, ",") + "}"
}

// configuration chooses a network configuration. raw is the fuzzer's own.
func (c *choices) configuration(raw []byte) string {
	version := c.of("1.1.0", "1.0.0", "0.4.0", "0.3.1", "0.3.0", "0.2.0", "0.1.0", "", "9.9.9", "1.1", "newest")
	name := c.of("net", "", "a/b", "..", "lock", strings.Repeat("n", 260))
	good := []string{fmt.Sprintf(`"cniVersion":%q`, version), fmt.Sprintf(`"name":%q`, name), `"bridge":"br-test"`}
	if n := c.number() % (len(ipamSections) + 1); n < len(ipamSections) {
		good = append(good, `"ipam":`+c.pairs(ipamSections[n:n+1], ipamKeys))
	}
	return c.spoil(c.pairs(good, networkKeys), raw)
}

// spoil chooses what happens to a document on its way.
func (c *choices) spoil(document string, raw []byte) string {
	switch at := c.number() * len(document) / 256; c.number() % 8 {
	case 1:
		return document[:at]
	case 2:
		return document[:at] + c.text() + document[at:]
	case 3:
		return document + string(raw)
	case 4:
		return string(raw)
	}
	return document
}
