// Package backend runs scenarios on the kernels there are: the simulation, the Linux that this program runs on, and User
// Mode Linux, which it boots. A scenario's machines are its own on each of them, and end with it.
package backend
