package plugin_test

import "strings"

// inputTroubles are wrong documents on standard input.
var inputTroubles = []trouble{
	{name: "white space alone", stdin: " \n", code: 6, words: words("no valid JSON", "unexpected end")},
	{name: "null", stdin: "null", code: 7, words: words("missing network name")},
	{name: "a list", stdin: "[]", code: 6, words: words("array")},
	{name: "a word", stdin: `"bridge"`, code: 6, words: words("string")},
	{name: "a truth", stdin: "true", code: 6, words: words("bool")},
	{name: "a number", stdin: "-0", code: 6, words: words("number")},
	{name: "broken off", stdin: `{"name": "net", "cniVer`, code: 6, words: words("byte 23")},
	{name: "an empty document", stdin: "{}", code: 7, words: words("missing network name", `"name"`)},
	{name: "a byte order mark", stdin: "\ufeff{}", code: 6, words: words("byte 1")},
	{name: "garbage behind", stdin: `{"name": "net"} x`, code: 6, words: words("byte 17", "after top-level value")},
	{name: "two documents", stdin: `{"name": "net"}{"name": "net"}`, code: 6, words: words("byte 16")},
	{name: "a comment", stdin: `{"name": "net" /* mine */}`, code: 6, words: words("byte 16")},
	{
		name: "a list of plugins", stdin: `{"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "bridge"}]}`,
		code: 7, words: words("list of plugins", "one plugin's configuration"),
	},
	{
		name: "a list of plugins to DEL", verb: "DEL", stdin: `{"name": "net", "plugins": []}`,
		code: 7, words: words("list of plugins"),
	},
	{
		name: "a list of plugins of the future", stdin: `{"cniVersion": "9.9.9", "name": "net", "plugins": []}`,
		code: 1, words: words("9.9.9"),
	},
	{name: "NUL behind", stdin: "{\"name\": \"net\"}\x00", code: 6, words: words("byte 16")},
	{name: "UTF-16", stdin: "\xff\xfe{\x00}\x00", code: 6, words: words("byte 1")},
	{name: "deep", stdin: strings.Repeat("[", 1<<20), code: 6, words: words("exceeded max depth")},
	{
		name: "deep behind a key", stdin: `{"x":` + strings.Repeat(`{"x":`, 1<<20),
		code: 6, words: words("exceeded max depth"),
	},

	{name: "name of dots", keys: keys("name", ".."), code: 7, words: words("network name", "..")},
	{name: "name going up", keys: keys("name", "../../etc/x"), code: 7, words: words("network name", "../../etc/x")},
	{name: "name with NUL", keys: keys("name", "a\x00"), code: 7, words: words("network name")},
	{name: "name no UTF-8", stdin: "{\"name\": \"n\xff\"}", code: 7, words: words("network name")},
	{name: "name half a pair", stdin: `{"name": "n\ud800"}`, code: 7, words: words("network name")},
	{name: "name a number", keys: keys("name", 7), code: 6, words: words(`key "name"`, "number")},
	{name: "name null", keys: keys("name", []any(nil)), code: 7, words: words("missing network name")},
	{
		name: "name twice", stdin: `{"cniVersion": "1.1.0", "name": "net", "name": ""}`,
		code: 7, words: words("network name"),
	},
	{
		name: "name too long for a folder", keys: keys("name", strings.Repeat("n", 256)),
		code: 5, words: words("ENAMETOOLONG"),
	},
	{
		name: "attachments a document", verb: "GC", keys: keys("cni.dev/valid-attachments", keys()),
		code: 6, words: words("cni.dev/valid-attachments"),
	},
	{
		name: "GC too early", verb: "GC", keys: keys("cniVersion", "1.0.0", "cni.dev/valid-attachments", []int{}),
		code: 1, words: words("GC", "1.1.0"),
	},
	{name: "STATUS too early", verb: "STATUS", keys: keys("cniVersion", "0.4.0"), code: 1, words: words("STATUS")},
	{name: "CHECK too early", verb: "CHECK", keys: keys("cniVersion", "0.3.1"), code: 1, words: words("CHECK")},
	{name: "version a number", keys: keys("cniVersion", 1.1), code: 6, words: words(`key "cniVersion"`, "number")},
	{name: "version of the future", keys: keys("cniVersion", "9.9.9"), code: 1, words: words("9.9.9", "1.1.0")},
	{name: "version in short", keys: keys("cniVersion", "1.1"), code: 1, words: words(`"1.1"`)},
	{name: "version in words", keys: keys("cniVersion", "newest"), code: 1, words: words(`"newest"`)},
	{name: "version with space", keys: keys("cniVersion", "1.1.0 "), code: 1, words: words(`"1.1.0 "`)},
	{name: "version of lines", keys: keys("cniVersion", "1\n1"), code: 1, words: words(`"1\n1"`)},
}

// keyTroubles are wrong values of the plugin's own keys.
var keyTroubles = []trouble{
	{name: "bridge a number", keys: keys("bridge", 0), code: 6, words: words(`key "bridge"`)},
	{name: "bridge empty", keys: keys("bridge", ""), code: 7, words: words("bridge name")},
	{name: "bridge dots", keys: keys("bridge", ".."), code: 7, words: words(`bridge name ".."`)},
	{name: "bridge going up", keys: keys("bridge", "../x"), code: 7, words: words(`bridge name "../x"`)},
	{name: "bridge a template", keys: keys("bridge", "br%d"), code: 7, words: words(`bridge name "br%d"`)},
	{name: "bridge with NUL", keys: keys("bridge", "br\x00x"), code: 7, words: words(`bridge name "br\x00x"`)},
	{name: "bridge all", keys: keys("bridge", "all"), code: 7, words: words(`bridge name "all"`)},
	{name: "bridge default", keys: keys("bridge", "default"), code: 7, words: words(`bridge name "default"`)},
	{name: "bridge is none", keys: keys("bridge", "lo"), code: 7, words: words(`"lo"`, "not a bridge")},
	{name: "gateway in words", keys: keys("isGateway", "yes"), code: 6, words: words(`key "isGateway"`)},
	{
		name: "default gateway a number", keys: keys("isDefaultGateway", 1),
		code: 6, words: words(`key "isDefaultGateway"`),
	},
	{name: "mtu a fraction", keys: keys("mtu", 1500.5), code: 6, words: words(`key "mtu"`, "1500.5")},
	{name: "mtu too small", keys: keys("mtu", 67), code: 7, words: words("mtu 67", "68")},
	{name: "mtu below nothing", keys: keys("mtu", -1), code: 7, words: words("mtu -1", "68")},
	{name: "mtu beyond 64 bits", keys: keys("mtu", 1e300), code: 6, words: words(`key "mtu"`)},
	{name: "dns a word", keys: keys("dns", "192.0.2.1"), code: 6, words: words(`key "dns"`)},
	{name: "dns servers a word", keys: keys("dns", keys("nameservers", "x")), code: 6, words: words("nameservers")},
	{name: "args a list", keys: keys("args", []int{}), code: 6, words: words(`key "args"`)},
	{name: "args.cni a list", keys: keys("args", keys("cni", []int{})), code: 6, words: words(`key "args.cni"`)},
	{name: "runtimeConfig a word", keys: keys("runtimeConfig", ""), code: 6, words: words(`key "runtimeConfig"`)},
	{name: "mac a number", keys: keys("runtimeConfig", keys("mac", 2)), code: 6, words: words("runtimeConfig.mac")},
	{
		name: "mac of many", keys: keys("runtimeConfig", keys("mac", "01:00:5e:00:00:01")),
		code: 7, words: words("multicast"),
	},
	{name: "vlan in words", keys: keys("vlan", "ten"), code: 6, words: words(`key "vlan"`)},
	{name: "ipam a word", keys: keys("ipam", "host-local"), code: 6, words: words(`key "ipam"`)},
	{name: "ipam a list", keys: keys("ipam", []int{}), code: 6, words: words(`key "ipam"`)},
}

// keys makes a document of keys and values in turn.
func keys(pairs ...any) map[string]any {
	document := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		document[pairs[i].(string)] = pairs[i+1]
	}
	return document
}
