// Package topology draws what is connected to what, from snapshots of machines: in the language of Graphviz, whose dot
// makes pictures of it. Equal states give equal text.
package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cnilab/cnilab/kernel"
)

// A Machine is one to draw.
type Machine struct {
	Name  string
	State kernel.Snapshot
}

// A Cable joins devices of two machines.
type Cable struct {
	Ends  [2]Device
	Label string
}

// A Device is a link in a namespace of a machine, by their names.
type Device struct{ Machine, NetNS, Link string }

// DOT returns the picture of machines: a box for each, in it one for each namespace, in that its links. A bold line is a
// veth pair, a thin one a place on a bridge, a dashed one leads from a VLAN link to the link it is on, and a bold dashed
// one is a cable between machines.
func DOT(machines []Machine, cables ...Cable) string {
	d := &drawing{}
	d.line("graph topology {")
	d.line(`graph [rankdir=LR fontname="Helvetica" nodesep=0.15 ranksep=0.9 style="rounded,filled" color="#90a4ae"]`)
	d.line(`node [fontname="Helvetica" fontsize=10 shape=box style="rounded,filled" color="#546e7a" margin="0.12,0.06"]`)
	d.line(`edge [fontname="Helvetica" fontsize=9 color="#546e7a"]`)
	for _, m := range machines {
		d.machine(m)
	}
	for _, c := range cables {
		d.cable(c)
	}
	d.depth = 0
	d.line("}")
	return d.text.String()
}

// A drawing is the text so far.
type drawing struct {
	text  strings.Builder
	depth int
}

func (d *drawing) line(format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	if format == "}" {
		d.depth = max(d.depth-1, 0)
	}
	d.text.WriteString(strings.Repeat("  ", d.depth) + format + "\n")
	if strings.HasSuffix(format, "{") {
		d.depth++
	}
}

// box begins a box; "}" ends it.
func (d *drawing) box(label, color string, id ...string) {
	d.line("subgraph %s {", quote("cluster "+strings.Join(id, "/")))
	d.line("label=%s fillcolor=%s", quote(label), quote(color))
}

func (d *drawing) machine(m Machine) {
	d.box(m.Name, "#f5f7f8", m.Name)
	spaces := namespacesOf(m)
	for _, ns := range spaces {
		d.namespace(ns)
	}
	d.line("}")
	for _, ns := range spaces {
		for _, l := range ns.links {
			d.lines(ns, l)
		}
	}
}

func (d *drawing) namespace(ns namespace) {
	color := "#ffffff"
	if ns.name == kernel.HostNetNS {
		color = "#eceff1"
	}
	d.box(ns.label(), color, ns.machine, ns.name)
	shown := 0
	for _, l := range ns.links {
		if ns.shows(l) {
			shown++
			d.line("%s [fillcolor=%s%s label=<%s>]", ns.id(l.Name), quote(colorOf(l)), styleOf(l), ns.describe(l))
		}
	}
	if shown == 0 {
		d.line(`%s [shape=plaintext style="" label="no links"]`, ns.id(""))
	}
	d.line("}")
}

// lines draws what leads away from a link; a cable from one of its ends only.
func (d *drawing) lines(ns namespace, l kernel.Object) {
	if master, ok := l.Attr("master"); ok {
		d.line("%s -- %s%s", ns.id(master), ns.id(l.Name), labelled(ns.portWords(l)))
	}
	if parent, ok := l.Attr("parent"); ok && parent != unknown {
		id, _ := l.Attr("id")
		d.line("%s -- %s [style=dashed label=%s]", ns.id(parent), ns.id(l.Name), quote("vlan "+id))
	}
	if peer, ok := l.Attr("peer"); ok && peer != unknown && ns.drawsCable(l, peer) {
		d.line("%s -- %s [penwidth=2.5]", ns.id(l.Name), ns.peerID(peer))
	}
}

// cable draws a cable. Graphviz would make a device of its own of an end that is nowhere in the picture.
func (d *drawing) cable(c Cable) {
	a, b := c.Ends[0], c.Ends[1]
	if a.NetNS != "" && b.NetNS != "" {
		d.line("%s -- %s [style=dashed penwidth=2.5]%s", a.id(), b.id(), labelled(c.Label))
	}
}

func (e Device) id() string { return namespace{machine: e.Machine, name: e.NetNS}.id(e.Link) }

// AreBare reports whether nothing is connected on the machines: no namespace of a container has a link in the picture, or
// there is none, and the machines' own have no link either.
func AreBare(machines []Machine) bool {
	own, others, linked := 0, 0, 0 // namespaces: machines' own with links, others, and those with links
	for _, m := range machines {
		for _, ns := range namespacesOf(m) {
			has := slices.ContainsFunc(ns.links, ns.shows)
			switch {
			case ns.name != kernel.HostNetNS && has:
				linked++
			case ns.name != kernel.HostNetNS:
				others++
			case has:
				own++
			}
		}
	}
	return linked == 0 && (others > 0 || own == 0)
}

func labelled(words string) string {
	if words == "" {
		return ""
	}
	return " [label=" + quote(words) + "]"
}

var colors = map[string]string{"bridge": "#bbdefb", "veth": "#c8e6c9", "vlan": "#fff9c4", "vxlan": "#e1bee7"}

func colorOf(l kernel.Object) string {
	kind, _ := l.Attr("type")
	if c, ok := colors[kind]; ok {
		return c
	}
	return "#e0e0e0"
}

// styleOf makes a link that is down pale.
func styleOf(l kernel.Object) string {
	if admin, _ := l.Attr("admin"); admin == "down" {
		return ` style="rounded,filled,dashed" fontcolor="#9e9e9e"`
	}
	return ""
}

// quote makes a string of dot's language, which knows no escape but that of the quote, and reads what else follows a
// backslash as its own.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(readable(s)) + `"`
}

// escape makes text of a label, which is HTML.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(readable(s))
}

// readable has \x01 for bytes that a name may have, and neither Graphviz nor XML takes.
func readable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) {
			for _, c := range []byte(s[:size]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// isAutomatic knows the addresses that every machine gives itself.
func isAutomatic(prefix string) bool {
	p, err := netip.ParsePrefix(prefix)
	return err == nil && (p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast())
}
