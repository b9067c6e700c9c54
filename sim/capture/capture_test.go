package capture_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/capture"
	"github.com/cnilab/cnilab/sim/netstack"
)

// traffic makes a world of two namespaces with a wire between them, and captures what they say to each other.
func traffic(t *testing.T, do func(a, b kernel.NetNS)) []byte {
	t.Helper()
	world := sim.NewWorld(sim.Config{Seed: 7, Transport: netstack.New})
	defer world.Close()
	host := world.AddHost("node")
	check(t, host.MkdirAll(kernel.NetNSDir, 0o755))
	a, b := netns(t, host, "a"), netns(t, host, "b")
	check(t, a.AddLink(kernel.LinkSpec{Name: "eth0", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "eth0", NetNS: b}}))
	var file bytes.Buffer
	c := capture.Start(world, &file)
	for i, ns := range []kernel.NetNS{a, b} {
		link, err := ns.LinkByName("eth0")
		check(t, err)
		check(t, ns.ChangeLink(link.Index, kernel.LinkChange{Up: new(true)}))
		own := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		check(t, ns.AddAddress(kernel.Address{Link: link.Index, Prefix: netip.PrefixFrom(own, 24)}))
	}
	do(a, b)
	check(t, c.Close())
	return file.Bytes()
}

func netns(t *testing.T, h kernel.Host, name string) kernel.NetNS {
	t.Helper()
	check(t, h.AddNetNS(kernel.NetNSDir+"/"+name))
	ns, err := h.OpenNetNS(kernel.NetNSDir + "/" + name)
	check(t, err)
	return ns
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ping(ns kernel.NetNS, to string, size int) error {
	_, err := ns.Ping(context.Background(), kernel.Ping{To: netip.MustParseAddr(to), Size: size, Timeout: 5 * time.Second})
	return err
}

// TestTshark reads each kind of capture with the program that people use: a file without a frame, one with all sorts of
// them, and one with drops.
func TestTshark(t *testing.T) {
	kinds := []struct {
		name string
		do   func(t *testing.T, a, b kernel.NetNS)
		show []string // fields
		want []string // lines among what is shown
	}{
		{"empty", func(*testing.T, kernel.NetNS, kernel.NetNS) {}, []string{"-e", "frame.number"}, nil},
		{
			"echo", func(t *testing.T, a, _ kernel.NetNS) { check(t, ping(a, "10.0.0.2", 4000)) },
			[]string{"-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "_ws.col.Protocol"},
			[]string{"node/a/eth0\t0x00000002\tARP", "node/b/eth0\t0x00000001\tARP", "node/b/eth0\t0x00000001\tICMP", "node/a/eth0\t0x00000002\tIPv4", "node/a/eth0\t0x00000001\tICMP"},
		},
		{
			"tcp", func(t *testing.T, a, b kernel.NetNS) {
				_, err := b.Serve(kernel.Service{Transport: kernel.TCP, At: netip.MustParseAddrPort("10.0.0.2:7777")})
				check(t, err)
				_, err = a.Call(context.Background(), kernel.Call{
					Transport: kernel.TCP, To: netip.MustParseAddrPort("10.0.0.2:7777"), Payload: make([]byte, 100_000),
				})
				check(t, err)
			},
			[]string{"-e", "frame.interface_name", "-e", "tcp.flags.str", "-e", "tcp.len"},
			[]string{"node/a/eth0\t··········S·\t0", "node/b/eth0\t·······A··S·\t0"},
		},
		{
			"dropped", func(t *testing.T, a, _ kernel.NetNS) {
				if err := ping(a, "10.0.0.9", 0); err == nil {
					t.Fatal("there is nobody, and he answers")
				}
			},
			[]string{"-Y", "frame.comment", "-e", "frame.interface_name", "-e", "frame.comment"},
			[]string{"node/a/eth0\tdropped: NEIGH_FAILED (neighbour: 10.0.0.9 does not answer)"},
		},
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("CNILAB_REQUIRE_LINUX") != "" {
			t.Fatal("tshark is missing (Debian: apt-get install tshark)")
		}
		t.Skip("tshark is missing (Debian: apt-get install tshark)")
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcapng")
			data := traffic(t, func(a, b kernel.NetNS) { kind.do(t, a, b) })
			check(t, os.WriteFile(file, data, 0o644))
			args := append([]string{"-r", file, "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"}, kind.show...)
			got := run(t, tshark, args...)
			for _, line := range kind.want {
				if !strings.Contains("\n"+got, "\n"+line+"\n") {
					t.Errorf("no line %q in\n%s", line, got)
				}
			}
			const complaints = "_ws.malformed || tcp.checksum.status == Bad || ip.checksum.status == Bad || icmp.checksum.status == Bad || _ws.expert.severity == error"
			bad := run(t, tshark, "-r", file, "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", complaints)
			if bad != "" {
				t.Errorf("tshark complains of\n%s", bad)
			}
		})
	}
}

// run returns what tshark prints; that it says more than that root should not use it is an error.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &complaints)
	}
	for line := range strings.Lines(complaints.String()) {
		if !strings.Contains(line, "Running as user") && strings.TrimSpace(line) != "" {
			t.Errorf("tshark says: %s", line)
		}
	}
	return out.String()
}

// TestSameBytes: what is captured depends on the seed alone.
func TestSameBytes(t *testing.T) {
	once := func() []byte {
		return traffic(t, func(a, _ kernel.NetNS) { check(t, ping(a, "10.0.0.2", 3000)) })
	}
	if first, second := once(), once(); !bytes.Equal(first, second) || len(first) == 0 {
		t.Errorf("%d and %d bytes, which differ", len(first), len(second))
	}
}

// TestBrokenDisk: an error of the file below is Close's.
func TestBrokenDisk(t *testing.T) {
	world := sim.NewWorld(sim.Config{})
	defer world.Close()
	if err := capture.Start(world, broken{}).Close(); err == nil {
		t.Error("Close does not say that nothing could be written")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, kernel.ENOSPC }
