package scenario

import (
	"bytes"
	"encoding/json"
	"strings"
)

// pageWidth is how many columns a line of a told transcript has at most, if it can be parted.
const pageWidth = 94

// wrap parts a text into lines of at most width columns, at blanks.
func wrap(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && len(lines[last])+1+len(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// layOutJSON returns a JSON document with its keys in their order, and on one line whatever has room there; nil where
// the text is none.
func layOutJSON(text []byte, width int) []string {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) || len(text) == 0 || text[0] != '{' {
		return nil
	}
	return layOut("", text, width)
}

// layOutPrinted lays out the JSON documents that lines have printed, where a log shows them.
func (s *session) layOutPrinted(log string) string {
	const mark = "[stdout]\n"
	for _, out := range s.printed {
		if lines := layOutJSON([]byte(out), pageWidth); lines != nil {
			log = strings.ReplaceAll(log, mark+out, mark+strings.Join(lines, "\n")+"\n")
		}
	}
	return log
}

// layOut lays out a value with the key before it.
func layOut(key string, value []byte, width int) []string {
	parts, keys := members(value)
	if line := key + onOneLine(value); len(line) < width || len(parts) == 0 {
		return []string{line}
	}
	lines := []string{key + string(value[0])}
	for i, part := range parts {
		inner := layOut(keys[i], part, width-2)
		if i+1 < len(parts) {
			inner[len(inner)-1] += ","
		}
		for _, line := range inner {
			lines = append(lines, "  "+line)
		}
	}
	return append(lines, string(value[len(value)-1]))
}

// members returns the values inside of an object or a list, each with the key that stands before it; none of anything
// else.
func members(value []byte) (parts []json.RawMessage, keys []string) {
	in := json.NewDecoder(bytes.NewReader(value))
	opening, err := in.Token()
	if _, ok := opening.(json.Delim); err != nil || !ok {
		return nil, nil
	}
	for in.More() {
		key := ""
		if opening == json.Delim('{') {
			name, _ := in.Token() // the document is valid
			quoted, _ := json.Marshal(name)
			key = string(quoted) + ": "
		}
		var part json.RawMessage
		_ = in.Decode(&part)
		parts, keys = append(parts, part), append(keys, key)
	}
	return parts, keys
}

// onOneLine is a JSON value with blanks where people put them.
func onOneLine(value []byte) string {
	parts, keys := members(value)
	if len(parts) == 0 {
		var compact bytes.Buffer
		_ = json.Compact(&compact, value) // the document is valid
		return compact.String()
	}
	var all []string
	for i, part := range parts {
		all = append(all, keys[i]+onOneLine(part))
	}
	return string(value[0]) + " " + strings.Join(all, ", ") + " " + string(value[len(value)-1])
}
