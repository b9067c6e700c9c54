package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	kernellinux "github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// stepWord as the first argument tells this program to run in step with this machine's kernel.
const stepWord = "do-lockstep-in-sandbox"

// Run carries the run out, in a sandbox where that is this machine's kernel.
func (f Fidelity) Run(ctx context.Context) (report FidelityReport, err error) {
	switch f.Against {
	case "linux":
	case "uml":
		return report, fmt.Errorf("--against=uml: not built yet; linux is")
	default:
		return report, fmt.Errorf("--against=%s: there are linux, uml", f.Against)
	}
	if err := sandbox.Available(); err != nil {
		return report, err
	}
	stdin, err := json.Marshal(f)
	if err != nil {
		return report, err
	}
	var stdout bytes.Buffer
	exit, err := sandbox.Run(ctx, sandbox.Program{
		Args: []string{stepWord}, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return report, err
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || exit != 0 {
		return report, fmt.Errorf("the process of the run ended with status %d: %s", exit, &stdout)
	}
	return report, nil
}

// doSteps is the run in the sandbox.
func doSteps() (exit int) {
	if err := sandbox.Init(); err != nil {
		return complain(err)
	}
	if !sandbox.Inside() {
		return complain(fmt.Errorf("%s works in a sandbox only", stepWord))
	}
	var f Fidelity
	if err := json.NewDecoder(os.Stdin).Decode(&f); err != nil {
		return complain(err)
	}
	host, err := kernellinux.New()
	if err != nil {
		return complain(err)
	}
	defer host.Close()
	k := lockstep.Kernel{Name: "linux", New: func() (kernel.Host, func(), error) { return host, func() {}, nil }}
	report, err := f.against(context.Background(), k, release())
	if err != nil {
		return complain(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return complain(err)
	}
	return 0
}

// release is what uname -r prints.
func release() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
