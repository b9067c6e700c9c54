package install_test

import (
	"io/fs"

	"github.com/cnilab/cnilab/cmd/bridge/install"
	"github.com/cnilab/cnilab/kernel"
)

// brittle are files of which one call goes wrong.
type brittle struct {
	files install.Files
	at    int        // the call, from 1; 0 for none
	way   wayToBreak // how
	calls int        // so far
	dead  bool       // the process is: nothing reaches the disk any more
}

// A wayToBreak is what becomes of a call and of the process.
type wayToBreak struct {
	name    string
	effect  bool // the call takes effect; a file is written half where it does not
	crashes bool // the process dies, so that nothing is done about it
}

// waysToBreak has no crash after a call: that is one before the next.
var waysToBreak = []wayToBreak{
	{"fails", false, false},
	{"fails although it took effect", true, false},
	{"crash", false, true},
}

func (b *brittle) do(call, half func() error) error {
	b.calls++
	switch {
	case b.dead:
		return kernel.ECANCELED
	case b.calls != b.at:
		return call()
	}
	b.dead = b.way.crashes
	if b.way.effect {
		_ = call()
	} else if half != nil {
		_ = half()
	}
	return kernel.EIO
}

func (b *brittle) ReadFile(name string) (data []byte, err error) {
	err = b.do(func() (err error) { data, err = b.files.ReadFile(name); return err }, nil)
	return data, err
}

func (b *brittle) ReadDir(name string) (entries []fs.DirEntry, err error) {
	err = b.do(func() (err error) { entries, err = b.files.ReadDir(name); return err }, nil)
	return entries, err
}

func (b *brittle) Stat(name string) (info fs.FileInfo, err error) {
	err = b.do(func() (err error) { info, err = b.files.Stat(name); return err }, nil)
	return info, err
}

func (b *brittle) MkdirAll(name string, perm fs.FileMode) error {
	return b.do(func() error { return b.files.MkdirAll(name, perm) }, nil)
}

func (b *brittle) WriteFile(name string, data []byte, perm fs.FileMode) error {
	write := func(data []byte) func() error {
		return func() error { return b.files.WriteFile(name, data, perm) }
	}
	return b.do(write(data), write(data[:len(data)/2]))
}

func (b *brittle) Link(old, name string) error {
	return b.do(func() error { return b.files.Link(old, name) }, nil)
}

func (b *brittle) Rename(old, name string) error {
	return b.do(func() error { return b.files.Rename(old, name) }, nil)
}

func (b *brittle) Remove(name string) error {
	return b.do(func() error { return b.files.Remove(name) }, nil)
}

func (b *brittle) Sync(name string) error {
	return b.do(func() error { return b.files.Sync(name) }, nil)
}
