package kernel

import "strings"

// Sysctls are the settings of a namespace below /proc/sys. A key is a path with slashes (link names may have dots):
// "net/ipv4/ip_forward", "net/ipv6/conf/eth0/accept_dad". The trees of a link come and go with it.
type Sysctls interface {
	// Sysctl returns a value without the final newline. ENOENT where there is no such key, EACCES where it
	// cannot be read, EISDIR where it has keys below it, EINVAL where it leaves the tree (empty, "..", a leading slash).
	Sysctl(key string) (string, error)

	// SetSysctl sets a value. ENOENT where there is no such key, EINVAL where the key does not take the value, EACCES
	// where it cannot be written.
	SetSysctl(key, value string) error
}

// ValidSysctl reports whether a key names something below /proc/sys: no part of it is empty, "." or "..". Any other byte
// but zero may be in it, because a link's name may have it.
func ValidSysctl(key string) bool {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return false
		}
	}
	return true
}
