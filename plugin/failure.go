package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// The codes of failures for which the specification has none; "Values of 100+ can be freely used for plugin specific
// errors".
const (
	CodeHost   = 101 // the kernel refused a call
	CodeExists = 102 // the attachment, or a link of its name, is there already
	CodeBroken = 103 // CHECK found that the attachment is not as ADD left it
)

// A stepError says in which step of a verb what went wrong.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// A failedUndo is a failure that could not be undone whole. Its code is that of the failure itself.
type failedUndo struct {
	failure, undo error
}

// undone adds to a failure what went wrong while it was undone, if anything did.
func undone(failure, undo error) error {
	if undo == nil {
		return failure
	}
	return &failedUndo{failure, undo}
}

func (e *failedUndo) Error() string { return e.failure.Error() + "\n" + e.undo.Error() }
func (e *failedUndo) Unwrap() error { return e.failure }

// An errorObject is what a failed verb prints: SPEC 1.1.0, section 5, "Error".
type errorObject struct {
	CNIVersion string `json:"cniVersion"`
	Code       uint   `json:"code"`
	Msg        string `json:"msg"`
	Details    string `json:"details,omitempty"`
}

// newErrorObject finds the code and the details inside err. All of its text, in one line, is the message.
func newErrorObject(err error, version string) errorObject {
	return errorObject{
		CNIVersion: version, Code: codeOf(err), Msg: oneLine(message(err)), Details: oneLine(details(err)),
	}
}

// details are those inside err, or what is known of its errno.
func details(err error) string {
	var coded *types.Error
	if errors.As(err, &coded) && coded.Details != "" {
		return coded.Details
	}
	return hint(err)
}

// message is err's text without the details that a *types.Error appends to it.
func message(err error) string {
	text := err.Error()
	var coded *types.Error
	if errors.As(err, &coded) && coded.Details != "" {
		text = strings.Replace(text, coded.Error(), coded.Msg, 1)
	}
	return text
}

// longest is how much of a text an error tells, in bytes: what came from outside can be of any length, and what is in
// front says what is wrong.
const longest = 4 << 10

// oneLine brings a text into a form that fits into a log.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, isLineBreak), "; ")
	if len(s) <= longest {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes more)", strings.ToValidUTF8(s[:longest], ""), len(s)-longest)
}

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' }

func codeOf(err error) uint {
	var coded *types.Error
	switch {
	case errors.As(err, &coded):
		return coded.Code
	case kernel.ErrnoOf(err) != 0:
		return CodeHost
	}
	return types.ErrInternal
}

// hint says what to do about an errno that usually has one cause.
func hint(err error) string {
	switch kernel.ErrnoOf(err) {
	case kernel.EPERM:
		return "the plugin needs CAP_NET_ADMIN in both namespaces, and CAP_SYS_ADMIN to enter the container's"
	case kernel.EACCES:
		return "the plugin may not do that; is it running as root?"
	case kernel.EXFULL:
		return "a bridge takes 1023 ports; use another bridge"
	case kernel.EOPNOTSUPP:
		return "the kernel was built without it, or the module cannot be loaded"
	case kernel.EROFS:
		return "the file system is mounted read-only"
	case kernel.ENOSPC:
		return "no space, or no inode, is left where the plugin keeps its files"
	case kernel.EDQUOT:
		return "the quota is used up where the plugin keeps its files"
	case kernel.ECANCELED:
		return "the runtime stopped the plugin; call DEL"
	}
	return ""
}

// marshal has the reference's layout.
func marshal(document any) []byte {
	data, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		// Results and errors are made of strings, numbers and addresses.
		panic(fmt.Sprintf("a document that is no JSON: %v", err))
	}
	return data
}
