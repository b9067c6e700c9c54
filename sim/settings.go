package sim

import (
	"maps"
	"slices"
)

// A menu says which settings the folders of a kind have, and what they are in the beginning.
type menu struct {
	number  map[string]int // by name
	initial [maxSettings]int
}

// maxSettings is how many a menu can have.
const maxSettings = 27

func newMenu(initial map[string]int) *menu {
	m := &menu{number: map[string]int{}}
	for i, name := range slices.Sorted(maps.Keys(initial)) {
		m.number[name], m.initial[i] = i, initial[name]
	}
	return m
}

// index returns the number of a setting that there is.
func (m *menu) index(key string) int {
	i, ok := m.number[key]
	if !ok {
		panic("no setting " + key)
	}
	return i
}

// settings are what is in a folder. They never change: a folder that is written to gets others.
type settings struct {
	*menu
	pool   *settingsPool
	values [maxSettings]int
	byHand [maxSettings]bool // IPv4: what the default no longer changes (ipv4_devconf.state)
}

// A settingsPool has all settings that there are in a world, each of them once, for thousands of links have the same.
type settingsPool struct{ all map[settings]*settings }

func newSettingsPool() *settingsPool { return &settingsPool{all: map[settings]*settings{}} }

func (p *settingsPool) share(s settings) *settings {
	known := p.all[s]
	if known == nil {
		known = new(s)
		p.all[s] = known
	}
	return known
}

// A conf is one folder, such as net/ipv4/conf/NAME.
type conf struct{ *settings }

// newConf makes a folder with what is in it in the beginning.
func (p *settingsPool) newConf(m *menu) conf {
	return conf{p.share(settings{menu: m, pool: p, values: m.initial})}
}

// copyValues gives the folder the values of another one, none of them by hand.
func (c *conf) copyValues(from conf) {
	c.settings = c.pool.share(settings{menu: c.menu, pool: c.pool, values: from.values})
}

// has reports whether the folder has such a setting.
func (c *conf) has(key string) bool {
	_, ok := c.number[key]
	return ok
}

// get returns a value, 0 of a link that has none of the protocol's settings.
func (c *conf) get(key string) int {
	if c == nil {
		return 0
	}
	return c.values[c.index(key)]
}

// at is get, by the number of a setting in the menu.
func (c *conf) at(number int) int {
	if c == nil {
		return 0
	}
	return c.values[number]
}

// set changes a value, if the link has settings of the protocol.
func (c *conf) set(key string, value int) {
	if c == nil {
		return
	}
	s := *c.settings
	s.values[s.index(key)] = value
	c.settings = c.pool.share(s)
}

// isByHand reports whether the default changes a setting no longer.
func (c *conf) isByHand(key string) bool { return c.byHand[c.index(key)] }

// setByHand changes a value, which the default then changes no longer.
func (c *conf) setByHand(key string, value int) {
	s := *c.settings
	i := s.index(key)
	s.values[i], s.byHand[i] = value, true
	c.settings = c.pool.share(s)
}

// pin keeps the default from changing any setting.
func (c *conf) pin() {
	s := *c.settings
	for i := range s.byHand {
		s.byHand[i] = true
	}
	c.settings = c.pool.share(s)
}
