package words

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quote writes a word as it stands in a line: in single quotes where it has blanks or what a script would take for
// something else, and as a Go string where a line could not hold it.
func Quote(word string) string {
	switch {
	case !isLine(word):
		return escape(word)
	case word == "" || strings.ContainsAny(word, " #$"):
		return "'" + word + "'"
	}
	return word
}

// isLine reports whether a line can hold the word as it is. Quotes need escapes, because there are two kinds of them.
func isLine(word string) bool {
	for _, r := range word {
		if r < ' ' || r > '~' || r == '\'' || r == '"' || r == '\\' {
			return false
		}
	}
	return true
}

// escape writes a word as a Go string without anything that splits lines or that scripts replace.
func escape(word string) string {
	quoted := strconv.QuoteToASCII(word)
	return strings.NewReplacer(" ", `\x20`, "'", `\x27`, "#", `\x23`, "$", `\x24`).Replace(quoted)
}

// Unquote is the word that a Go string stands for; other words stand for themselves.
func Unquote(word string) string {
	if len(word) < 2 || word[0] != '"' || !utf8.ValidString(word) {
		return word
	}
	if plain, err := strconv.Unquote(word); err == nil {
		return plain
	}
	return word
}

// Split splits a line into its words as a script does: at blanks, with quotes taken off. It ends at a comment.
func Split(line string) []string {
	var all []string
	var word strings.Builder
	inWord, quoted := false, false
	end := func() {
		if inWord {
			all = append(all, word.String())
		}
		word.Reset()
		inWord = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'' && quoted && strings.HasPrefix(line[i+1:], "'"):
			word.WriteByte(c) // two of them within quotes are one
			i++
		case c == '\'':
			quoted, inWord = !quoted, true
		case quoted:
			word.WriteByte(c)
		case c == '#':
			end()
			return all
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			end()
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	end()
	return all
}
