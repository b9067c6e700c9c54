//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cnilab/cnilab/harness/bench"
)

// A traced plugin is looked at by strace(1). Its values are the netlink "requests" that an ADD makes, and the programs that
// are executed, itself among them: "execs".
type traced struct {
	plugin
	configuration
}

func (t traced) Label() string { return t.label }

func (t traced) PerRound() int { return 1 }

func (t traced) SetUp(ctx context.Context) (bench.Measure, error) {
	if err := require(t.path, "strace"); err != nil {
		return nil, err
	}
	a, err := t.onNewNode()
	if err != nil {
		return nil, err
	}
	if _, _, err := t.call(ctx, "ADD", a); err != nil { // makes the bridge
		return nil, err
	}
	return func(ctx context.Context) (bench.Values, error) {
		if _, _, err := t.call(ctx, "DEL", a); err != nil {
			return nil, err
		}
		return t.trace(ctx, a)
	}, nil
}

// trace makes an ADD under strace.
func (t traced) trace(ctx context.Context, a attachment) (bench.Values, error) {
	folder, err := os.MkdirTemp("/run", "trace")
	if err != nil {
		return nil, err
	}
	conf, log := filepath.Join(folder, "conf"), filepath.Join(folder, "log")
	if err := os.WriteFile(conf, []byte(a.conf), 0o600); err != nil {
		return nil, err
	}
	script := fmt.Sprintf("exec strace -f -s 4096 -e trace=sendto,sendmsg,execve -o %s %s <%s", log, t.path, conf)
	if _, err := shell(ctx, a.Host, t.env("ADD", a), script); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(log)
	return countCalls(string(text)), err
}

var (
	sending  = regexp.MustCompile(`^\d+ +send(to|msg)\(`) // not "<... sendto resumed>"
	executed = regexp.MustCompile(`^\d+ +(execve\(|<\.\.\. execve resumed>).* = 0$`)
)

// countCalls counts in what strace wrote. One call may send several requests.
func countCalls(log string) bench.Values {
	v := bench.Values{"requests": 0, "execs": 0}
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case sending.MatchString(line):
			v["requests"] += float64(strings.Count(line, "nlmsg_flags=NLM_F_REQUEST"))
		case executed.MatchString(line):
			v["execs"]++
		}
	}
	return v
}
