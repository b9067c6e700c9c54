package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func ruleForms() []form {
	return slices.Concat(requests("ip rule"), showForm(
		"ip rule show", "ip [-n NS] rule show", "print the rules that a new namespace does not have, as in a snapshot",
		(*session).showRules,
	))
}

func (s *session) showRules(netns string, w *words.Reader) (string, error) {
	if err := w.End(); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounRule })
}
