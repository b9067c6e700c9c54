package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A Machine is what a scenario runs on: a host that nobody else uses, with the plugins installed.
type Machine struct {
	Host       kernel.Host
	PluginDirs []string     // where the plugins are; none: harness.PluginDir
	Close      func() error // takes the machine away; an error fails the scenario

	// Faults are those that the installed plugins meet (see harness.Faults.Program and Serve); nil: they meet none, and
	// scenarios with faults are skipped.
	Faults *harness.Faults

	// Trace calls see with a line for each thing that happens to packets on the machine, until stop is called; nil: that is
	// not to be seen.
	Trace func(see func(line string)) (stop func())

	// AddHost makes another machine, with the same plugins, which meet the same faults; Cable joins two of them, or changes
	// what joins them; nil: there is this one alone, and scenarios with more are skipped.
	AddHost func(name string) (kernel.Host, error)
	Cable   func(Cable) error
	Cables  func() []LaidCable // those that there are; nil: that is not to be seen

	// OwnDisk says that all files are the machine's own, so that scenarios may write anywhere. Elsewhere they may below /run,
	// /var/lib, and OwnFolders, which have to end with a slash.
	OwnDisk    bool
	OwnFolders []string
}

// A NewMachine makes the machine of one run.
type NewMachine func() (*Machine, error)

// Options say how to run.
type Options struct {
	Backend string        // the name of what the machine is, for scenarios that are bound to one; "": run those too
	Verbose bool          // log what succeeded too, and what came of it: see Legend
	Timeout time.Duration // real time; 0: DefaultTimeout
	State   bool          // tell in the result what the machine was like at the end, however the scenario ended
	Update  bool          // where expect, jsoncmp or cmp finds a file of the archive different, write that anew
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
	Bound   Outcome = "n/a" // the scenario is bound to another backend, and was not run
)

// A Result is what is known of a scenario that was run. It survives JSON.
type Result struct {
	Name    string
	Outcome Outcome
	Log     string        // what was done and what went wrong, for people; the reason of a skip
	Took    time.Duration // real time
	Bound   string        // the backend that the scenario is bound to, if any
	Warned  string        // of what passed: what programs warned of, a line each, but for what the script looks at itself
	State   string        // with Options.State: a kernel.Snapshot of the machine, without files
	Cables  []LaidCable   // with Options.State: what joins machines
	Updated []byte        // the new text of the scenario, where Options.Update changed it
}

// Run runs a scenario on a machine of its own.
func Run(ctx context.Context, s Scenario, newMachine NewMachine, o Options) Result {
	start := time.Now()
	bound, err := s.Binding()
	if err == nil && bound.excludes(o.Backend) {
		return Result{Name: s.Name, Outcome: Bound, Log: bound.String() + "\n", Bound: bound.Backend}
	}
	rec := &recorder{verbose: o.Verbose}
	session := &session{scenario: s, updating: o.Update, updates: map[string]string{}, keepsState: o.State}
	var updated []byte
	rec.Run(s.Name, func(t testscript.T) { updated = session.runScript(ctx, t, newMachine, o) })
	session.conclude(rec)
	log, warned := rec.log.String(), ""
	if rec.outcome() == Passed {
		warned = session.heard.warnings(s)
	}
	if rec.outcome() == Failed && !o.Verbose {
		log = session.heard.above(log)
	}
	return Result{
		Name: s.Name, Outcome: rec.outcome(), Log: log, Took: time.Since(start),
		Warned: warned, Bound: bound.Backend, State: session.lastState, Cables: session.lastCables, Updated: updated,
	}
}

// runScript runs the scenario within t, and returns its new text if it has one.
func (session *session) runScript(ctx context.Context, t testscript.T, newMachine NewMachine, o Options) (updated []byte) {
	s := session.scenario
	if err := s.lint(); err != nil {
		t.Fatal(err.Error())
	}
	dir, err := os.MkdirTemp("", "cnilab-scenario-")
	if err != nil {
		t.Fatal(err.Error())
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, path.Base(s.Name)+Extension)
	if err := os.WriteFile(file, s.Text, 0o600); err != nil {
		t.Fatal(err.Error())
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, lateError{o.Timeout})
	defer cancel()
	session.ctx = ctx
	shown := shownAs{t, strings.NewReplacer(file+":0: ", s.File+": ", file, s.File, "WORK=$WORK\n", ""), session}
	testscript.RunT(shown, testscript.Params{
		Files:              []string{file},
		RequireUniqueNames: true,
		Setup:              func(env *testscript.Env) error { return setup(env, session, newMachine, o.Verbose) },
		Cmds:               commands(),
		UpdateScripts:      o.Update,
	})
	return session.updated(file)
}

// A lateError is what ends a scenario that takes too long.
type lateError struct{ limit time.Duration }

func (e lateError) Error() string {
	return fmt.Sprintf("not finished after %s (--timeout)", e.limit)
}

// sessionKey finds the session among a script's values.
type sessionKey struct{}

// setup gives a script its machine and takes the machine that runs it away: of the environment, $WORK alone stays.
func setup(env *testscript.Env, session *session, newMachine NewMachine, verbose bool) error {
	env.Vars = env.Vars[:1]
	machine, err := newMachine()
	if err != nil {
		return fmt.Errorf("no machine to run on: %w", err)
	}
	session.node = session.addNode(FirstHost, machine.Host)
	session.pluginDirs, session.faults = machine.PluginDirs, machine.Faults
	session.makeHost, session.cable, session.cables = machine.AddHost, machine.Cable, machine.Cables
	session.ownDisk, session.ownFolders = machine.OwnDisk, append(machine.OwnFolders, alwaysOwn...)
	session.watch = machine.Trace
	session.skip = env.T().Skip
	env.Values[sessionKey{}] = session
	env.Defer(func() {
		session.wrongIf("the state at the end", session.keepState())
		session.end()
		session.wrongIf("the machine is not clean", machine.Close())
		session.unmet = session.clearFaults()
	})
	session.needAll(env.T())
	if verbose {
		session.keepTranscript()
	}
	return nil
}

// wrongIf notes what is wrong with the machine of a script that has ended.
func (session *session) wrongIf(what string, err error) {
	if err != nil {
		session.wrong = append(session.wrong, fmt.Sprintf("%s: %s: %v", session.scenario.File, what, err))
	}
}

// conclude fails a scenario for what was found at its end, below the log of its script. Faults that no call met are
// worth telling of a script that came to its end: what fails or skips it keeps calls from them.
func (session *session) conclude(rec *recorder) {
	wrong := session.wrong
	if session.unmet != nil && rec.outcome() == Passed {
		wrong = append(wrong, strings.Split(session.unmet.Error(), "\n")...)
	}
	for _, what := range wrong {
		rec.failed = true
		rec.Log(FailMark + what)
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
	s.advance(name)
	line := append([]string{name}, args...)
	s.begin(cutHost(line)[0])
	s.heard.next(line, s.line)
	out, err := s.do(line)
	if late, ok := errors.AsType[lateError](context.Cause(s.ctx)); ok {
		ts.Fatalf("%v", late) // whatever the line says: it may have been called off
	}
	fmt.Fprint(ts.Stdout(), out)
	s.printed = append(s.printed, out)
	fmt.Fprint(ts.Stderr(), stderr(s.heard.now(), expected(neg, err)))
	if neg || err == nil {
		s.finish(ts, out, err)
	}
	switch {
	case words.IsUsage(err):
		ts.Fatalf("%v", err)
	case neg && err == nil:
		ts.Fatalf("%s succeeded, and should have failed", name)
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	}
}
