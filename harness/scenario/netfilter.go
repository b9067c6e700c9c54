package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func netfilterForms() []form {
	return slices.Concat(
		rulesetForm("nft list ruleset", "nft [-n NS] list ruleset", kernel.NounNFT),
		rulesetForm("iptables -S", "iptables [-n NS] -S", kernel.NounIPTables),
		rulesetForm("ip6tables -S", "ip6tables [-n NS] -S", kernel.NounIP6Tables),
		requests("nft"), requests("iptables"), requests("ip6tables"),
	)
}

// rulesetForm returns the form of a line that prints what a snapshot says of netfilter.
func rulesetForm(name, usage, noun string) []form {
	show := func(s *session, netns string, w *words.Reader) (string, error) {
		if err := w.End(); err != nil {
			return "", err
		}
		return s.show(netns, func(o kernel.Object) bool { return o.Noun == noun })
	}
	return showForm(name, usage, "print what was said, as in a snapshot", show)
}
