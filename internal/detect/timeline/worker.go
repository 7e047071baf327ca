package timeline

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// scanner is what all workers share. It holds nothing that changes.
type scanner struct {
	order       map[*sigma.Rule]int // place of each rule in its set; of those whose matches are shown
	people      *people             // nil if no rule needs to know what others saw
	filter      Filter
	observables bool
	meter       *Meter
}

// worker matches events for one goroutine.
type worker struct {
	*scanner
	match func(ev sigma.Event) iter.Seq[*sigma.Match]
	flat  *flatjson.Matcher // nil for the reference evaluator, which has no short way
	facts *facts

	decoder read.Decoder
	source  event.Source // of the record that is being read
	hint    read.Hint
	chunk   evtx.Chunk
}

// workers returns what makes a worker: with the fast engine, or with the evaluator
// that it is held against.
func workers(s *scanner, set *sigma.Set, reference bool) func() *worker {
	if reference {
		return func() *worker {
			return &worker{scanner: s, facts: newFacts(), match: set.Match}
		}
	}
	e := engine.Compile(set, engine.Options{})
	return func() *worker {
		w := &worker{scanner: s, facts: newFacts()}
		w.match = e.Worker().Match
		w.flat = flatjson.NewMatcher(e, w.decode, traced...)
		return w
	}
}

// traced are the fields of the Windows security log that identify accounts and machines, in
// the order of facts' keys.
var traced = func() []string {
	list := principal.ReducedFields()
	slices.Sort(list)
	return list
}()

var errNoRecord = errors.New("timeline: not one record")

// decode makes the event of a line that holds exactly one record.
func (w *worker) decode(line []byte) (*event.Event, error) {
	list, err := w.decoder.Line(w.source, line, w.hint)
	if err != nil || len(list) != 1 {
		return nil, errNoRecord
	}
	return list[0], nil
}

// short matches a line of the shape that is known, without decoding it if no rule
// can match; false if it has to be decoded.
func (w *worker) short(b *batch, c read.Chunk) bool {
	line := bytes.TrimRight(c.Raw, " \t\r")
	at := len(b.matches)
	var ev *event.Event
	known, err := w.flat.MatchKnown(line, func(e *event.Event, m *sigma.Match) bool {
		ev = e
		w.found(b, e, m)
		return b.err == nil
	})
	if !known {
		return false
	}
	if err != nil { // would be a mistake of flatjson
		b.matches = b.matches[:at]
		return false
	}
	b.report.Events++
	if w.people == nil {
		return true
	}
	if ev == nil {
		_, service, _ := w.flat.LogSource()
		id, _ := w.flat.EventID()
		if !w.people.identity || !principal.Concerns(service, id) {
			return true
		}
		if service == "security" && !principal.SignIns(id) {
			w.facts.tie(traced, w.flat.Also)
			return true
		}
		if ev, err = w.decode(line); err != nil {
			return true
		}
	}
	w.people.see(w, b, ev)
	return true
}

// event matches an event that was decoded.
func (w *worker) event(b *batch, ev *event.Event) {
	if ev.TryAllSources() {
		b.report.Unknown++
	}
	for m := range w.match(ev) {
		if ev.Supports(m) {
			w.found(b, ev, m)
		}
		if b.err != nil {
			break
		}
	}
	if w.people != nil {
		w.people.see(w, b, ev)
	}
}

// found takes a match.
func (w *worker) found(b *batch, ev *event.Event, match *sigma.Match) {
	if p := w.people; p != nil && p.later[match.Rule] && p.signIn(ev) {
		return // decided when it is known whose sign-in it is
	}
	if !w.filter.covers(ev.Time, !ev.Time.Equal(ev.Seen)) {
		return
	}
	if w.people != nil {
		w.people.base(b, match.Rule, ev)
	}
	if place, shown := w.order[match.Rule]; shown {
		b.matches = append(b.matches, w.made(match, ev, b.input, place))
	}
}

func (s *scanner) made(match *sigma.Match, ev *event.Event, input, place int) *Match {
	m := newMatch(match, ev, input, place)
	if s.observables {
		m.Seen = seenIn(ev)
	}
	return m
}

const maxSeen = 64 // observables of one match

// seenIn returns copies of what an event names.
func seenIn(ev *event.Event) []event.Observable {
	list := event.Observables(ev)
	list = list[:min(len(list), maxSeen)]
	for i := range list {
		list[i].Value = strings.Clone(list[i].Value)
	}
	return list
}
