package scenario

import (
	"strings"
	"testing"
)

// TestValuesOfTheWrongType are told of with their line, whoever has refused them: the harness or libcni.
func TestValuesOfTheWrongType(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                        `(n:1): the document is an array, and has to be an object`,
		"{\n \"name\": 5 }":         `try.txtar:4 (n:2): "name" is a number, and has to be a string`,
		"{\n\n\"CNIversion\": [] }": `try.txtar:5 (n:3): "CNIversion" is an array, and has to be a string`,
		"{ \"name\": \"n\",\n \"plugins\": { \"type\": \"x\" } }":                                            `(n:2): "plugins" is an object, and has to be an array`,
		"{ \"name\": \"n\", \"plugins\": [ {},\n \"x\" ] }":                                                  `missing 'type'`,
		"{ \"name\": \"n\", \"plugins\": [\n \"x\" ] }":                                                      `(n:2): the document is a string, and has to be an object`,
		"{ \"name\": \"n\", \"plugins\": [ { \"type\": \"x\" },\n { \"type\": \"y\",\n\"ipam\": \"z\" } ] }": `(n:3): "ipam" is a string, and has to be an object`,
		"{ \"name\": \"n\", \"plugins\": [ { \"type\": \"x\", \"ipam\": {\n\"type\": true } } ] }":           `(n:2): "ipam.type" is a bool, and has to be a string`,
		"{ \"name\": \"n\", \"plugins\": [ { \"type\": \"x\", \"dns\": {\n\"search\": [\n1 ] } } ] }":        `(n:3): "dns.search" is a number, and has to be a string`,
		"{ \"name\": \"n\", \"plugins\": [ { \"type\": \"x\", \"capabilities\": {\n\"mac\": 1 } } ] }":       `(n:2): "capabilities.mac" is a number, and has to be a bool`,
		`{ "plugins": [] }`: `try.txtar:2 (n): network configuration: `,
	} {
		r := Run(t.Context(), written("cni status n\n-- n --\n"+text+"\n"), fakeMachine, Options{})
		if r.Outcome != Failed || !strings.Contains(r.Log, want) {
			t.Errorf("%s\nis to be told of by %q:\n%s", text, want, r.Log)
		}
	}
}
