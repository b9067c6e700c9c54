package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// variable is the environment variable by which the copy learns which branch is off.
const variable = "CNILAB_BRANCH_OFF"

// switches is the file that the copy has besides.
const switches = `package %s

import (
	"os"

	"github.com/cnilab/cnilab/kernel"
)

var branchOff = os.Getenv(%q)

// branchOn reports whether a branch is on.
func branchOn(number string) bool { return branchOff != number }

// branchErrno returns the errno of a branch, and EIO where it is off.
func branchErrno(number string, errno kernel.Errno) kernel.Errno {
	if branchOn(number) {
		return errno
	}
	return kernel.EIO
}
`

// switched writes the copies of the package's files, with a switch at every branch, and returns which of them stands in
// for which file.
func switched(folder, scratch string, branches []branch) (replace map[string]string, err error) {
	texts := make(map[string][]byte)
	for number, b := range slices.Backward(branches) { // from the end, so that the offsets before stay right
		if texts[b.file] == nil {
			texts[b.file] = b.text
		}
		texts[b.file] = b.switched(texts[b.file], number)
	}
	added, err := filepath.Abs(filepath.Join(folder, "branches_switches.go"))
	if err != nil {
		return nil, err
	}
	texts[added] = fmt.Appendf(nil, switches, filepath.Base(folder), variable)
	replace = make(map[string]string)
	for file, text := range texts {
		replace[file] = filepath.Join(scratch, filepath.Base(file))
		if err := os.WriteFile(replace[file], text, 0o644); err != nil {
			return nil, err
		}
	}
	return replace, nil
}
