package pluginmain

import (
	"os"
	"path/filepath"

	"github.com/cnilab/cnilab/cmd/bridge/version"
)

// about is what a person reads who starts the plugin. how says where it stands how to install it.
func about(how string) string {
	name := filepath.Base(os.Args[0])
	return name + " " + version.String() + `: a plugin of the Container Network Interface, which container runtimes call.
Install it in /opt/cni/bin (` + how + `), and name it as "type" in a configuration in /etc/cni/net.d. To
call it by hand, set CNI_COMMAND (ADD, DEL, CHECK, GC, STATUS or VERSION) and what else the specification asks for, with
the network's configuration on standard input: https://www.cni.dev/docs/spec/
`
}
