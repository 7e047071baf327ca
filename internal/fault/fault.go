// Package fault is meneki's one error type. A fault has a kind out of a closed
// set, a text that is safe to show to anybody, a hint that says what to do, and
// the inner error for the log. The kind alone decides the HTTP problem, the
// exit code of the command and the metric label.
package fault

import (
	"errors"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Kind classes every error. The set is closed: a new kind needs a row in kinds.
type Kind uint8

// The kinds. An error without a kind is Internal.
const (
	Internal        Kind = iota
	Invalid              // the input is wrong; sending it again will not help
	Unauthenticated      // who are you?
	Denied               // known, but not allowed
	NotFound             // not there, or not there for you
	Conflict             // it changed meanwhile, or it exists already
	Gone                 // it was there and was used up or withdrawn
	TooLarge             // over a stated bound
	Busy                 // too many; try again after a while
	Unsupported          // understood, and not handled: refused rather than weakened
	Unavailable          // a part that we need is not reachable
	Storage              // disk full, disk broken, database refused to write
	Newer                // the data was written by a newer version of meneki
	Missed               // the work ran to its end and the awaited result did not come
)

// Error is a fault. Make it with New, Wrap or the short forms below.
type Error struct {
	Kind Kind
	Text i18n.Text // safe for the user; never holds a secret or an inner error
	Hint i18n.Text // what to do now; may be empty
	Err  error     // for the log only; may be nil
	Code Code      // of the text, if another process may have to say it; else empty
	Args []string  // what fills the holes of the code's sentence
}

// Error returns the whole chain, for the log. Show Text to users instead.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Text.EN)
	if e.Err != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the inner error.
func (e *Error) Unwrap() error { return e.Err }

// New makes a fault with no inner error.
func New(k Kind, text i18n.Text) *Error { return &Error{Kind: k, Text: text} }

// Wrap makes a fault around err. The text replaces err for the user.
func Wrap(k Kind, text i18n.Text, err error) *Error { return &Error{Kind: k, Text: text, Err: err} }

// WithHint says what to do now.
func (e *Error) WithHint(hint i18n.Text) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// As finds the outermost fault in err's chain.
func As(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// KindOf classes any error; an error that holds no fault is Internal.
func KindOf(err error) Kind {
	if e, ok := As(err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// TextOf returns what a user may read of err.
func TextOf(err error) i18n.Text {
	if e, ok := As(err); ok && !e.Text.Zero() {
		return e.Text
	}
	return row(KindOf(err)).title
}

// HintOf returns what the user can do about err; it may be empty.
func HintOf(err error) i18n.Text {
	if e, ok := As(err); ok && !e.Hint.Zero() {
		return e.Hint
	}
	return row(KindOf(err)).hint
}
