package plugin_test

import (
	"cmp"

	"github.com/cnilab/cnilab/kernel"
)

// A wrong is a call that both refuse, or one of them.
type wrong struct {
	verb    string // "": ADD
	netns   string // "": a pod's
	keys    string // "": a network without IPAM
	stdin   string // in place of the configuration
	env     []string
	prepare func(l *lab)
	times   int // the last of which is wrong
}

var wrongs = map[string]wrong{
	"no-command":          {env: []string{"CNI_COMMAND="}},
	"command":             {verb: "MOVE"},
	"no-variables":        {env: []string{"CNI_CONTAINERID=", "CNI_NETNS="}},
	"container-id":        {env: []string{"CNI_CONTAINERID=a/b"}},
	"interface":           {env: []string{"CNI_IFNAME=sixteen-letters-"}},
	"interface-dots":      {env: []string{"CNI_IFNAME=.."}},
	"no-path":             {env: []string{"CNI_PATH="}},
	"json":                {stdin: "{"},
	"no-name":             {stdin: `{"cniVersion": "1.0.0"}`},
	"name":                {stdin: `{"cniVersion": "1.0.0", "name": "a/b"}`},
	"version":             {stdin: `{"cniVersion": "9.9.9", "name": "net"}`},
	"list":                {stdin: `{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge", "bridge": "br-test"}]}`},
	"key-type":            {keys: `"mtu": "big"`},
	"modes":               {keys: `"hairpinMode": true, "promiscMode": true`},
	"disabled-ipam":       {keys: `"disableContainerInterface": true, "ipam": {"type": "host-local"}`},
	"bridge-name":         {keys: `"bridge": ""`},
	"bridge-long":         {keys: `"bridge": "sixteen-letters-"`},
	"bridge-kind":         {keys: `"bridge": "dev0"`, prepare: addDevice},
	"mac":                 {env: []string{"CNI_ARGS=MAC=zz"}},
	"args":                {env: []string{"CNI_ARGS=FOO=BAR"}},
	"args-pair":           {env: []string{"CNI_ARGS=FOO"}},
	"ipam-missing":        {keys: `"ipam": {"type": "nobody"}`},
	"ipam-range":          {keys: `"ipam": {"type": "host-local"}`},
	"vlan":                {keys: `"vlan": 5000`},
	"vlan-negative":       {keys: `"vlan": -100`},
	"vlan-0.4.0":          {stdin: `{"cniVersion": "0.4.0", "name": "net", "type": "bridge", "vlan": 5000}`},
	"vlan-negative-0.4.0": {stdin: `{"cniVersion": "0.4.0", "name": "net", "type": "bridge", "vlan": -100}`},
	"trunk-max-missing":   {keys: trunk(`"minID": 10`)},
	"trunk-min-missing":   {keys: trunk(`"maxID": 10`)},
	"trunk-min-negative":  {keys: trunk(`"minID": -1, "maxID": 10`)},
	"trunk-min-over":      {keys: trunk(`"minID": 4095, "maxID": 4096`)},
	"trunk-max-over":      {keys: trunk(`"minID": 10, "maxID": 4095`)},
	"trunk-max-negative":  {keys: trunk(`"minID": 10, "maxID": -1`)},
	"trunk-max-below":     {keys: trunk(`"minID": 10, "maxID": 9`)},
	"trunk-id-over":       {keys: trunk(`"id": 4095`)},
	"trunk-id-negative":   {keys: trunk(`"id": -1`)},
	"netns":               {netns: "/run/netns/gone"},
	"address-conflict":    {keys: gatewayKeys, prepare: addBridgeWithAddress},
	"address-conflict-ipv6": {
		keys:    `"isGateway": true, ` + hostLocal(`"subnet": "fd00:9::/64"`),
		prepare: func(l *lab) { l.enableIPv6(); addBridgeWithOtherIPv6(l) },
	},
	"two-gateways": {keys: `"isGateway": true, ` + hostLocal(`"ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "10.8.0.0/24"}]]`)},
	"pool": {keys: `"ipam": {"type": "host-local", "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.2",
		"rangeEnd": "10.9.0.2", "dataDir": "$DIR"}`, prepare: takeAddress},
	"check-unknown": {verb: "CHECK"},
	"check-old":     {verb: "CHECK", stdin: `{"cniVersion": "0.3.1", "name": "net"}`},
	"gc-old":        {verb: "GC", stdin: `{"cniVersion": "1.0.0", "name": "net"}`},
	"status-old":    {verb: "STATUS", stdin: `{"cniVersion": "1.0.0", "name": "net"}`},
	"twice":         {times: 2},
}

// trunk is a "vlanTrunk" of one element.
func trunk(keys string) string { return `"ipam": {}, "vlanTrunk": [{` + keys + `}]` }

func addDevice(l *lab) {
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "dev0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "dev1"}}))
}

// takeAddress leases the pool's only address to another.
func takeAddress(l *lab) {
	l.must(l.MkdirAll(l.dataDir+"/net", 0o755))
	l.must(l.WriteFile(l.dataDir+"/net/10.9.0.2", []byte("other\r\neth0"), 0o600))
}

func (w wrong) hold(l *lab, ask func(request) answer) {
	if w.prepare != nil {
		w.prepare(l)
	}
	r := request{verb: cmp.Or(w.verb, "ADD"), id: "a", netns: w.netns, conf: w.stdin, env: w.env}
	if r.netns == "" {
		r.netns = l.pod("a")
	}
	if r.conf == "" {
		r.conf = l.network("1.0.0", cmp.Or(w.keys, `"ipam": {}`))
	}
	for range max(w.times, 1) {
		ask(r)
	}
}
