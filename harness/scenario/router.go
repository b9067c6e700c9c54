package scenario

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func routerForms() []form {
	return []form{{
		"advertise", "advertise NS LINK [router TIME] [prefix PREFIX valid TIME] [mtu BYTES]",
		"send a router advertisement to all nodes on a link, as a router of IPv6 does, or who says to be one", (*session).advertise,
	}}
}

func (s *session) advertise(_ string, w *words.Reader) (string, error) {
	var netns, dev string
	var a kernel.RouterAdvertisement
	err := w.Names("NS LINK", &netns, &dev)
	if err == nil {
		err = w.Keywords(words.Keywords{
			"router": words.Value(w, "TIME", &a.Router, words.Duration),
			"prefix": words.Value(w, "PREFIX", &a.Prefix, netip.ParsePrefix),
			"valid":  words.Value(w, "TIME", &a.Valid, words.Duration),
			"mtu":    words.Value(w, "BYTES", &a.MTU, words.Int),
		})
	}
	if err != nil {
		return "", err
	}
	return "", s.onLink(netns, dev, func(ns kernel.NetNS, link kernel.Link) error {
		a.Link = link.Index
		return ns.Advertise(a)
	})
}
