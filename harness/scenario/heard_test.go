package scenario_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// warner is a plugin that succeeds, and warns of what it is asked; DEL it refuses.
func warner(_ context.Context, in kernel.Invocation, _ kernel.Host) (exit int) {
	for _, setting := range in.Env {
		if verb, ok := strings.CutPrefix(setting, "CNI_COMMAND="); ok {
			fmt.Fprintf(in.Stderr, "warning: I do not like\nto be asked for %s\n", verb)
		}
	}
	if strings.Contains(strings.Join(in.Env, " "), "CNI_COMMAND=DEL") {
		fmt.Fprint(in.Stdout, `{ "code": 7, "msg": "no" }`)
		return 1
	}
	return 0
}

// withWarner runs a script on a machine with the plugin.
func withWarner(t *testing.T, script string, o scenario.Options) scenario.Result {
	machine := func() (*scenario.Machine, error) {
		world := sim.NewWorld(sim.Config{})
		node := world.AddHost("node")
		err := node.Install("/opt/cni/bin/warner", warner)
		return &scenario.Machine{Host: node, Close: func() error { world.Close(); return nil }}, err
	}
	return scenario.Run(t.Context(), scenario.Scenario{Name: "try", File: "try.txtar", Text: []byte(script)}, machine, o)
}

// TestWarningsAreTheLinesStandardError whether it succeeds or had to fail; the next line has its own.
func TestWarningsAreTheLinesStandardError(t *testing.T) {
	for _, script := range []string{
		"plugin warner ADD\nstderr 'asked for ADD'",
		"! plugin warner DEL\nstderr 'asked for DEL'\nstderr '^no$'",
		"plugin warner ADD\nip netns add a\n! stderr .",
	} {
		if r := withWarner(t, script, scenario.Options{}); r.Outcome != scenario.Passed {
			t.Errorf("%q:\n%s", script, r.Log)
		}
	}
}

// TestWarningsOfWhatPasses are told with their place, unless the script looks at them itself.
func TestWarningsOfWhatPasses(t *testing.T) {
	const told = "try.txtar:2: warning: I do not like\n"
	for behind, want := range map[string]string{
		"": told, "stdout ''": told, "ip netns add a\nstderr ''": told, "\n# A comment.\n! stdout x\nstderr like": "",
	} {
		if r := withWarner(t, "\nplugin warner ADD\n"+behind, scenario.Options{}); r.Outcome != scenario.Passed || r.Warned != want {
			t.Errorf("%q: %s, warned %q, want %q", behind, r.Outcome, r.Warned, want)
		}
	}
}

// TestWarningsAreInTheLogOfAFailure also where the part of the script that heard them has passed, and each once.
func TestWarningsAreInTheLogOfAFailure(t *testing.T) {
	const script = "# It is asked.\nplugin warner ADD\n# Then all goes wrong.\nplugin warner STATUS\n! ip netns add a\n"
	const above = "> plugin warner ADD\nwarner says on standard error\n  warning: I do not like\n  to be asked for ADD\n"
	r := withWarner(t, script, scenario.Options{})
	if r.Outcome != scenario.Failed || !strings.HasPrefix(r.Log, above) ||
		strings.Count(r.Log, "asked for ADD") != 1 || strings.Count(r.Log, "asked for STATUS") != 1 {
		t.Errorf("%s:\n%s", r.Outcome, r.Log)
	}
}

func TestWarningsAreToldWithWhatIsDone(t *testing.T) {
	for script, outcome := range map[string]scenario.Outcome{
		"plugin warner ADD\n":                     scenario.Passed,
		"! plugin warner DEL\n! ip netns add a\n": scenario.Failed,
	} {
		r := withWarner(t, script, scenario.Options{Verbose: true})
		if r.Outcome != outcome || strings.Contains(r.Log, "[stderr]") || strings.Count(r.Log, "asked for") != 1 ||
			!strings.Contains(r.Log, "  warner says on standard error\n    warning: I do not like\n    to be asked for ") {
			t.Errorf("%s:\n%s", r.Outcome, r.Log)
		}
	}
}
