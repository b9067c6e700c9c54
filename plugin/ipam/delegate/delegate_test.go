package delegate_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/delegate"
)

// programs executes nothing, notes what it was to execute, and answers.
type programs struct {
	out kernel.Output
	err error

	path  string
	env   []string
	stdin string
}

func (p *programs) Exec(_ context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	p.path, p.env, p.stdin = path, env, string(stdin)
	return p.out, p.err
}

func (p *programs) IsSelf(string) (bool, error) { return false, nil }

var request = ipam.Request{
	CNIVersion: "1.1.0",
	Network:    "net",
	Env:        []string{"CNI_COMMAND=ADD", "CNI_IFNAME=eth0", "OTHER=x"},
	Config:     []byte(`{"whole": true}`),
}

func TestCallsAreHandedOnWhole(t *testing.T) {
	for command, call := range map[string]func(p delegate.Program) error{
		"ADD":    func(p delegate.Program) error { _, err := p.Add(t.Context(), request); return err },
		"DEL":    func(p delegate.Program) error { return p.Del(t.Context(), request) },
		"CHECK":  func(p delegate.Program) error { return p.Check(t.Context(), request) },
		"GC":     func(p delegate.Program) error { return p.GC(t.Context(), request, nil) },
		"STATUS": func(p delegate.Program) error { return p.Status(t.Context(), request) },
	} {
		host := &programs{out: kernel.Output{Stdout: []byte(`{"cniVersion": "1.1.0"}`), Stderr: []byte("a word\n")}}
		var stderr bytes.Buffer
		if err := call(delegate.Program{Path: "/opt/ipam", Host: host, Stderr: &stderr}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		want := []string{"CNI_IFNAME=eth0", "OTHER=x", "CNI_COMMAND=" + command}
		if diff := cmp.Diff(want, host.env); diff != "" {
			t.Errorf("%s: environment -want +got:\n%s", command, diff)
		}
		if host.path != "/opt/ipam" || host.stdin != `{"whole": true}` || stderr.String() != "a word\n" {
			t.Errorf("%s: executed %s with %q, standard error %q", command, host.path, host.stdin, &stderr)
		}
	}
}

func TestResultsOfAllVersions(t *testing.T) {
	for name, stdout := range map[string]string{
		"current":         `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24"}]}`,
		"of 0.4.0":        `{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.1.0.5/24"}]}`,
		"of 0.2.0":        `{"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.5/24"}}`,
		"without version": `{"ips": [{"address": "10.1.0.5/24"}]}`,
		"empty version":   `{"cniVersion": "", "ips": [{"address": "10.1.0.5/24"}]}`,
	} {
		p := delegate.Program{Host: &programs{out: kernel.Output{Stdout: []byte(stdout)}}, Stderr: new(bytes.Buffer)}
		r, err := p.Add(t.Context(), request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.IPs) != 1 || r.IPs[0].Address.String() != "10.1.0.5/24" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		host programs
		want types.Error
	}{
		{
			"its own error",
			programs{out: kernel.Output{Exit: 1, Stdout: []byte(`{"code": 11, "msg": "later", "details": "soon"}`)}},
			types.Error{Code: 11, Msg: "dhcp: later", Details: "soon"},
		},
		{
			"an error without code",
			programs{out: kernel.Output{Exit: 1, Stdout: []byte(`{"msg": "no"}`)}},
			types.Error{Code: 999, Msg: "dhcp: no"},
		},
		{
			"nothing said",
			programs{out: kernel.Output{Exit: 137, Stderr: []byte("killed\n")}},
			types.Error{Code: 999, Msg: "dhcp ended ADD with status 137 and without an error object", Details: "killed"},
		},
		{
			"no JSON",
			programs{out: kernel.Output{Stdout: []byte("hello")}},
			types.Error{Code: 6, Msg: "the result of /opt/dhcp: invalid character 'h' looking for beginning of value"},
		},
		{
			"null",
			programs{out: kernel.Output{Stdout: []byte("null")}},
			types.Error{Code: 6, Msg: "the result of /opt/dhcp: it is null"},
		},
		{
			"nothing printed",
			programs{},
			types.Error{Code: 6, Msg: "the result of /opt/dhcp: unexpected end of JSON input"},
		},
	} {
		_, err := delegate.Program{Path: "/opt/dhcp", Host: &c.host, Stderr: new(bytes.Buffer)}.Add(t.Context(), request)
		var got *types.Error
		if !errors.As(err, &got) {
			t.Errorf("%s: %v has no code", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, diff)
		}
	}
	refused := &kernel.Error{Op: "exec", Object: "/opt/dhcp", Errno: kernel.ENOEXEC}
	err := delegate.Program{Host: &programs{err: refused}, Stderr: new(bytes.Buffer)}.Del(t.Context(), request)
	if !errors.Is(err, kernel.ENOEXEC) {
		t.Errorf("a program that cannot be started: %v", err)
	}
}
