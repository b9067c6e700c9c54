// Package scenarios holds the scenarios that come with cnilab: what the bridge plugin promises, told as scripts that
// run on a simulated kernel and on a real one. Package harness/scenario is their language; README.md lists them.
package scenarios

import "embed"

// Files are the scenarios.
//
//go:embed *.txtar connectivity/*.txtar tour/*.txtar
var Files embed.FS

// Folder is where the files are in the project.
const Folder = "scenarios"
