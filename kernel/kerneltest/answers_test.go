package kerneltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// The simulation of a release gives the answers that were recorded from it, request by request. (So there is nothing random
// in answers: what Linux draws is not what the simulation draws.)
func TestSimulationAnswersAsRecorded(t *testing.T) {
	for _, folder := range recordFolders(t) {
		want, err := ReadRecord(folder)
		if err != nil {
			t.Fatal(err)
		}
		profile := profileOf(t, filepath.Base(folder), want)
		for _, law := range Laws() {
			if want[law.Name] == "" {
				t.Errorf("%s: nothing was recorded of Linux %s; there, or with UML=1 in User Mode Linux: make laws RECORD=1 LAWS=%s",
					law.Name, filepath.Base(folder), law.Name)
				continue
			}
			if strings.Contains(want[law.Name], ErrLeftOut.Error()) {
				continue // the kernel was built without what the law is about, the simulation is not
			}
			t.Run(filepath.Base(folder)+"/"+law.Name, func(t *testing.T) {
				t.Parallel()
				got := make(Record)
				if err := got.Ask(law, newHost(t, profile)); got[law.Name] == "" {
					t.Fatal(err) // a law that does not hold on this kernel has answers nevertheless
				}
				if diff := cmp.Diff(want[law.Name], got[law.Name]); diff != "" {
					t.Errorf("Linux %s (-) and the simulation (+):\n%s", filepath.Base(folder), diff)
				}
			})
		}
	}
}

// A law that was renamed or deleted leaves its answers behind until they are recorded anew.
func TestRecordsAreOfLaws(t *testing.T) {
	laws := make(map[string]bool)
	for _, law := range Laws() {
		laws[law.Name] = true
	}
	for _, folder := range recordFolders(t) {
		record, err := ReadRecord(folder)
		if err != nil {
			t.Fatal(err)
		}
		for name := range record {
			if !laws[name] {
				t.Errorf("%s: there is no law %s; make laws", folder, name)
			}
		}
	}
}

func TestRecordIsReadBack(t *testing.T) {
	want := Record{"link/add/x": "link add x in netns a: ok\n\nnetns a\n", "link/del": "left out: no links\n", "route/x": "ok\n"}
	folder := filepath.Join(t.TempDir(), "6.0.0")
	if err := want.Write(folder, "6.0.0"); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecord(folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-) and read (+):\n%s", diff)
	}
}

// Of a kernel that lacks something, and of one that lacks nothing, its laws tell so.
func TestLacks(t *testing.T) {
	topics := []string{"vlan", "vlanlink", "vxlan", "dummy"}
	for _, lacking := range append(topics, "") {
		whole, _ := sim.ProfileOf("6.18")
		h := newHost(t, whole.AsBuilt(func(topic string) bool { return topic == lacking }))
		for _, topic := range topics {
			if got, want := Lacks(h, topic), topic == lacking; got != want {
				t.Errorf("a kernel without %q: it lacks %q: %v, want %v", lacking, topic, got, want)
			}
		}
	}
}

// recordFolders returns the folders of the records, each named by its kernel's release.
func recordFolders(t *testing.T) (folders []string) {
	entries, err := os.ReadDir("answers")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		folders = append(folders, filepath.Join("answers", e.Name()))
	}
	return folders
}

// profileOf returns the profile of a kernel as it was built.
func profileOf(t *testing.T, release string, r Record) sim.Profile {
	p, ok := sim.ProfileOf(release)
	if !ok {
		t.Fatalf("no profile of the simulation is of the series of Linux %s", release)
	}
	return p.AsBuilt(r.Lacks)
}

func newHost(t *testing.T, p sim.Profile) kernel.Host {
	w := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New, Profile: p})
	t.Cleanup(w.Close)
	return w.AddHost("node")
}
