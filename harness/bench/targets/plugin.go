//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cnilab/cnilab/harness/bench"
)

// A plugin is one as a runtime has it: the program and CNI_PATH.
type plugin struct{ label, path, cniPath string }

// An attachment is a container's interface under way: what the calls for it have in common.
type attachment struct {
	node
	id, netns string
	conf      string
}

// A configuration is a network's, without the keys that all have.
type configuration struct {
	letter, what string
	keys         string
}

// conf is the whole on a node.
func (c configuration) conf(network string) string {
	return fmt.Sprintf(`{"cniVersion": "1.1.0", "name": %q, "type": "bridge", "bridge": "cni0", %s}`, network, c.keys)
}

// env is the environment of a call.
func (p plugin) env(verb string, a attachment) []string {
	return []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + a.id, "CNI_NETNS=" + a.netns, "CNI_IFNAME=eth0",
		"CNI_PATH=" + p.cniPath, searchPath(),
	}
}

// call makes a call and says how long it took from start to end, in seconds.
func (p plugin) call(ctx context.Context, verb string, a attachment) (result []byte, took float64, err error) {
	env, conf := p.env(verb, a), []byte(a.conf)
	begin := time.Now()
	output, err := a.Exec(ctx, p.path, env, conf)
	took = time.Since(begin).Seconds()
	if err == nil && output.Exit != 0 {
		err = fmt.Errorf("%s failed with status %d: %s", verb, output.Exit, oneLine(string(output.Stdout)+" "+string(output.Stderr)))
	}
	return output.Stdout, took, err
}

// with is the attachment with what ADD said, as a runtime gives it to CHECK and DEL.
func (a attachment) with(result []byte) (attachment, error) {
	var conf map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.conf), &conf); err != nil {
		return a, err
	}
	conf["prevResult"] = result
	whole, err := json.Marshal(conf)
	if err != nil {
		return a, fmt.Errorf("the result of ADD is no JSON: %w", err)
	}
	a.conf = string(whole)
	return a, nil
}

// A life is that of one container: ADD, CHECK and DEL, on a node whose bridge is there and which has other containers and
// leases already. Its values are named after the verbs.
type life struct {
	plugin
	configuration
	crowd
	unchecked bool // CHECK is left out
	besides   bool // it is measured by turns with a crowd, which keeps the kernel busy: no other row is to have it
}

func (l life) Label() string {
	if l.crowd == (crowd{}) {
		return l.label
	}
	return l.label + ", crowded"
}

func (l life) PerRound() int { return 5 }

func (l life) SetUp(ctx context.Context) (bench.Measure, error) {
	if err := require(l.path); err != nil {
		return nil, err
	}
	a, err := l.onNewNode()
	if err != nil {
		return nil, err
	}
	if _, err := l.live(ctx, a); err != nil { // makes the bridge
		return nil, err
	}
	if err := l.crowd.gather(a.node); err != nil {
		return nil, err
	}
	if _, err := l.live(ctx, a); err != nil { // reads the leases
		return nil, err
	}
	return func(ctx context.Context) (bench.Values, error) { return l.live(ctx, a) }, nil
}

func (l life) live(ctx context.Context, a attachment) (took bench.Values, err error) {
	took = bench.Values{}
	l.letBe(l.besides)
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		if verb == "CHECK" && l.unchecked {
			continue
		}
		var result []byte
		if result, took[verb], err = l.call(ctx, verb, a); err != nil {
			return nil, fmt.Errorf("configuration %s: %w", l.letter, err)
		}
		if verb == "ADD" {
			if a, err = a.with(result); err != nil {
				return nil, err
			}
		}
	}
	return took, nil
}

// onNewNode is what a plugin with the configuration is to attach: a pod on a node of its own.
func (c configuration) onNewNode() (attachment, error) {
	n, err := newNode()
	if err != nil {
		return attachment{}, err
	}
	pod, err := n.addPod("pod")
	return attachment{node: n, id: "pod", netns: pod, conf: c.conf(n.name)}, err
}
