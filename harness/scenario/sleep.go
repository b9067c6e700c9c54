package scenario

import (
	"time"

	"github.com/cnilab/cnilab/kernel/operation/words"
)

func timeForms() []form {
	return []form{
		{
			"sleep", "sleep TIME", "let time pass (2s, 10m): virtual time in the simulation, where it takes none",
			(*session).sleep,
		},
	}
}

func (s *session) sleep(_ string, w *words.Reader) (string, error) {
	var d time.Duration
	if err := w.Operands(words.Value(w, "TIME", &d, words.Duration)); err != nil {
		return "", err
	}
	return "", s.host.Sleep(s.ctx, d)
}
