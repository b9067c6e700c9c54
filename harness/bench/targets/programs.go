//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// programs are what is measured: absolute paths of what "make bench" has built.
type programs struct {
	root            string // of the checkout
	ours, reference plugin
	empty, floor    string
	sim             benchmarks
}

// builtHere are those of the checkout that the program was called in.
func builtHere() programs {
	root, err := os.Getwd()
	if err != nil {
		fatal(err)
	}
	return programsIn(filepath.Join(root, "bin"), root)
}

// programsIn are those of a folder, with the sources at root.
func programsIn(bin, root string) programs {
	return programs{
		root:      root,
		ours:      plugin{label: "ours", path: filepath.Join(bin, "bench", "ours", "bridge"), cniPath: filepath.Join(bin, "bench", "ours")},
		reference: plugin{label: "reference", path: filepath.Join(bin, "bench", "reference", "bridge"), cniPath: filepath.Join(bin, "bench", "reference")},
		empty:     filepath.Join(bin, "bench", "empty"),
		floor:     filepath.Join(bin, "bench", "floor"),
		sim:       benchmarks{path: filepath.Join(bin, "bench", "sim.test"), folder: filepath.Join(root, "sim")},
	}
}

// requirePrograms is Lacking where a file is not there, or a tool that is named without its path.
func requirePrograms(names ...string) error {
	for _, name := range names {
		_, err := exec.LookPath(name)
		switch {
		case err == nil:
		case filepath.IsAbs(name):
			return bench.Lacking(fmt.Sprintf("%s: see \"make bench\" for how it is built", name))
		default:
			return bench.Lacking(name + " (README says which package it is in)")
		}
	}
	return nil
}

// requireSandbox is Lacking where there are no namespaces to make and break networks in.
func requireSandbox() error {
	if sandbox.Inside() {
		return nil
	}
	return bench.Lacking("root: " + oneLine(sandbox.Available().Error()))
}

// require is both.
func require(names ...string) error {
	return errors.Join(requireSandbox(), requirePrograms(names...))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
