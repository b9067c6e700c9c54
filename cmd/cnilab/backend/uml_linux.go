package backend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cnilab/cnilab/harness/scenario"
	kerneluml "github.com/cnilab/cnilab/kernel/linux/uml"
)

// uml is another Linux: one that is booted for the scenarios, and runs them as the backend linux does.
func uml(c Config) Backend {
	together := func(
		ctx context.Context, all []scenario.Scenario, jobs int, o scenario.Options,
	) func(scenario.Scenario) scenario.Result {
		c.CallOwn = c.PluginDir == "" // to start a process costs more than all that a plugin does
		o.Timeout = slowness * cmp.Or(o.Timeout, scenario.DefaultTimeout)
		return bootFor(ctx, batch{Scenarios: all, Options: o, Config: c, Jobs: jobs}).result
	}
	return Backend{
		Name:      "uml",
		About:     aboutUML(),
		Available: kerneluml.Available,
		Run: func(ctx context.Context, s scenario.Scenario, o scenario.Options) scenario.Result {
			return together(ctx, []scenario.Scenario{s}, 1, o)(s)
		},
		Together: together,
	}
}

// slowness is how many times as long as elsewhere a scenario may take: a system call costs about ten times as much, and
// all scenarios share one processor.
const slowness = 5

func aboutUML() string {
	about := "User Mode Linux, a kernel of its own that is an ordinary process"
	if k, err := kerneluml.Find(); err == nil {
		about += fmt.Sprintf(": Linux %s, %s", k.Release, k.Path)
	}
	return about
}

// batchWord as the first argument tells this program to do the batch on its standard input.
const batchWord = "do-scenarios-in-uml"

// A batch is scenarios on their way into a kernel, as JSON; for each a batchResult comes back, as soon as there is one.
type batch struct {
	Scenarios []scenario.Scenario
	Options   scenario.Options
	Config    Config
	Jobs      int
}

type batchResult struct {
	File   string // of the scenario
	Result scenario.Result
}

// A boot is a kernel that runs a batch.
type boot struct {
	results map[string]chan scenario.Result // by the scenario's file
	ended   chan struct{}                   // closed when no more results come
	err     error                           // why, then
}

// bootFor boots a kernel for a batch. It ends by itself, or with ctx.
func bootFor(ctx context.Context, b batch) *boot {
	running := &boot{results: map[string]chan scenario.Result{}, ended: make(chan struct{})}
	for _, s := range b.Scenarios {
		running.results[s.File] = make(chan scenario.Result, len(b.Scenarios))
	}
	go func() {
		running.err = running.run(ctx, b)
		close(running.ended)
	}()
	return running
}

func (b *boot) run(ctx context.Context, work batch) error {
	stdin, err := json.Marshal(work)
	if err != nil {
		return err
	}
	output, stdout := io.Pipe()
	var stderr bytes.Buffer
	program := kerneluml.Program{
		Args: []string{batchWord}, Stdin: bytes.NewReader(stdin), Stdout: stdout, Stderr: &stderr,
	}
	if work.Config.PluginDir != "" {
		program.Folders = []string{work.Config.PluginDir}
	}
	go func() {
		exit, err := kerneluml.Run(ctx, program)
		if err == nil && exit != 0 {
			err = fmt.Errorf("the process of the scenarios ended with status %d: %s", exit, &stderr)
		}
		stdout.CloseWithError(err) // nil is the end of the results
	}()
	return b.receive(output)
}

// receive takes results until no more come. That it is an error where some are missing, result sees.
func (b *boot) receive(output io.Reader) error {
	for results := json.NewDecoder(output); ; {
		var r batchResult
		if err := results.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			_, _ = io.Copy(io.Discard, output)
			return err
		}
		b.results[r.File] <- r.Result
	}
}

// result waits for the result of a scenario of the batch.
func (b *boot) result(s scenario.Scenario) scenario.Result {
	select {
	case r := <-b.results[s.File]:
		return r
	case <-b.ended:
	}
	select {
	case r := <-b.results[s.File]:
		return r
	default:
		why := "User Mode Linux ended before the scenario did"
		if b.err != nil {
			why = b.err.Error()
		}
		return scenario.Result{Name: s.Name, Outcome: scenario.Failed, Log: why + "\n"}
	}
}

// lackingOnUML are the scenarios about what Debian's User Mode Linux was built without, each with the reason.
var lackingOnUML = map[string]string{
	"masquerade-by-hand":  "the kernel has nf_tables for the family bridge alone, and no masquerading by it",
	"masquerade-nftables": "the kernel has nf_tables for the family bridge alone",
	"rules-by-hand":       "the kernel has nf_tables for the family bridge alone",
}

// runInside runs a scenario on this kernel, if it has what the scenario is about.
func runInside(s scenario.Scenario, b batch) scenario.Result {
	if why, lacking := lackingOnUML[s.Name]; lacking {
		return scenario.Result{Name: s.Name, Outcome: scenario.Skipped, Log: why + "\n"}
	}
	return linux(b.Config).Run(context.Background(), s, b.Options)
}

// doBatch is what this program does inside.
func doBatch() (exit int) {
	var b batch
	if err := json.NewDecoder(os.Stdin).Decode(&b); err != nil {
		return complain(fmt.Errorf("%s is how this program calls itself, with work on standard input: %w", batchWord, err))
	}
	waiting := make(chan scenario.Scenario)
	var workers sync.WaitGroup
	results := &resultWriter{to: json.NewEncoder(os.Stdout)}
	for range min(b.Jobs, len(b.Scenarios)) {
		workers.Go(func() {
			for s := range waiting {
				results.write(batchResult{s.File, runInside(s, b)})
			}
		})
	}
	for _, s := range b.Scenarios {
		waiting <- s
	}
	close(waiting)
	workers.Wait()
	if results.err != nil {
		return complain(results.err)
	}
	return 0
}

// A resultWriter writes results of several goroutines.
type resultWriter struct {
	sync.Mutex
	to  *json.Encoder
	err error // the first one
}

func (w *resultWriter) write(r batchResult) {
	w.Lock()
	defer w.Unlock()
	if err := w.to.Encode(r); w.err == nil {
		w.err = err
	}
}
