//go:build linux

// Command targets measures the speed targets of this project, and writes harness/BENCH.md. "make bench" builds what it
// measures, and calls it in the root of a checkout.
//
// The rows are data, in rows.go; what they measure is a bench.Source: one kind of it in a file each. What touches the kernel
// is done in a network and a mount namespace of the run's own (package sandbox): the program runs itself in there, and
// nothing is left when it ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func main() {
	if err := sandbox.Init(); err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if sandbox.Inside() || sandbox.Available() != nil {
		os.Exit(run(ctx))
	}
	exit, err := sandbox.Run(ctx, sandbox.Program{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		fatal(err)
	}
	os.Exit(exit)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "targets:", err)
	os.Exit(1)
}

// run is the command line; it returns the exit status.
func run(ctx context.Context) (exit int) {
	rounds := flag.Int("rounds", 5, "how often each figure is measured; the quick ones some times as often")
	choice := flag.String("rows", "", "a regular expression: measure the rows with such names only, and write no page")
	page := flag.String("page", pageName, "the page to write")
	flag.Parse()
	chosen, err := regexp.Compile(*choice)
	if err != nil || *rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: targets [-rounds N] [-rows REGEXP] [-page FILE]")
		return 2
	}
	rows := choose(rows(builtHere(), full), chosen)
	facts := factsOf(builtHere(), *rounds)
	figures, err := bench.Run(ctx, rows, *rounds, func(f bench.Figure) { fmt.Println(f) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "targets:", err)
		return 1
	}
	if *choice == "" {
		err = write(*page, bench.Page(preface, facts, figures), figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "targets:", err)
		return 1
	}
	return status(figures)
}

func choose(rows []bench.Row, chosen *regexp.Regexp) (some []bench.Row) {
	for _, r := range rows {
		if chosen.MatchString(r.Name) {
			some = append(some, r)
		}
	}
	return some
}

// write keeps the page that there is where not all could be measured.
func write(name, page string, figures []bench.Figure) error {
	unmeasured := 0
	for _, f := range figures {
		if !f.Measured() {
			unmeasured++
		}
	}
	if unmeasured > 0 {
		fmt.Printf("%s stays as it is: %d of %d figures were not measured\n", name, unmeasured, len(figures))
		return nil
	}
	return os.WriteFile(name, []byte(page), 0o644)
}

// status is that of the program: what cannot be measured here is no failure, and no target is one.
func status(figures []bench.Figure) (exit int) {
	for _, f := range figures {
		if !f.Measured() && !f.Lacks() {
			return 1
		}
	}
	return 0
}
