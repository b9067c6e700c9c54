//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReasonSaysWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{unix.EPERM, fmt.Sprintf("no namespaces for uid %d: ", os.Getuid())},
		{unix.EACCES, "be root"},
		{unix.ENOSPC, "max_{user,net,mnt}_namespaces"},
		{unix.EINVAL, "CONFIG_NET_NS"},
		{unix.ENOMEM, "cannot allocate memory"},
	} {
		got := reason(fmt.Errorf("fork/exec: %w", tt.err))
		if !errors.Is(got, tt.err) || !strings.Contains(got.Error(), tt.want) || strings.Contains(got.Error(), "\n") {
			t.Errorf("%v: %q, want one line with %q", tt.err, got, tt.want)
		}
	}
}
