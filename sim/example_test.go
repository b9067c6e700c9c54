package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
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
	for ns, address := range map[kernel.NetNS]string{a: atA, b: atB} {
		eth0, err := ns.LinkByName("eth0")
		try(err)
		try(ns.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)}))
		try(ns.AddAddress(kernel.Address{Link: eth0.Index, Prefix: netip.MustParsePrefix(address)}))
	}
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}
