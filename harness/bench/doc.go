// Package bench measures one thing beside another, and makes a page of figures of it.
//
// A Row of the page is data: what is measured, on our side and on the other, and what is wanted of it. A Reading names a
// Source, which is measured once or more often a round, and which of its values is meant. Sources that rows hold side by
// side are measured by turns in one run (A B A B ...), since a machine is never as fast as it was a minute ago; of each the
// median counts, and the ratio is that of the medians.
//
// The figures of this project are in package targets, a program: "make bench".
package bench
