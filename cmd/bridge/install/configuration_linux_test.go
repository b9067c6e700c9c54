package install_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/cnilab/cnilab/cmd/bridge/install"
)

const (
	list      = `{"cniVersion": "1.1.0", "name": "lab", "plugins": [{"type": "bridge"}]}`
	otherList = `{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "ptp"}]}`
	listName  = "10-lab.conflist"
)

func installList(files install.Files, dir string) (string, error) {
	o, err := install.Folder{Files: files, Path: dir}.InstallConfiguration(listName, []byte(list))
	return o.String(), err
}

func TestInstallConfiguration(t *testing.T) {
	files := disk(t)
	installed := "-rw-r--r-- " + list
	for _, c := range []struct {
		name   string
		before tree
		want   string
	}{
		{"empty", tree{}, "installed"},
		{"older", tree{listName: "-rwxr-xr-x " + otherList}, "installed"},
		{"same", tree{listName: "-rwxr-xr-x " + list}, "is there already"},
		{"later", tree{"20-other.conflist": "-rwxr-xr-x " + otherList, "00-README": "-rwxr-xr-x x"}, "installed"},
		{
			"earlier",
			tree{"05-other.conf": "-rwxr-xr-x " + otherList},
			"installed; but 05-other.conf comes before it, and runtimes take the first",
		},
		{"left half-way", tree{"." + listName + ".new": "-rwxr-xr-x {"}, "installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, c.before)
			got, err := installList(files, dir)
			if err != nil || got != listName+": "+c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			want := with(c.before, tree{listName: installed})
			delete(want, "."+listName+".new")
			if c.name == "same" {
				want = c.before
			}
			mustBe(t, dir, want, "installed")
		})
	}
}

func TestWrongConfigurations(t *testing.T) {
	dir := folder(t, tree{listName: "-rwxr-xr-x " + otherList})
	for content, want := range map[string]string{
		"":                            "unexpected end of JSON input",
		list[:len(list)-1]:            "unexpected end of JSON input",
		`{"name": "lab"}`:             `"plugins"`,
		`{"plugins": [{"type":"x"}]}`: `"name"`,
		`{"name": "lab", "plugins": [{"type": "bridge"}, {}]}`: `"type"`,
	} {
		_, err := install.Folder{Files: disk(t), Path: dir}.InstallConfiguration(listName, []byte(content))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %s", content, err, want)
		}
	}
	if _, err := (install.Folder{Files: disk(t), Path: dir}).InstallConfiguration("lab.txt", []byte(list)); err == nil {
		t.Error("a name that no runtime looks for was accepted")
	}
	mustBe(t, dir, tree{listName: "-rwxr-xr-x " + otherList}, "after refusals")
}

// TestInterruptedConfiguration looks with the library of runtimes at what there is after an interruption.
func TestInterruptedConfiguration(t *testing.T) {
	real := unsynced{disk(t)}
	for _, way := range waysToBreak {
		for at := 1; ; at++ {
			dir := folder(t, tree{listName: "-rwxr-xr-x " + otherList})
			files := &brittle{files: real, at: at, way: way}
			_, err := installList(files, dir)
			if files.calls < at {
				break
			}
			found, confErr := libcni.ConfFiles(dir, []string{".conf", ".conflist", ".json"})
			must(t, confErr)
			content, readErr := os.ReadFile(filepath.Join(dir, listName))
			must(t, readErr)
			if len(found) != 1 || string(content) != list && string(content) != otherList {
				t.Errorf("%s, call %d, %v: %v, %s", way.name, at, err, found, content)
			}
			_, err = installList(real, dir)
			must(t, err)
			if now := look(t, dir); len(now) != 1 || !strings.HasSuffix(now[listName], list) {
				t.Errorf("%s, call %d, then again: %v", way.name, at, now)
			}
		}
	}
}
