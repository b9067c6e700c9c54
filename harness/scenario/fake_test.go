package scenario

import (
	"context"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A fakeHost has files and a clock that nobody waits for: enough for what is about the language alone.
type fakeHost struct {
	kernel.Host // nil: any other call is a mistake
	files       map[string][]byte
	now         time.Time
}

func (h *fakeHost) ReadFile(name string) ([]byte, error) {
	if content, ok := h.files[name]; ok {
		return content, nil
	}
	return nil, &kernel.Error{Op: "read", Object: name, Errno: kernel.ENOENT}
}

func (h *fakeHost) Now() time.Time { return h.now }

func (h *fakeHost) Sleep(_ context.Context, d time.Duration) error {
	h.now = h.now.Add(d)
	return nil
}

// fakeMachine makes a machine with one file, /etc/motd.
func fakeMachine() (*Machine, error) {
	host := &fakeHost{files: map[string][]byte{"/etc/motd": []byte("welcome\n")}}
	return &Machine{Host: host, Close: func() error { return nil }}, nil
}
