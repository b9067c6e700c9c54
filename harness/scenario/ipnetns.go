package scenario

import (
	"errors"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func netnsForms() []form {
	return slices.Concat(requests("ip netns"), showForm(
		"ip netns show", "ip netns show", "print the names", (*session).showNetNS,
	))
}

func (s *session) showNetNS(_ string, w *words.Reader) (string, error) {
	if err := w.End(); err != nil {
		return "", err
	}
	entries, err := s.host.ReadDir(kernel.NetNSDir)
	if errors.Is(err, kernel.ENOENT) {
		return "", nil
	}
	var out string
	for _, entry := range entries {
		out += entry.Name() + "\n"
	}
	return out, err
}
