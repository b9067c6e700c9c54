package scenario

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// archive is the files of a script that is being run. It keeps scripts within their folder.
type archive struct{ ts *testscript.TestScript }

func (a archive) read(name string) string {
	a.mustBeLocal(name)
	return a.ts.ReadFile(name)
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
