// Package delegate makes IPAM calls by executing a program: SPEC 1.1.0, section 4, "Delegated plugin execution
// procedure".
package delegate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
)

// A Program is an IPAM plugin that is executed.
type Program struct {
	Path   string // where it was found
	Host   kernel.Programs
	Stderr io.Writer // takes what it prints on its standard error
}

var _ ipam.Plugin = Program{}

// Add executes the program with CNI_COMMAND=ADD.
func (p Program) Add(ctx context.Context, r ipam.Request) (*types100.Result, error) {
	stdout, err := p.run(ctx, "ADD", r)
	if err != nil {
		return nil, err
	}
	result, err := config.DecodeResult(stdout, r.CNIVersion)
	if err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, fmt.Sprintf("the result of %s: %v", p.Path, err), "")
	}
	return result, nil
}

// Del executes the program with CNI_COMMAND=DEL.
func (p Program) Del(ctx context.Context, r ipam.Request) error {
	_, err := p.run(ctx, "DEL", r)
	return err
}

// Check executes the program with CNI_COMMAND=CHECK.
func (p Program) Check(ctx context.Context, r ipam.Request) error {
	_, err := p.run(ctx, "CHECK", r)
	return err
}

// GC executes the program with CNI_COMMAND=GC. The configuration lists the valid attachments under the runtime's keys.
func (p Program) GC(ctx context.Context, r ipam.Request, _ []types.GCAttachment) error {
	_, err := p.run(ctx, "GC", r)
	return err
}

// Status executes the program with CNI_COMMAND=STATUS.
func (p Program) Status(ctx context.Context, r ipam.Request) error {
	_, err := p.run(ctx, "STATUS", r)
	return err
}

func (p Program) run(ctx context.Context, command string, r ipam.Request) (stdout []byte, err error) {
	out, err := p.Host.Exec(ctx, p.Path, withCommand(r.Env, command), r.Config)
	if err != nil {
		return nil, err
	}
	// "Ensure that the delegated plugin's stderr is output to the calling plugin's stderr." That it cannot be written
	// is nobody's loss but the log's.
	_, _ = p.Stderr.Write(out.Stderr)
	if out.Exit != 0 {
		return nil, p.failure(command, out)
	}
	return out.Stdout, nil
}

// withCommand returns the environment with another CNI_COMMAND: "Execute that plugin with the same environment".
func withCommand(env []string, command string) []string {
	out := make([]string, 0, len(env)+1)
	for _, entry := range env {
		if !strings.HasPrefix(entry, "CNI_COMMAND=") {
			out = append(out, entry)
		}
	}
	return append(out, "CNI_COMMAND="+command)
}

// failure turns what a failed program printed into an error, with the program's own code.
func (p Program) failure(command string, out kernel.Output) error {
	name := path.Base(p.Path)
	var told types.Error
	if err := json.Unmarshal(out.Stdout, &told); err != nil || told.Msg == "" {
		return types.NewError(types.ErrInternal, fmt.Sprintf("%s ended %s with status %d and without an error object",
			name, command, out.Exit), strings.TrimSpace(string(out.Stderr)))
	}
	if told.Code == types.ErrUnknown {
		told.Code = types.ErrInternal
	}
	return types.NewError(told.Code, name+": "+told.Msg, told.Details)
}
