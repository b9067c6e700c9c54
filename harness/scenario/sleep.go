package scenario

import "time"

func timeForms() []form {
	return []form{
		{
			"sleep", "sleep TIME", "let time pass (2s, 10m): virtual time in the simulation, where it takes none",
			(*session).sleep,
		},
	}
}

func (s *session) sleep(_ string, w *words) (string, error) {
	var d time.Duration
	if err := w.operands(value(w, "TIME", &d, parseDuration)); err != nil {
		return "", err
	}
	return "", s.host.Sleep(s.ctx, d)
}
