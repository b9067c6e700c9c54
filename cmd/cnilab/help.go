package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/plugin/config"
)

// scenarioTopic is "cnilab help scenario".
func scenarioTopic() *cobra.Command {
	return &cobra.Command{Use: "scenario", Short: "The language of scenarios", Long: scenario.Help()}
}

// helpCommand takes the place of cobra's, which shows the general help for whatever it does not know.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | [scenario] VERB...]",
		Short: "Help about a command, or about the lines of scenarios that begin with a word: help ip link",
		RunE:  func(cmd *cobra.Command, words []string) error { return help(cmd, words) },
	}
}

// help explains a command, or the lines of scenarios that begin with these words.
func help(cmd *cobra.Command, words []string) error {
	root := cmd.Root()
	about, rest, err := root.Find(words)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		about.InitDefaultHelpFlag() // or what is shown lacks it
		return about.Help()
	case about != root && about.Name() != "scenario":
		return fmt.Errorf("help %s: there is nothing on %q", about.Name(), rest[0])
	}
	if text := scenario.HelpOn(rest...); text != "" {
		fmt.Fprint(cmd.OutOrStdout(), text)
		return nil
	}
	topic, known := "help scenario", scenario.Verbs()
	if about == root {
		topic, known = "help", append(names(root), known...)
	}
	return fmt.Errorf("%s: there is nothing on %q%s", topic, strings.Join(rest, " "), guess(rest[0], known))
}

// noCommand refuses a word in the place of a command.
func noCommand(root *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", words[0])
	if scenario.HelpOn(words[0]) != "" {
		return fmt.Errorf("%s; it is a line of scenarios: cnilab help %s", text, words[0])
	}
	return fmt.Errorf("%s%s", text, guess(words[0], names(root)))
}

// names are those of a command's commands, and of its topics.
func names(cmd *cobra.Command) (all []string) {
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			all = append(all, c.Name())
		}
	}
	return all
}

// guess asks whether one of the known words is meant, which is another one but for a slip, or begins with it; "" where none
// is.
func guess(word string, known []string) string {
	var near []string
	for _, name := range known {
		if config.IsOneSlip(word, name) || strings.HasPrefix(name, word) {
			near = append(near, strconv.Quote(name))
		}
	}
	if len(near) == 0 || len(near) > 3 {
		return ""
	}
	return "; is it " + strings.Join(near, " or ") + "?"
}
