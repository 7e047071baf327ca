// Package convert reads threat information in every form in which people have it and makes STIX
// objects of it, and writes objects in the forms that tools read: STIX, CSV, rules and datasets of
// Suricata, rules of Snort 3, intelligence files of Zeek, hosts files, response policy zones, CDB
// lists of Wazuh and plain lists.
//
// Nothing vanishes: what is not taken, taken wider than it is written, kept without acting or not
// to be expressed in a form has a note with its place, its text and the reason. The same row of the
// same source is the same object, whenever it is read.
//
// The package does no I/O but through the readers and writers that it is given.
package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/stix"
)

// Kind is what became of what a note is about.
type Kind string

// The kinds of notes.
const (
	Refused    Kind = "refused"     // it is wrong
	NotCovered Kind = "not_covered" // it is right, and cannot be expressed
	Wider      Kind = "wider"       // taken, and it matches more than is written
	Silent     Kind = "silent"      // kept as an observation: it says nothing of an attack by itself
	Changed    Kind = "changed"     // taken with a change that is stated
)

// Note is something that is not in the result as it was given.
type Note struct {
	Kind   Kind
	File   string
	Line   int    // from 1; 0 if there is none
	Object string // id, where there is one
	Reason i18n.Text
}

// maxNotes bounds the notes of one kind that are kept one by one; all are counted.
const maxNotes = 1000

// Thing is an object that was read. What a list says becomes an object when it is known since
// when it is here; what came as an object is one.
type Thing struct {
	ID     string
	Line   int
	Silent i18n.Text // why it says nothing by itself
	Object *stix.Object
	props  map[string]any
	first  time.Time // what the list says of its beginning
}

// Hash tells two contents of a thing apart, whenever they were read.
func (t Thing) Hash() string {
	b, err := json.Marshal(t.props) // by name
	kind := "v"
	if t.Object != nil {
		b, err, kind = t.Object.Bytes(), nil, "o"
	}
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return kind + hex.EncodeToString(sum[:16])
}

// Made reports whether a thing of a hash was made of a value, and not given as an object.
func Made(hash string) bool { return strings.HasPrefix(hash, "v") }

// Title is a line that says what a thing is.
func (t Thing) Title() string {
	if t.Object == nil {
		pattern, _ := t.props["pattern"].(string)
		return pattern
	}
	for _, name := range []string{"pattern", "value", "name"} {
		if s := t.Object.Text(name); s != "" {
			return t.Object.Type() + "  " + s
		}
	}
	return t.ID
}

// Make returns the object as it is since created and in this content since modified.
func (t Thing) Make(created, modified time.Time) (*stix.Object, error) {
	if t.Object != nil {
		return t.Object, nil
	}
	p := maps.Clone(t.props)
	if strings.HasPrefix(t.ID, "indicator--") {
		from := created
		if !t.first.IsZero() && t.first.Before(from) {
			from = t.first
		}
		p["created"], p["modified"] = stix.TimestampOf(created.UTC().Truncate(time.Millisecond)).String(),
			stix.TimestampOf(modified.UTC().Truncate(time.Millisecond)).String()
		p["valid_from"] = stix.TimestampOf(from.UTC().Truncate(time.Millisecond)).String()
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", t.ID, err)
	}
	return stix.Parse(b)
}

// Result is what was read.
type Result struct {
	Format   feed.Format
	Encoding string // "" is UTF-8
	Records  int64
	Things   []Thing // each id and version once
	Same     int64   // records that said what another had said
	Notes    []Note
	Counts   map[Kind]int64 // of notes, those that are not in Notes too
}

// Note adds a note.
func (r *Result) Note(n Note) {
	if r.Counts == nil {
		r.Counts = map[Kind]int64{}
	}
	if r.Counts[n.Kind]++; r.Counts[n.Kind] <= maxNotes {
		r.Notes = append(r.Notes, n)
	}
}

// Objects returns the things as objects that are here since now.
func (r *Result) Objects(now time.Time) ([]*stix.Object, error) {
	list := make([]*stix.Object, 0, len(r.Things))
	for _, t := range r.Things {
		o, err := t.Make(now, now)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// Options say how something is read.
type Options struct {
	feed.Options // Source names who says so, and is a part of the ids; TLP is for what states none
	// Identity is the id of the source; empty: the objects name no creator.
	Identity string
	// MISP reads events; nil: what is to be detected in them is read as from a list.
	MISP func(ctx context.Context, name string, open func() (io.ReadCloser, error)) ([]*stix.Object, []Note, error)
}

// Bounds of one document.
const (
	maxBytes  = 1 << 30
	maxThings = 2_000_000
)

// Read reads a document. An error says that it could not be read to its end: what was read is then
// not all of it, and must not take the place of what was there.
func Read(ctx context.Context, name string, open func() (io.ReadCloser, error), o Options) (*Result, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = maxBytes
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = maxThings
	}
	o.MaxListed = maxNotes
	o.Composites = true
	r := &reader{o: o, name: name, result: &Result{}, seen: map[string]string{}}
	format, err := feed.Detect(ctx, name, open, o.Options)
	if err != nil {
		return nil, err
	}
	r.result.Format = format
	switch {
	case format == feed.STIX:
		err = r.stix(ctx, open)
	case format == feed.MISP && o.MISP != nil:
		var list []*stix.Object
		var notes []Note
		if list, notes, err = o.MISP(ctx, name, open); err == nil {
			for _, x := range list {
				r.result.Records++
				r.add(Thing{ID: x.ID(), Object: x})
			}
			for _, n := range notes {
				r.result.Note(n)
			}
		}
	default:
		err = r.list(ctx, open)
	}
	if err != nil {
		return nil, err
	}
	return r.result, nil
}

type reader struct {
	o      Options
	name   string
	result *Result
	seen   map[string]string       // hash by id and version
	bodies map[string]*stix.Object // by id and version, to find two contents of one
}

// add adds a thing, if it does not say what another has said.
func (r *reader) add(t Thing) {
	key := t.ID
	if t.Object != nil {
		key += " " + t.Object.Modified().String()
	}
	if _, there := r.seen[key]; there {
		r.result.Same++
		return
	}
	r.seen[key] = ""
	r.result.Things = append(r.result.Things, t)
}

// stix reads a STIX document; objects of version 2.0 are made such of 2.1.
func (r *reader) stix(ctx context.Context, open func() (io.ReadCloser, error)) error {
	return feed.Objects(ctx, r.name, open, r.o.Options, r.object)
}

// Objects reads objects that came one by one, as over TAXII. Those of version 2.0 are made such of 2.1.
func Objects(name string, list []json.RawMessage) *Result {
	r := &reader{name: name, result: &Result{Format: feed.STIX}, seen: map[string]string{}}
	for _, raw := range list {
		_ = r.object(0, raw) // it has room for as many as a page holds
	}
	return r.result
}

// object reads one object.
func (r *reader) object(line int, raw []byte) error {
	r.result.Records++
	note := func(k Kind, id string, why i18n.Text) {
		r.result.Note(Note{Kind: k, File: r.name, Line: line, Object: id, Reason: why})
	}
	if raw == nil {
		note(Refused, "", i18n.T("the object is longer than 16 MB", "オブジェクトが 16 MB を超えています"))
		return nil
	}
	list, raised, err := upgrade(raw)
	if err != nil {
		note(Refused, "", reason.Of(err))
		return nil
	}
	for _, raw := range list {
		o, err := stix.Parse(raw)
		if err == nil {
			if errs := stix.Validate(o); len(errs) > 0 {
				err = errs[0]
			}
		}
		if err != nil {
			note(Refused, "", reason.Of(err))
			continue
		}
		if raised {
			note(Changed, o.ID(), i18n.T("it is of STIX 2.0 and was made 2.1", "STIX 2.0 を 2.1 に変換しました"))
		}
		key := o.ID() + " " + o.Modified().String()
		if old, there := r.bodies[key]; there && stix.Conflict(old, o) {
			note(Refused, o.ID(), i18n.T("this version is in the document with other content",
				"同じ版で内容の異なるものが文書の中にあります"))
			continue
		}
		if r.bodies == nil {
			r.bodies = map[string]*stix.Object{}
		}
		r.bodies[key] = o
		r.markings(o, note)
		if len(r.result.Things) >= maxThings {
			return fmt.Errorf("%s: more than %d objects", r.name, maxThings)
		}
		why := silentPattern(o)
		r.add(Thing{ID: o.ID(), Line: line, Object: o, Silent: why})
		if !why.Zero() {
			note(Silent, o.ID(), why)
		}
	}
	return nil
}

// markings notes what of an object's markings nobody here knows.
func (r *reader) markings(o *stix.Object, note func(Kind, string, i18n.Text)) {
	if _, others, _ := stix.StrictestTLP(o.ObjectMarkingRefs()); others > 0 {
		note(Changed, o.ID(), i18n.T("it has a marking that is no TLP label, and is handled as the strictest",
			"TLP 以外の取扱い区分があるため、最も厳しく扱います"))
	}
}

// silentPattern says why nothing that an indicator asks for says anything by itself.
func silentPattern(o *stix.Object) (why i18n.Text) {
	if o.Type() != "indicator" || o.Text("pattern_type") != "stix" {
		return i18n.Text{}
	}
	list, _ := feed.Wanted(o)
	for _, e := range list {
		if why = feed.Silent(e); why.Zero() {
			return i18n.Text{}
		}
	}
	return why
}

// list reads a list of values.
func (r *reader) list(ctx context.Context, open func() (io.ReadCloser, error)) error {
	rep, err := feed.Items(ctx, r.name, open, r.o.Options, func(it feed.Item) error {
		return r.item(it)
	})
	r.result.Format, r.result.Encoding, r.result.Records = rep.Format, rep.Encoding, rep.Records
	for kind, list := range map[Kind][]feed.Problem{Refused: rep.WhyRefused, NotCovered: rep.WhyNotCovered,
		Wider: rep.WhyWider} {
		for _, p := range list {
			r.result.Note(Note{Kind: kind, File: p.File, Line: p.Line, Reason: p.Reason})
		}
	}
	for kind, n := range map[Kind]int64{Refused: rep.Refused, NotCovered: rep.NotCovered, Wider: rep.Wider} {
		if n > r.result.Counts[kind] {
			r.result.Counts[kind] = n
		}
	}
	return err
}

// namespace is what the ids of indicators out of lists are made in.
var namespace = uuid.MustParse("9c1f5a52-5d0e-4c5b-8f4e-0b8b0f7f1d2a")

// Marking returns the TLP label of an object; a marking that is no label counts as RED, and an
// object without one has none, for which policy.TLP.Known is false.
func Marking(o *stix.Object) policy.TLP {
	name, others, ok := stix.StrictestTLP(o.ObjectMarkingRefs())
	_, granular := o.Get("granular_markings")
	if others > 0 || granular {
		return policy.Red
	}
	if !ok {
		return 0
	}
	t, known := policy.ParseTLP(name)
	if !known {
		return policy.Red
	}
	return t
}
