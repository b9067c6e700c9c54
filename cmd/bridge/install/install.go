package install

import (
	"fmt"
	"slices"
	"strings"
)

// An Outcome is what became of a name, in a few words.
type Outcome struct{ Name, What string }

func (o Outcome) String() string { return o.Name + ": " + o.What }

// Install puts the program into the folder by its own name and by those that are wanted, whoever has them, and by its
// others where nobody has them, or an earlier build. Another program of such a name stays: other plugins call it, and
// whoever wants this one's bridge did not say that they want those changed.
//
// The outcomes are of the names that were dealt with, in their order; where there is an error, the others are what they
// were.
func (f Folder) Install(p Program, wanted []string) ([]Outcome, error) {
	for _, name := range wanted {
		if !slices.Contains(p.Names, name) {
			return nil, fmt.Errorf("%s is none of its names, which are %s; another plugin of that name stays what it is",
				name, strings.Join(p.Names, ", "))
		}
	}
	s, err := f.survey(p)
	if err != nil {
		return nil, err
	}
	var names []string // to be this program
	for i, name := range p.Names {
		if i == 0 || s.who[name] != stranger || slices.Contains(wanted, name) {
			names = append(names, name)
		}
	}
	done, err := f.installAll(p, names, s)
	for _, name := range p.Names {
		if err == nil && !slices.Contains(names, name) {
			done = append(done, Outcome{name, strangerStays + "; to take it: --install " + f.Path + " " + name})
		}
	}
	return done, err
}

const strangerStays = "somebody else's program or link has this name, and keeps it"

// installAll makes the names this program.
func (f Folder) installAll(p Program, names []string, s survey) (done []Outcome, err error) {
	defer f.tidy()
	if s.complete(names) {
		return f.outcomes(names, s.who), nil
	}
	if err := f.prepare(p); err != nil {
		return nil, err
	}
	if err := f.keep(names, s.who); err != nil {
		return nil, err
	}
	for i, name := range names {
		if err := f.publish(f.in(newImage), f.in(name)); err != nil {
			return f.outcomes(names[:i], s.who), err
		}
	}
	return f.outcomes(names, s.who), f.Files.Sync(f.Path)
}

// prepare writes the image beside what is there.
func (f Folder) prepare(p Program) error {
	if err := f.Files.MkdirAll(f.in(keptFolder), 0o700); err != nil {
		return err
	}
	if err := f.discard(newImage); err != nil {
		return err
	}
	if err := f.Files.WriteFile(f.in(newImage), p.Image, 0o755); err != nil {
		return err
	}
	return f.Files.Sync(f.in(newImage))
}

// keep sees to it that other programs are kept, on the disk too, before they lose their names.
func (f Folder) keep(names []string, who map[string]holder) error {
	for _, name := range names {
		if who[name] != stranger {
			continue
		}
		if err := f.publish(f.in(name), f.kept(name)); err != nil {
			return err
		}
	}
	if err := f.Files.Sync(f.in(keptFolder)); err != nil {
		return err
	}
	return f.Files.Sync(f.Path)
}

func (f Folder) outcomes(names []string, who map[string]holder) (done []Outcome) {
	for _, name := range names {
		done = append(done, Outcome{name, map[holder]string{
			nobody:   "installed",
			same:     "is there already",
			another:  "installed in place of another build",
			stranger: "installed; the program that had this name is kept in " + f.in(keptFolder),
		}[who[name]]})
	}
	return done
}

// Rollback takes the program out again: its names go back to the programs that had them, and those that nobody had are
// removed. A name that another program has by now stays that one's.
//
// The outcomes are of the names that were dealt with; where there is an error, the others are what they were.
func (f Folder) Rollback(p Program) (done []Outcome, err error) {
	s, err := f.survey(p)
	if err != nil {
		return nil, err
	}
	defer f.tidy()
	for _, name := range p.Names {
		what, err := f.giveBack(name, s.who[name], s.kept[name] != nil)
		if err != nil {
			return done, err
		}
		done = append(done, Outcome{name, what})
	}
	return done, f.Files.Sync(f.Path)
}

// giveBack takes the program's name away from it, if it has it.
func (f Folder) giveBack(name string, who holder, isKept bool) (what string, err error) {
	switch {
	case who == stranger:
		return strangerStays, nil
	case isKept:
		return "given back to who had this name", f.Files.Rename(f.kept(name), f.in(name))
	case who == nobody:
		return "is not there", nil
	}
	return "removed; nobody had this name", f.Files.Remove(f.in(name))
}
