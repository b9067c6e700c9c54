package hostlocal

import (
	"io/fs"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
)

// lineBreak parts the two lines of a lease file, in the reference's format.
const lineBreak = "\r\n"

// A lease is one address that somebody has.
type lease struct {
	ip    netip.Addr
	owner string // the content of its file
	stamp stamp
	boot  string // during which boot of the machine it was first seen; "" where the index does not know it
}

// ownerOf is the content of an attachment's lease files.
func ownerOf(containerID, ifname string) string { return containerID + lineBreak + ifname }

// torn reports whether the file was made and never written: a crash of the reference plugin. Under the lock nobody is
// about to write it.
func (l lease) torn() bool { return l.owner == "" }

// void reports whether the lease is from before a reboot, which no container outlives. (Leases that several machines
// share would all look so to each other: dataDir has to be the machine's own, as the reference's lock wants, too.)
func (l lease) void(boot string) bool { return l.boot != "" && l.boot != boot }

// ownedBy knows leases of old releases of the reference too, which have the container's id alone.
func (l lease) ownedBy(a types.GCAttachment) bool {
	return l.owner == ownerOf(a.ContainerID, a.IfName) || l.owner == a.ContainerID
}

// A stamp tells a lease file from another that had the same name earlier. Lease files are written once.
type stamp struct{ modified, size int64 }

func stampOf(info fs.FileInfo) stamp { return stamp{info.ModTime().UnixNano(), info.Size()} }
