package plugin_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A dialogue is calls of a plugin: what it answers, and what it makes of the machine, is compared with the reference's.
type dialogue struct {
	group   string // those that have one recording
	variant string // the version of the specification, or what is wrong
	hold    func(l *lab, ask func(request) answer)
}

func (d dialogue) name() string { return d.group + "-" + d.variant }

// dialogues are all that is compared.
func dialogues() (all []dialogue) {
	for _, v := range versions {
		all = append(all, dialogue{"version", variant(v), askVersion(v)}, dialogue{"loopback", variant(v), loopback(v)},
			dialogue{"never-added", variant(v), neverAdded(v)})
	}
	for i, c := range configurations {
		for _, v := range versions {
			if v == "" && i > 0 {
				continue // no version is 0.1.0; once is enough
			}
			all = append(all, dialogue{c.name, variant(v), c.attachment(v)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wrongs)) {
		all = append(all, dialogue{"wrong", name, wrongs[name].hold})
	}
	return all
}

func variant(version string) string { return cmp.Or(version, "none") }

func askVersion(version string) func(*lab, func(request) answer) {
	stdin := "{}"
	if version != "" {
		stdin = fmt.Sprintf(`{"cniVersion": %q}`, version)
	}
	return func(_ *lab, ask func(request) answer) { ask(request{verb: "VERSION", conf: stdin}) }
}

// loopback is ADD, CHECK, DEL and CHECK of the loopback plugin.
func loopback(version string) func(*lab, func(request) answer) {
	return func(l *lab, ask func(request) answer) {
		r := request{name: "loopback", id: "a", netns: l.pod("a"), conf: l.network(version, `"ipam": {}`)}
		l.must(l.open(r.netns).SetSysctl("net/ipv6/conf/lo/disable_ipv6", "0"))
		for _, verb := range []string{"ADD", "CHECK", "DEL", "CHECK"} {
			ask(r.as(verb))
		}
	}
}

// neverAdded is DEL, twice, of what is not there.
func neverAdded(version string) func(*lab, func(request) answer) {
	return func(l *lab, ask func(request) answer) {
		r := request{verb: "DEL", id: "a", netns: l.pod("a"), conf: l.network(version, gatewayKeys)}
		ask(r)
		ask(r)
	}
}

// attachment is ADD, CHECK of what it promised, and DEL twice.
func (c configuration) attachment(version string) func(*lab, func(request) answer) {
	return func(l *lab, ask func(request) answer) {
		if c.vlans {
			l.needVLANs()
		}
		if c.ipv6 {
			l.enableIPv6()
		}
		if c.prepare != nil {
			c.prepare(l)
		}
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.network(version, c.keys)}
		if c.args != "" {
			r.env = []string{"CNI_ARGS=" + c.args}
		}
		result := map[string]any{}
		if added := ask(r); added.exit == 0 {
			l.must(json.Unmarshal([]byte(added.stdout), &result))
		}
		check := r.as("CHECK")
		check.conf = l.withPrev(r.conf, result)
		ask(check)
		ask(r.as("DEL"))
		ask(r.as("DEL"))
	}
}

// enableIPv6 has links made from now on take IPv6 addresses. Linux would look for each on the network first, for a
// second or two; who did not want it to is seen by the address's flag.
func (l *lab) enableIPv6() {
	for _, key := range []string{"disable_ipv6", "accept_dad"} {
		l.must(l.self.SetSysctl(ipv6Default+key, "0"))
	}
}

const ipv6Default = "net/ipv6/conf/default/"

// network is a configuration, in whose keys $DIR stands for the folder of leases, and $PREV for a previous result.
func (l *lab) network(version, keys string) string {
	keys = strings.NewReplacer("$DIR", l.dataDir, "$PREV", previousResult(version)).Replace(keys)
	if version != "" {
		keys = fmt.Sprintf(`"cniVersion": %q, %s`, version, keys)
	}
	return `{"name": "net", "type": "bridge", "bridge": "br-test", ` + keys + `}`
}

// An account is what was said and done in a dialogue.
type account []entry

// An entry is the answer to a call ("1 ADD exit 0"), or what is there since the beginning of the dialogue, and what is
// no longer ("2 state after ADD").
type entry struct{ step, text string }

func (e entry) isState() bool { return strings.Contains(e.step, stateAfter) }

const stateAfter = "state after "

// A listener holds dialogues and keeps account of them.
type listener struct {
	*lab
	call func(request) answer
	// settled says whether the state has become what it is going to be: Linux does some things a moment later.
	settled func(at int, state string) bool

	plain   *plainWords
	before  kernel.Snapshot
	account account
}

// How often to look whether a state has settled, and how long to wait before the second look: each time twice as long,
// four seconds in all.
const (
	settleLooks = 9
	settlePause = 16 * time.Millisecond
)

func (n *listener) hold(d dialogue) account {
	n.plain = newPlainWords(n.lab)
	d.hold(n.lab, n.ask)
	return n.account
}

func (n *listener) ask(r request) answer {
	if n.before == nil {
		n.before = n.state()
	}
	n.plain.keep(r)
	a := n.call(r)
	n.plain.learn()
	n.note(fmt.Sprintf("%s exit %d", r.verb, a.exit), n.plain.text(a.stdout))
	if r.verb == "ADD" || r.verb == "DEL" {
		n.note(stateAfter+r.verb, n.await(len(n.account)))
	}
	return a
}

func (n *listener) note(step, text string) {
	if text = strings.TrimSpace(text); text != "" {
		text += "\n"
	}
	n.account = append(n.account, entry{fmt.Sprintf("%d %s", len(n.account)+1, step), text})
}

// await returns how the state differs from that before the dialogue, once it has settled.
func (n *listener) await(at int) (changes string) {
	for look := range settleLooks {
		changes = kernel.Diff(n.plain.snapshot(n.before), n.plain.snapshot(n.state()))
		if n.settled(at, changes) {
			break
		}
		n.must(n.Sleep(n.t.Context(), settlePause<<look))
	}
	return changes
}
