// Package backend runs scenarios on the kernels there are: the simulation, and the Linux that this program runs on.
package backend
