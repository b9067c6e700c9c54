package kernel

// Ports are the places of links on bridges. What is set ends with the link's leaving the bridge.
type Ports interface {
	// ChangePort sets what the change names on a link that is a bridge's port, in one request (RTM_SETLINK of the family
	// AF_BRIDGE).
	//
	//	ENODEV      no link has the index
	//	EOPNOTSUPP  the link is no bridge's port
	ChangePort(link int, c PortChange) error
}

// A Port says how a bridge treats one of its ports.
type Port struct {
	Hairpin  bool // a frame may leave by the port that it came in by (BR_HAIRPIN_MODE)
	Isolated bool // no frame passes between this port and another isolated one (BR_ISOLATED)
}

// A PortChange says what to set. A nil field stays as it is.
type PortChange struct {
	Hairpin  *bool
	Isolated *bool
}
