package harness_test

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"path"
	"testing/fstest"

	"github.com/cnilab/cnilab/kernel"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A fakeHost has files and programs, and no network: enough for a runtime, which leaves that to plugins.
type fakeHost struct {
	kernel.Host // nil: any other call is a mistake
	files       fstest.MapFS
	programs    map[string]kernel.Program
}

// fakeHostWith returns a host with the plugin installed.
func fakeHostWith(plugin string, program kernel.Program) *fakeHost {
	file := path.Join("/opt/cni/bin", plugin)
	return &fakeHost{
		files:    fstest.MapFS{file[1:]: {Mode: 0o755}},
		programs: map[string]kernel.Program{file: program},
	}
}

func (h *fakeHost) Stat(name string) (fs.FileInfo, error) { return h.files.Stat(name[1:]) }

func (h *fakeHost) ReadFile(name string) ([]byte, error) {
	if f, ok := h.files[name[1:]]; ok {
		return f.Data, nil
	}
	return nil, &kernel.Error{Op: "read", Object: name, Errno: kernel.ENOENT}
}

func (h *fakeHost) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := h.files.ReadDir(name[1:])
	if err != nil {
		return nil, &kernel.Error{Op: "readdir", Object: name, Errno: kernel.ENOENT}
	}
	return entries, nil
}

func (h *fakeHost) MkdirAll(string, fs.FileMode) error { return nil } // a MapFS has them as they are needed

func (h *fakeHost) WriteFile(name string, data []byte, perm fs.FileMode) error {
	h.files[name[1:]] = &fstest.MapFile{Data: data, Mode: perm}
	return nil
}

func (h *fakeHost) Remove(name string) error {
	delete(h.files, name[1:])
	return nil
}

func (h *fakeHost) Exec(ctx context.Context, file string, env []string, stdin []byte) (kernel.Output, error) {
	var stdout, stderr bytes.Buffer
	program, ok := h.programs[file]
	if !ok {
		return kernel.Output{}, &kernel.Error{Op: "exec", Object: file, Errno: kernel.ENOENT}
	}
	exit := program(ctx, kernel.Invocation{
		Name: path.Base(file), Env: env, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	}, h)
	return kernel.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: exit}, nil
}
