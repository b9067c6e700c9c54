package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func addressForms() []form {
	return slices.Concat(requests("ip addr"), showForm(
		"ip addr show", "ip [-n NS] addr show [dev LINK]", "print addresses, as in a snapshot", (*session).showAddresses,
	))
}

func (s *session) showAddresses(netns string, w *words.Reader) (string, error) {
	dev := ""
	if err := w.Keywords(words.Keywords{"dev": words.Value(w, "LINK", &dev, words.String)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounAddress && isOn(o, dev) })
}
