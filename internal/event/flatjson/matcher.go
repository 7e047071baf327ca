// Package flatjson takes the lines that nodes see most, Windows events as flat JSON
// objects, one a line, apart for the detection engine without decoding them. It
// finds the fields that rules look at, under the names and with the values that
// package read gives them, and leaves the rest alone. Whatever is not plainly
// such a line, by its shape, its size or its spelling, it hands to package read,
// so that its result never differs from that of decoding first; only matches
// are decoded otherwise.
//
// The shape is that of NXLog, Log Analytics and PowerShell's ConvertTo-Json
// (read, "windowsFlat"): System and data fields side by side.
package flatjson

import (
	"iter"
	"slices"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Matcher matches lines with an engine. It is not safe for concurrent use; make
// one for each goroutine.
//
// Memory: it keeps what it knows about at most 4,096 kinds of events and of keys,
// and scratch of the size of the longest line.
type Matcher struct {
	worker *engine.Worker
	scan   scanner
	decode func(line []byte) (*event.Event, error)
	line   []byte
	event  *event.Event // of the line, once it was decoded
	err    error

	Undecoded, Decoded int64 // lines that were taken apart here, and that had to be decoded
}

// NewMatcher makes a matcher. decode is called with the lines that match a rule
// or are not of the known shape, and must return what package read makes of
// them; nil, nil is a line that holds no record. also are the names of fields that
// Also returns.
func NewMatcher(e *engine.Engine, decode func(line []byte) (*event.Event, error), also ...string) *Matcher {
	m := &Matcher{worker: e.Worker(), decode: decode}
	m.scan.init(e.Names(), also)
	for _, r := range e.Set().Rules {
		_, whole := r.FieldNames()
		m.scan.always = m.scan.always || whole
	}
	return m
}

// Worker returns the worker, to flush its costs.
func (m *Matcher) Worker() *engine.Worker { return m.worker }

// Match calls yield with the line's event and each rule that it matches, in the
// order of the rules, until yield returns false. The error is that of decode:
// the line is then no record, or, what would be a mistake in this package, one
// that only this package could read. line must not change before Match returns.
func (m *Matcher) Match(line []byte, yield func(*event.Event, *sigma.Match) bool) error {
	if known, err := m.MatchKnown(line, yield); known {
		return err
	}
	ev, err := m.decode(line)
	if err != nil || ev == nil {
		return err
	}
	for match := range m.worker.Match(ev) {
		if !yield(ev, match) {
			break
		}
	}
	return nil
}

// MatchKnown is Match for a caller that decodes what is not of the known shape itself:
// known is then false, and nothing was done. A line that is known is one whole
// record.
func (m *Matcher) MatchKnown(line []byte, yield func(*event.Event, *sigma.Match) bool) (known bool, err error) {
	m.event, m.err = nil, nil
	if !m.scan.read(line) {
		m.Decoded++
		return false, nil
	}
	m.Undecoded++
	m.line = line
	for match := range m.worker.Match(m) {
		if m.err != nil || !yield(m.event, match) {
			break
		}
	}
	return true, m.err
}

// Also returns the text of a field of the line that MatchKnown knew: the i-th of
// those that NewMatcher was given. It is empty if the line has no text under that
// very name, and good until the next line.
func (m *Matcher) Also(i int) []byte { return m.scan.text(m.scan.also[i]) }

// Skim only takes the line apart; it is for measuring what that costs. known is
// false if the line has to be decoded.
func (m *Matcher) Skim(line []byte) (known bool) { return m.scan.read(line) }

// LogSource is for the engine, and so are the next six.
func (m *Matcher) LogSource() (product, service string, categories []string) {
	k := m.scan.kind
	return k.product, k.service, k.categories
}

// EventID returns the event's ID.
func (m *Matcher) EventID() (int64, bool) { return m.scan.eventID, true }

// Size reports whether the line has a field.
func (m *Matcher) Size(field int32) (int, bool) { return m.scan.size(field) }

// Spelling returns the text of a field as it is written.
func (m *Matcher) Spelling(field int32) (raw []byte, unicode, ok bool) { return m.scan.spelling(field) }

// Fill returns the fields that are wanted.
func (m *Matcher) Fill(want []int32, into *engine.Cells) { m.scan.fill(want, into) }

// Lookup decodes the line and finds a field.
func (m *Matcher) Lookup(field string) (value any, ok bool) {
	if !m.decoded() {
		return nil, false
	}
	return m.event.Lookup(field)
}

// Leaves decodes the line and returns its scalar values.
func (m *Matcher) Leaves() iter.Seq[string] {
	if !m.decoded() {
		return func(func(string) bool) {}
	}
	return m.event.Leaves()
}

func (m *Matcher) decoded() bool {
	if m.event == nil && m.err == nil {
		m.event, m.err = m.decode(m.line)
	}
	return m.err == nil
}

// valueKind is the JSON type of a value.
type valueKind uint8

const (
	isAbsent valueKind = iota
	isNull
	isText
	isWhole // a whole number, as it is written
	isFloat
	isBool
	isNested
)

// value is a field of the line. It is there if epoch is that of the scanner.
type value struct {
	epoch   uint32
	kind    valueKind
	escaped bool // text has escapes
	u       bool // … such as \u00e9
	made    bool // the line does not have it as it is: text is as rules find it
	text    []byte
}

// variant is a field whose key differs from all names only in case.
type variant struct {
	class int32
	key   []byte
	value value
}

// leaf is a scalar anywhere in the line, or beside it.
type leaf struct {
	kind valueKind
	u    bool
	text []byte
}

// maxLine is the longest line that is read here, in bytes, so that no bound of
// package read on values and depth can be met unseen.
const maxLine = 256 << 10

// scanner finds the fields of one line.
type scanner struct {
	names  *engine.Names // the engine's, and behind them those of special
	always bool          // rules look at the whole event
	also   []int32       // names that Also returns

	epoch    uint32
	values   []value
	other    value // that is not asked for …
	inner    value // … inside a value
	variants []variant
	leaves   []leaf
	made     []leaf // values that the line does not have as they are
	kind     *kind
	eventID  int64

	line    []byte
	wide    bool // a string holds something beyond ASCII
	odd     bool // … that folds into it
	null    bool // such a field is null, which is not the same as absent
	strange bool // a field that rules look at holds what history writes in ways of its own
	nodes   map[string]*keyNode
	last    *keyNode
	kinds   map[string]*kind
	key     []byte
	buf     []byte
	at      specials
}

// keyNode is a key that was seen, and the one that came after it.
type keyNode struct {
	key       string
	id, class int32
	next      *keyNode
}

const (
	maxKeys = 4096
	maxKey  = 128 // bytes; longer ones are not remembered
)

func (s *scanner) init(names *engine.Names, also []string) {
	list := make([]string, 0, names.Len()+64)
	seen := map[string]bool{}
	for i := range names.Len() {
		list = append(list, names.Name(int32(i)))
		seen[names.Name(int32(i))] = true
	}
	wanted := len(list)
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, name := range special {
		add(name)
	}
	for _, name := range also {
		add(name)
	}
	for _, name := range list[:wanted] { // what may begin a path that a rule asks for
		for i := range len(name) {
			if name[i] == '.' {
				add(name[:i])
			}
		}
	}
	s.names = names.With(list[wanted:]...)
	for _, name := range also {
		s.also = append(s.also, int32(slices.Index(list, name)))
	}
	s.values = make([]value, len(list))
	s.at = newSpecials(s.names)
	s.nodes = map[string]*keyNode{}
	s.kinds = map[string]*kind{}
	s.last = &keyNode{id: -1, class: -1}
}

// read takes a line apart; false if it has to be decoded.
func (s *scanner) read(line []byte) bool {
	for len(line) > 0 && isSpace(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	if len(line) < 2 || len(line) > maxLine || line[0] != '{' {
		return false
	}
	s.begin(line)
	return s.members() && !s.null && s.windows()
}

func (s *scanner) begin(line []byte) {
	if s.epoch++; s.epoch == 0 {
		clear(s.values)
		s.epoch = 1
	}
	s.line, s.variants, s.leaves, s.made, s.buf = line, s.variants[:0], s.leaves[:0], s.made[:0], s.buf[:0]
	s.kind, s.eventID, s.null, s.wide = nil, 0, false, false
}

// has reports whether the event has a field that is not null.
func (s *scanner) has(id int32) bool {
	v := &s.values[id]
	return v.epoch == s.epoch && v.kind != isNull
}

// text returns the text of a field that is text, "" otherwise. It is valid until
// the next line.
func (s *scanner) text(id int32) []byte {
	v := &s.values[id]
	if v.epoch != s.epoch || v.kind != isText {
		return nil
	}
	return s.plain(v)
}

// plain returns a text without its escapes.
func (s *scanner) plain(v *value) []byte {
	if !v.escaped {
		return v.text
	}
	at := len(s.buf)
	s.buf = unescape(s.buf, v.text)
	return s.buf[at:len(s.buf):len(s.buf)]
}

// find returns a field as rules find it, or nil. A line in which a field that is asked
// for is null is decoded.
func (s *scanner) find(id int32) *value {
	if s.has(id) {
		return &s.values[id]
	}
	return s.elsewhere(id)
}

// longNumber is more than the text of any number has bytes that is not written
// as its text.
const longNumber = 400

// size reports whether the line has a field, and how long its text is at most.
func (s *scanner) size(id int32) (int, bool) {
	v := s.find(id)
	if v == nil {
		return 0, false
	}
	if v.kind == isFloat {
		return max(len(v.text), longNumber), true
	}
	return len(v.text), true
}

// spelling returns a text as it is written, if it is.
func (s *scanner) spelling(id int32) (raw []byte, unicode, ok bool) {
	v := s.find(id)
	if v == nil || v.kind != isText || v.made {
		return nil, false, false
	}
	return v.text, v.u, true
}

// fill returns the engine the fields that it wants.
func (s *scanner) fill(want []int32, into *engine.Cells) {
	for _, id := range want {
		if id == engine.Whole {
			s.whole(into)
			continue
		}
		v := s.find(id)
		if v == nil {
			continue
		}
		switch v.kind {
		case isText:
			into.Begin(id)
			if v.escaped {
				buf := into.Buffer()
				at := len(buf)
				buf = unescape(buf, v.text)
				into.Return(buf)
				into.Text(buf[at:len(buf):len(buf)])
			} else {
				into.Text(v.text)
			}
		case isFloat:
			into.Begin(id)
			into.String(floatText(v.text))
		default:
			into.Begin(id)
			into.Text(v.text)
		}
		into.End()
	}
}

// elsewhere finds a field under a name of another case: the first in byte order.
func (s *scanner) elsewhere(id int32) *value {
	class := s.names.Class(id)
	members := s.names.Members(class)
	if len(members) == 1 && len(s.variants) == 0 {
		return nil
	}
	var best *value
	key := ""
	for _, m := range members {
		if s.has(m) {
			best, key = &s.values[m], s.names.Name(m)
			break
		}
	}
	for i := range s.variants {
		v := &s.variants[i]
		if v.class == class && v.value.kind != isNull && (best == nil || string(v.key) < key) {
			best, key = &v.value, string(v.key)
		}
	}
	return best
}

// whole returns the engine the line, which holds all scalars, and those that are not
// spelled in it as rules find them.
func (s *scanner) whole(into *engine.Cells) {
	into.Begin(engine.Whole)
	into.Raw(s.line)
	for i := range s.leaves {
		l := &s.leaves[i]
		switch {
		case l.kind == isFloat:
			into.String(floatText(l.text))
		case l.u || engine.Odd(l.text):
			buf := into.Buffer()
			at := len(buf)
			buf = unescape(buf, l.text)
			into.Return(buf)
			into.Text(buf[at:len(buf):len(buf)])
		}
	}
	for i := range s.made {
		into.Text(s.made[i].text)
	}
	into.End()
}
