package main

import (
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
	file   string // absolute, as -overlay wants it
	place  string // "fib4.go:44"
	source string // the statement's line
	text   []byte // the whole file
	edit   edit
}

// An edit replaces a part of a file.
type edit struct {
	from, to int
	by       func(part string) string
}

// without returns the file without the branch.
func (b branch) without() []byte {
	e := b.edit
	return slices.Concat(b.text[:e.from], []byte(e.by(string(b.text[e.from:e.to]))), b.text[e.to:])
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
		at := set.Position(errno.Pos())
		branches = append(branches, branch{
			file: absolute, text: text,
			place:  filepath.Base(file) + at.String()[len(file):strings.LastIndex(at.String(), ":")],
			source: strings.TrimSpace(strings.Split(string(text), "\n")[at.Line-1]),
			edit:   takeOut(set, stack, errno),
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

// takeOut returns the edit that makes the condition around a refusal false for ever, or, where the refusal is under no
// condition of its own, has it answer EIO. stack leads from the file to the refusal.
func takeOut(set *token.FileSet, stack []ast.Node, errno ast.Expr) edit {
	replace := func(n ast.Node, by func(part string) string) edit {
		return edit{from: set.Position(n.Pos()).Offset, to: set.Position(n.End()).Offset, by: by}
	}
	for i, n := range slices.Backward(stack) {
		switch n := n.(type) {
		case *ast.IfStmt:
			if len(n.Body.List) == 1 && slices.Contains(stack, ast.Node(n.Body)) {
				return replace(n.Cond, never)
			}
		case *ast.CaseClause:
			if tagless(stack[:i]) && len(n.Body) == 1 && len(n.List) == 1 {
				return replace(n.List[0], never)
			}
		case *ast.FuncDecl, *ast.FuncLit:
			return replace(errno, inputOutputError)
		}
	}
	return replace(errno, inputOutputError)
}

// never makes a condition false whatever it says; its names stay used.
func never(condition string) string { return "false && (" + condition + ")" }

func inputOutputError(string) string { return "kernel.EIO" }

// tagless reports whether the innermost switch of the stack has conditions for cases.
func tagless(stack []ast.Node) bool {
	for _, n := range slices.Backward(stack) {
		if s, ok := n.(*ast.SwitchStmt); ok {
			return s.Tag == nil
		}
	}
	return false
}
