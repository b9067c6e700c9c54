package scenario

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func routeForms() []form {
	return slices.Concat(requests("ip route"), showForm(
		"ip route show", "ip [-n NS] route show [table N|main|local]",
		"print routes, as in a snapshot; without a table: of main", (*session).showRoutes,
	))
}

func (s *session) showRoutes(netns string, w *words.Reader) (string, error) {
	table := kernel.TableMain
	if err := w.Keywords(words.Keywords{"table": words.Value(w, "table", &table, operation.ParseTable)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool {
		return o.Noun == kernel.NounRoute && tableOf(o) == table
	})
}

// tableOf returns the table of a route in a snapshot, which does not say main.
func tableOf(o kernel.Object) int {
	name, ok := o.Attr("table")
	if !ok {
		return kernel.TableMain
	}
	table, err := operation.ParseTable(name)
	if err != nil {
		return 0
	}
	return table
}
