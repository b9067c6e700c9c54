package intercept

import "sync"

// A line is the way of all calls of one wrapped host through its hooks.
type line struct {
	hooks []Hook
	names names

	mu      sync.Mutex
	calls   int
	effects int
}

// do makes a call by way of the hooks.
func (l *line) do(op Op, netns, object string, backend func() error) error {
	return l.through(0, l.number(Call{Op: op, NetNS: netns, Object: object}), backend)
}

// through passes the call to the hooks from the i-th on, and then to the backend.
func (l *line) through(i int, c Call, backend func() error) error {
	if i == len(l.hooks) {
		return backend()
	}
	return l.hooks[i](c, func() error { return l.through(i+1, c, backend) })
}

// number gives a call its ordinals, in the order in which calls begin.
func (l *line) number(c Call) Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	c.N = l.calls
	if c.Op.Mutates() {
		l.effects++
		c.Effect = l.effects
	}
	return c
}

// value makes a call that answers a value.
func value[T any](l *line, op Op, netns, object string, backend func() (T, error)) (T, error) {
	var v T
	err := l.do(op, netns, object, func() (err error) {
		v, err = backend()
		return err
	})
	return v, err
}

// held makes a call that answers the function that gives back what the caller now holds. When a hook lets the call
// take effect and then fails it, nobody will give it back; that is done here, as the end of a process would.
func held(l *line, op Op, netns, object string, backend func() (func(), error)) (func(), error) {
	release, err := value(l, op, netns, object, backend)
	if err == nil {
		return release, nil
	}
	if release != nil {
		release()
	}
	return nil, err
}
