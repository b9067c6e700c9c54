package plugin_test

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
)

// A configuration is one of the bridge plugin, of which ADD, CHECK and DEL are compared in all versions.
type configuration struct {
	name    string
	keys    string // see lab.network
	args    string // CNI_ARGS
	ipv6    bool   // the host has IPv6
	vlans   bool   // the bridge has VLANs, which not every kernel knows
	prepare func(l *lab)
}

const (
	gatewayKeys = `"isGateway": true, "ipam": {"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": "$DIR"}`
	dualKeys    = `"isDefaultGateway": true, "ipam": {"type": "host-local", "dataDir": "$DIR",
		"ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]}`
	askedMAC = "02:00:00:00:00:0a"
)

// configurations: a gateway first, and then what else there is, one at a time.
var configurations = []configuration{
	{name: "gateway", keys: gatewayKeys},
	{name: "layer2", keys: `"ipam": {}`},
	{name: "dual", keys: dualKeys, ipv6: true},
	{name: "addresses", keys: hostLocal(`"subnet": "10.9.0.0/24"`)},
	{name: "default-gateway", keys: `"isDefaultGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24"`)},
	{name: "ipv6", keys: `"isDefaultGateway": true, ` + hostLocal(`"subnet": "fd00:9::/64"`), ipv6: true},
	{
		name: "three-subnets", ipv6: true, keys: `"isDefaultGateway": true, ` + hostLocal(`"ranges": [
			[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}], [{"subnet": "fd00:9:1::/64"}]]`),
	},
	{name: "given-gateway", keys: `"isGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24", "gateway": "10.9.0.254"`)},
	{name: "mtu", keys: `"mtu": 1400, ` + gatewayKeys},
	{name: "hairpin", keys: `"hairpinMode": true, ` + gatewayKeys},
	{name: "promiscuous", keys: `"promiscMode": true, ` + gatewayKeys},
	{name: "isolation", keys: `"portIsolation": true, ` + gatewayKeys},
	{name: "disabled-interface", keys: `"disableContainerInterface": true, "ipam": {}`},
	{name: "force-address", keys: `"forceAddress": true, ` + gatewayKeys, prepare: addBridgeWithAddress},
	{
		name: "force-address-ipv6", keys: `"forceAddress": true, "isGateway": true, ` + hostLocal(`"subnet": "fd00:9::/64"`),
		ipv6: true, prepare: addBridgeWithOtherIPv6,
	},
	{
		name: "address-beside-ipv6", keys: `"isGateway": true, ` + hostLocal(`"subnet": "fd00:9::/64"`),
		ipv6: true, prepare: addBridgeWithDistantIPv6,
	},
	{
		name: "force-address-beside-ipv6", keys: `"forceAddress": true, "isGateway": true, ` + hostLocal(`"subnet": "fd00:9::/64"`),
		ipv6: true, prepare: addBridgeWithDistantIPv6,
	},
	{name: "bridge-there", keys: `"mtu": 1400, ` + gatewayKeys, prepare: (*lab).addDownBridge},
	{name: "gateway-there", keys: gatewayKeys, prepare: addBridgeWithGateway},
	{
		name: "range-sets", keys: hostLocal(`"ranges": [
			[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.9", "rangeEnd": "10.9.0.9"}, {"subnet": "10.8.0.0/24"}],
			[{"subnet": "10.7.0.0/24"}], [{"subnet": "fd00:9::/64"}]]`),
	},
	{
		name: "routes", keys: `"isGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24", "routes": [
			{"dst": "192.0.2.0/24"}, {"dst": "198.51.100.0/24", "gw": "10.9.0.7"}]`),
	},
	{
		name: "route-attributes", ipv6: true, keys: `"isGateway": true, ` + hostLocal(`
			"ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]], "routes": [
			{"dst": "192.0.2.0/24", "mtu": 1400, "advmss": 1300, "priority": 7}, {"dst": "198.51.100.0/24", "gw": "0.0.0.0", "scope": 253},
			{"dst": "fd00:8::/64", "mtu": 1400, "priority": 8}]`),
	},
	{
		name: "route-table", keys: `"isGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24", "routes": [
			{"dst": "192.0.2.0/24", "table": 100}]`),
	},
	{
		name: "default-route", keys: `"isDefaultGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24", "routes": [
			{"dst": "0.0.0.0/0", "gw": "10.9.0.7"}]`),
	},
	{
		name: "default-route-without-gateway", keys: `"isDefaultGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24",
			"routes": [{"dst": "0.0.0.0/0"}]`),
	},
	{
		name: "resolv-conf", keys: `"isGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24",
			"resolvConf": "$DIR/resolv.conf"`), prepare: writeResolvConf,
	},
	{
		name: "dns", keys: `"isGateway": true, ` + hostLocal(`"subnet": "10.9.0.0/24", "resolvConf": "$DIR/resolv.conf"`) +
			`, "dns": {"nameservers": ["192.0.2.54"], "domain": "b.example", "search": ["b.example"], "options": ["rotate"]}`,
		prepare: writeResolvConf,
	},
	{name: "ips-of-runtime", keys: gatewayKeys + `, "runtimeConfig": {"ips": ["10.9.0.77/24"]}`},
	{name: "ip-of-args", keys: gatewayKeys, args: "IgnoreUnknown=1;IP=10.9.0.77"},
	{name: "ips-of-cni", keys: gatewayKeys + `, "args": {"cni": {"ips": ["10.9.0.77"]}}`},
	{name: "ranges-of-runtime", keys: `"isGateway": true, ` + hostLocal(`"ranges": []`) +
		`, "runtimeConfig": {"ipRanges": [[{"subnet": "10.6.0.0/24"}]]}`},
	{name: "mac-of-args", keys: gatewayKeys, args: "IgnoreUnknown=1;MAC=" + askedMAC},
	{
		name: "mac-of-cni", keys: gatewayKeys + `, "args": {"cni": {"mac": "` + askedMAC + `"}}`,
		args: "IgnoreUnknown=1;MAC=02:00:00:00:00:0b",
	},
	{
		name: "mac-of-runtime", keys: gatewayKeys + `, "args": {"cni": {"mac": "02:00:00:00:00:0b"}},
			"runtimeConfig": {"mac": "` + askedMAC + `"}`,
	},
	{
		name: "static", ipv6: true, keys: `"isGateway": true, "ipam": {"type": "static",
			"addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}, {"address": "fd00:9::5/64"}],
			"routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.0.2.0/24", "gw": "10.9.0.7"}, {"dst": "fd00:8::/64", "gw": "fd00:9::7"}],
			"dns": {"nameservers": ["192.0.2.53"], "domain": "a.example"}}`,
	},
	{
		name: "static-of-runtime", keys: `"ipam": {"type": "static", "addresses": [{"address": "10.9.0.5/24"}]},
			"runtimeConfig": {"ips": ["10.9.0.77/24"]}`,
	},
	{name: "masquerade", keys: `"ipMasq": true, ` + gatewayKeys},
	{name: "masquerade-iptables", keys: `"ipMasq": true, "ipMasqBackend": "iptables", ` + dualKeys, ipv6: true},
	{name: "masquerade-nftables", keys: `"ipMasq": true, "ipMasqBackend": "nftables", ` + dualKeys, ipv6: true},
	{name: "spoof-check", keys: `"macspoofchk": true, ` + gatewayKeys},
	{name: "enabledad", keys: `"enabledad": true, ` + dualKeys, ipv6: true},
	{name: "chained", keys: gatewayKeys + `, "prevResult": $PREV`},
}

// hostLocal is an "ipam" of host-local with more keys.
func hostLocal(keys string) string {
	return `"ipam": {"type": "host-local", "dataDir": "$DIR", ` + keys + `}`
}

// addBridgeWithAddress makes a bridge that has another address than the gateway's.
func addBridgeWithAddress(l *lab) { l.addBridgeWith("10.7.0.1/24") }

func addBridgeWithGateway(l *lab) { l.addBridgeWith("10.9.0.1/24") }

func addBridgeWithOtherIPv6(l *lab) { l.addBridgeWith("fd00:9::9/64") }

func addBridgeWithDistantIPv6(l *lab) { l.addBridgeWith("fd00:9:7::1/64") }

func (l *lab) addBridgeWith(address string) {
	l.addBridge()
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	given := prefix(address)
	l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: given, NoDAD: given.Addr().Is6()}))
	l.must(l.Sleep(l.t.Context(), 6*settlePause)) // its local route comes a moment later
}

func writeResolvConf(l *lab) {
	const content = "# of the node\nnameserver 192.0.2.53\ndomain a.example\nsearch a.example b.example\noptions ndots:2\n"
	l.must(l.MkdirAll(l.dataDir, 0o755))
	l.must(l.WriteFile(l.dataDir+"/resolv.conf", []byte(content), 0o644))
}

// previousResult is that of a plugin that was called before: it made tap0.
func previousResult(cniVersion string) string {
	named := cmp.Or(cniVersion, "0.1.0")
	result := fmt.Sprintf(`{"cniVersion": %q, `, named)
	if old, err := version.GreaterThan("0.3.0", named); err != nil || old {
		return result + `"ip4": {"ip": "10.8.0.5/24"}, "dns": {"nameservers": ["192.0.2.53"]}}`
	}
	result += `"interfaces": [{"name": "tap0", "mac": "02:00:00:00:00:09"}],
		"ips": [{"version": "4", "interface": 0, "address": "10.8.0.5/24"}],
		"dns": {"nameservers": ["192.0.2.53"]}}`
	if strings.HasPrefix(named, "1.") {
		result = strings.Replace(result, `"version": "4", `, "", 1)
	}
	return result
}

// describe is the head of the configuration's recording.
func (c configuration) describe() string {
	head := strings.Join(strings.Fields(c.keys), " ") + "\n"
	if c.args != "" {
		head += "CNI_ARGS=" + c.args + "\n"
	}
	return head
}
