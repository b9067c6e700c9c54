package sim

import (
	"github.com/cnilab/cnilab/kernel"
)

// Sysctl is kernel.Sysctls'.
func (n *handle) Sysctl(key string) (value string, err error) {
	err = n.do("sysctl get", key, func() (r *refusal) {
		if !kernel.ValidSysctl(key) {
			return refuse(kernel.EINVAL)
		}
		value, r = n.ns.sysctl(key)
		return r
	})
	return value, err
}

// SetSysctl is kernel.Sysctls'.
func (n *handle) SetSysctl(key, value string) error {
	return n.do("sysctl set", key+"="+value, func() *refusal {
		if !kernel.ValidSysctl(key) {
			return refuse(kernel.EINVAL)
		}
		return n.ns.setSysctl(key, value)
	})
}
