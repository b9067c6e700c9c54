//go:build linux

// Command floor is what no ADD can be quicker than: it leaves the state in the kernel and the leases on disk that our plugin
// leaves, by the fewest requests and without a look at anything else. It parses nothing, checks nothing, undoes nothing, and
// always gives the same addresses. As ours it waits for the bridge's port and announces the addresses.
//
// Environment: CNI_NETNS, the container's namespace; FLOOR_VETH, the name of the host's end; FLOOR_FAMILIES, "ipv4", "ipv6",
// both or none; FLOOR_LEASE, the lease file to make, to whose name that of the family is added. The bridge is cni0, in the
// namespace that the program is in.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The attributes that x/sys/unix does not name: include/uapi/linux/veth.h.
const vethInfoPeer = 1

// containerLink is the container's interface.
const containerLink = "eth0"

var (
	hostMAC      = []byte{0x02, 0, 0, 0, 0, 1}
	containerMAC = []byte{0x02, 0, 0, 0, 0, 2}
)

// A family is what a container gets of one.
type family struct {
	name               string
	number, bits       byte // of the address family, and of the prefix
	flags              byte
	address, broadcast []byte
	notify             string // the sysctl by which the kernel announces addresses
}

var families = []family{
	{
		"ipv4", unix.AF_INET, 16, 0,
		[]byte{10, 1, 0, 2},
		[]byte{10, 1, 255, 255},
		"net/ipv4/conf/" + containerLink + "/arp_notify",
	},
	{
		"ipv6", unix.AF_INET6, 64, unix.IFA_F_NODAD,
		[]byte{0: 0xfd, 3: 1, 15: 2},
		nil,
		"net/ipv6/conf/" + containerLink + "/ndisc_notify",
	},
}

func main() {
	runtime.LockOSThread() // it enters the container's namespace
	var asked []family
	for _, f := range families {
		if strings.Contains(os.Getenv("FLOOR_FAMILIES"), f.name) {
			asked = append(asked, f)
		}
	}
	if err := add(os.Getenv("CNI_NETNS"), os.Getenv("FLOOR_VETH"), os.Getenv("FLOOR_LEASE"), asked); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func add(netns, veth, lease string, families []family) error {
	if _, err := io.ReadAll(os.Stdin); err != nil {
		return err
	}
	container, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", netns, err)
	}
	for _, f := range families {
		if err := writeLease(lease + f.name); err != nil {
			return fmt.Errorf("%s: %w", lease, err)
		}
	}
	host, err := newSocket()
	if err != nil {
		return err
	}
	if err := plugIn(host, veth, container); err != nil {
		return fmt.Errorf("%s: %w", veth, err)
	}
	if err := unix.Setns(container, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("%s: %w", netns, err)
	}
	inside, index, err := configure(families)
	if err != nil {
		return fmt.Errorf("%s: %w", containerLink, err)
	}
	if err := awaitUp(host, veth); err != nil {
		return fmt.Errorf("%s: %w", veth, err)
	}
	if err := announce(inside, index, families); err != nil {
		return fmt.Errorf("%s: %w", containerLink, err)
	}
	_, err = os.Stdout.WriteString(`{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/16"}]}`)
	return err
}

// writeLease makes the file, which is not there yet.
func writeLease(name string) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte("floor\r\neth0")); err != nil {
		return err
	}
	return unix.Close(fd)
}

// plugIn makes the veth pair: one end up and on the bridge, the other one in the container.
func plugIn(host socket, veth string, container int) error {
	bridge, err := host.index("cni0")
	if err != nil {
		return fmt.Errorf("cni0: %w", err)
	}
	peer := attributes(linkBody(0, 0, 0), func(m message) message {
		return m.attribute(unix.IFLA_IFNAME, text(containerLink)).attribute(unix.IFLA_ADDRESS, containerMAC).
			attribute(unix.IFLA_NUM_TX_QUEUES, number(1)).attribute(unix.IFLA_NUM_RX_QUEUES, number(1)).
			attribute(unix.IFLA_NET_NS_FD, number(container))
	})
	kind := attributes(nil, func(m message) message {
		return m.attribute(unix.IFLA_INFO_KIND, text("veth")).
			attribute(unix.IFLA_INFO_DATA, attributes(nil, func(m message) message { return m.attribute(vethInfoPeer, peer) }))
	})
	pair := newMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, linkBody(0, unix.IFF_UP, unix.IFF_UP)).
		attribute(unix.IFLA_IFNAME, text(veth)).attribute(unix.IFLA_ADDRESS, hostMAC).
		attribute(unix.IFLA_NUM_TX_QUEUES, number(1)).attribute(unix.IFLA_NUM_RX_QUEUES, number(1)). // else Linux waits
		attribute(unix.IFLA_MASTER, number(bridge)).attribute(unix.IFLA_LINKINFO, kind)
	if _, err := host.ask(pair); err != nil {
		return err
	}
	// Linux ignores an alias at creation.
	_, err = host.ask(newMessage(unix.RTM_SETLINK, unix.NLM_F_ACK, linkBody(0, 0, 0)).
		attribute(unix.IFLA_IFNAME, text(veth)).attribute(unix.IFLA_IFALIAS, []byte("cni:lab/floor/eth0")))
	return err
}

// configure gives the container's end its addresses and makes it up, by a socket that is there. The thread is in the
// container's namespace.
func configure(families []family) (inside socket, index int, err error) {
	inside, err = newSocket()
	if err != nil {
		return socket{}, 0, err
	}
	index, err = inside.index(containerLink)
	if err != nil {
		return socket{}, 0, err
	}
	for _, f := range families {
		body := binary.NativeEndian.AppendUint32([]byte{f.number, f.bits, f.flags, unix.RT_SCOPE_UNIVERSE}, uint32(index))
		request := newMessage(unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, body).
			attribute(unix.IFA_LOCAL, f.address).attribute(unix.IFA_ADDRESS, f.address)
		if f.broadcast != nil {
			request = request.attribute(unix.IFA_BROADCAST, f.broadcast)
		}
		if _, err := inside.ask(request); err != nil {
			return socket{}, 0, err
		}
	}
	_, err = inside.ask(newMessage(unix.RTM_SETLINK, unix.NLM_F_ACK, linkBody(index, unix.IFF_UP, unix.IFF_UP)))
	return inside, index, err
}

// awaitUp waits until the bridge's port works: before that it drops the announcement.
func awaitUp(host socket, veth string) error {
	for {
		state, err := host.operState(veth)
		if err != nil || state == operUp {
			return err
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// announce has the kernel send a gratuitous ARP, and what IPv6 has for it, which the bridge hands to each of its ports.
func announce(inside socket, index int, families []family) error {
	if len(families) == 0 {
		return nil
	}
	for _, f := range families {
		if err := os.WriteFile("/proc/sys/"+f.notify, []byte("1"), 0); err != nil {
			return err
		}
	}
	_, err := inside.ask(newMessage(unix.RTM_SETLINK, unix.NLM_F_ACK, linkBody(index, 0, 0)).
		attribute(unix.IFLA_ADDRESS, containerMAC))
	return err
}
