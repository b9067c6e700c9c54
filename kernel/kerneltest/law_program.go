package kerneltest

import (
	"path"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// programLaws are about starting programs. What a program does is its own affair: a simulation has others than Linux.
var programLaws = []Law{
	{"program/exec/absent", "fs/exec.c do_open_execat", func(e *env) {
		_, err := e.Exec(e.ctx, path.Join(e.folder(), "absent"), nil, nil)
		e.refused(err, kernel.ENOENT, "execute a program that is not there")
	}},
	{"program/exec/not-executable", "fs/exec.c do_open_execat: MAY_EXEC", func(e *env) {
		_, err := e.Exec(e.ctx, e.file(e.folder(), "f", "text"), nil, nil)
		e.refused(err, kernel.EACCES, "execute a file that is not executable")
	}},
	{"program/exec/folder", "fs/exec.c do_open_execat: S_ISREG", func(e *env) {
		_, err := e.Exec(e.ctx, e.folder(), nil, nil)
		e.refused(err, kernel.EACCES, "execute a folder")
	}},
	{"program/exec/no-program", "fs/exec.c search_binary_handler", func(e *env) {
		file := path.Join(e.folder(), "f")
		e.ok(e.WriteFile(file, []byte("neither ELF nor a script"), 0o755), "write a file that is executable")
		_, err := e.Exec(e.ctx, file, nil, nil)
		e.refused(err, kernel.ENOEXEC, "execute a file that is no program")
	}},
	{"program/exec/below-a-file", "fs/namei.c link_path_walk", func(e *env) {
		_, err := e.Exec(e.ctx, path.Join(e.file(e.folder(), "plain", ""), "x"), nil, nil)
		e.refused(err, kernel.ENOTDIR, "execute a program below a plain file")
	}},
	{"program/is-self/other", "the contract", func(e *env) {
		self, err := e.IsSelf(e.file(e.folder(), "f", ""))
		e.ok(err, "ask whether a file is the calling program")
		equal(e, self, false, "whether a new file is the calling program")
	}},
	{"program/is-self/absent", "fs/namei.c filename_lookup", func(e *env) {
		_, err := e.IsSelf(path.Join(e.folder(), "absent"))
		e.refused(err, kernel.ENOENT, "ask whether a file that is not there is the calling program")
	}},
}

// clockLaws are about time.
var clockLaws = []Law{
	{"clock/sleep", "the contract", func(e *env) {
		start := e.Now()
		e.ok(e.Sleep(e.ctx, 20*time.Millisecond), "sleep")
		if took := e.Now().Sub(start); took < 20*time.Millisecond || took > Patience {
			e.breach("time that a sleep of 20ms took: want about 20ms, got %s", took)
		}
	}},
	{"clock/sleep/cancelled", "the contract", func(e *env) {
		start := e.Now()
		e.refused(e.Sleep(e.cancelled(), time.Hour), kernel.ECANCELED, "sleep with a context that has ended")
		if took := e.Now().Sub(start); took > time.Minute {
			e.breach("time that such a sleep took: want none, got %s", took)
		}
	}},
	{"clock/boot-id", "drivers/char/random.c sysctl_bootid", func(e *env) {
		first, err := e.BootID()
		e.ok(err, "read the boot id")
		second, err := e.BootID()
		e.ok(err, "read the boot id again")
		equal(e, []any{first == "", second}, []any{false, first},
			"whether the boot id is empty, and the second reading of it")
	}},
}
