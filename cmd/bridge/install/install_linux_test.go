package install_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/cmd/bridge/install"
	"github.com/cnilab/cnilab/kernel/linux"
)

// program is a build of the program that is installed.
func program(build string) install.Program {
	return install.Program{
		Names: []string{"bridge", "host-local", "static", "loopback"},
		Image: []byte("#!/bin/sh\n# ours\necho " + build + "\n"),
		Mark:  []byte("# ours\n"),
	}
}

// A tree is all files below a folder: names, and modes and contents.
type tree map[string]string

const (
	ours    = "-rwxr-xr-x #!/bin/sh\n# ours\necho new\n"
	earlier = "-rwxr-xr-x #!/bin/sh\n# ours\necho old\n"
	theirs  = "-rwxr-x--- #!/bin/sh\necho theirs\n"
	kept    = ".cnilab-previous/"
)

// scratch is where folders are made: in memory, where there is some, since on a disk the hundreds of them take ten times
// as long.
var scratch = func() string {
	const memory = "/dev/shm"
	if unix.Access(memory, unix.W_OK) == nil {
		return memory
	}
	return os.TempDir()
}()

// folder makes a folder with these files. "-> TARGET" is a symbolic link.
func folder(t *testing.T, files tree) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "install")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	for name, file := range files {
		name = filepath.Join(dir, name)
		if target, ok := strings.CutPrefix(file, "-> "); ok {
			must(t, os.Symlink(target, name))
			continue
		}
		mode, content, _ := strings.Cut(file, " ")
		perm := map[string]fs.FileMode{"-rwxr-xr-x": 0o755, "-rwxr-x---": 0o750}[mode]
		must(t, os.WriteFile(name, []byte(content), perm))
		must(t, os.Chmod(name, perm))
	}
	return dir
}

func look(t *testing.T, dir string) tree {
	t.Helper()
	found := tree{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		must(t, err)
		if d.IsDir() {
			return nil
		}
		file := ""
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(name)
			must(t, err)
			file = "-> " + target
		} else {
			info, err := d.Info()
			must(t, err)
			content, err := os.ReadFile(name)
			must(t, err)
			file = info.Mode().String() + " " + string(content)
		}
		name, err = filepath.Rel(dir, name)
		must(t, err)
		found[name] = file
		return nil
	}))
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func disk(t *testing.T) install.Files {
	t.Helper()
	host, err := linux.New()
	must(t, err)
	t.Cleanup(host.Close)
	return install.OnDisk(host)
}

// A situation is a folder in which the program is to be installed.
type situation struct {
	name      string
	before    tree
	wanted    []string
	installed tree
	outcomes  []string
	rolled    tree // after Rollback, if not before
}

var allOurs = tree{"bridge": ours, "host-local": ours, "static": ours, "loopback": ours}

func with(t tree, more tree) tree {
	t = maps.Clone(t)
	maps.Copy(t, more)
	return t
}

const (
	stays = "somebody else's program or link has this name, and keeps it; to take it: --install DIR "
	taken = "installed; the program that had this name is kept in DIR/.cnilab-previous"
)

var situations = []situation{
	{
		name:      "empty",
		before:    tree{},
		installed: allOurs,
		outcomes:  []string{"bridge: installed", "host-local: installed", "static: installed", "loopback: installed"},
	},
	{
		name:      "other plugins",
		before:    tree{"bridge": theirs, "host-local": theirs, "ptp": theirs},
		installed: with(allOurs, tree{"host-local": theirs, "ptp": theirs, kept + "bridge": theirs}),
		outcomes: []string{
			"bridge: " + taken, "static: installed", "loopback: installed", "host-local: " + stays + "host-local",
		},
	},
	{
		name:      "names that are wanted",
		before:    tree{"bridge": theirs, "host-local": theirs, "static": theirs, "loopback": theirs},
		wanted:    []string{"host-local", "loopback"},
		installed: with(allOurs, tree{"static": theirs, kept + "bridge": theirs, kept + "host-local": theirs, kept + "loopback": theirs}),
		outcomes:  []string{"bridge: " + taken, "host-local: " + taken, "loopback: " + taken, "static: " + stays + "static"},
	},
	{
		name:      "another build",
		before:    tree{"bridge": earlier, "host-local": earlier, "loopback": theirs},
		installed: with(allOurs, tree{"loopback": theirs}),
		outcomes: []string{
			"bridge: installed in place of another build", "host-local: installed in place of another build",
			"static: installed", "loopback: " + stays + "loopback",
		},
		rolled: tree{"loopback": theirs},
	},
	{
		name:      "the same, each a file of its own",
		before:    tree{"bridge": ours, "host-local": ours, "static": ours, "loopback": ours},
		installed: allOurs,
		outcomes: []string{
			"bridge: is there already", "host-local: is there already", "static: is there already", "loopback: is there already",
		},
		rolled: tree{},
	},
	{
		name:      "symbolic links",
		before:    tree{"bridge": "-> /seen/from/outside/alone", "host-local": "-> bridge", "static": "-> bridge"},
		wanted:    []string{"static"},
		installed: with(allOurs, tree{"host-local": "-> bridge", kept + "bridge": "-> /seen/from/outside/alone", kept + "static": "-> bridge"}),
		outcomes:  []string{"bridge: " + taken, "static: " + taken, "loopback: installed", "host-local: " + stays + "host-local"},
	},
}

func (s situation) rolledBack() tree {
	if s.rolled != nil {
		return s.rolled
	}
	return s.before
}

func (s situation) install(files install.Files, dir string) error {
	_, err := install.Folder{Files: files, Path: dir}.Install(program("new"), s.wanted)
	return err
}

func rollback(files install.Files, dir string) error {
	_, err := install.Folder{Files: files, Path: dir}.Rollback(program("new"))
	return err
}

func mustBe(t *testing.T, dir string, want tree, when string) {
	t.Helper()
	if diff := cmp.Diff(want, look(t, dir)); diff != "" {
		t.Fatalf("%s: -want +got\n%s", when, diff)
	}
}

func TestInstallAndRollback(t *testing.T) {
	files := disk(t)
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			dir := folder(t, s.before)
			done, err := install.Folder{Files: files, Path: dir}.Install(program("new"), s.wanted)
			must(t, err)
			var outcomes []string
			for _, o := range done {
				outcomes = append(outcomes, strings.ReplaceAll(o.String(), dir, "DIR"))
			}
			if diff := cmp.Diff(s.outcomes, outcomes); diff != "" {
				t.Errorf("outcomes: -want +got\n%s", diff)
			}
			mustBe(t, dir, s.installed, "installed")
			oneFile(t, dir)
			must(t, s.install(files, dir))
			mustBe(t, dir, s.installed, "installed again")
			must(t, rollback(files, dir))
			mustBe(t, dir, s.rolledBack(), "rolled back")
			must(t, rollback(files, dir))
			mustBe(t, dir, s.rolledBack(), "rolled back again")
			mustBeWithoutFolder(t, dir)
		})
	}
}

func mustBeWithoutFolder(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, kept)); err == nil {
		t.Errorf("%s is left, with nothing in it", kept)
	}
}

// oneFile expects that whoever is ours is one file, by which the plugin knows itself.
func oneFile(t *testing.T, dir string) {
	t.Helper()
	first, err := os.Stat(filepath.Join(dir, "bridge"))
	must(t, err)
	for name, file := range look(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if file == ours && (err != nil || !os.SameFile(first, info)) {
			t.Errorf("%s is not the file of bridge", name)
		}
	}
}

// TestUpgradeKeepsTheOriginal: another build on the way does not take the place of who had the name.
func TestUpgradeKeepsTheOriginal(t *testing.T) {
	files, before := disk(t), tree{"bridge": theirs}
	dir := folder(t, before)
	for _, build := range []string{"one", "two", "two", "three"} {
		_, err := install.Folder{Files: files, Path: dir}.Install(program(build), nil)
		must(t, err)
		if got := look(t, dir)[kept+"bridge"]; got != theirs {
			t.Fatalf("after build %s this is kept: %q", build, got)
		}
	}
	must(t, rollback(files, dir))
	mustBe(t, dir, before, "rolled back")
}

// TestLaterStranger: a program that came by other ways in between is the one to go back to, and to leave alone.
func TestLaterStranger(t *testing.T) {
	files := disk(t)
	dir := folder(t, tree{"bridge": theirs})
	put := func(text string) (file string) {
		must(t, os.Remove(filepath.Join(dir, "bridge")))
		must(t, os.WriteFile(filepath.Join(dir, "bridge"), []byte(text), 0o755))
		return "-rwxr-xr-x " + text
	}
	must(t, situation{}.install(files, dir))
	later := put("later")
	must(t, situation{}.install(files, dir))
	must(t, rollback(files, dir))
	mustBe(t, dir, tree{"bridge": later}, "rolled back")

	must(t, situation{}.install(files, dir))
	latest := put("latest")
	must(t, rollback(files, dir))
	mustBe(t, dir, tree{"bridge": latest, kept + "bridge": later}, "rolled back with another program in between")
}

// A verb is Install or Rollback.
type verb struct {
	name string
	do   func(s situation, files install.Files, dir string) error
	// before and after are the folder in a situation.
	before, after func(situation) tree
}

var (
	installing = verb{
		"install", situation.install,
		func(s situation) tree { return s.before }, func(s situation) tree { return s.installed },
	}
	rollingBack = verb{
		"rollback", func(_ situation, files install.Files, dir string) error { return rollback(files, dir) },
		func(s situation) tree { return s.installed }, situation.rolledBack,
	}
)

// TestInterrupted breaks each call of each verb in each way, and then goes on with either verb: that ends as if it had
// been the first.
func TestInterrupted(t *testing.T) {
	for _, s := range situations {
		for _, v := range []verb{installing, rollingBack} {
			for _, way := range waysToBreak {
				for _, then := range []verb{installing, rollingBack} {
					t.Run(strings.Join([]string{s.name, v.name, way.name, then.name}, "/"), func(t *testing.T) {
						t.Parallel()
						interrupt(t, s, v, way, then)
					})
				}
			}
		}
	}
}

func interrupt(t *testing.T, s situation, v verb, way wayToBreak, then verb) {
	real := unsynced{disk(t)}
	for at := 1; ; at++ {
		dir := folder(t, s.before)
		if v.name == rollingBack.name {
			must(t, s.install(real, dir))
		}
		files := &brittle{files: real, at: at, way: way}
		err := v.do(s, files, dir)
		if files.calls < at {
			if at < 5 {
				t.Fatalf("there are %d calls", at)
			}
			return
		}
		when := fmt.Sprintf("call %d: %v", at, err)
		mustBeWhole(t, look(t, dir), v.before(s), s, when)
		must(t, then.do(s, real, dir))
		mustBe(t, dir, then.after(s), when+", then "+then.name)
	}
}

// TestInterruptedTwice: what the first attempt left is not harmed by the second.
func TestInterruptedTwice(t *testing.T) {
	real, s := unsynced{disk(t)}, situations[1]
	crash := waysToBreak[2]
	for first := 1; ; first++ {
		for second := 1; ; second++ {
			dir := folder(t, s.before)
			one, two := &brittle{files: real, at: first, way: crash}, &brittle{files: real, at: second, way: crash}
			_ = s.install(one, dir)
			if one.calls < first {
				return
			}
			_ = s.install(two, dir)
			mustBeWhole(t, look(t, dir), s.before, s, fmt.Sprintf("calls %d and %d", first, second))
			if two.calls < second {
				break
			}
		}
	}
}

// unsynced are files that nobody waits for: the tests cut no power.
type unsynced struct{ install.Files }

func (u unsynced) Sync(name string) error {
	_, err := u.Stat(name)
	return err
}

// mustBeWhole expects that each name is a whole program, the one from before or ours, and that nobody's was lost.
func mustBeWhole(t *testing.T, now, start tree, s situation, when string) {
	t.Helper()
	mine := func(file string) bool { return file == ours || file == earlier }
	for name, file := range now {
		fine := file == ours || file == start[name] || file == s.before[name]
		if !strings.HasPrefix(name, kept) && !fine {
			t.Fatalf("%s: %s is neither what it was nor ours: %q", when, name, file)
		}
	}
	for name, file := range s.before {
		if !mine(file) && now[name] != file && now[kept+name] != file {
			t.Fatalf("%s: who had the name %s is lost", when, name)
		}
		if now[name] == "" && !mine(file) {
			t.Fatalf("%s: nobody has the name %s", when, name)
		}
	}
	for name := range now {
		if _, was := s.before[name]; !was && !slices.Contains(program("").Names, name) && !strings.HasPrefix(name, kept) {
			t.Fatalf("%s: %s is left", when, name)
		}
	}
}

// TestWhatIsKeptIsNoPlugin asks the library by which runtimes find plugins.
func TestWhatIsKeptIsNoPlugin(t *testing.T) {
	dir := folder(t, tree{"bridge": theirs})
	must(t, situation{}.install(disk(t), dir))
	if _, err := invoke.FindInPath("bridge", []string{dir}); err != nil {
		t.Fatal(err)
	}
	if found, err := invoke.FindInPath(kept+"bridge", []string{dir}); err == nil {
		t.Errorf("%s is found as a plugin", found)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if e.IsDir() != (e.Name() == strings.TrimSuffix(kept, "/")) {
			t.Errorf("%s does not belong there", e)
		}
	}
}

func TestRefusals(t *testing.T) {
	files := disk(t)
	dir := folder(t, tree{"host-local": theirs})
	must(t, os.Mkdir(filepath.Join(dir, "bridge"), 0o755))
	for want, do := range map[string]func() error{
		"bridge is a folder": func() error { return situation{}.install(files, dir) },
		"ptp is none of its names, which are bridge, host-local, static, loopback; another plugin of that name stays what it is": func() error { return situation{wanted: []string{"ptp"}}.install(files, dir) },
		"no such file or directory": func() error { return situation{}.install(files, dir+"/none") },
		"not a directory":           func() error { return situation{}.install(files, dir+"/host-local") },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
	mustBe(t, dir, tree{"host-local": theirs}, "after refusals")
}
