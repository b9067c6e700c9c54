package scenario

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPropertiesAreThoseOfSnapshots looks into package kernel for what its snapshots have.
func TestPropertiesAreThoseOfSnapshots(t *testing.T) {
	files, err := filepath.Glob("../../kernel/*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	added := regexp.MustCompile(`\bo(?:bject)?s?\.add(?:Flag)?\("([^"]+)"|header\.add\("([^"]+)"`)
	have := []string{
		"content", "mode", "value", "nexthop", // added in other ways
		"dst", "src", "reply-dst", "reply-src", "dport", "reply-sport",
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range added.FindAllStringSubmatch(string(text), -1) {
			have = append(have, found[1]+found[2])
		}
	}
	slices.Sort(have)
	if have = slices.Compact(have); !slices.Equal(have, properties) {
		t.Errorf("snapshots have\n%q\nand properties are\n%q", have, properties)
	}
}

// TestPropertiesThatNothingHas: nothing would ever be found to have one, and that nothing has it is no statement.
func TestPropertiesThatNothingHas(t *testing.T) {
	for line, want := range map[string]string{
		"! link eth0 adminn up":                          `12: no link has a property "adminn"; is it "admin"?`,
		"route 10.0.0.0/8 nexthop via 10.1.0.1 weigth 2": `12: no route has a property "weigth"; is it "weight"?`,
		"! file *10.1.0.2 owner root":                    `12: no file has a property "owner"`,
	} {
		if _, err := parseStatements("netns host\n"+line, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}
