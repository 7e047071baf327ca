package engine

import (
	"math"

	"github.com/meneki/meneki/sigma"
)

// Record is an event of a source that is not decoded: the engine asks it for the
// fields that rules look at by their numbers in [Engine.Names], and uses Lookup
// and Leaves only for the few events that rules match. LogSource is asked first,
// then EventID; of the others, what is needed.
//
// A record that cannot be decoded in the end has no fields in Lookup and Leaves;
// who gave it to the engine must then ignore the matches.
type Record interface {
	sigma.Event
	// EventID returns the value of the field EventID as rules find it, if it is a
	// single whole number in decimal notation without a plus or leading zeros, as
	// text or as a number; ok is false for anything else, also for a list.
	EventID() (id int64, ok bool)
	// Size reports whether the event has a field, and how many bytes the text of a
	// scalar in it has at most.
	Size(field int32) (most int, ok bool)
	// Spelling returns the text of a field that is one JSON string as it is
	// written, without the quotes; ok is false if the field is not there or is
	// anything else. unicode reports whether a \u is in it.
	Spelling(field int32) (raw []byte, unicode, ok bool)
	// Fill puts the fields named in want that the event has into the cells, as
	// Lookup finds them; [Whole] gets what Leaves returns, and may get more.
	Fill(want []int32, into *Cells)
}

// lookups is the Record of an event of which nothing more is known.
type lookups struct {
	sigma.Event
	names *Names
}

func (l *lookups) EventID() (int64, bool) {
	v, _ := l.Lookup("EventID")
	return wholeID(v)
}

func (l *lookups) Size(field int32) (int, bool) {
	_, ok := l.Lookup(l.names.Name(field))
	return math.MaxInt, ok
}

func (l *lookups) Spelling(int32) (raw []byte, unicode, ok bool) { return nil, false, false }

func (l *lookups) Fill(want []int32, into *Cells) {
	for _, id := range want {
		if id == Whole {
			into.Begin(Whole)
			for text := range l.Leaves() {
				into.String(text)
			}
			into.End()
			continue
		}
		if v, ok := l.Lookup(l.names.Name(id)); ok {
			into.Begin(id)
			into.add(v, 0)
			into.End()
		}
	}
}
