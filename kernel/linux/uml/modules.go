//go:build linux

package uml

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// wanted are the modules that networks of containers need. All are loaded at the start: there is no modprobe inside that
// would find them when the kernel asks for one. A kernel that lacks one, or has it built in, is fine.
var wanted = []string{
	"ipv6", "bridge", "br_netfilter", "8021q", "veth", "dummy", "macvlan", "tun",
	"iptable_filter", "iptable_nat", "iptable_mangle", "iptable_raw", "iptable_security",
	"ip6table_filter", "ip6table_nat", "ip6table_mangle", "ip6table_raw", "ip6table_security",
	"xt_MASQUERADE", "xt_REDIRECT", "xt_nat", "xt_addrtype", "xt_comment", "xt_conntrack", "xt_mark", "xt_connmark",
	"xt_multiport", "xt_tcpudp", "xt_physdev", "xt_set", "xt_LOG", "nf_log_syslog", "nf_conntrack_netlink",
	"ipt_REJECT", "ip6t_REJECT",
	"nf_tables", "nft_ct", "nft_compat", "nft_masq", "nft_reject", "nft_objref", "nft_limit",
}

// parameters of modules: of links there is nothing but the loopback at first.
var parameters = map[string]string{"dummy": "numdummies=0"}

// loadModules loads the wanted modules from a folder. There is none for a kernel that has all built in.
func loadModules(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "modules.dep"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	files := needs(string(text))
	loaded := map[string]bool{}
	for _, module := range wanted {
		for _, file := range files[module] {
			if loaded[file] {
				continue
			}
			if err := load(filepath.Join(folder, file)); err != nil {
				return err
			}
			loaded[file] = true
		}
	}
	return nil
}

// needs reads modules.dep (see modules.dep(5)): for each module the files to load, in the order to load them.
func needs(text string) map[string][]string {
	files := map[string][]string{}
	for line := range strings.Lines(text) {
		file, dependencies, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		order := []string{file}
		for _, d := range strings.Fields(dependencies) { // the last one comes first
			order = append([]string{d}, order...)
		}
		files[moduleName(file)] = order
	}
	return files
}

func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return name
}

func load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), parameters[moduleName(file)], 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load module %s: %w", file, err)
	}
	return nil
}
