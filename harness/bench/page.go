package bench

import (
	"fmt"
	"strings"
)

// A Fact is a line on how and where the figures were measured.
type Fact struct{ Name, Value string }

// Page is the figures as Markdown, below the preface.
func Page(preface string, facts []Fact, figures []Figure) string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("\n| | |\n|---|---|\n")
	for _, f := range facts {
		fmt.Fprintf(&b, "| %s | %s |\n", cell(f.Name), cell(f.Value))
	}
	fmt.Fprintf(&b, "\n%s\n", summary(figures))
	section := ""
	for _, f := range figures {
		if f.Section != section {
			section = f.Section
			fmt.Fprintf(&b, "\n## %s\n\n%s", section, tableHead)
		}
		b.WriteString(tableLine(f))
	}
	return b.String()
}

const tableHead = "| figure | what | ours | held against | ratio | target | | if not, why |\n" +
	"|---|---|--:|--:|--:|---|---|---|\n"

// summary counts how the targets are met.
func summary(figures []Figure) string {
	var held, missed, unmeasured int
	for _, f := range figures {
		switch {
		case !f.Measured():
			unmeasured++
		case f.Target == Target{}:
		case f.Held():
			held++
		default:
			missed++
		}
	}
	text := fmt.Sprintf("**%d of %d targets hold.**", held, held+missed)
	if unmeasured > 0 {
		text += fmt.Sprintf(" %d figures were not measured.", unmeasured)
	}
	return text
}

func tableLine(f Figure) string {
	if !f.Measured() {
		return fmt.Sprintf("| `%s` | %s | | | | %s | – | not measured: %s |\n", f.Name, cell(f.What), f.Target.in(f.Unit), cell(f.Err.Error()))
	}
	ratio, verdict, reason := "–", "–", ""
	if f.Other.Of != nil {
		ratio = fmt.Sprintf("**%s**", digits(f.Ratio()))
	}
	switch {
	case f.Target == Target{}:
	case f.Held():
		verdict = "holds"
	default:
		verdict, reason = "**no**", f.Reason
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %s | %s |\n", f.Name, cell(f.What), side(f.Row.Ours, f.OursSample, f.Unit),
		side(f.Other, f.OtherSample, f.Unit), ratio, f.Target.in(f.Unit), verdict, cell(reason))
}

// side is a median, and what half of the values are between.
func side(r Reading, s Sample, u Unit) string {
	if r.Of == nil {
		return "–"
	}
	median := s.Median()
	text := cell(r.Of.Label()) + " " + u.Format(median)
	if low, high := s.Quartiles(); low != high {
		text += " (" + u.span(low, high, median) + ")"
	}
	return text
}

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.ReplaceAll(oneLine(text), "|", "\\|")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
