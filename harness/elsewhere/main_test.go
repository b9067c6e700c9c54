package main

import (
	"os"
	"strings"
	"testing"
)

// TestCheck: what builds here and not there is told, with its place; what builds everywhere is not.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod":         "module example\n\ngo 1.26\n",
		"a.go":           "package example\n\nvar A = linuxOnly()\n",
		"a_linux.go":     "package example\n\nfunc linuxOnly() int { return 1 }\n",
		"b_test.go":      "package example\n\nimport (\n\t\"syscall\"\n\t\"testing\"\n)\n\nfunc TestB(t *testing.T) { syscall.Unshare(0) }\n",
		"fine/c.go":      "package fine\n\nfunc C() string { return \"everywhere\" }\n",
		"fine/c_test.go": "package fine\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) { t.Log(C()) }\n",
	} {
		if folder, _, ok := strings.Cut(name, "/"); ok {
			_ = os.Mkdir(folder, 0o777)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := check("windows", "amd64", []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a.go:3:9: undefined: linuxOnly", "b_test.go:8:36: undefined: syscall.Unshare"}
	if len(problems) != len(want) {
		t.Fatalf("%q, want %q", problems, want)
	}
	for i, w := range want {
		if !strings.Contains(problems[i], w) {
			t.Errorf("%q, want %q", problems[i], w)
		}
	}
}
