// Branches tells which refusals of a simulated kernel no law asks for. It finds every place of a package that answers
// an errno, makes a copy in which each can be switched off, and runs the package's TestLaws once for each: a refusal
// without which all laws hold is a survivor, printed with its place. Run it from the top of the repository:
//
//	go run ./kernel/kerneltest/internal/branches ./sim
//
// A condition whose only statement refuses is never true when it is switched off; any other refusal answers EIO
// instead. The files themselves are not touched (go test -overlay).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// sweep switches every branch of the package in a folder off and prints the survivors.
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
	tests, err := build(folder, scratch, branches)
	if err != nil {
		return err
	}
	if !hold(tests, folder, -1) {
		return fmt.Errorf("the laws do not hold on %s as it is", folder)
	}
	survivors := 0
	for i, b := range branches {
		if hold(tests, folder, i) {
			survivors++
			fmt.Printf("%s: %s\n", b.place, b.source)
		}
	}
	fmt.Printf("%d of %d refusals survive\n", survivors, len(branches))
	return nil
}

// build compiles the package's tests with a switch at every branch, and returns the program.
func build(folder, scratch string, branches []branch) (tests string, err error) {
	replace, err := switched(folder, scratch, branches)
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(scratch, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		return "", err
	}
	tests = filepath.Join(scratch, "laws.test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", list, "-o", tests, folder)
	cmd.Stderr = os.Stderr
	return tests, cmd.Run()
}

// hold reports whether all laws hold with a branch switched off. Laws that hang do not hold.
func hold(tests, folder string, off int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tests, "-test.run=^TestLaws$", "-test.failfast")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, off))
	return cmd.Run() == nil
}
