package intercept_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/cnilab/cnilab/kernel/intercept"
)

// TestOpsAreAll reads the source, in which an op is a constant.
func TestOpsAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "call.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []intercept.Op
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Op" {
			name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, intercept.Op(name))
		}
		return true
	})
	slices.Sort(declared)
	if len(declared) == 0 || !slices.Equal(declared, intercept.Ops()) {
		t.Errorf("declared are %q, and Ops are %q", declared, intercept.Ops())
	}
}
