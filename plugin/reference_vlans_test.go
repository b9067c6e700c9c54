package plugin_test

import "fmt"

func init() { configurations = append(configurations, vlanConfigurations()...) }

// vlanConfigurations are those of bridges with VLANs: without addresses, and with a gateway in a VLAN, each with the
// bridge's default VLAN and without.
func vlanConfigurations() []configuration {
	const trunk = `"vlanTrunk": [{"id": 101}, {"minID": 200, "maxID": 210}]`
	all := []configuration{
		{name: "vlan-layer2-none", keys: `"vlan": 0, "vlanTrunk": [], "ipam": {}`},
		{name: "vlan-layer2-one", keys: `"vlan": 100, "preserveDefaultVlan": true, "ipam": {}`},
		{name: "vlan-layer2-trunk", keys: trunk + `, "ipam": {}`},
		{name: "vlan-layer2-trunk-of-one", keys: `"vlanTrunk": [{"id": 7, "minID": 9, "maxID": 9}], "ipam": {}`},
		{name: "vlan-layer2-both", keys: `"vlan": 100, ` + trunk + `, "ipam": {}`},
		{name: "vlan-layer2-alone", keys: `"vlan": 100, "preserveDefaultVlan": false, "ipam": {}`},
		{name: "vlan-addresses", keys: `"vlan": 100, ` + hostLocal(`"subnet": "10.9.0.0/24"`)},
	}
	for _, subnets := range []struct{ name, ranges string }{
		{"v4", `[{"subnet": "10.9.0.0/24"}]`},
		{"ipv6", `[{"subnet": "fd00:9::/64"}]`},
		{"dual", `[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]`},
		{"three", `[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}], [{"subnet": "fd00:9:1::/64"}]`},
	} {
		for _, preserve := range []bool{true, false} {
			all = append(all, configuration{
				name: fmt.Sprintf("vlan-gateway-%s-%s", subnets.name, map[bool]string{true: "beside-default", false: "alone"}[preserve]),
				keys: fmt.Sprintf(`"vlan": 100, "preserveDefaultVlan": %v, "isDefaultGateway": true, `, preserve) +
					hostLocal(`"ranges": [`+subnets.ranges+`]`),
				ipv6: subnets.name != "v4",
			})
		}
	}
	for i := range all {
		all[i].vlans = true
	}
	return all
}
