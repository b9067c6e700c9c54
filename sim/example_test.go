package sim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// HTTP from one pod to another: net/http neither knows nor cares that the network is simulated.
func ExampleSockets() {
	world := sim.NewWorld(sim.Config{Transport: netstack.New})
	defer world.Close()
	node := world.AddHost("node")
	server, client := addPod(node, "server"), addPod(node, "client")
	connect(server, "10.1.0.2/24", client, "10.1.0.3/24") // or let a plugin do it

	listener, err := sim.Sockets{NetNS: server}.Listen("tcp", ":80")
	if err != nil {
		panic(err)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "hello, ", netip.MustParseAddrPort(r.RemoteAddr).Addr())
		}))
	}()
	response, err := sim.Sockets{NetNS: client}.HTTPClient().Get("http://10.1.0.2/")
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Printf("%s\n", body)

	_, err = sim.Sockets{NetNS: client}.Dial("tcp", "10.1.0.2:81")
	fmt.Println(err)
	// Output:
	// hello, 10.1.0.3
	// dial tcp 10.1.0.2:81: connect: connection refused (ECONNREFUSED)
}

// Two machines, five milliseconds apart, until somebody digs up the cable.
func ExampleWorld_Cable() {
	world := sim.NewWorld(sim.Config{Transport: netstack.New})
	defer world.Close()
	a, b := world.AddHost("a"), world.AddHost("b")
	between, err := world.Cable(sim.Plug{Host: a}, sim.Plug{Host: b}, sim.CableSpec{Delay: 5 * time.Millisecond})
	try(err)
	start(self(a), "192.0.2.1/24")
	start(self(b), "192.0.2.2/24")

	ping := kernel.Ping{To: netip.MustParseAddr("192.0.2.2"), Timeout: 10 * time.Second}
	_, err = self(a).Ping(context.Background(), ping) // asks for the MAC
	try(err)
	answer, err := self(a).Ping(context.Background(), ping)
	fmt.Println(answer.RTT, err)

	between.Become(cable.Cut)
	_, err = self(a).Ping(context.Background(), ping)
	fmt.Println(err)
	// Output:
	// 10ms <nil>
	// ping 192.0.2.2 in netns host: no route to host (EHOSTUNREACH)
}

// addPod makes a namespace.
func addPod(h *sim.Host, name string) kernel.NetNS {
	path := kernel.NetNSDir + "/" + name
	try(h.MkdirAll(kernel.NetNSDir, 0o755))
	try(h.AddNetNS(path))
	ns, err := h.OpenNetNS(path)
	try(err)
	return ns
}

// connect lays a cable between two namespaces.
func connect(a kernel.NetNS, atA string, b kernel.NetNS, atB string) {
	try(a.AddLink(kernel.LinkSpec{Name: "eth0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "eth0", NetNS: b}}))
	start(a, atA)
	start(b, atB)
}

// start gives eth0 an address, and makes it and lo up.
func start(ns kernel.NetNS, address string) {
	for _, name := range []string{"lo", "eth0"} {
		link, err := ns.LinkByName(name)
		try(err)
		try(ns.ChangeLink(link.Index, kernel.LinkChange{Up: new(true)}))
	}
	eth0, err := ns.LinkByName("eth0")
	try(err)
	try(ns.AddAddress(kernel.Address{Link: eth0.Index, Prefix: netip.MustParsePrefix(address)}))
}

// self is a machine's own namespace.
func self(h *sim.Host) kernel.NetNS {
	ns, err := h.Self()
	try(err)
	return ns
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}
