package harness

import (
	"slices"

	"github.com/containernetworking/cni/pkg/types"
)

// gcAttachments names attachments as GC does. The list of none is nil, as CRI-O's is: plugins read null then.
func gcAttachments(all []Attachment) []types.GCAttachment {
	var named []types.GCAttachment
	for _, a := range all {
		named = append(named, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName})
	}
	return named
}

// stale returns the known attachments that are not to be kept.
func stale(known []Attachment, keep []types.GCAttachment) []Attachment {
	return slices.DeleteFunc(known, func(a Attachment) bool {
		return slices.Contains(keep, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName})
	})
}
