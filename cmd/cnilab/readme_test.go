package main

import (
	"context"
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

// TestREADMEsPipelines runs what README.md tells CI to run: targets of the Makefile that exist, and commands of cnilab
// that succeed.
func TestREADMEsPipelines(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	pipelines := map[string]string{}
	for _, file := range pipelineFiles {
		pipelines[file] = blockWith(t, file)
	}
	step := regexp.MustCompile(`(?m)^ *- (?:run: )?((?:make|bin/cnilab) .*)$`)
	t.Chdir(root)
	for file, pipeline := range pipelines {
		steps := step.FindAllStringSubmatch(pipeline, -1)
		if len(steps) < 3 {
			t.Errorf("%s has the steps %q", file, steps)
		}
		for _, found := range steps {
			words := strings.Fields(found[1])
			switch {
			case words[0] == "make" && !strings.Contains(string(makefile), "\n"+words[1]+":"):
				t.Errorf("%s: %s is no target", file, found[1])
			case words[0] == "bin/cnilab" && run(context.Background(), words[1:], t.Output(), t.Output()) != exitOK:
				t.Errorf("%s: %s fails", file, found[1])
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
