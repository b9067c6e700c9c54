package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Render makes a picture of DOT's text by Graphviz's dot, which has to be installed: svg, png, pdf, as dot -T has them.
func Render(ctx context.Context, dot, format string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "dot", "-T"+format)
	var picture, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(dot), &picture, &complaint
	switch err := cmd.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("a picture of format %s is made by Graphviz's dot, which is not installed (apt-get install graphviz)", format)
	case err != nil:
		return nil, fmt.Errorf("dot -T%s: %w: %s", format, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return picture.Bytes(), nil
}
