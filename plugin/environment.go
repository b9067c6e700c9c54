package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/plugin/config"
)

// The verbs of the protocol.
const (
	verbAdd     = "ADD"
	verbDel     = "DEL"
	verbCheck   = "CHECK"
	verbVersion = "VERSION"
	verbGC      = "GC"
	verbStatus  = "STATUS"
)

// An environment is the protocol's parameters: SPEC 1.1.0, section 2, "Parameters".
type environment struct {
	all         []string
	command     string
	containerID string
	netns       string // a path
	ifname      string
	args        string
	path        string // the folders to look for plugins in, separated by colons
	override    bool   // CNI_NETNS_OVERRIDE: the namespace may be the plugin's own
}

func parseEnvironment(env []string) (environment, error) {
	e := environment{
		all:         env,
		command:     lookup(env, "CNI_COMMAND"),
		containerID: lookup(env, "CNI_CONTAINERID"),
		netns:       lookup(env, "CNI_NETNS"),
		ifname:      lookup(env, "CNI_IFNAME"),
		args:        lookup(env, "CNI_ARGS"),
		path:        lookup(env, "CNI_PATH"),
	}
	override := lookup(env, "CNI_NETNS_OVERRIDE")
	e.override = override == "1" || strings.EqualFold(override, "true")
	return e, e.validate(env)
}

// lookup returns the value of a variable. Of several with one name the last counts, as for a program that os/exec
// starts.
func lookup(env []string, name string) (value string) {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// required returns the variables of a verb. CNI_PATH is required for GC alone; the reference's skel wants it always.
func required(verb string) (names []string, known bool) {
	switch verb {
	case verbAdd, verbCheck:
		return []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}, true
	case verbDel:
		return []string{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME"}, true
	case verbGC:
		return []string{"CNI_COMMAND", "CNI_PATH"}, true
	case verbStatus, verbVersion, "":
		return []string{"CNI_COMMAND"}, true
	}
	return nil, false
}

func (e environment) validate(env []string) error {
	names, ok := required(e.command)
	if !ok {
		return invalidEnvironment("unknown CNI_COMMAND: "+e.command, "")
	}
	var missing []string
	for _, name := range names {
		if lookup(env, name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return invalidEnvironment(fmt.Sprintf("required env variables [%s] missing", strings.Join(missing, ",")), "")
	}
	if slices.Contains(names, "CNI_CONTAINERID") {
		return e.validateAttachment()
	}
	return nil
}

// validateAttachment has the reference's messages, which do not say which variable they are about; the specification
// wants its name (code 4), so that the details have it.
func (e environment) validateAttachment() error {
	if err := config.ValidateContainerID(e.containerID); err != nil {
		return invalidEnvironment(err.Msg, fmt.Sprintf("CNI_CONTAINERID=%q", e.containerID))
	}
	if err := config.ValidateLinkName(e.ifname); err != nil {
		return invalidEnvironment(err.Msg, fmt.Sprintf("CNI_IFNAME=%q", e.ifname))
	}
	return nil
}

func invalidEnvironment(msg, details string) error {
	return types.NewError(types.ErrInvalidEnvironmentVariables, msg, details)
}
