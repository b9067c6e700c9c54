package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// A namespace that nobody refers to any more takes its links along, and the other ends of its veth pairs, some time
// later: Linux cleans such namespaces up one after the other (cleanup_net, net/core/net_namespace.c). Until then the
// container's earlier life holds the name of the host end that is to be made.
const (
	nameWait = 5 * time.Second
	namePoll = 10 * time.Millisecond
)

// awaitNames refuses an ADD for which a name of the veth pair is taken; but where that may be by a namespace that is
// about to end, it waits for it.
func (a *add) awaitNames(ctx context.Context) error {
	for deadline := a.machine.Now().Add(nameWait); ; {
		held, err := a.refuseTaken()
		if err != nil || !held {
			return err
		}
		if !a.machine.Now().Before(deadline) {
			return a.attachmentExists(a.attachment.hostEnd(), fmt.Sprintf("call DEL first; the other end is in another "+
				"namespace than %s, for whose end the plugin waited %s", a.env.netns, nameWait))
		}
		if err := a.machine.Sleep(ctx, namePoll); err != nil {
			return err
		}
	}
}

// refuseTaken says which of the names of the veth pair is taken, if one is for good. held is the host end of a pair
// whose other end is not where it is to be made.
func (a *add) refuseTaken() (held bool, err error) {
	taken, err := exists(a.container, a.env.ifname)
	if err != nil {
		return false, err
	}
	if held, err = exists(a.host, a.attachment.hostEnd()); err != nil {
		return false, err
	}
	switch {
	case held && taken:
		return false, a.attachmentExists(a.attachment.hostEnd(), "call DEL first")
	case taken:
		return false, types.NewError(CodeExists,
			fmt.Sprintf("container %s has an interface %s already", a.env.containerID, a.env.ifname),
			"choose another CNI_IFNAME, or call DEL for the attachment that made it")
	}
	return held, nil
}

func (a *add) attachmentExists(hostEnd, details string) error {
	return types.NewError(CodeExists,
		fmt.Sprintf("the attachment exists: container %s has interface %s in network %s by host end %s",
			a.env.containerID, a.env.ifname, a.network.Name, hostEnd), details)
}
