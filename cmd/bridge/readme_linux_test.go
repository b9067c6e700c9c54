package main_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestClientREADME does what README.md tells operators, word for word, on a node that has the reference's plugins and
// runs containers by podman: install, verify, roll back. Containers stay connected, and either plugin removes the
// other's.
func TestClientREADME(t *testing.T) {
	theirBridge, theirIPAM := referenceProgram(t, "bridge"), referenceProgram(t, "host-local")
	m := newMachine(t)
	p := newPodman(m)
	m.mustIn("sh", "-c", "rm /opt/cni/bin/*")
	m.mustIn("cp", theirBridge, theirIPAM, referenceProgram(t, "portmap"), "/opt/cni/bin")
	m.tellMore("install, verify, roll back", func(m machine) {
		m.runREADME("cat >/etc/cni/net.d/10-lab.conflist")
		m.mustStart(p, container{name: "old", networks: lab})
		m.runREADME("bin/bridge --install /opt/cni/bin host-local")
		m.mustIn("cmp", filepath.Join(m.bin, "bridge"), "/opt/cni/bin/host-local")
		m.runREADME("CNI_COMMAND=ADD /opt/cni/bin/bridge")
		m.mustStart(p, container{name: "new", networks: lab})
		m.mustServeEachOther(p, "old", "new")
		m.mustRemove(p, "old")
		m.mustStart(p, container{name: "old", networks: lab})
		m.runREADME("--rollback\n")
		m.mustIn("cmp", theirBridge, "/opt/cni/bin/bridge")
		m.mustIn("cmp", theirIPAM, "/opt/cni/bin/host-local")
		m.mustServeEachOther(p, "old", "new")
		m.mustRemove(p, "new")
		m.mustRemove(p, "old")
	})
}

// mustServeEachOther holds two containers to their addresses.
func (m machine) mustServeEachOther(c client, one, other string) {
	m.t.Helper()
	for from, to := range map[string]string{one: other, other: one} {
		v4, _ := m.addressOf(c, to, "eth0")
		m.mustServe(to, "http://"+v4+"/", getIn(c, from))
	}
}

// runREADME runs the block of README.md that has the text, in a folder with what "make build" makes.
func (m machine) runREADME(text string) {
	m.t.Helper()
	if _, err := os.Stat(m.folder + "/bin"); err != nil {
		m.run("cp", "-r", m.bin, m.folder+"/bin")
	}
	m.mustIn("sh", "-ec", "cd "+m.folder+"\n"+readmeCommands(m.t, text))
}
