// Package plugin is the bridge plugin: the verbs of the Container Network Interface over a kernel.Host.
//
// [Main] is the whole protocol, on plain values: what a program would find in its environment and on its standard
// input, it finds in an Invocation. It looks at nothing of the process it runs in, so that the same code serves the
// deployed program, and any number of simulated nodes within one test.
//
// Each verb is a list of named steps in a file of its own. What it promises, wherever it may fail, stands there.
package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
	"github.com/cnilab/cnilab/plugin/ipam/static"
)

// An Invocation is one execution of the plugin.
type Invocation = kernel.Invocation

// Main carries out the verb that the environment names, and returns the exit status: 0, or 1 with an error object on
// standard output. It prints one JSON document, or, where a verb that returns nothing succeeds, none.
//
// Called by the name of an IPAM plugin that is built in (host-local), or loopback, it is that; by any other name, the
// bridge plugin.
//
// VERSION asks the machine for nothing: its h may be nil.
//
// A standard output that cannot be written is a failure of the verb: an ADD whose result nobody got is undone. (A
// process must not be ended by SIGPIPE for that.)
func Main(ctx context.Context, in Invocation, h kernel.Host) (exit int) {
	c := &call{machine: h, stderr: in.Stderr, out: printer{to: in.Stdout}}
	whole := step{do: func(ctx context.Context) error { return c.serve(ctx, in) }}
	if err := whole.guarded(ctx); err != nil {
		c.report(err)
		return 1
	}
	return 0
}

var _ kernel.Program = Main

// Names are what the program may be called by to be what it can be: the bridge plugin first.
func Names() []string { return []string{"bridge", hostlocal.Name, static.Name, loopbackName} }

// A call is one execution, once its parameters are known.
type call struct {
	machine kernel.Host
	env     environment
	stdin   []byte
	network config.Network
	out     printer
	stderr  io.Writer
}

func (c *call) serve(ctx context.Context, in Invocation) (err error) {
	if c.env, err = parseEnvironment(in.Env); err != nil {
		return err
	}
	if c.stdin, err = io.ReadAll(in.Stdin); err != nil {
		return types.NewError(types.ErrIOFailure, fmt.Sprintf("error reading from stdin: %v", err), "")
	}
	if c.env.command == verbVersion {
		return c.version()
	}
	if c.network, err = config.ParseNetwork(c.stdin); err != nil {
		return err
	}
	if err := checkVersion(c.network.CNIVersion); err != nil {
		return err
	}
	if err := allow(c.env.command, c.network.CNIVersion); err != nil {
		return err
	}
	if err := c.network.RefuseList(); err != nil {
		return err
	}
	if in.Name == loopbackName {
		return c.loopback(ctx)
	}
	if plugin := c.builtIn(in.Name); plugin != nil {
		return c.serveIPAM(ctx, plugin)
	}
	return c.bridge(ctx)
}

// bridge is the bridge plugin.
func (c *call) bridge(ctx context.Context) error {
	switch c.env.command {
	case verbAdd:
		return c.add(ctx)
	case verbDel:
		return c.del(ctx)
	case verbCheck:
		return c.check(ctx)
	case verbGC:
		return c.gc(ctx)
	default: // parseEnvironment lets no other through
		return c.status(ctx)
	}
}

func (c *call) version() error {
	result, err := reportVersions(c.stdin)
	if err != nil {
		return err
	}
	return c.out.print(result)
}

func (c *call) attachment() attachment {
	return attachment{network: c.network.Name, containerID: c.env.containerID, ifname: c.env.ifname}
}

// request is the call as an IPAM plugin gets it.
func (c *call) request() ipam.Request {
	return ipam.Request{
		CNIVersion:  c.network.CNIVersion,
		Network:     c.network.Name,
		ContainerID: c.env.containerID,
		IfName:      c.env.ifname,
		Args:        c.env.args,
		Env:         c.env.all,
		Config:      c.stdin,
	}
}

// warnOfTypos says on standard error, which runtimes log, which keys look like mistakes.
func (c *call) warnOfTypos() {
	for _, sentence := range config.Typos(c.stdin) {
		_, _ = fmt.Fprintf(c.stderr, "bridge: warning: network %s: %s\n", c.network.Name, sentence)
	}
}

// report prints an error: on standard output, unless something was written there, or tried to be, before. Standard
// error is the last resort, and whether that can be written nobody is left to be told.
func (c *call) report(err error) {
	object := newErrorObject(err, versionForErrors(c.stdin))
	if !c.out.used && c.out.print(object) == nil {
		return
	}
	_, _ = c.stderr.Write(append(marshal(object), '\n'))
}

// A printer prints at most one document.
type printer struct {
	to   io.Writer
	used bool
}

func (p *printer) print(document any) error {
	p.used = true
	data := marshal(document)
	n, err := p.to.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return types.NewError(types.ErrIOFailure, fmt.Sprintf("standard output: %v", err),
			"whoever started the plugin is gone or closed its output, or that is a file on a full disk")
	}
	return nil
}
