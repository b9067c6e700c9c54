package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A branch is a place that answers an errno.
type branch struct {
	file      string // absolute, as -overlay wants it
	place     string // "fib4.go:44"
	source    string // the line
	text      []byte // the whole file
	from, to  int    // the part of it that is switched
	condition bool   // the part is a condition; otherwise an errno
}

// switched returns a text of the file, the same as its own up to the branch's end, with a switch of a number.
func (b branch) switched(text []byte, number int) []byte {
	part := string(text[b.from:b.to])
	if b.condition {
		part = fmt.Sprintf("branchOn(\"%d\") && (%s)", number, part)
	} else {
		part = fmt.Sprintf("branchErrno(\"%d\", %s)", number, part)
	}
	return slices.Concat(text[:b.from], []byte(part), text[b.to:])
}

// find returns the branches of the package in a folder, by file and line.
func find(folder string) ([]branch, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var branches []branch
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		found, err := inFile(file)
		if err != nil {
			return nil, err
		}
		branches = append(branches, found...)
	}
	return branches, nil
}

// inFile returns the branches of one file.
func inFile(file string) ([]branch, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var branches []branch
	var stack []ast.Node
	ast.Inspect(tree, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		errno, ok := answered(n)
		if !ok {
			return true
		}
		part, condition := around(stack, errno)
		at := set.Position(errno.Pos())
		branches = append(branches, branch{
			file: absolute, text: text, condition: condition,
			place:  fmt.Sprintf("%s:%d", filepath.Base(file), at.Line),
			source: strings.TrimSpace(strings.Split(string(text), "\n")[at.Line-1]),
			from:   set.Position(part.Pos()).Offset, to: set.Position(part.End()).Offset,
		})
		return true
	})
	return branches, nil
}

// answered returns the errno that a call of refuse answers.
func answered(n ast.Node) (ast.Expr, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return nil, false
	}
	name, ok := call.Fun.(*ast.Ident)
	if !ok || name.Name != "refuse" {
		return nil, false
	}
	errno, ok := call.Args[0].(*ast.SelectorExpr)
	return errno, ok
}

// around returns the condition whose only statement is the refusal that the stack leads to, or, where there is none,
// the refusal's errno.
func around(stack []ast.Node, errno ast.Expr) (part ast.Expr, condition bool) {
	for i, n := range slices.Backward(stack) {
		switch n := n.(type) {
		case *ast.IfStmt:
			if len(n.Body.List) == 1 && slices.Contains(stack, ast.Node(n.Body)) {
				return n.Cond, true
			}
		case *ast.CaseClause:
			if tagless(stack[:i]) && len(n.Body) == 1 && len(n.List) == 1 {
				return n.List[0], true
			}
		case *ast.FuncDecl, *ast.FuncLit:
			return errno, false
		}
	}
	return errno, false
}

// tagless reports whether the innermost switch of the stack has conditions for cases.
func tagless(stack []ast.Node) bool {
	for _, n := range slices.Backward(stack) {
		if s, ok := n.(*ast.SwitchStmt); ok {
			return s.Tag == nil
		}
	}
	return false
}
