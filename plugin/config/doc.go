// Package config turns the bytes of a plugin's network configuration into typed values, and refuses whatever is not
// valid before anybody touches a kernel. It is pure: it looks at nothing but its arguments.
//
// A configuration is read in two depths. [ParseNetwork] reads what every verb needs and nothing more, so that DEL works
// with a configuration that ADD would refuse. [Parse] reads all of it and validates it.
//
// Every error is a *types.Error with the code that the specification gives it (SPEC 1.1.0, section 5, "Error"): 2 for
// a key that this plugin does not have, 4 for CNI_ARGS, 6 for what cannot be decoded, 7 for what is not valid.
package config
