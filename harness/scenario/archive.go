package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// archive is the files of a script that is being run. It keeps scripts within their folder.
type archive struct{ ts *testscript.TestScript }

func (a archive) read(name string) string {
	a.mustBeLocal(name)
	if _, err := os.Stat(a.ts.MkAbs(name)); errors.Is(err, fs.ErrNotExist) && name != "stdout" && name != "stderr" {
		a.ts.Fatalf("%s", missingFile(name)+a.orRather(name))
	}
	return a.ts.ReadFile(name)
}

// missingFile is the message for a file that the archive does not have.
func missingFile(name string) string {
	return fmt.Sprintf("there is no file %s: a line \"-- %s --\" below the script begins it", name, name)
}

// orRather asks whether another of the files was meant.
func (a archive) orRather(name string) string {
	entries, err := os.ReadDir(a.ts.MkAbs("."))
	a.ts.Check(err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return orRather(name, names)
}

func (a archive) write(name, text string) {
	a.mustBeLocal(name)
	a.ts.Check(os.WriteFile(a.ts.MkAbs(name), []byte(text), 0o600))
}

func (a archive) mustBeLocal(name string) {
	if !localFile(name) {
		a.ts.Fatalf("%q is no file of the archive", name)
	}
}
