package scenario

import (
	"errors"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

func netnsForms() []form {
	return []form{
		{
			"ip netns add", "ip netns add NAME", "make a namespace; for cni it is a pod's, held by its pause container",
			(*session).addNetNS,
		},
		{
			"ip netns del", "ip netns del NAME", "take its name away; it dies unless somebody else holds it",
			(*session).deleteNetNS,
		},
		{"ip netns show", "ip netns show", "print the names", (*session).showNetNS},
	}
}

func (s *session) addNetNS(_ string, w *words) (string, error) {
	var name string
	if err := errors.Join(w.names("NAME", &name), w.end()); err != nil {
		return "", err
	}
	return "", harness.PodNamed(name).Start(s.host)
}

func (s *session) deleteNetNS(_ string, w *words) (string, error) {
	var name string
	if err := errors.Join(w.names("NAME", &name), w.end()); err != nil {
		return "", err
	}
	s.stopServices(name) // they run in its containers, and would hold it
	return "", harness.PodNamed(name).Stop(s.host)
}

func (s *session) showNetNS(_ string, w *words) (string, error) {
	if err := w.end(); err != nil {
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
