package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func linkForms() []form {
	return slices.Concat(requests("ip link"), showForm(
		"ip link show", "ip [-n NS] link show [NAME]", "print links, as in a snapshot", (*session).showLinks,
	), requests("bridge link"), requests("bridge vlan"), showForm(
		"bridge vlan show", "bridge [-n NS] vlan show [dev LINK]",
		"print the VLANs that new bridges and ports do not have, as in a snapshot", (*session).showVLANs,
	), requests("bridge fdb"), showForm(
		"bridge fdb show", "bridge [-n NS] fdb show [dev LINK]",
		"print what bridges were told of MACs behind their ports, as in a snapshot", (*session).showFDB,
	))
}

func (s *session) showLinks(netns string, w *words.Reader) (string, error) {
	name := ""
	if len(w.Rest) > 0 {
		w.Skip("dev")
		if err := w.Names("NAME", &name); err != nil {
			return "", err
		}
	}
	if err := w.End(); err != nil {
		return "", err
	}
	if name != "" {
		// The kernel's own error for a link that is not there.
		if err := s.onLink(netns, name, func(kernel.NetNS, kernel.Link) error { return nil }); err != nil {
			return "", err
		}
	}
	return s.show(netns, func(o kernel.Object) bool {
		return o.Noun == kernel.NounLink && (name == "" || o.Name == name)
	})
}

func (s *session) showVLANs(netns string, w *words.Reader) (string, error) {
	return s.showOn(netns, w, kernel.NounVLAN)
}

func (s *session) showFDB(netns string, w *words.Reader) (string, error) {
	return s.showOn(netns, w, kernel.NounFDB)
}

// showOn prints the objects of a noun, of one link where the line names one.
func (s *session) showOn(netns string, w *words.Reader, noun string) (string, error) {
	dev := ""
	if err := w.Keywords(words.Keywords{"dev": words.Value(w, "LINK", &dev, words.String)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool { return o.Noun == noun && isOn(o, dev) })
}
