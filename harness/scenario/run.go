package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// A Machine is what a scenario runs on: a host that nobody else uses, with the plugins installed.
type Machine struct {
	Host       kernel.Host
	PluginDirs []string     // where the plugins are; none: harness.PluginDir
	Close      func() error // takes the machine away; an error fails the scenario
}

// A NewMachine makes the machine of one run.
type NewMachine func() (*Machine, error)

// Options say how to run.
type Options struct {
	Verbose bool          // keep the log of what succeeded too
	Timeout time.Duration // real time; 0: DefaultTimeout
}

// DefaultTimeout is the real time that one scenario may take.
const DefaultTimeout = time.Minute

// An Outcome is how a scenario ended.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "ok"
	Failed  Outcome = "FAIL"
	Skipped Outcome = "skip"
)

// A Result is what is known of a scenario that was run. It survives JSON.
type Result struct {
	Name    string
	Outcome Outcome
	Log     string        // what was done and what went wrong, for people; the reason of a skip
	Took    time.Duration // real time
}

// Run runs a scenario on a machine of its own.
func Run(ctx context.Context, s Scenario, newMachine NewMachine, o Options) Result {
	start := time.Now()
	rec := &recorder{verbose: o.Verbose}
	rec.Run(s.Name, func(t testscript.T) { runScript(ctx, t, s, newMachine, o.Timeout) })
	return Result{Name: s.Name, Outcome: rec.outcome(), Log: rec.log.String(), Took: time.Since(start)}
}

// runScript runs a scenario within t.
func runScript(ctx context.Context, t testscript.T, s Scenario, newMachine NewMachine, timeout time.Duration) {
	if err := s.lint(); err != nil {
		t.Fatal(err.Error())
	}
	dir, err := os.MkdirTemp("", "cnilab-scenario-")
	if err != nil {
		t.Fatal(err.Error())
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, s.Name+Extension)
	if err := os.WriteFile(file, s.Text, 0o600); err != nil {
		t.Fatal(err.Error())
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	testscript.RunT(shownAs{t, strings.NewReplacer(file, s.File, "WORK=$WORK\n", "")}, testscript.Params{
		Files:              []string{file},
		RequireUniqueNames: true,
		Setup:              func(env *testscript.Env) error { return setup(ctx, env, s, newMachine) },
		Cmds:               commands(),
	})
}

// sessionKey finds the session among a script's values.
type sessionKey struct{}

// setup gives a script its machine and takes the machine that runs it away: of the environment, $WORK alone stays.
func setup(ctx context.Context, env *testscript.Env, s Scenario, newMachine NewMachine) error {
	env.Vars = env.Vars[:1]
	machine, err := newMachine()
	if err != nil {
		return fmt.Errorf("no machine to run on: %w", err)
	}
	closeMachine := func() { failIf(env, "the machine is not clean", machine.Close()) }
	runtime, err := harness.New(machine.Host, machine.PluginDirs...)
	if err != nil {
		closeMachine()
		return err
	}
	session := &session{ctx: ctx, scenario: s, host: machine.Host, runtime: runtime}
	env.Values[sessionKey{}] = session
	env.Defer(func() {
		session.stopAllServices()
		failIf(env, "result cache", runtime.Close())
		closeMachine()
	})
	return nil
}

// failIf fails a script that has ended.
func failIf(env *testscript.Env, what string, err error) {
	if err != nil {
		env.T().Fatal(what + ": " + err.Error())
	}
}

// commands are the verbs as testscript calls them, by their first word.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){}
	for _, f := range forms() {
		name := f.verb()
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) { command(ts, neg, name, args) }
	}
	return all
}

// command runs one line of a script.
func command(ts *testscript.TestScript, neg bool, name string, args []string) {
	s := ts.Value(sessionKey{}).(*session)
	s.files = archive{ts}
	out, err := s.do(append([]string{name}, args...))
	fmt.Fprint(ts.Stdout(), out)
	switch {
	case isUsage(err):
		ts.Fatalf("%v", err)
	case neg && err == nil:
		ts.Fatalf("%s succeeded, and should have failed", name)
	case neg:
		fmt.Fprintln(ts.Stderr(), err)
	case err != nil:
		ts.Fatalf("%v", err)
	}
}
