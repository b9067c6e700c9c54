package capture_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/capture"
	"github.com/cnilab/cnilab/sim/netstack"
)

// lossyTransfer sends a megabyte by a cable that loses one frame in twenty, and back, and returns a hash of the capture.
func lossyTransfer(t *testing.T) string {
	t.Helper()
	world := sim.NewWorld(sim.Config{Seed: 3, Transport: netstack.New})
	defer world.Close()
	near, far := world.AddHost("near"), world.AddHost("far")
	_, err := world.Cable(sim.Plug{Host: near}, sim.Plug{Host: far}, sim.CableSpec{Delay: time.Millisecond, Loss: 0.05})
	check(t, err)
	hash := sha256.New()
	c := capture.Start(world, hash)
	sender, receiver := connect(t, near, "10.0.0.1/24"), connect(t, far, "10.0.0.2/24")
	to := netip.MustParseAddrPort("10.0.0.2:7777")
	_, err = receiver.Serve(kernel.Service{Transport: kernel.TCP, At: to})
	check(t, err)
	_, err = sender.Call(context.Background(), kernel.Call{
		Transport: kernel.TCP, To: to, Payload: make([]byte, 1_000_000), Timeout: time.Hour,
	})
	check(t, err)
	check(t, c.Close())
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// connect gives a host's end of the cable an address.
func connect(t *testing.T, h *sim.Host, address string) kernel.NetNS {
	t.Helper()
	ns, err := h.Self()
	check(t, err)
	link, err := ns.LinkByName("eth0")
	check(t, err)
	check(t, ns.AddAddress(kernel.Address{Link: link.Index, Prefix: netip.MustParsePrefix(address)}))
	check(t, ns.ChangeLink(link.Index, kernel.LinkChange{Up: new(true)}))
	return ns
}

// hashAlone is the environment variable that has TestLossyTransfer print the hash of one transfer.
const hashAlone = "CNILAB_CAPTURE_HASH"

// TestLossyTransfer: as often as a transfer is made, with whatever the network does to it, its capture is the same, byte for
// byte: 100 times where all is tested ("make real").
func TestLossyTransfer(t *testing.T) {
	want := lossyTransfer(t)
	if os.Getenv(hashAlone) != "" {
		fmt.Println("hash " + want)
		return
	}
	runs := 5
	if os.Getenv("CNILAB_REQUIRE_LINUX") == "1" {
		runs = 100
	}
	for i := range runs - 1 {
		if got := lossyTransfer(t); got != want {
			t.Fatalf("run %d: %s, and %s before", i+2, got, want)
		}
	}
	for _, processors := range []string{"1", "2"} {
		if got := inProcess(t, processors); got != want {
			t.Errorf("in a process of its own with GOMAXPROCS=%s: %s, here %s", processors, got, want)
		}
	}
}

// inProcess makes the transfer in a fresh process.
func inProcess(t *testing.T, processors string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestLossyTransfer$")
	cmd.Env = append(os.Environ(), hashAlone+"=1", "GOMAXPROCS="+processors)
	out, err := cmd.Output()
	check(t, err)
	_, rest, _ := strings.Cut(string(out), "hash ")
	hash, _, _ := strings.Cut(rest, "\n")
	return hash
}
