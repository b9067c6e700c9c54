package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/scenarios"
)

// load returns the scenarios in files and folders, or those that come with cnilab where none is named.
func load(paths []string) ([]scenario.Scenario, error) {
	if len(paths) == 0 {
		return scenario.LoadAll(scenarios.Files, scenarios.Folder)
	}
	var all []scenario.Scenario
	for _, path := range paths {
		some, err := loadPath(path)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func loadPath(path string) ([]scenario.Scenario, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return scenario.LoadAll(os.DirFS(path), filepath.ToSlash(path))
	case filepath.Ext(path) != scenario.Extension:
		return nil, fmt.Errorf("%s is no scenario: the name of one ends with %s", path, scenario.Extension)
	}
	one, err := scenario.Load(os.DirFS(filepath.Dir(path)), filepath.Base(path), filepath.ToSlash(path))
	return []scenario.Scenario{one}, err
}
