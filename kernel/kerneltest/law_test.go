package kerneltest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/sim"
)

func TestLawsAreNamedOnce(t *testing.T) {
	seen := make(map[string]bool)
	for _, law := range Laws() {
		if seen[law.Name] || law.Source == "" {
			t.Errorf("law %q: named twice, or without a source", law.Name)
		}
		seen[law.Name] = true
	}
}

func TestCheckNamesEveryBrokenLaw(t *testing.T) {
	err := Check(func() (kernel.Host, func(), error) {
		return swallow(intercept.FileRead, kernel.ENOENT).Host(rightHost(t)), func() {}, nil
	})
	const want = "file/read/absent: read a file that is not there: want ENOENT, got success (fs/namei.c path_openat)"
	if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), want) {
		t.Errorf("Check of a backend that takes absent files for empty:\n got %v\nwant a line %s", err, want)
	}
}

func TestCheckIsContentWithTheSimulation(t *testing.T) {
	if err := Check(func() (kernel.Host, func(), error) { return rightHost(t), func() {}, nil }); err != nil {
		t.Error(err)
	}
}

func TestCheckPassesOnWhyThereIsNoHost(t *testing.T) {
	why := errors.New("no machine")
	err := Check(func() (kernel.Host, func(), error) { return nil, nil, why })
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestLawsAboutPacketsAreLeftOutWithoutThem(t *testing.T) {
	for _, law := range probeLaws {
		w := sim.NewWorld(sim.Config{Seed: 1})
		if err := law.Check(w.AddHost("node")); !errors.Is(err, ErrLeftOut) {
			t.Errorf("%s on a backend that has no packets: %v", law.Name, err)
		}
		w.Close()
	}
}

func TestLawsCleanUp(t *testing.T) {
	h := rightHost(t)
	before, err := kernel.Take(h, "/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, law := range Laws() {
		_ = law.Check(h)
		after, err := kernel.Take(h, "/run")
		if err != nil {
			t.Fatal(err)
		}
		if diff := kernel.Diff(before, after); diff != "" {
			t.Fatalf("%s leaves something behind:\n%s", law.Name, diff)
		}
	}
}
