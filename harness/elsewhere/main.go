// Elsewhere finds out whether packages build on other systems, faster than building them: it checks the types of the
// packages and of all that they import, from source, and makes no code. "go vet" would compile gVisor first, for each system.
//
//	elsewhere GOOS/GOARCH PACKAGES...
//
// It prints what the compiler would, and exits with 1 if that is anything.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 || strings.Count(os.Args[1], "/") != 1 {
		fmt.Fprintln(os.Stderr, "usage: elsewhere GOOS/GOARCH PACKAGES...")
		os.Exit(2)
	}
	goos, goarch, _ := strings.Cut(os.Args[1], "/")
	problems, err := check(goos, goarch, os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "elsewhere:", err)
		os.Exit(1)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// check returns what is wrong with the packages, tests included, on a system.
func check(goos, goarch string, patterns []string) (problems []string, err error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	config := &packages.Config{
		Mode:  packages.LoadAllSyntax,
		Env:   append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests: true,
		ParseFile: func(set *token.FileSet, name string, source []byte) (*ast.File, error) {
			f, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
			if f != nil && !isBelow(here, name) {
				dropBodies(f)
			}
			return f, err
		},
	}
	roots, err := packages.Load(config, patterns...)
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("no packages: %s", strings.Join(patterns, " "))
	}
	seen := map[string]bool{}
	for _, p := range roots {
		if strings.HasSuffix(p.PkgPath, ".test") {
			continue // the program around tests, whose source is none of the project's
		}
		for _, e := range p.Errors {
			if !seen[e.Error()] {
				seen[e.Error()] = true
				problems = append(problems, fmt.Sprintf("%s/%s: %s", goos, goarch, e))
			}
		}
	}
	return problems, nil
}

// isBelow reports whether a file is of the project, and no package of others.
func isBelow(folder, file string) bool {
	rel, err := filepath.Rel(folder, file)
	return err == nil && filepath.IsLocal(rel)
}

// dropBodies leaves of the functions of others what can be seen of them. (That makes some of their imports unused; what
// is wrong with them is not told.)
func dropBodies(f *ast.File) {
	for _, d := range f.Decls {
		if function, ok := d.(*ast.FuncDecl); ok {
			function.Body = nil
		}
	}
}
