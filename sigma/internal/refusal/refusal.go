// Package refusal makes the reasons for which package sigma and the packages
// below it refuse something: a code of a closed table, what fills the verbs of
// its format, and the English text of both.
package refusal

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Table is the closed set of the reasons of one package: the English format of
// each code, for fmt.Sprintf. An argument may be a reason itself.
type Table map[string]string

// Reason is one reason. It is an error.
type Reason struct {
	code string
	args []any
	text string
}

// New returns the reason with a code of the table.
func (t Table) New(code string, args ...any) *Reason {
	return &Reason{code: code, args: args, text: fmt.Sprintf(t[code], args...)}
}

// All returns the codes of the table with their formats, sorted by code.
func (t Table) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, code := range slices.Sorted(maps.Keys(t)) {
			if !yield(code, t[code]) {
				return
			}
		}
	}
}

// With returns a table that has the rows of both.
func (t Table) With(more Table) Table {
	out := maps.Clone(t)
	maps.Copy(out, more)
	return out
}

// Error returns the English text.
func (r *Reason) Error() string { return r.text }

// Code returns the code.
func (r *Reason) Code() string { return r.code }

// Args returns what fills the verbs of the format, in their order.
func (r *Reason) Args() []any { return r.args }

// Unwrap returns the arguments that are errors.
func (r *Reason) Unwrap() []error {
	var out []error
	for _, a := range r.args {
		if err, ok := a.(error); ok {
			out = append(out, err)
		}
	}
	return out
}
