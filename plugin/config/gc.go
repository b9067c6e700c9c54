package config

import (
	"slices"

	"github.com/containernetworking/cni/pkg/types"
)

// ParseValidAttachments reads the attachments that GC has to leave alone. An empty list says that none is valid;
// without a list nobody knows, and there is an error.
//
// The list has two names: "cni.dev/valid-attachments", by SPEC 1.1.0, section 2, GC, and "cni.dev/attachments", by
// which earlier texts of it called the same. libcni sends both. What either has is valid.
func ParseValidAttachments(data []byte) ([]types.GCAttachment, error) {
	var keys struct {
		Valid   *[]types.GCAttachment `json:"cni.dev/valid-attachments"`
		Earlier *[]types.GCAttachment `json:"cni.dev/attachments"`
	}
	if err := decode(data, &keys); err != nil {
		return nil, err
	}
	valid := []types.GCAttachment{}
	for _, list := range []*[]types.GCAttachment{keys.Valid, keys.Earlier} {
		if list != nil {
			valid = append(valid, *list...)
		}
	}
	switch {
	case keys.Valid == nil && keys.Earlier == nil:
		return nil, invalid("cni.dev/valid-attachments is missing", "GC needs the list; an empty one says that none is valid")
	case slices.ContainsFunc(valid, isIncomplete):
		return nil, invalid("cni.dev/valid-attachments has one without containerID or ifname", "")
	}
	return valid, nil
}

func isIncomplete(a types.GCAttachment) bool { return a.ContainerID == "" || a.IfName == "" }
