package harness

import (
	"slices"

	"github.com/containernetworking/cni/pkg/types"
)

// gcAttachments names attachments as GC does. The list is never nil: plugins are to read [] where none is valid.
func gcAttachments(all []Attachment) []types.GCAttachment {
	named := []types.GCAttachment{}
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
