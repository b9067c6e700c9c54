package sim

import "github.com/cnilab/cnilab/kernel"

// A refusal is Linux's answer to a request it does not carry out: the error number, and its own words (the extended
// acknowledgement) where it has some. nil means done.
type refusal struct {
	errno kernel.Errno
	words string
}

func refuse(errno kernel.Errno, words ...string) *refusal {
	r := &refusal{errno: errno}
	if len(words) > 0 {
		r.words = words[0]
	}
	return r
}
