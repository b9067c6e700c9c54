package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	kernellinux "github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
	kerneluml "github.com/cnilab/cnilab/kernel/linux/uml"
)

// stepWord as the first argument tells this program to run in step with the kernel it finds itself on, in a sandbox, and
// bootWord to do that in User Mode Linux, where it makes the sandbox first.
const (
	stepWord = "do-lockstep-in-sandbox"
	bootWord = "do-lockstep-in-uml"
)

// Run carries the run out, in a sandbox where that is this machine's kernel.
func (f Fidelity) Run(ctx context.Context) (FidelityReport, error) {
	switch f.Against {
	case "linux":
		return f.through(stepWord, func(stdin io.Reader, stdout io.Writer) (int, error) {
			if err := sandbox.Available(); err != nil {
				return 0, err
			}
			return sandbox.Run(ctx, sandbox.Program{Args: []string{stepWord}, Stdin: stdin, Stdout: stdout, Stderr: os.Stderr})
		})
	case "uml":
		return f.through(bootWord, func(stdin io.Reader, stdout io.Writer) (int, error) {
			if err := kerneluml.Available(); err != nil {
				return 0, err
			}
			return kerneluml.Run(ctx, kerneluml.Program{Args: []string{bootWord}, Stdin: stdin, Stdout: stdout, Stderr: os.Stderr})
		})
	}
	return FidelityReport{}, fmt.Errorf("--against=%s: there are linux, uml", f.Against)
}

// through has a program do the run: what is asked goes in as JSON, and the report comes out.
func (f Fidelity) through(word string, program func(stdin io.Reader, stdout io.Writer) (int, error)) (r FidelityReport, err error) {
	stdin, err := json.Marshal(f)
	if err != nil {
		return r, err
	}
	var stdout bytes.Buffer
	exit, err := program(bytes.NewReader(stdin), &stdout)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || exit != 0 {
		return r, fmt.Errorf("%s ended with status %d: %s", word, exit, &stdout)
	}
	return r, nil
}

// doBoot is the run in User Mode Linux, whose kernel is this machine's there.
func doBoot() (exit int) {
	var f Fidelity
	if err := json.NewDecoder(os.Stdin).Decode(&f); err != nil {
		return complain(err)
	}
	f.Against = "linux"
	report, err := f.Run(context.Background())
	if err != nil {
		return complain(err)
	}
	return answerJSON(report)
}

func answerJSON(report FidelityReport) (exit int) {
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return complain(err)
	}
	return 0
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
	report, err := f.against(context.Background(), host, "linux", release())
	if err != nil {
		return complain(err)
	}
	return answerJSON(report)
}

// release is what uname -r prints.
func release() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
