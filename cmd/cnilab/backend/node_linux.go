package backend

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// configurations is where nodes have the networks that they are in. Scenarios may write there.
const configurations = "/etc/cni"

// furnishAsNode gives a machine the folders that nodes have, as far as this machine has those above them: one for
// configurations, and the one where kubelets look for plugins.
func furnishAsNode(m *scenario.Machine) error {
	err := ownConfigurations()
	if err == nil && exists(configurations) {
		m.OwnFolders = append(m.OwnFolders, configurations+"/")
	}
	if err != nil {
		return err
	}
	return showPlugins(m.PluginDirs[0])
}

// ownConfigurations makes the folder for them, empty, in the mount namespace of the thread.
func ownConfigurations() error { return unlessAbsent(sandbox.Own(configurations)) }

// showPlugins makes the plugins of a folder be where kubelets look for them, unless they are there, or would have to be
// hidden for that.
func showPlugins(dir string) error {
	above := filepath.Dir(harness.PluginDir)
	really, err := filepath.EvalSymlinks(dir)
	if err == nil && !strings.HasPrefix(really+"/", above+"/") {
		err = sandbox.Own(above)
		if err == nil {
			err = os.Symlink(really, harness.PluginDir)
		}
	}
	return unlessAbsent(err)
}

// unlessAbsent forgets that the folder above is not there.
func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isOwnPluginDir reports whether what is in a folder are the names of this program.
func isOwnPluginDir(dir string) bool { return dir == ownPluginDir || dir == harness.PluginDir }
