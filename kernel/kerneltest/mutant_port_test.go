package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func portMutants() []mutant {
	return []mutant{
		{"port/absent", "says EINVAL", confuse(intercept.PortSet, kernel.ENODEV, kernel.EINVAL)},
		{"port/no-port", "takes any link for a port", swallow(intercept.PortSet, kernel.EOPNOTSUPP)},
		{"port/new", "isolates new ports", showPort(func(p *kernel.Port) { p.Isolated = true })},
		{"port/hairpin", "cannot turn hairpin mode off", setPort(func(c *kernel.PortChange) { only(&c.Hairpin, true) })},
		{"port/hairpin/off", "goes on sending back", setPort(func(c *kernel.PortChange) { only(&c.Hairpin, true) })},
		{"port/hairpin/on", "sends nothing back", setPort(func(c *kernel.PortChange) { c.Hairpin = nil })},
		{"port/isolated", "cannot end isolation", setPort(func(c *kernel.PortChange) { only(&c.Isolated, true) })},
		{"port/one-at-a-time", "sets what is not named to off", setPort(func(c *kernel.PortChange) {
			c.Hairpin, c.Isolated = named(c.Hairpin), named(c.Isolated)
		})},
		{"port/by-name", "shows ports in lists alone", twist{ShowLink: func(_ kernel.NetNS, l kernel.Link) kernel.Link {
			l.Port = kernel.Port{}
			return l
		}}},
		{"port/ends-with-master", "remembers a port that left", rememberPort()},
		{"port/survives-down", "forgets the settings of a port that goes down", forgetAtDown()},
		{"port/isolated/from-each-other", "isolates nothing", setPort(func(c *kernel.PortChange) { c.Isolated = nil })},
		{"port/isolated/not-from-the-bridge", "isolates from the bridge, too", refusePing("10.0.0.1", kernel.ETIMEDOUT)},
		{"port/isolated/not-from-others", "isolates from all ports", refusePing("10.0.0.3", kernel.ETIMEDOUT)},
	}
}

// showPort changes what links show of their ports.
func showPort(change func(*kernel.Port)) twist {
	return twist{ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
		for i := range links {
			if links[i].Master != 0 {
				change(&links[i].Port)
			}
		}
		return links
	}}
}

// setPort changes what is asked of ports.
func setPort(change func(*kernel.PortChange)) twist {
	return twist{ChangePort: func(ns kernel.NetNS, link int, c kernel.PortChange) error {
		change(&c)
		return ns.ChangePort(link, c)
	}}
}

// only lets a setting be set to this value alone.
func only(field **bool, value bool) {
	if *field != nil && **field != value {
		*field = nil
	}
}

// named makes a setting that is not named one to off.
func named(field *bool) *bool {
	if field == nil {
		return new(false)
	}
	return field
}

// rememberPort shows links with the settings that they had as ports last.
func rememberPort() twist {
	had := map[string]kernel.Port{}
	return twist{ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
		for i, l := range links {
			if l.Port != (kernel.Port{}) {
				had[l.Name] = l.Port
			}
			links[i].Port = had[l.Name]
		}
		return links
	}, ChangePort: func(ns kernel.NetNS, link int, c kernel.PortChange) error {
		err := ns.ChangePort(link, c)
		if l, ok := linkAt(ns, link); ok {
			had[l.Name] = l.Port
		}
		return err
	}}
}

// forgetAtDown resets the settings of a port that is set down.
func forgetAtDown() twist {
	return twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		if c.Up != nil && !*c.Up {
			if err := ns.ChangePort(index, kernel.PortChange{Hairpin: new(false), Isolated: new(false)}); err != nil {
				return err
			}
		}
		return ns.ChangeLink(index, c)
	}}
}
