// Package pluginmain is the main function of a process that is the plugin: it hands the process's environment, streams
// and machine to package plugin, and keeps signals from ending an ADD half-way.
package pluginmain
