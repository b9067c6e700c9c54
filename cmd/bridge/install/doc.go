// Package install puts a program and its names into a folder of plugins, and takes it out again.
//
// Whenever it is interrupted, by a full disk, a signal or a power cut, each name is a whole program: the one that was
// there or the one that was to come. What has to be said of other programs of these names is in Folder.
package install
