// Package pluginmain is the main function of a process that is the plugin: it hands the process's environment, streams
// and machine to package plugin, or to what a testbed puts around it, and keeps signals from ending an ADD half-way.
package pluginmain
