package plugin_test

// ipamTroubles are addresses that nobody can give away.
var ipamTroubles = []trouble{
	{name: "type a number", ipam: keys("type", 1), code: 6, words: words(`"ipam.type"`)},
	{
		name: "type going up", ipam: keys("type", "../bridge"),
		code: 7, words: words(`ipam.type "../bridge"`, "CNI_PATH"),
	},
	{name: "type a backslash", ipam: keys("type", `a\b`), code: 7, words: words("ipam.type", "CNI_PATH")},
	{name: "type a dot", ipam: keys("type", "."), code: 7, words: words(`ipam.type "."`)},
	{name: "type with NUL", ipam: keys("type", "host-local\x00"), code: 7, words: words("host-local")},
	{name: "type with space", ipam: keys("type", "host-local "), code: 7, words: words(`"host-local "`, "install")},
	{
		name: "type the plugin itself", ipam: keys("type", "bridge"),
		code: 7, words: words(`ipam.type "bridge"`, "itself"),
	},
	{
		name: "type not installed", ipam: keys("type", "dhcp"),
		code: 7, words: words(`"dhcp"`, "/opt/cni/bin", "install"),
	},

	{name: "no range", ipam: keys("subnet", ""), code: 7, words: words("no IP ranges")},
	{name: "subnet a word", ipam: keys("subnet", "home"), code: 7, words: words("subnet", `"home"`)},
	{name: "subnet a number", ipam: keys("subnet", 10), code: 6, words: words("ipam", "subnet", "number")},
	{name: "subnet without length", ipam: keys("subnet", "10.9.0.0"), code: 7, words: words("subnet", "10.9.0.0")},
	{
		name: "subnet beyond 32 bits", ipam: keys("subnet", "10.9.0.0/33"),
		code: 7, words: words("subnet", "10.9.0.0/33"),
	},
	{name: "subnet of an octal", ipam: keys("subnet", "010.9.0.0/24"), code: 7, words: words("subnet", "010.9.0.0/24")},
	{name: "subnet with host bits", ipam: keys("subnet", "10.9.0.1/24"), code: 7, words: words("10.9.0.0")},
	{name: "subnet of one", ipam: keys("subnet", "10.9.0.1/32"), code: 7, words: words("10.9.0.1/32", "too small")},
	{
		name: "range begins outside", ipam: keys("rangeStart", "10.8.0.1"),
		code: 7, words: words("10.8.0.1", "10.9.0.0/24"),
	},
	{
		name: "range ends outside", ipam: keys("rangeEnd", "10.10.0.1"),
		code: 7, words: words("10.10.0.1", "10.9.0.0/24"),
	},
	{
		name: "range backwards", ipam: keys("rangeStart", "10.9.0.9", "rangeEnd", "10.9.0.8"),
		code: 7, words: words("10.9.0.9", "10.9.0.8"),
	},
	{name: "range start a word", ipam: keys("rangeStart", "first"), code: 7, words: words("rangeStart", `"first"`)},
	{name: "gateway a word", ipam: keys("gateway", "router"), code: 7, words: words("gateway", `"router"`)},
	{name: "gateway with a zone", ipam: keys("gateway", "fe80::1%eth0"), code: 7, words: words("gateway")},
	{name: "ranges a document", ipam: keys("ranges", keys()), code: 6, words: words("ranges")},
	{name: "ranges of nothing", ipam: keys("ranges", [][]any{{}}), code: 7, words: words("ranges", "empty")},
	{name: "ranges of null", ipam: keys("subnet", "", "ranges", [][]any{{nil}}), code: 7, words: words("subnet")},
	{
		name: "data directory relative", ipam: keys("dataDir", "leases"),
		code: 7, words: words(`dataDir "leases"`, "absolute"),
	},
	{name: "data directory with NUL", ipam: keys("dataDir", "/x\x00y"), code: 7, words: words("dataDir")},
	{
		name: "data directory a file", ipam: keys("dataDir", "/x"), files: map[string]string{"/x": ""},
		code: 5, words: words("/x", "ENOTDIR"),
	},
	{name: "data directory a namespace", ipam: keys("dataDir", "/run/netns/a"), code: 5, words: words("/run/netns/a")},
	{
		name: "lock a folder", files: map[string]string{"/var/lib/cni/networks/net/lock/x": ""},
		code: 5, words: words("lock", "EISDIR"),
	},
	{
		name: "static with null", as: "static", keys: keys("ipam", keys("type", "static", "addresses", []any{nil})),
		code: 7, words: words("address"),
	},
	{name: "asked for an address elsewhere", env: asking("192.0.2.1"), code: 7, words: words("192.0.2.1")},
	{name: "asked for the gateway's address", env: asking("10.9.0.1"), code: 7, words: words("10.9.0.1")},
	{name: "asked for no address", env: asking("here"), code: 4, words: words("CNI_ARGS", "here")},
	{name: "route to null", ipam: keys("routes", []any{nil}), code: 7, words: words("route")},
	{name: "route to nowhere", ipam: keys("routes", []any{keys()}), code: 7, words: words("route")},
	{name: "route to a word", ipam: keys("routes", []any{keys("dst", "home")}), code: 6, words: words("home")},
	{
		name: "route by a word", ipam: keys("routes", []any{keys("dst", "0.0.0.0/0", "gw", "me")}),
		code: 6, words: words("me"),
	},
	{
		name: "route by a stranger", ipam: keys("routes", []any{keys("dst", "192.0.2.0/24", "gw", "198.51.100.1")}),
		code: 101, words: words("192.0.2.0/24", "ENETUNREACH"),
	},
	{name: "routes a document", ipam: keys("routes", keys()), code: 6, words: words("routes")},
}

// resultTroubles are what an IPAM program prints, and what CHECK finds as prevResult.
var resultTroubles = []trouble{
	{name: "prints nothing", ipam: book, code: 6, words: words("/opt/cni/bin/book")},
	{name: "prints text", ipam: book, answer: "done", code: 6, words: words("/opt/cni/bin/book")},
	{name: "prints null", ipam: book, answer: "null", code: 6, words: words("/opt/cni/bin/book", "null")},
	{name: "prints a list", ipam: book, answer: "[]", code: 6, words: words("/opt/cni/bin/book")},
	{name: "prints twice", ipam: book, answer: "{}{}", code: 6, words: words("/opt/cni/bin/book")},
	{name: "gives nothing", ipam: book, answer: "{}", code: 7, words: words("missing IP config")},
	{name: "gives null", ipam: book, answer: `{"ips": [null]}`, code: 6, words: words("/opt/cni/bin/book", "ips")},
	{name: "gives no address", ipam: book, answer: `{"ips": [{}]}`, code: 6},
	{
		name: "gives a word", ipam: book, answer: `{"ips": [{"address": "x"}]}`,
		code: 6, words: words("/opt/cni/bin/book"),
	},
	{
		name: "routes to null", ipam: book, answer: `{"ips": [{"address": "10.9.0.7/24"}], "routes": [null]}`,
		code: 6, words: words("/opt/cni/bin/book", "routes"),
	},
	{
		name: "prints a version of its own", ipam: book,
		answer: `{"cniVersion": "9.9.9", "ips": [{"address": "10.9.0.7/24"}]}`,
		code:   6, words: words("/opt/cni/bin/book", "9.9.9"),
	},

	{name: "no result", verb: "CHECK", code: 7, words: words("prevResult")},
	{name: "result null", verb: "CHECK", keys: keys("prevResult", []any(nil)), code: 7, words: words("prevResult")},
	{name: "result a word", verb: "CHECK", keys: keys("prevResult", "ok"), code: 6, words: words("prevResult")},
	{name: "result of nothing", verb: "CHECK", keys: previous(`{}`), code: 7, words: words("prevResult", "eth0")},
	{
		name: "interface null", verb: "CHECK", keys: previous(`{"interfaces": [null]}`),
		code: 6, words: words("prevResult", "null"),
	},
	{
		name: "address null", verb: "CHECK",
		keys: previous(onEth0 + `"ips": [null]}`),
		code: 6, words: words("prevResult", "null"),
	},
	{
		name: "route null", verb: "CHECK",
		keys: previous(onEth0 + `"routes": [null]}`),
		code: 6, words: words("prevResult", "null"),
	},
	{
		name: "address of no interface", verb: "CHECK",
		keys: previous(onEth0 + `"ips": [{"address": "10.9.0.2/24", "interface": -1}]}`),
		code: 103, words: words("no link eth0"),
	},
	{
		name: "a result of old with null", verb: "CHECK",
		keys: keys("cniVersion", "0.4.0", "prevResult", rawJSON(`{"cniVersion": "0.2.0", "ip4": {"routes": [null]}}`)),
		code: 6, words: words("prevResult", "null"),
	},
	{name: "ips a word", verb: "CHECK", keys: previous(`{"ips": "10.9.0.2"}`), code: 6, words: words("prevResult")},
	{
		name: "interfaces a word", verb: "CHECK", keys: previous(`{"interfaces": "eth0"}`),
		code: 6, words: words("prevResult"),
	},
}

func asking(ip string) []string { return env("CNI_ARGS=IgnoreUnknown=1;IP=" + ip) }

// book is an IPAM section whose program prints the case's answer.
var book = keys("type", "book")

// onEth0 begins a result with the container's interface.
const onEth0 = `{"interfaces": [{"name": "eth0", "sandbox": "/x"}], `

// previous is a configuration with this result.
func previous(result string) map[string]any { return keys("prevResult", rawJSON(result)) }

// rawJSON is a document as it is to be printed.
type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
