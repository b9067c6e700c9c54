package config

import (
	"encoding/json"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
)

// ParseValidAttachments reads the attachments that GC has to leave alone. An empty list says that none is valid, and so
// does null, which libcni makes of an empty list of Go's: CRI-O sends it where it has no pods. Without the key nobody
// knows, and there is an error.
//
// The list has two names: "cni.dev/valid-attachments", by SPEC 1.1.0, section 2, GC, and "cni.dev/attachments", by
// which earlier texts of it called the same. libcni sends both. What either has is valid.
func ParseValidAttachments(data []byte) ([]types.GCAttachment, error) {
	var keys struct {
		Valid   attachments `json:"cni.dev/valid-attachments"`
		Earlier attachments `json:"cni.dev/attachments"`
	}
	if err := decode(data, &keys); err != nil {
		return nil, err
	}
	valid := slices.Concat(keys.Valid.list, keys.Earlier.list)
	switch {
	case !keys.Valid.given && !keys.Earlier.given:
		return nil, invalid("cni.dev/valid-attachments is missing", "GC needs the list; an empty one says that none is valid")
	case slices.ContainsFunc(valid, isIncomplete):
		return nil, invalid("cni.dev/valid-attachments has one without containerID or ifname", "")
	}
	return valid, nil
}

// attachments are a list that may be empty, null or not given.
type attachments struct {
	given bool
	list  []types.GCAttachment
}

// UnmarshalJSON is called for null, too.
func (a *attachments) UnmarshalJSON(data []byte) error {
	a.given = true
	return json.Unmarshal(data, &a.list)
}

func isIncomplete(a types.GCAttachment) bool { return a.ContainerID == "" || a.IfName == "" }
