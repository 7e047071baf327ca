package sigma

import "errors"

// Reason says why something was refused: as English text, and for programs and
// translations as a code of the closed set that [Reasons] lists, with the
// arguments that fill the verbs of its format. An argument may be a Reason too.
type Reason interface {
	error
	Code() string
	Args() []any
}

// ParseError says why one document was refused. Line and Column count from 1 in
// the file that Path names; they are 0 if the reason is not tied to a place.
// RuleID and RuleTitle are filled if the document could be read that far.
//
// It is a Reason itself: the place, with Reason as its last argument.
type ParseError struct {
	Path         string
	Line, Column int
	RuleID       string
	RuleTitle    string
	Reason       Reason
}

// Error returns "path:line:col: reason".
func (e *ParseError) Error() string { return e.located().Error() }

// Code returns sigma.at.place, sigma.at.file, or without a path the reason's own.
func (e *ParseError) Code() string { return e.located().Code() }

// Args returns the path, the line and the column as far as they are known, and
// the reason.
func (e *ParseError) Args() []any { return e.located().Args() }

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Reason }

func (e *ParseError) located() Reason {
	switch {
	case e.Line > 0:
		return reasons.New("sigma.at.place", e.Path, e.Line, e.Column, e.Reason)
	case e.Path != "":
		return reasons.New("sigma.at.file", e.Path, e.Reason)
	}
	return e.Reason
}

// reasonOf returns an error as a reason.
func reasonOf(err error) Reason {
	if r, ok := err.(Reason); ok {
		return r
	}
	return reasons.New("sigma.error", err)
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

// joinRefusals returns nil, the only error, or all of them joined.
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
