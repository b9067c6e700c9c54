package plugin

import (
	"encoding/base32"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// TestHostEndName pins the names down: the next release has to find what this one made.
func TestHostEndName(t *testing.T) {
	a := attachment{network: "net", containerID: "a", ifname: "eth0"}
	if got := a.hostEnd(); got != "vethucfey5jufd3" {
		t.Errorf("hostEnd() = %s", got)
	}
	if got := a.alias(); got != "cni:net/a/eth0" {
		t.Errorf("alias() = %s", got)
	}
}

// TestLetters compares with the library's encoding.
func TestLetters(t *testing.T) {
	for i := range 1000 {
		hash := digest(strconv.Itoa(i))
		n := i % 51 // the last letter of the library's is of less than 5 bits
		if got, want := letters(hash, n), strings.ToLower(base32.StdEncoding.EncodeToString(hash))[:n]; got != want {
			t.Fatalf("%x: %s, want %s", hash, got, want)
		}
	}
}

// TestNamesTellAttachmentsApart: no two words may run into each other, and a network's attachments share a prefix.
func TestNamesTellAttachmentsApart(t *testing.T) {
	valid := regexp.MustCompile(`^veth[a-z2-7]{11}$`)
	seen := map[string]attachment{}
	for i := range 2000 {
		a := attachment{"net", fmt.Sprint("container", i), "eth0"}
		name := a.hostEnd()
		if other, ok := seen[name]; ok || !valid.MatchString(name) || name[:7] != "vethucf" {
			t.Fatalf("%+v is called %s, like %+v", a, name, other)
		}
		seen[name] = a
	}
	one, two := attachment{"net", "ab", "c"}, attachment{"net", "a", "bc"}
	if one.hostEnd() == two.hostEnd() {
		t.Errorf("%+v and %+v are both called %s", one, two, one.hostEnd())
	}
}

func TestAliasFitsKernel(t *testing.T) {
	a := attachment{"net", strings.Repeat("c", 300), "eth0"}
	if n := len(a.alias()); n != 255 {
		t.Errorf("an alias of %d bytes; Linux takes 255", n)
	}
	if !a.owns(kernel.Link{Name: a.hostEnd(), Kind: kernel.KindVeth, Alias: a.alias()}) {
		t.Error("an attachment does not own the link with its cut alias")
	}
}

func TestOwns(t *testing.T) {
	a := attachment{"net", "a", "eth0"}
	for _, c := range []struct {
		link kernel.Link
		want bool
	}{
		{kernel.Link{Name: a.hostEnd(), Kind: "veth", Alias: a.alias()}, true},
		{kernel.Link{Name: a.hostEnd(), Kind: "veth"}, true}, // ADD died before it set the alias
		{kernel.Link{Name: a.hostEnd(), Kind: "veth", Alias: "uplink of rack 4"}, true},
		{kernel.Link{Name: a.hostEnd(), Kind: "veth", Alias: "cni:net/b/eth0"}, false},
		{kernel.Link{Name: a.hostEnd(), Kind: "bridge"}, false},
		{kernel.Link{Name: "veth0", Kind: "veth", Alias: a.alias()}, false},
	} {
		if got := a.owns(c.link); got != c.want {
			t.Errorf("owns(%+v) = %v", c.link, got)
		}
	}
}

// TestMACs: local, of one device, the same again, another on another machine; the host end's not low enough for a
// bridge.
func TestMACs(t *testing.T) {
	a := attachment{"net", "a", "eth0"}
	for i := range 200 {
		boot := fmt.Sprint("boot", i)
		for _, mac := range [][]byte{a.containerMAC(boot), a.hostMAC(boot, "1"), bridgeMAC(boot, "cni0")} {
			if len(mac) != 6 || mac[0]&1 != 0 || mac[0]&2 == 0 {
				t.Fatalf("%x is not a local address of one device", mac)
			}
		}
	}
	again := attachment{"net", "a", "eth0"}
	if a.containerMAC("x").String() != again.containerMAC("x").String() {
		t.Error("an attachment that is made again has another address")
	}
	if a.containerMAC("x").String() == a.containerMAC("y").String() {
		t.Error("an attachment has the same address on another machine")
	}
	if a.hostMAC("x", "1").String() == a.hostMAC("x", "2").String() || a.hostMAC("x", "1")[0] != 0xfe {
		t.Error("the host end's address does not tell ADDs apart, or does not begin with fe")
	}
}
