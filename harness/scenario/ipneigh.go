package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func neighbourForms() []form {
	return slices.Concat(requests("ip neigh"), showForm(
		"ip neigh show", "ip [-n NS] neigh show [dev LINK]", "print what was said, as in a snapshot",
		(*session).showNeighbours,
	))
}

func (s *session) showNeighbours(netns string, w *words.Reader) (string, error) {
	dev := ""
	if err := w.Keywords(words.Keywords{"dev": words.Value(w, "LINK", &dev, words.String)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounNeighbour && isOn(o, dev) })
}
