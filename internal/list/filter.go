package list

import (
	"github.com/meneki/meneki/internal/i18n"
)

// Filter is one way to narrow a list. Its value is in the address under its
// name, so that a view can be sent as a link.
type Filter[T any] struct {
	Name    string
	Kind    FilterKind
	Text    i18n.Text // label of a choice, or what to type into the box of words
	Options []Option  // of a choice or of tabs; other values are not known
	Other   bool      // values beside Options can be asked for too
	// Knows reports whether a value that is none of Options can be asked for; nil
	// leaves it to Other.
	Knows   func(value string) bool
	Missing string // value where the address has none

	// Where is the condition of a value that is not empty, in SQL; Match is the
	// same for a list in memory.
	Where func(value string) Cond
	Match func(row T, value string) bool

	// Say is the part of the sentence for a value that is not Missing; nil takes
	// the option's text.
	Say func(value string) i18n.Text
}

// FilterKind is where a filter is set.
type FilterKind uint8

// The kinds of filters.
const (
	Choice FilterKind = iota // by choosing from Options
	Words                    // by typing
	Tab                      // by tabs above the list; clearing the filter keeps it
	Linked                   // by links from elsewhere only
)

// Option is one of several values; the empty value is everything.
type Option struct {
	Value string
	Text  i18n.Text
}

func (f Filter[T]) option(value string) (Option, bool) {
	for _, o := range f.Options {
		if o.Value == value {
			return o, true
		}
	}
	return Option{}, false
}

// knows reports whether value can be asked for.
func (f Filter[T]) knows(value string) bool {
	if _, ok := f.option(value); ok || value == f.Missing {
		return true
	}
	if f.Knows != nil {
		return f.Knows(value)
	}
	return len(f.Options) == 0 || f.Other
}

// say is the filter's part of the sentence; empty if it leaves everything.
func (f Filter[T]) say(value string) i18n.Text {
	if value == f.Missing || value == "" {
		return i18n.Text{}
	}
	if f.Say != nil {
		return f.Say(value)
	}
	if o, ok := f.option(value); ok {
		return o.Text
	}
	if f.Kind == Words {
		return i18n.T("with “{0}”", "「{0}」を含む").With(value)
	}
	return i18n.Text{}
}
