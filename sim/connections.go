package sim

import "time"

// connections are those of a namespace that were confirmed, by both of their tuples.
type connections struct {
	tuples   *tupleTable // nil until there is one: most namespaces follow nothing
	lastPort uint16      // that was given out because the own one was taken
	sweep    int         // how many tuples there are to be when those of connections that have ended are thrown away next
}

// find returns a connection that is not over, and whether the tuple is that of its replies.
func (all *connections) find(t *tuple, now time.Duration) (c *connection, isReply bool) {
	c, isReply = all.tuples.find(t)
	switch {
	case c == nil:
		return nil, false
	case c.ended(now):
		all.forget(c)
		return nil, false
	}
	return c, isReply
}

func (c *connection) ended(now time.Duration) bool { return c.over || now >= c.until }

func (all *connections) forget(c *connection) {
	all.tuples.remove(c, false)
	all.tuples.remove(c, true)
}

// minSweep is how few tuples are not worth a look.
const minSweep = 1024

// note keeps a connection.
func (all *connections) note(c *connection, now time.Duration) {
	if all.tuples == nil {
		all.tuples = new(tupleTable)
	}
	if all.tuples.len >= max(all.sweep, minSweep) {
		all.drop(func(c *connection) bool { return c.ended(now) })
		all.sweep = 2 * all.tuples.len
	}
	all.tuples.add(c, false)
	all.tuples.add(c, true)
	c.confirmed = true
}

// drop forgets all connections that a condition is true of.
func (all *connections) drop(which func(*connection) bool) {
	var gone []*connection
	for c := range all.each {
		if which(c) {
			gone = append(gone, c)
		}
	}
	for _, c := range gone {
		all.forget(c)
	}
}

// each calls yield with the connections, some of which may have ended, until it returns false.
func (all *connections) each(yield func(*connection) bool) { all.tuples.each(yield) }
