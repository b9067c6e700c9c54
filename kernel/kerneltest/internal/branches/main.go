// Branches tells which refusals of a simulated kernel no law asks for. It finds every place of a package that answers an
// errno, takes one after the other out of a copy, and runs the package's TestLaws on the copy: a copy on which all laws
// hold is a survivor, printed with its place. Run it from the top of the repository:
//
//	go run ./kernel/kerneltest/internal/branches ./sim
//
// What is a condition's only statement is taken out by a condition that is never true; what ends a function answers EIO
// instead. The files themselves are not touched (go test -overlay).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: branches PACKAGE-FOLDER")
		os.Exit(2)
	}
	if err := sweep(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "branches:", err)
		os.Exit(1)
	}
}

// sweep tries every branch of the package in a folder and prints the survivors.
func sweep(folder string) error {
	branches, err := find(folder)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "branches-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	count := make(map[verdict]int)
	for _, b := range branches {
		v, err := try(b, folder, scratch)
		if err != nil {
			return err
		}
		count[v]++
		if v != red {
			fmt.Printf("%s: %s: %s\n", b.place, v, b.source)
		}
	}
	fmt.Printf("%d branches: %d noticed, %d survive, %d cannot be taken out\n",
		len(branches), count[red], count[green], count[broken])
	return nil
}

// A verdict is what became of the laws on a copy.
type verdict string

const (
	red    verdict = "noticed"
	green  verdict = "survives"
	broken verdict = "does not compile"
)

// try runs the laws on a copy without the branch. Laws that hang have noticed, too.
func try(b branch, folder, scratch string) (verdict, error) {
	copied := filepath.Join(scratch, "copy.go")
	if err := os.WriteFile(copied, b.without(), 0o644); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{b.file: copied}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(scratch, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-overlay", list, "-vet=off", "-failfast", "-timeout=60s",
		"-run=^TestLaws$", folder).CombinedOutput()
	switch {
	case err == nil:
		return green, nil
	case strings.Contains(string(out), "[build failed]"):
		return broken, nil
	}
	return red, nil
}
