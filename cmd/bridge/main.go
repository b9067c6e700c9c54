// Command bridge is a CNI plugin: it connects containers to a Linux bridge. Called by the name host-local it is that IPAM
// plugin.
//
// Container runtimes call it; package plugin says what it promises them. With arguments it is an operator's: it puts
// itself on a node and takes itself away again, as bridge --help says.
package main

import (
	"os"

	"github.com/cnilab/cnilab/cmd/bridge/pluginmain"
	_ "github.com/cnilab/cnilab/cmd/bridge/start"
)

func main() { os.Exit(pluginmain.Main()) }
