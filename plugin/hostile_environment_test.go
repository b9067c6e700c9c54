package plugin_test

import "strings"

// environmentTroubles are wrong parameters. SPEC 1.1.0, section 5, code 4: "Invalid necessary environment variables,
// like CNI_COMMAND, CNI_CONTAINERID, etc. The error message must contain the names of invalid variables."
var environmentTroubles = []trouble{
	{name: "no command", env: env("CNI_COMMAND="), code: 4, words: words("CNI_COMMAND", "missing")},
	{name: "unknown command", env: env("CNI_COMMAND=ADDD"), code: 4, words: words("CNI_COMMAND: ADDD")},
	{name: "command with space", env: env("CNI_COMMAND=ADD "), code: 4, words: words("unknown CNI_COMMAND")},
	{name: "command with NUL", env: env("CNI_COMMAND=ADD\x00"), code: 4, words: words("unknown CNI_COMMAND")},
	{name: "command of lines", env: env("CNI_COMMAND=A\nB\r\nC"), code: 4, words: words("A; B; C")},
	{name: "command without end", env: env("CNI_COMMAND=" + strings.Repeat("A", 1<<20)), code: 4},

	{name: "no id", env: env("CNI_CONTAINERID="), code: 4, words: words("CNI_CONTAINERID", "missing")},
	{name: "id going up", env: env("CNI_CONTAINERID=../../etc"), code: 4, words: words(`CNI_CONTAINERID="../../etc"`)},
	{name: "id a slash", env: env("CNI_CONTAINERID=/"), code: 4, words: words(`CNI_CONTAINERID="/"`)},
	{name: "id a dot", env: env("CNI_CONTAINERID=."), code: 4, words: words(`CNI_CONTAINERID="."`)},
	{name: "id begins with a dash", env: env("CNI_CONTAINERID=-rf"), code: 4, words: words(`CNI_CONTAINERID="-rf"`)},
	{name: "id with space", env: env("CNI_CONTAINERID=a b"), code: 4, words: words(`CNI_CONTAINERID="a b"`)},
	{name: "id of two lines", env: env("CNI_CONTAINERID=a\nb"), code: 4, words: words(`CNI_CONTAINERID="a\nb"`)},
	{name: "id ends a line", env: env("CNI_CONTAINERID=a\n"), code: 4, words: words(`CNI_CONTAINERID="a\n"`)},
	{name: "id for a shell", env: env("CNI_CONTAINERID=$(id)"), code: 4, words: words(`CNI_CONTAINERID="$(id)"`)},
	{name: "id of a format", env: env("CNI_CONTAINERID=%s"), code: 4, words: words(`CNI_CONTAINERID="%s"`)},
	{name: "id beyond ASCII", env: env("CNI_CONTAINERID=größe"), code: 4, words: words(`CNI_CONTAINERID="größe"`)},
	{name: "id no UTF-8", env: env("CNI_CONTAINERID=a\xff"), code: 4, words: words(`CNI_CONTAINERID="a\xff"`)},
	{name: "id with NUL", env: env("CNI_CONTAINERID=a\x00"), code: 4, words: words(`CNI_CONTAINERID="a\x00"`)},
	{name: "id wrong in DEL", verb: "DEL", env: env("CNI_CONTAINERID=a/b"), code: 4, words: words("CNI_CONTAINERID")},

	{name: "no interface", env: env("CNI_IFNAME="), code: 4, words: words("CNI_IFNAME", "missing")},
	{name: "interface a dot", env: env("CNI_IFNAME=."), code: 4, words: words(`CNI_IFNAME="."`)},
	{name: "interface two dots", env: env("CNI_IFNAME=.."), code: 4, words: words(`CNI_IFNAME=".."`)},
	{name: "interface going up", env: env("CNI_IFNAME=../x"), code: 4, words: words(`CNI_IFNAME="../x"`)},
	{name: "interface of old", env: env("CNI_IFNAME=eth0:1"), code: 4, words: words(`CNI_IFNAME="eth0:1"`)},
	{name: "interface with tab", env: env("CNI_IFNAME=a\tb"), code: 4, words: words(`CNI_IFNAME="a\tb"`)},
	{name: "interface with a wide space", env: env("CNI_IFNAME=a\u2003b"), code: 4, words: words("CNI_IFNAME")},
	{name: "sixteen bytes", env: env("CNI_IFNAME=sixteen-letters-"), code: 4, words: words("too long", "sixteen")},
	{
		name: "sixteen bytes of fifteen letters", env: env("CNI_IFNAME=fünfzehn-zeiche"),
		code: 4, words: words("too long"),
	},
	{name: "interface a template", env: env("CNI_IFNAME=eth%d"), code: 4, words: words(`CNI_IFNAME="eth%d"`, "%")},
	{name: "interface a bad template", env: env("CNI_IFNAME=%s"), code: 4, words: words(`CNI_IFNAME="%s"`, "%")},
	{name: "interface with NUL", env: env("CNI_IFNAME=eth0\x00x"), code: 4, words: words(`CNI_IFNAME="eth0\x00x"`)},
	{name: "interface no UTF-8", env: env("CNI_IFNAME=e\xffh"), code: 4, words: words(`CNI_IFNAME="e\xffh"`, "UTF-8")},
	{name: "interface all", env: env("CNI_IFNAME=all"), code: 4, words: words(`CNI_IFNAME="all"`)},
	{name: "interface default", env: env("CNI_IFNAME=default"), code: 4, words: words(`CNI_IFNAME="default"`)},
	{name: "interface there by itself", env: env("CNI_IFNAME=lo"), code: 102, words: words("lo", "another CNI_IFNAME")},

	{name: "args without value", env: env("CNI_ARGS=FOO"), code: 4, words: words("CNI_ARGS", `"FOO"`)},
	{name: "args with two", env: env("CNI_ARGS=MAC=a=b"), code: 4, words: words("CNI_ARGS", `"MAC=a=b"`)},
	{name: "args end early", env: env("CNI_ARGS=IgnoreUnknown=1;"), code: 4, words: words("CNI_ARGS", `""`)},
	{name: "args unknown", env: env("CNI_ARGS=FOO=BAR"), code: 4, words: words("CNI_ARGS", "IgnoreUnknown=1")},
	{name: "args of a strange truth", env: env("CNI_ARGS=IgnoreUnknown=perhaps"), code: 4, words: words("CNI_ARGS")},
	{name: "args of lines", env: env("CNI_ARGS=A\n=B"), code: 4, words: words("CNI_ARGS")},
	{name: "args a field's name", env: env("CNI_ARGS=CommonArgs=1"), code: 4, words: words("CNI_ARGS", "CommonArgs")},
	{name: "args no MAC", env: env("CNI_ARGS=MAC=0"), code: 7, words: words(`MAC address "0"`)},

	{name: "no path", env: env("CNI_PATH="), code: 4, words: words("CNI_PATH", "host-local")},
	{name: "path of nothing", env: env("CNI_PATH=:::"), code: 7, words: words(`"host-local"`, "install")},
	{name: "path not there", env: env("CNI_PATH=/none"), code: 7, words: words(`"host-local"`, "/none", "install")},
	{name: "path a file", env: env("CNI_PATH=/opt/cni/bin/bridge"), code: 7, words: words(`"host-local"`)},
	{name: "path with NUL", env: env("CNI_PATH=/opt\x00"), code: 7, words: words(`"host-local"`)},
	{
		name: "path too long", env: env("CNI_PATH=/" + strings.Repeat("x", 256)),
		code: 7, words: words(`"host-local"`, "install"),
	},
	{
		name: "plugin is a folder", env: env("CNI_PATH=/x"), files: map[string]string{"/x/host-local/y": ""},
		code: 7, words: words(`"host-local"`, "install"),
	},
	{
		name: "plugin is no program", env: env("CNI_PATH=/x"), files: map[string]string{"/x/host-local": "text"},
		code: 101, words: words("/x/host-local", "EACCES"),
	},
}

func env(entries ...string) []string { return entries }
func words(all ...string) []string   { return all }
