package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
)

// isReferenceHostEnd knows how the reference plugin names the host ends of its veth pairs: veth and 8 random digits.
func isReferenceHostEnd(name string) bool {
	digits, ok := strings.CutPrefix(name, "veth")
	return ok && len(digits) == 8 && strings.Trim(digits, "0123456789abcdef") == ""
}

// deleteReferencePair deletes what the reference plugin made for the attachment, on a node where this plugin has taken
// its place since. Only prevResult tells which host end that was; by name and MAC address, so that a later one of the
// same name is left alone.
func (c *call) deleteReferencePair(context.Context) error {
	host, err := c.machine.Self()
	if err != nil {
		return err
	}
	defer host.Close()
	for _, i := range c.previousInterfaces() {
		if i == nil || i.Sandbox != "" || !isReferenceHostEnd(i.Name) {
			continue
		}
		if err := deleteIfSame(host, i); err != nil {
			return err
		}
	}
	return nil
}

// previousInterfaces reads prevResult as far as it can be read. SPEC 1.1.0, section 2, DEL: "Plugins should still
// return without error if prevResult is empty".
func (c *call) previousInterfaces() []*types100.Interface {
	var keys struct {
		PrevResult struct {
			Interfaces []*types100.Interface `json:"interfaces"`
		} `json:"prevResult"`
	}
	if json.Unmarshal(c.stdin, &keys) != nil {
		return nil
	}
	return keys.PrevResult.Interfaces
}

func deleteIfSame(host kernel.NetNS, i *types100.Interface) error {
	l, err := host.LinkByName(i.Name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return nil
	case err != nil:
		return err
	case l.Kind != kernel.KindVeth || l.MAC.String() != i.Mac:
		return nil
	}
	return deleteLink(host, l.Index)
}
