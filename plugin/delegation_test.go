package plugin_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// An addressBook is an IPAM program on a simulated machine: it notes how it is called, and answers.
type addressBook struct {
	calls   []string
	answers map[string]string // by command; "" succeeds and prints nothing
	exit    map[string]int
}

func (b *addressBook) run(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
	stdin, _ := io.ReadAll(in.Stdin)
	slices.Sort(in.Env)
	b.calls = append(b.calls, fmt.Sprintf("%s, %d bytes", strings.Join(in.Env, " "), len(stdin)))
	command := ""
	for _, entry := range in.Env {
		if v, ok := strings.CutPrefix(entry, "CNI_COMMAND="); ok {
			command = v
		}
	}
	_, _ = io.WriteString(in.Stdout, b.answers[command])
	return b.exit[command]
}

// withBook makes a simulated machine that has the program as IPAM type "book".
func withBook(t *testing.T, b *addressBook) (*lab, string) {
	l := newLab(t, newSim(t))
	l.must(l.Host.(withOwnPath).Host.(interface {
		Install(name string, p kernel.Program) error
	}).Install(l.cniPath+"/book", b.run))
	return l, l.conf(map[string]any{"isDefaultGateway": true, "ipam": map[string]any{"type": "book"}})
}

func TestProgramIsCalled(t *testing.T) {
	b := &addressBook{answers: map[string]string{
		"ADD": `{"ips": [{"address": "10.9.0.77/24"}], "dns": {"nameservers": ["192.0.2.53"]}}`,
	}}
	l, conf := withBook(t, b)
	netns := l.pod("a")
	r := l.add("a", netns, conf)
	got := fmt.Sprint(&r.IPs[0].Address, r.IPs[0].Gateway, r.DNS.Nameservers)
	if got != "10.9.0.77/24 10.9.0.1 [192.0.2.53]" {
		t.Errorf("result %+v", r)
	}
	check := l.withPrev(conf, r)
	l.succeed(request{verb: "CHECK", id: "a", netns: netns, conf: check})
	l.succeed(request{verb: "DEL", id: "a", conf: conf})
	const rest = " CNI_CONTAINERID=a CNI_IFNAME=eth0 CNI_NETNS=%s CNI_PATH=/opt/cni/bin, %d bytes"
	want := []string{
		fmt.Sprintf("CNI_COMMAND=ADD"+rest, netns, len(conf)),
		fmt.Sprintf("CNI_COMMAND=CHECK"+rest, netns, len(check)),
		fmt.Sprintf("CNI_COMMAND=DEL"+rest, "", len(conf)),
	}
	if diff := cmp.Diff(want, b.calls); diff != "" {
		t.Errorf("calls -want +got:\n%s", diff)
	}
}

// TestProgramFails: SPEC 1.1.0, section 4: "If, on ADD, a delegated plugin fails, the upper plugin should execute again
// with DEL before returning failure." The reference does not.
func TestProgramFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		exit   int
		code   uint
		words  string
	}{
		"its error":    {`{"code": 11, "msg": "no server answers"}`, 1, 11, "get addresses: book: no server answers"},
		"no error":     {"", 3, 999, "book ended ADD with status 3"},
		"no result":    {"", 0, 6, "the result of"},
		"no addresses": {`{"cniVersion": "1.1.0"}`, 0, 7, "IPAM plugin returned missing IP config"},
		"refused by the kernel": {
			`{"ips": [{"address": "10.9.0.7/24"}], "routes": [{"dst": "10.0.0.0/8", "gw": "192.0.2.1"}]}`, 0, 101, "ENETUNREACH",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &addressBook{answers: map[string]string{"ADD": c.answer}, exit: map[string]int{"ADD": c.exit}}
			l, conf := withBook(t, b)
			netns := l.pod("a")
			before := l.snapshot()
			l.fail(request{verb: "ADD", id: "a", netns: netns, conf: conf}, c.code, c.words)
			l.wantState("ADD", before)
			if len(b.calls) != 2 || !strings.HasPrefix(b.calls[1], "CNI_COMMAND=DEL") {
				t.Errorf("calls %q, want ADD and DEL", b.calls)
			}
		})
	}
}

// TestProgramFailsDel: the rest is cleaned, the failure told.
func TestProgramFailsDel(t *testing.T) {
	b := &addressBook{answers: map[string]string{
		"ADD": `{"ips": [{"address": "10.9.0.77/24"}]}`, "DEL": `{"code": 5, "msg": "disk on fire"}`,
	}, exit: map[string]int{"DEL": 1}}
	l, conf := withBook(t, b)
	l.add("a", l.pod("a"), conf)
	l.fail(request{verb: "DEL", id: "a", conf: conf}, 5, "disk on fire")
	l.wantNothingLeft("DEL")
}

// TestProgramSweep fails each call of an ADD that executes a program.
func TestProgramSweep(t *testing.T) {
	b := &addressBook{answers: map[string]string{"ADD": `{"ips": [{"address": "10.9.0.77/24"}]}`}}
	l, conf := withBook(t, b)
	r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
	before := l.snapshot()
	for _, m := range mishaps {
		var hit []intercept.Call
		for n := 1; ; n++ {
			r.on = intercept.Wrap(l.Host, m.at(n, &hit))
			a := l.call(r)
			if len(hit) < n {
				break
			}
			wantError(t, a)
			l.wantState(fmt.Sprintf("%s at %s", m.name, hit[n-1]), before)
		}
		wantHits(t, hit, []intercept.Op{intercept.ProgramExec})
		l.succeed(r.as("DEL"))
		l.forgetShared(situation{})
	}
}

// TestPluginNeverCallsItself: an IPAM type that is this very program under any name but host-local would not end.
func TestPluginNeverCallsItself(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.must(l.Link(l.cniPath+"/host-local", l.cniPath+"/itself"))
		conf := l.conf(map[string]any{"ipam": map[string]any{"type": "itself"}})
		l.fail(request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}, 7, "is the bridge plugin itself")
	})
}

// TestHostLocalProgram: by that name the program is the IPAM plugin.
func TestHostLocalProgram(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(nil)
		r := request{name: "host-local", verb: "ADD", id: "a", netns: "unused", conf: conf}
		const want = `{
    "cniVersion": "1.1.0",
    "ips": [
        {
            "address": "10.9.0.2/24",
            "gateway": "10.9.0.1"
        }
    ]
}`
		if diff := cmp.Diff(answer{stdout: want}, l.call(r), cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		l.fail(r, 999, "duplicate allocation is not allowed")
		check := r.as("CHECK")
		l.succeed(check)
		l.succeed(r.as("DEL"))
		l.fail(check, 999, "host-local")
		r.to = brokenPipe()
		if a := l.call(r); a.exit != 1 {
			t.Errorf("ADD into a broken pipe: exit %d", a.exit)
		}
		l.wantNothingLeft("ADD into a broken pipe")
	})
}
