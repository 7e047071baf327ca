package sigma

import (
	"errors"
	"fmt"
)

// ParseError says why one document was refused. Line and Column count from 1 in
// the file that Path names; they are 0 if the reason is not tied to a place.
// RuleID and RuleTitle are filled if the document could be read that far.
type ParseError struct {
	Path         string
	Line, Column int
	RuleID       string
	RuleTitle    string
	Reason       string
}

// Refusal is the entry that a [Set] keeps for a document it did not load.
type Refusal = ParseError

// Error gives "path:line:col: reason".
func (e *ParseError) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Reason)
	case e.Path != "":
		return e.Path + ": " + e.Reason
	}
	return e.Reason
}

// Refusals takes the error of [Parse] apart, in the order of the documents.
func Refusals(err error) []*ParseError {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*ParseError
		for _, one := range many.Unwrap() {
			all = append(all, Refusals(one)...)
		}
		return all
	}
	var pe *ParseError
	if errors.As(err, &pe) {
		return []*ParseError{pe}
	}
	return nil
}

// joinRefusals gives nil, the only error, or all of them joined.
func joinRefusals(list []*ParseError) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	all := make([]error, len(list))
	for i, e := range list {
		all[i] = e
	}
	return errors.Join(all...)
}
