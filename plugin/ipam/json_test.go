package ipam_test

import (
	"testing"

	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
	"github.com/cnilab/cnilab/plugin/ipam/static"
)

// TestValuesOfTheWrongType are told of by their key, as those of the bridge are, and not in words of Go's.
func TestValuesOfTheWrongType(t *testing.T) {
	const ranges = `key "ipam.rangeKeys.subnet" is a JSON number where string is wanted` // of a range in "ipam" itself
	if _, err := hostlocal.ParseConfig([]byte(`{ "ipam": { "subnet": 10 } }`), ""); err == nil || err.Error() != ranges {
		t.Errorf("got %v, want %s", err, ranges)
	}
	const address = `key "ipam.addresses.address" is a JSON number where string is wanted`
	if _, err := static.ParseConfig([]byte(`{ "ipam": { "addresses": [ { "address": 10 } ] } }`), ""); err == nil ||
		err.Error() != address {
		t.Errorf("got %v, want %s", err, address)
	}
}
