package scenario

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

func routerForms() []form {
	return []form{{
		"advertise", "advertise NS LINK [router TIME] [prefix PREFIX valid TIME] [mtu BYTES]",
		"send a router advertisement to all nodes on a link, as a router of IPv6 does, or who says to be one", (*session).advertise,
	}}
}

func (s *session) advertise(_ string, w *words) (string, error) {
	var netns, dev string
	var a kernel.RouterAdvertisement
	err := w.names("NS LINK", &netns, &dev)
	if err == nil {
		err = w.keywords(keywords{
			"router": value(w, "TIME", &a.Router, parseDuration),
			"prefix": value(w, "PREFIX", &a.Prefix, netip.ParsePrefix),
			"valid":  value(w, "TIME", &a.Valid, parseDuration),
			"mtu":    value(w, "BYTES", &a.MTU, parseInt),
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
