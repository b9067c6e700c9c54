package scenario

import (
	"fmt"
	pathpkg "path"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel/operation/words"
)

func fileForms() []form {
	return []form{
		{"file show", "file show PATH", "print a file of the machine", (*session).showFile},
		{
			"file write", "file write PATH FROM", "give a file of the machine the content of one of the archive;" +
				" below /run, /var/lib and /etc/cni, and anywhere where all is simulated",
			(*session).writeHostFile,
		},
		{"file del", "file del PATH", "delete a file of the machine", (*session).deleteFile},
	}
}

func (s *session) showFile(_ string, w *words.Reader) (string, error) {
	var path string
	if err := w.Only("PATH", &path); err != nil {
		return "", err
	}
	content, err := s.host.ReadFile(path)
	return string(content), err
}

func (s *session) writeHostFile(_ string, w *words.Reader) (string, error) {
	var path, from string
	if err := w.Only("PATH FROM", &path, &from); err != nil {
		return "", err
	}
	if err := s.mayChange(path); err != nil {
		return "", w.Wrong("%v", err)
	}
	if err := s.host.MkdirAll(pathpkg.Dir(path), 0o755); err != nil {
		return "", err
	}
	content := s.files.read(from)
	s.note("%s", content)
	return "", s.host.WriteFile(path, []byte(content), 0o644)
}

func (s *session) deleteFile(_ string, w *words.Reader) (string, error) {
	var path string
	if err := w.Only("PATH", &path); err != nil {
		return "", err
	}
	if err := s.mayChange(path); err != nil {
		return "", w.Wrong("%v", err)
	}
	return "", s.host.Remove(path)
}

// alwaysOwn are folders that a real machine has in memory, and for one scenario alone.
var alwaysOwn = []string{"/run/", "/var/lib/"}

// mayChange refuses what would stay on the disk of a real machine.
func (s *session) mayChange(path string) error {
	path = pathpkg.Clean(path)
	if s.ownDisk || slices.ContainsFunc(s.ownFolders, func(f string) bool { return strings.HasPrefix(path, f) }) {
		return nil
	}
	return fmt.Errorf("%s stays on this machine's disk: use %s, or begin with %q", path,
		strings.Join(s.ownFolders, " or "), bindingMark+" sim, because ...")
}
