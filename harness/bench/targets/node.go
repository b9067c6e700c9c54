//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
)

// A node is a network namespace that stands for a machine, so that what is done to one is not seen by the others. It is
// there until the sandbox ends.
type node struct {
	*linux.Host
	name string // of its own: networks and containers are named after it
}

// nodes counts those that there are.
var nodes atomic.Int32

func newNode() (node, error) {
	outside, err := linux.New()
	if err != nil {
		return node{}, err
	}
	defer outside.Close()
	name := fmt.Sprint("node", nodes.Add(1))
	path := filepath.Join(kernel.NetNSDir, name)
	if err := outside.AddNetNS(path); err != nil {
		return node{}, err
	}
	host, err := linux.NewIn(path)
	return node{host, name}, err
}

// addPod makes a namespace for a container, and returns its path.
func (n node) addPod(name string) (path string, err error) {
	path = filepath.Join(kernel.NetNSDir, n.name+"-"+name)
	return path, n.AddNetNS(path)
}

// shell runs a script in the node, or in a namespace; the error has what the script said of its failure.
func shell(ctx context.Context, h *linux.Host, env []string, script string) (stdout string, err error) {
	output, err := h.Exec(ctx, "/bin/sh", append(env, searchPath()), []byte(script))
	if err == nil && output.Exit != 0 {
		err = fmt.Errorf("%q ended with status %d: %s", oneLine(script), output.Exit, oneLine(string(output.Stderr)+" "+last(output.Stdout)))
	}
	return string(output.Stdout), err
}

// last is the end of what a program printed, where it most likely says why it failed.
func last(output []byte) string { return string(output[max(0, len(output)-500):]) }

// searchPath lets programs find theirs: the plugins start iptables and nft.
func searchPath() string { return "PATH=" + os.Getenv("PATH") }
