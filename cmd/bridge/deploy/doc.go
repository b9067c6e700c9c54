// Package deploy has no code. It is what puts the plugin onto the nodes of a cluster: a container image (Containerfile)
// and what runs it on each node (daemonset.yaml), both with how to use them at the top. Its tests hold them against
// Kubernetes' own types and against what the binary understands ("go test -tags kubernetes", a part of "make lint").
package deploy
