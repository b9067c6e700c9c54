// Package pattern is the one kind of pattern that people write in scenarios.
package pattern

import "strings"

// Matches reports whether s is the pattern, in which * stands for any characters.
func Matches(pattern, s string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	s, ok := strings.CutPrefix(s, head)
	if !wild || !ok {
		return ok && s == ""
	}
	for i := range len(s) + 1 {
		if Matches(rest, s[i:]) {
			return true
		}
	}
	return false
}
