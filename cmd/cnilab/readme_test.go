package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// blocksOf returns the indented blocks of README.md, without their indentation.
func blocksOf(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var block strings.Builder
	for line := range strings.Lines(string(text) + "\n.\n") {
		code, ok := strings.CutPrefix(line, "    ")
		switch {
		case ok:
			block.WriteString(code)
		case strings.TrimSpace(line) == "":
		case block.Len() > 0:
			blocks = append(blocks, block.String())
			block.Reset()
		}
	}
	return blocks
}

// blockWith returns the one block that has the text.
func blockWith(t *testing.T, text string) string {
	t.Helper()
	blocks := blocksOf(t)
	i := slices.IndexFunc(blocks, func(b string) bool { return strings.Contains(b, text) })
	if i < 0 {
		t.Fatalf("README.md has no block with %q", text)
	}
	return blocks[i]
}

// TestREADMEShowsTheTour looks for what README.md shows of the tour in what people will read.
func TestREADMEShowsTheTour(t *testing.T) {
	command, shown, _ := strings.Cut(blockWith(t, "$ bin/cnilab test -v scenarios/tour"), "\n")
	t.Chdir(root)
	exit, stdout, stderr := cnilab(t, strings.Fields(command)[2:]...)
	if exit != exitOK {
		t.Fatalf("%s: exit status %d\n%s", command, exit, stderr)
	}
	read := regexp.MustCompile(`(?m)^    `).ReplaceAllString(stdout, "") // as deep as README.md shows it
	parts := strings.Split(strings.Trim(shown, ".\n"), "...\n")
	for _, part := range parts {
		if len(part) < 100 || !strings.Contains(read, part) {
			t.Errorf("%s does not print\n%s", command, part)
		}
	}
}

// pipelineFiles begin the blocks that are for CI.
var pipelineFiles = []string{"# .github/workflows/cni.yml", "# .gitlab-ci.yml"}

// TestREADMEsPipelines holds the steps of what README.md tells CI to run against the commands that it tells people, which
// TestREADMEsRepository runs.
func TestREADMEsPipelines(t *testing.T) {
	step := regexp.MustCompile(`(?m)^ *- (?:run: )?((?:go|make|sudo|cnilab/bin/cnilab) .*)$`)
	known := blockWith(t, "--plugin-dir=plugins") + "go test ./...\n" +
		"sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\n" // as sandbox.Available wants it
	for i, file := range pipelineFiles {
		steps := step.FindAllStringSubmatch(blockWith(t, file), -1)
		if want := []int{4, 1}[i]; len(steps) != want {
			t.Errorf("%s has the steps %q", file, steps)
		}
		for _, found := range steps {
			if !strings.Contains(known, found[1]+"\n") {
				t.Errorf("%s: nobody runs %s", file, found[1])
			}
		}
	}
}

// TestREADMEsYAMLIsIndented checks what people get wrong in YAML: tabs, and indentation by something else than two.
func TestREADMEsYAMLIsIndented(t *testing.T) {
	for _, file := range pipelineFiles {
		for line := range strings.Lines(blockWith(t, file)) {
			indent := len(line) - len(strings.TrimLeft(line, " "))
			if strings.Contains(line, "\t") || indent%2 != 0 {
				t.Errorf("%s: %q", file, line)
			}
		}
	}
}
