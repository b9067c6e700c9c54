package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// checkFile refuses a statement about a file that no state has: that there is none would always be true.
func (st statement) checkFile() error {
	if st.Noun != kernel.NounFile {
		return nil
	}
	name, _, _ := strings.Cut(st.Name, "*")
	if i := strings.Index(name, ":/"); i > 0 { // of another machine
		name = name[i+1:]
	}
	if slices.ContainsFunc(stateFolders, func(folder string) bool {
		return strings.HasPrefix(name, folder+"/") || strings.HasPrefix(folder+"/", name)
	}) {
		return nil
	}
	return fmt.Errorf("%s is not looked at: of files, the state has those below %s; \"file show PATH\" tells of others, and"+
		" \"! file show PATH\" that there is none", st.Name, strings.Join(stateFolders, " and "))
}

// properties are the keys that objects of snapshots have, whatever their noun.
var properties = []string{
	"admin", "advmss", "alias", "assured", "broadcast", "content", "dadfailed", "dead", "deleted", "dev", "dport",
	"dst", "dstport", "family", "from", "fwmark", "hairpin", "id", "iif", "isolated", "local", "lookup", "mac",
	"mark", "master", "metric", "mode", "mtu", "nexthop", "nodad", "not", "oif", "onlink", "oper", "parent",
	"peer", "promisc", "promiscuity", "proto", "pvid", "reply-dst", "reply-sport", "reply-src", "same-as",
	"scope", "secondary", "src", "state", "table", "tentative", "to", "type", "unreadable", "unreplied",
	"untagged", "value", "via", "vlan", "vlan_default_pvid", "vlan_filtering", "weight",
}

// checkProperties refuses a statement with a key that no object has: that there is none with it would always be true.
func (st statement) checkProperties() error {
	for _, a := range st.Attrs {
		for _, a := range append(a.Parts(), a) {
			if !slices.Contains(properties, a.Key) {
				return fmt.Errorf("no %s has a property %q%s", st.Noun, a.Key, orRather(a.Key, properties))
			}
		}
	}
	return nil
}
