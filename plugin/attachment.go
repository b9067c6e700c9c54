package plugin

import (
	"net"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// An attachment is a container's interface in a network: what ADD makes and DEL deletes. Everything it owns is named
// after it, so that it can be found with nothing but the environment and the network's name.
type attachment struct {
	network     string
	containerID string
	ifname      string
}

// digest hashes words so that no two lists of words have the same text. (A container cannot be added twice with one
// interface name, and none of the words has a NUL.)
func digest(words ...string) []byte {
	sum := sha256([]byte(strings.Join(words, "\x00")))
	return sum[:]
}

// hostEnd is the name of the veth's end on the host: 3 characters tell the network, so that garbage collection of one
// network knows what is another's on the same bridge; 8 characters, 40 bits, tell the attachment. It fills a name's 15
// bytes.
func (a attachment) hostEnd() string {
	return hostEndPrefix(a.network) + letters(digest(a.containerID, a.ifname), 8)
}

// hostEndPrefix is how the names of all host ends of a network begin.
func hostEndPrefix(network string) string {
	return "veth" + letters(digest(network), 3)
}

// letters are the first n of a hash in the base 32 of RFC 4648, in lower case: all of them may stand in a link's name. (That
// of the library makes two encodings when a program starts, and this one needs neither.)
func letters(hash []byte, n int) string {
	const alphabet, bits = "abcdefghijklmnopqrstuvwxyz234567", 5
	text := make([]byte, n)
	for i := range text {
		at := i * bits
		pair := uint16(hash[at/8])<<8 | uint16(hash[at/8+1])
		text[i] = alphabet[pair>>(16-bits-at%8)&(1<<bits-1)]
	}
	return string(text)
}

// Linux keeps at most 255 bytes of an alias: IFALIASZ - 1, include/uapi/linux/if.h.
const (
	aliasPrefix = "cni:"
	maxAlias    = 255
)

// alias says in full whose the host end is. No part of it can have a slash.
func (a attachment) alias() string {
	return asAlias(strings.Join([]string{a.network, a.containerID, a.ifname}, "/"))
}

func asAlias(s string) string {
	s = aliasPrefix + s
	return s[:min(len(s), maxAlias)]
}

// owns reports whether a link is the attachment's host end, and not another's whose name happens to be the same. A host
// end without an alias is one whose ADD ended before it was set; a foreign alias is an operator's note.
func (a attachment) owns(l kernel.Link) bool {
	return l.Name == a.hostEnd() && l.Kind == kernel.KindVeth &&
		(!strings.HasPrefix(l.Alias, aliasPrefix) || l.Alias == a.alias())
}

// isHostEndOf reports whether a link is the host end of some attachment of the network. The name tells 15 bits of that,
// and the alias the rest. An end without an alias is one whose ADD ended before it was set, when it was not a port yet;
// that its address is one of ours has to do there.
func isHostEndOf(network string, l kernel.Link) bool {
	switch {
	case l.Kind != kernel.KindVeth || len(l.Name) != kernel.MaxNameLen,
		!strings.HasPrefix(l.Name, hostEndPrefix(network)):
		return false
	case l.Alias == "":
		return l.Master == 0 && isHostMAC(l.MAC)
	}
	return strings.HasPrefix(l.Alias, asAlias(network+"/"))
}

// MAC addresses are hashes, and so the same when the thing is made again: neighbours need not learn a new one, and the
// same seed gives the same simulation. The boot id is in each of them, because two machines may have containers, and
// have bridges, of one name on the same segment.

// containerMAC is the address of the container's end.
func (a attachment) containerMAC(bootID string) net.HardwareAddr {
	return localMAC(digest("container", bootID, a.network, a.containerID, a.ifname))
}

// hostMAC is the address of the host end; nonce tells one ADD of the attachment from another. It begins with fe, the
// highest there is for a single device, because a bridge whose address nobody has set takes the lowest of its ports'
// (br_stp_recalculate_bridge_id, net/bridge/br_stp_if.c), and would change it as containers come and go.
func (a attachment) hostMAC(bootID, nonce string) net.HardwareAddr {
	mac := localMAC(digest("host", bootID, a.network, a.containerID, a.ifname, nonce))
	mac[0] = hostMACStart
	return mac
}

const hostMACStart = 0xfe

func isHostMAC(mac net.HardwareAddr) bool { return len(mac) == 6 && mac[0] == hostMACStart }

// bridgeMAC is the address of a bridge that ADD makes.
func bridgeMAC(bootID, bridge string) net.HardwareAddr {
	return localMAC(digest("bridge", bootID, bridge))
}

// localMAC makes a locally administered address of a single device.
func localMAC(hash []byte) net.HardwareAddr {
	mac := net.HardwareAddr(hash[:6:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}
