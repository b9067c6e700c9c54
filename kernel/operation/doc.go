// Package operation is what can be asked of a kernel, as data: an [Operation] is one request with all its words.
//
// It prints as a line of the scenario language, which is that of ip(8), and [Parse] reads the line back:
//
//	ip -n a link add v type veth peer name w netns b
//
// People, generators and shrinkers so have one type of request, and what a generator finds is a scenario. The grammar
// of these lines is here alone; package scenario adds what is no request to a kernel.
//
// # What a line names
//
// Links go by name, and namespaces by the name that they are bound by below [kernel.NetNSDir]; "host" is the machine's
// own. A link that has no name in the namespace is named by its index, "if77", as iproute2 does (lib/ll_map.c
// ll_idx_n2a): a name that a link has comes first. Words that a line cannot hold are Go strings: "a\x00b".
//
// [Operation.Apply] makes the request: it opens the namespace, looks up the links, and calls one method of the contract.
// A link or namespace that is not there is refused with the errno of the lookup.
//
// # Adding one
//
// A noun has a file of its own: a type for each verb with its methods, and a function that returns the [Form]s of the
// noun's lines, which forms in operation.go lists.
package operation
