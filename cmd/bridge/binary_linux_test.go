package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// What the binary may weigh, and what its packages may allocate before main begins. Every call of a runtime loads the
// one and waits for the other.
const (
	maxBytes       = 4_000_000
	maxInits       = 40
	maxInitAllocs  = 32
	maxInitBytes   = 8 << 10
	maxTotalAllocs = 200
)

// built returns a program that is made as "make build" does.
func built(t *testing.T, pkg, name string) (program string) {
	t.Helper()
	program = filepath.Join(programs, name)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags="+ldflags(t), "-o", program, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return program
}

// ldflags are those of "make build".
func ldflags(t *testing.T) string {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	must(t, err)
	found := regexp.MustCompile(`(?m)^LDFLAGS := (.*)$`).FindSubmatch(makefile)
	if found == nil {
		t.Fatal("the Makefile has no LDFLAGS")
	}
	return string(found[1])
}

func TestBinaryIsSmall(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skipf("the size is of amd64, this is %s", runtime.GOARCH)
	}
	info, err := os.Stat(built(t, ".", "bridge"))
	must(t, err)
	if info.Size() > maxBytes {
		t.Errorf("the binary has %d bytes, and may have %d: go tool nm -size -sort size tells what weighs", info.Size(), maxBytes)
	}
}

// TestInitsAreCheap counts what Go's runtime tells of the packages' initialisation (GODEBUG=inittrace=1), not its time.
func TestInitsAreCheap(t *testing.T) {
	cmd := exec.Command(built(t, ".", "bridge"))
	cmd.Env = []string{"CNI_COMMAND=VERSION", "GODEBUG=inittrace=1"}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = t.Output(), &stderr
	must(t, cmd.Run())
	inits := regexp.MustCompile(`(?m)^init (\S+) @.* clock, (\d+) bytes, (\d+) allocs$`).FindAllStringSubmatch(stderr.String(), -1)
	total := 0
	order := map[string]int{}
	for i, init := range inits {
		order[init[1]] = i + 1
		size, _ := strconv.Atoi(init[2])
		allocs, _ := strconv.Atoi(init[3])
		if size > maxInitBytes || allocs > maxInitAllocs {
			t.Errorf("package %s allocates %d bytes in %d pieces before main begins", init[1], size, allocs)
		}
		total += allocs
	}
	// What it sets up is for all that comes after it. This one is the first to need it.
	if start := order["github.com/cnilab/cnilab/cmd/bridge/start"]; start == 0 || start > order["internal/godebug"] {
		t.Errorf("cmd/bridge/start is not initialised early:\n%s", &stderr)
	}
	if len(inits) == 0 || len(inits) > maxInits || total > maxTotalAllocs {
		t.Errorf("%d packages allocate %d times before main begins:\n%s", len(inits), total, &stderr)
	}
}

// TestVersionNeedsNoMachine takes away what opening the machine needs, file descriptors.
func TestVersionNeedsNoMachine(t *testing.T) {
	answer := func(command string) string {
		cmd := exec.Command("sh", "-c", `ulimit -n 3 && exec "$0"`, built(t, ".", "bridge"))
		cmd.Env = []string{"CNI_COMMAND=" + command}
		out, _ := cmd.Output() // a failure is told on standard output
		return string(out)
	}
	if got := answer("STATUS"); !strings.Contains(got, "open this machine's network namespace") {
		t.Errorf("STATUS with no descriptor left: %s", got)
	}
	if got := answer("VERSION"); !strings.Contains(got, `"supportedVersions"`) {
		t.Errorf("VERSION with no descriptor left: %s", got)
	}
}
