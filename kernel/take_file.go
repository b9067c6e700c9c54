package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// takeFiles reads the regular files below a folder; one that is not there has none.
func takeFiles(h Host, folder string) ([]Object, error) {
	entries, err := h.ReadDir(folder)
	if errors.Is(err, ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, entry := range entries {
		more, err := takeFile(h, path.Join(folder, entry.Name()), entry)
		if err != nil {
			return nil, err
		}
		objects = slices.Concat(objects, more)
	}
	return objects, nil
}

func takeFile(h Host, name string, entry fs.DirEntry) ([]Object, error) {
	switch {
	case entry.IsDir():
		return takeFiles(h, name)
	case !entry.Type().IsRegular():
		return nil, nil
	}
	info, err := h.Stat(name)
	if err != nil {
		return nil, err
	}
	content, err := h.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return []Object{{Noun: NounFile, Name: name, Attrs: []Attr{
		{"mode", fmt.Sprintf("%04o", info.Mode().Perm())},
		{"content", string(content)},
	}}}, nil
}
