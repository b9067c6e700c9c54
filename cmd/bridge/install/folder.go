package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/cnilab/cnilab/kernel"
)

// A Program is what is to be installed.
type Program struct {
	// Names are what it may be called by. The first is its own.
	Names []string
	// Image is the program itself.
	Image []byte
	// Mark is in the image of each build of the program, and of no other program. Without one, other builds count as
	// other programs.
	Mark []byte
}

// Files is a file system, and what makes it keep what was changed.
type Files interface {
	kernel.Files
	// Sync returns when a file's content, or a folder's entries, would survive a power cut: fsync(2).
	Sync(name string) error
}

// OnDisk adds to a host's files how this machine's are synced.
func OnDisk(files kernel.Files) Files { return disk{files} }

type disk struct{ kernel.Files }

func (disk) Sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// A Folder is one of plugins, such as /opt/cni/bin. Nobody else may install there meanwhile.
//
// Another program that a name is taken from is kept in a folder below, where no runtime finds it: the name of a plugin
// has no slash (libcni refuses it). It is kept as a further link, so that it comes back with its owner, mode and labels.
// Of another build of the same program nothing is kept: to go back to that is to install it.
type Folder struct {
	Files Files
	Path  string
}

// What is below the folder, until there is nothing left to keep.
const (
	keptFolder = ".cnilab-previous"
	newImage   = keptFolder + "/.new"  // the image while it is written, and what the names become links of
	newLink    = keptFolder + "/.link" // a link on its way to its name
)

func (f Folder) in(name string) string { return path.Join(f.Path, name) }

func (f Folder) kept(name string) string { return f.in(keptFolder + "/" + name) }

// A holder is who has a name.
type holder int

const (
	nobody   holder = iota
	same            // this build of the program
	another         // another build of it
	stranger        // another program, or a symbolic link, whatever it points to: this program never is one
)

// A survey is what there is in a folder.
type survey struct {
	there, kept map[string]fs.DirEntry // by their names
	who         map[string]holder      // has which of the program's names
}

func (f Folder) survey(p Program) (s survey, err error) {
	if s.there, err = f.list(f.Path); err != nil {
		return s, err
	}
	if s.kept, err = f.list(f.in(keptFolder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s.who = map[string]holder{}
	for _, name := range p.Names {
		entry, taken := s.there[name]
		if !taken {
			continue // nobody
		}
		if s.who[name], err = f.holder(entry, p); err != nil {
			return s, err
		}
	}
	return s, nil
}

// complete reports whether the names are this very build, and one file: by that the plugin knows that another name is
// itself.
func (s survey) complete(names []string) bool {
	for _, name := range names {
		if s.who[name] != same || !oneFile(s.there[names[0]], s.there[name]) {
			return false
		}
	}
	return true
}

// oneFile reports whether two names are links of one file, be it a symbolic link.
func oneFile(a, b fs.DirEntry) bool {
	if a == nil || b == nil {
		return false
	}
	first, err := a.Info()
	if err != nil {
		return false
	}
	second, err := b.Info()
	return err == nil && os.SameFile(first, second)
}

// holder looks at the file of a name.
func (f Folder) holder(entry fs.DirEntry, p Program) (holder, error) {
	name := f.in(entry.Name())
	switch {
	case entry.IsDir():
		return stranger, fmt.Errorf("%s is a folder, and no program", name)
	case !entry.Type().IsRegular():
		return stranger, nil
	}
	image, err := f.Files.ReadFile(name)
	switch {
	case err != nil:
		return stranger, err
	case bytes.Equal(image, p.Image):
		return same, nil
	case len(p.Mark) > 0 && bytes.Contains(image, p.Mark):
		return another, nil
	}
	return stranger, nil
}

// list returns the entries of a folder by their names.
func (f Folder) list(folder string) (map[string]fs.DirEntry, error) {
	entries, err := f.Files.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	there := map[string]fs.DirEntry{}
	for _, e := range entries {
		there[e.Name()] = e
	}
	return there, nil
}

// publish gives a file one more name, whoever has that, at once.
func (f Folder) publish(file, name string) error {
	if err := f.discard(newLink); err != nil {
		return err
	}
	if err := f.Files.Link(file, f.in(newLink)); err != nil {
		return err
	}
	return f.Files.Rename(f.in(newLink), name)
}

// discard removes what may be there. What a call that was interrupted left is never written to: it may have a name.
func (f Folder) discard(name string) error {
	err := f.Files.Remove(f.in(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tidy removes what is of no use any more: an image half-way, and what is kept although its name still has it. It does
// what it can: whatever it leaves does no harm, and is looked at again by the next call.
func (f Folder) tidy() {
	_ = f.discard(newImage)
	_ = f.discard(newLink)
	kept, _ := f.list(f.in(keptFolder))
	there, _ := f.list(f.Path)
	for name := range kept {
		if oneFile(kept[name], there[name]) {
			_ = f.Files.Remove(f.kept(name))
		}
	}
	_ = f.Files.Remove(f.in(keptFolder)) // which is refused as long as something is kept
}
