//go:build linux

package uml

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// User Mode Linux 6.1 keeps the extended state of a processor (XSAVE) in 2696 bytes: as much as AVX-512 and protection keys
// take (arch/x86/um/user-offsets.c HOST_FP_SIZE). Of a processor with AMX, whose tiles take 8 KiB more, it reads the
// beginning, and Linux refuses to write that back (arch/x86/kernel/fpu/regset.c xstateregs_set): the first process ends
// the kernel (fatal_sigsegv). Where the state cannot be read at all it does with the older registers, those of FXSAVE
// (arch/x86/um/os-Linux/registers.c arch_init_registers). That is what a filter of its system calls brings about.
//
// The upper halves of AVX's registers then are not kept for each thread, but for each address space. Programs inside are
// told not to use them: Go's by GODEBUG, those of glibc by GLIBC_TUNABLES.

// hasLargeState reports whether this machine's processors have more state than the kernel has room for.
func hasLargeState() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && slices.Contains(strings.Fields(string(info)), "amx_tile")
}

// narrow are the settings by which programs do without AVX.
var narrow = []struct{ name, value, separator string }{
	{"GODEBUG", "cpu.avx=off,cpu.avx2=off,cpu.avx512f=off,cpu.avx512bw=off,cpu.avx512vl=off", ","},
	{"GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL", ":"},
}

// withoutAVX returns an environment in which programs do without AVX.
func withoutAVX(env []string) []string {
	for _, s := range narrow {
		env = withSetting(env, s.name, s.value, s.separator)
	}
	return env
}

// withSetting adds a value to those that a variable may have.
func withSetting(env []string, name, value, separator string) []string {
	env = slices.Clone(env)
	for i, v := range env {
		if had, ok := strings.CutPrefix(v, name+"="); ok && had != "" {
			env[i] = v + separator + value
			return env
		}
	}
	return append(env, name+"="+value)
}

const (
	readRegisters = 0x4204 // PTRACE_GETREGSET
	extendedState = 0x202  // NT_X86_XSTATE
)

// hideLargeState has requests for the extended state fail with EIO for this thread and what it starts.
func hideLargeState() error {
	const (
		auditArchX8664  = 0xc000003e // AUDIT_ARCH_X86_64
		load            = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal           = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer          = unix.BPF_RET | unix.BPF_K
		nr, arch        = 0, 4 // offsets in struct seccomp_data
		request, object = 16, 32
	)
	filter := []unix.SockFilter{
		{Code: load, K: arch},
		{Code: equal, K: auditArchX8664, Jf: 7},
		{Code: load, K: nr},
		{Code: equal, K: unix.SYS_PTRACE, Jf: 5},
		{Code: load, K: request},
		{Code: equal, K: readRegisters, Jf: 3},
		{Code: load, K: object},
		{Code: equal, K: extendedState, Jf: 1},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err != nil {
		return fmt.Errorf("filter of the kernel's system calls: %w", err)
	}
	return nil
}
