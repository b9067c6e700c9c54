package sim

const firstNSID = 4026531840 // PROC_DYNAMIC_FIRST + what Linux has made before; include/linux/proc_ns.h

type namespace struct {
	transport Transport
	disturbed bool
}
