// Package operator is what the plugin does when it is called with arguments, which no runtime does: it puts itself on a
// node, and takes itself away again.
package operator
