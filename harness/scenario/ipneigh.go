package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

func neighbourForms() []form {
	return slices.Concat(requests("ip neigh"), showForm(
		"ip neigh show", "ip [-n NS] neigh show [dev LINK]", "print what was said, as in a snapshot",
		(*session).showNeighbours,
	))
}

func (s *session) showNeighbours(netns string, w *words) (string, error) {
	dev := ""
	if err := w.keywords(keywords{"dev": value(w, "LINK", &dev, parseString)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == kernel.NounNeighbour && isOn(o, dev) })
}
