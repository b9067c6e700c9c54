package scenario

import "errors"

func fileForms() []form {
	return []form{
		{"file show", "file show PATH", "print a file of the machine", (*session).showFile},
		{
			"file write", "file write PATH FROM", "give a file of the machine the content of one of the archive",
			(*session).writeHostFile,
		},
		{"file del", "file del PATH", "delete a file of the machine", (*session).deleteFile},
	}
}

func (s *session) showFile(_ string, w *words) (string, error) {
	var path string
	if err := errors.Join(w.names("PATH", &path), w.end()); err != nil {
		return "", err
	}
	content, err := s.host.ReadFile(path)
	return string(content), err
}

func (s *session) writeHostFile(_ string, w *words) (string, error) {
	var path, from string
	if err := errors.Join(w.names("PATH FROM", &path, &from), w.end()); err != nil {
		return "", err
	}
	return "", s.host.WriteFile(path, []byte(s.files.read(from)), 0o644)
}

func (s *session) deleteFile(_ string, w *words) (string, error) {
	var path string
	if err := errors.Join(w.names("PATH", &path), w.end()); err != nil {
		return "", err
	}
	return "", s.host.Remove(path)
}
