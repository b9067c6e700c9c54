package sim

// A tupleTable finds connections by their tuples. A tuple's place follows from its hash, or is the next one that is free
// (open addressing with linear probing), so that a look-up fetches one line of the table and the connection: with a map of
// Go's it was a quarter of what a packet took. The tuples of a connection do not change while it is in the table.
type tupleTable struct {
	slots []tupleSlot // a power of two of them, or none
	len   int         // how many are taken
}

// A tupleSlot has one tuple of a connection: that of its replies, or the other.
type tupleSlot struct {
	connection *connection // nil: it is free
	hash       uint32      // of the tuple
	isReply    bool
}

func (s *tupleSlot) tuple() *tuple { return s.connection.tuple(s.isReply) }

// tuple is that of the connection's replies, or the other one.
func (c *connection) tuple(isReply bool) *tuple {
	if isReply {
		return &c.reply
	}
	return &c.orig
}

// size is how many tuples there are; none where there is no table.
func (x *tupleTable) size() int {
	if x == nil {
		return 0
	}
	return x.len
}

// find returns the connection that has a tuple, nil where none has it, and whether the tuple is that of its replies.
func (x *tupleTable) find(t *tuple) (c *connection, isReply bool) {
	if x.size() == 0 {
		return nil, false
	}
	s := &x.slots[x.place(t, t.hash())]
	return s.connection, s.isReply
}

// place is where a tuple is, or would be.
func (x *tupleTable) place(t *tuple, hash uint32) int {
	for i := x.home(hash); ; i = x.after(i) {
		if s := &x.slots[i]; s.connection == nil || s.hash == hash && *s.tuple() == *t {
			return i
		}
	}
}

// home is the place of a hash where nobody else has taken it.
func (x *tupleTable) home(hash uint32) int { return int(hash) & (len(x.slots) - 1) }

func (x *tupleTable) after(place int) int { return (place + 1) & (len(x.slots) - 1) }

// fewSlots is how many there are at least once there is a connection.
const fewSlots = 16

// add takes a tuple of a connection in, unless it is there. (That of the replies is the other one where somebody talks to
// himself.)
func (x *tupleTable) add(c *connection, isReply bool) {
	if x.len >= len(x.slots)/4*3 {
		x.grow()
	}
	t := c.tuple(isReply)
	hash := t.hash()
	if s := &x.slots[x.place(t, hash)]; s.connection == nil {
		*s = tupleSlot{c, hash, isReply}
		x.len++
	}
}

func (x *tupleTable) grow() {
	old := x.slots
	x.slots = make([]tupleSlot, max(fewSlots, 2*len(old)))
	for _, s := range old {
		if s.connection != nil {
			x.slots[x.place(s.tuple(), s.hash)] = s
		}
	}
}

// remove takes a tuple of a connection out, unless it is another one's. Those behind it that could not have their own place
// move up.
func (x *tupleTable) remove(c *connection, isReply bool) {
	if x.size() == 0 {
		return
	}
	t := c.tuple(isReply)
	free := x.place(t, t.hash())
	if x.slots[free].connection != c {
		return
	}
	x.len--
	for i := x.after(free); x.slots[i].connection != nil; i = x.after(i) {
		if x.distance(x.home(x.slots[i].hash), i) >= x.distance(free, i) {
			x.slots[free], free = x.slots[i], i
		}
	}
	x.slots[free] = tupleSlot{}
}

// distance is how many places one is behind another.
func (x *tupleTable) distance(from, to int) int { return (to - from) & (len(x.slots) - 1) }

// each calls yield with every connection until it returns false.
func (x *tupleTable) each(yield func(*connection) bool) {
	if x.size() == 0 {
		return
	}
	for i := range x.slots {
		if s := &x.slots[i]; s.connection != nil && !s.isReply && !yield(s.connection) {
			return
		}
	}
}
