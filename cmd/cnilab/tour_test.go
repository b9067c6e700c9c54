package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readTour returns what people read of the tour, a text for each chapter.
func readTour(t *testing.T, backend string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "scenarios/tour/*.txtar"))
	if err != nil || len(files) != 6 {
		t.Fatalf("the chapters are %q, %v", files, err)
	}
	chapters := map[string]string{}
	for _, file := range files {
		exit, stdout, stderr := cnilab(t, "test", "-v", "--backend="+backend, file)
		if exit != exitOK {
			t.Fatalf("%s: exit status %d\n%s%s", file, exit, stdout, stderr)
		}
		_, chapters[filepath.Base(file)], _ = strings.Cut(stdout, "\n\n")
	}
	return chapters
}

// TestTourIsReadable holds what a reader needs: a terminal of 100 columns, a beginning and an end, and below each line
// what came of it.
func TestTourIsReadable(t *testing.T) {
	for name, text := range readTour(t, "sim") {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if len(line) > 100 {
				t.Errorf("%s: %d columns: %s", name, len(line), line)
			}
			done := regexp.MustCompile(`^    > (! )?(ip|plugin|pod|ping|call|kubelet|container)\b`).MatchString(line)
			if done && !strings.HasPrefix(lines[i+1], "      ") {
				t.Errorf("%s does not tell what came of %s", name, line)
			}
		}
		for _, want := range []string{"    Chapter " + name[:1] + " of 6: ", "\n    What you saw"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
}

// onAnyMachine takes out of a chapter what is another on each machine: times, MAC addresses, where plugins are.
func onAnyMachine(text string) string {
	text = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`).ReplaceAllString(stable(text), "MAC")
	return strings.ReplaceAll(text, "/run/cnilab/bin", "/opt/cni/bin")
}

// TestTourTwice checks that a chapter reads the same when it is read again.
func TestTourTwice(t *testing.T) {
	again := readTour(t, "sim")
	for name, text := range readTour(t, "sim") {
		if diff := cmp.Diff(stable(text), stable(again[name])); diff != "" {
			t.Errorf("%s (-first +second):\n%s", name, diff)
		}
	}
}
