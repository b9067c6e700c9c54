package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// InstallConfiguration puts a list of plugins into a folder of configurations, such as /etc/cni/net.d, under the name.
// Runtimes, which watch the folder, see it whole or not at all.
//
// It refuses what is no list of plugins. Whether the plugins like what is in it, ADD tells.
//
// Without an outcome nothing was changed.
func (f Folder) InstallConfiguration(name string, content []byte) (o Outcome, err error) {
	if err := checkList(name, content); err != nil {
		return o, err
	}
	earlier, err := f.precedence(name)
	if err != nil {
		return o, err
	}
	before, err := f.Files.ReadFile(f.in(name))
	switch {
	case err == nil && bytes.Equal(before, content):
		return Outcome{name, "is there already" + earlier}, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return o, err
	}
	if err := f.replace(name, content); err != nil {
		return o, err
	}
	return Outcome{name, "installed" + earlier}, f.Files.Sync(f.Path)
}

// replace gives the name another content at once. What it is written to first has none of the endings that make a file
// of this folder a configuration.
func (f Folder) replace(name string, content []byte) error {
	writing := "." + name + ".new"
	if err := f.discard(writing); err != nil {
		return err
	}
	err := f.Files.WriteFile(f.in(writing), content, 0o644)
	if err == nil {
		err = f.Files.Sync(f.in(writing))
	}
	if err == nil {
		err = f.Files.Rename(f.in(writing), f.in(name))
	}
	if err != nil {
		_ = f.discard(writing) // the next call tries again
	}
	return err
}

// listEnding is what the name of a list of plugins ends in, configurations all those that runtimes look for (libcni,
// ConfFiles).
const listEnding = ".conflist"

var configurations = []string{".conf", ".json", listEnding}

func checkList(name string, content []byte) error {
	if path.Ext(name) != listEnding {
		return fmt.Errorf("%s: the name of a list of plugins has to end in %s", name, listEnding)
	}
	type plugin struct {
		Type string `json:"type"`
	}
	var list struct {
		Name    string   `json:"name"`
		Plugins []plugin `json:"plugins"`
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if list.Name == "" || len(list.Plugins) == 0 || slices.Contains(list.Plugins, plugin{}) {
		return fmt.Errorf(`%s: a list of plugins has a "name", and "plugins" with a "type" each`, name)
	}
	return nil
}

// precedence says which other configuration comes before one of this name, if one does.
func (f Folder) precedence(name string) (string, error) {
	entries, err := f.Files.ReadDir(f.Path)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if slices.Contains(configurations, path.Ext(e.Name())) && !e.IsDir() {
			if e.Name() < name {
				return "; but " + e.Name() + " comes before it, and runtimes take the first", nil
			}
			break
		}
	}
	return "", nil
}
