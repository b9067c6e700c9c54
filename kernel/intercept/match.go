package intercept

// A Match chooses calls.
type Match func(c Call) bool

// Nth chooses the n-th call, counted from 1.
func Nth(n int) Match { return func(c Call) bool { return c.N == n } }

// NthEffect chooses the n-th call that may change something, counted from 1.
func NthEffect(n int) Match { return func(c Call) bool { return c.Mutates() && c.Effect == n } }

// Every chooses all calls of an op, whatever the object; with an object, as Call.Object prints it, only those on it.
func Every(op Op, object ...string) Match {
	return func(c Call) bool { return c.Op == op && (len(object) == 0 || c.Object == object[0]) }
}
