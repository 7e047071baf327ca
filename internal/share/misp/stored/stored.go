// Package stored keeps events of MISP in the store of objects, and reads them from it. An
// event is what one owner gave: its report, and those objects of the same owner that name
// it. What others say of it, such as sightings, is read beside it.
package stored

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Giver is who gave an event, and how it came.
type Giver struct {
	Owner  string // member id; empty is the hub
	Realm  string
	Source string
	// Limit, if it has a label, is the widest that anything may be handled: a feed, or a
	// peer, that is not to be believed where it says that something is for all.
	Limit policy.Handling
}

// Outcome is what became of an event.
type Outcome struct {
	Report  string // id of its report
	Changed int    // objects that are new, or in a new version, or marked anew
	Stale   bool   // a newer version of the event is here; nothing was changed
	Notes   []misp.Note
}

// Put keeps an event, in a transaction of the system. The same event again changes
// nothing, and an older version of it neither. An attribute that a newer version does not
// have is withdrawn if complete says that the event is all there is of it. Whether the
// giver may change an event of the uuid is for the caller to ask: another owner's is not
// touched, there is one an owner. The error is a fault.Invalid where no report can be made
// of it.
func Put(tx *store.Tx, s *object.Store, e *misp.Event, o misp.Options, g Giver, complete bool) (Outcome, error) {
	g.Realm = cmp.Or(g.Realm, event.Live)
	items, notes := misp.ToSTIX(e, o)
	out := Outcome{Report: misp.ReportID(e.UUID()), Notes: notes}
	if len(items) == 0 || items[0].Object.ID() != out.Report {
		why := i18n.T("the event cannot be kept", "このイベントは保存できません")
		if len(notes) > 0 {
			why = notes[len(notes)-1].Text
		}
		return out, fault.New(fault.Invalid, why)
	}
	have, err := own(tx, g, out.Report, items)
	if err != nil {
		return out, err
	}
	at := e.Timestamp()
	for _, h := range have {
		if h.Object.ID() == out.Report && misp.EventTime(h.Object).After(at) {
			out.Stale = true
			return out, nil
		}
	}
	if at.IsZero() {
		at = items[0].Object.Modified().Time()
	}
	for i := range items {
		items[i].Handling = g.bound(items[i].Handling)
	}
	c := misp.Update(have, items, at, complete)
	out.Notes = append(out.Notes, c.Notes...)
	put := make([]object.Item, len(c.Put))
	for i, it := range c.Put {
		it.Handling.Owner = g.Owner
		put[i] = object.Item{Object: it.Object, Handling: it.Handling, Realm: g.Realm, Source: g.Source}
	}
	results, err := s.Put(tx, put)
	if err != nil {
		return out, err
	}
	for i, r := range results {
		switch _, mine := put[i].Object.Raw(misp.PropEventRef); {
		case r.Err == nil && r.New:
			out.Changed++
		case r.Err != nil && (mine || i == 0 && put[i].Object.ID() == out.Report):
			out.Notes = append(out.Notes, misp.Note{Where: put[i].Object.ID(), Text: fault.TextOf(r.Err)})
		}
	}
	for _, it := range c.Remark {
		it.Handling.Owner = g.Owner
		if err := s.SetHandling(tx, g.Realm, it.Object.ID(), g.Owner, it.Handling); err != nil {
			return out, fmt.Errorf("mark %s: %w", it.Object.ID(), err)
		}
		out.Changed++
	}
	return out, nil
}

// bound returns a handling that is no wider than the giver's limit.
func (g Giver) bound(h policy.Handling) policy.Handling {
	l := g.Limit
	if l.TLP == 0 || h.TLP.OrRed() > l.TLP.OrRed() {
		return h
	}
	if h.TLP.OrRed() < l.TLP.OrRed() {
		return policy.Handling{TLP: l.TLP, Audience: l.Audience}
	}
	h.Audience = slices.DeleteFunc(slices.Clone(h.Audience), func(t string) bool {
		return !slices.Contains(l.Audience, t)
	})
	return h
}

// own returns what is here of an event of the same owner.
func own(tx *store.Tx, g Giver, report string, items []misp.Item) (have []misp.Item, err error) {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.Object.ID()
	}
	rows, err := object.Own(tx, g.Realm, g.Owner, ids)
	if err != nil {
		return nil, err
	}
	more, err := object.OwnReferring(tx, g.Realm, g.Owner, report)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range append(rows, more...) {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		o, err := stix.Parse(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read the object %s: %w", r.ID, err)
		}
		have = append(have, misp.Item{Object: o, Handling: r.Handling})
	}
	return have, nil
}

// Event is an event as it is here.
type Event struct {
	*misp.Event
	Head  object.Object // its report, or grouping
	Parts []object.Object
}

// Load reads the event of a report or a grouping, as far as the scope may see it. At is the
// time by which indicators are over. Sightings that others reported are in it if said is
// true.
func Load(tx *store.Tx, s *object.Store, head object.Object, at time.Time, said bool) (Event, error) {
	report, err := stix.Parse(head.Body)
	if err != nil {
		return Event{}, fmt.Errorf("read the object %s: %w", head.ID, err)
	}
	out := Event{Head: head}
	if _, ok := report.Raw(misp.PropEvent); ok {
		out.Parts, err = object.OwnReferring(tx, head.Realm, head.Handling.Owner, head.ID)
	} else {
		out.Parts, err = referred(tx, s, head.Realm, report)
	}
	if err != nil {
		return out, err
	}
	parts, err := parse(out.Parts)
	if err != nil {
		return out, err
	}
	if said {
		more, err := Said(tx, head.Realm, parts)
		if err != nil {
			return out, err
		}
		parts = append(parts, more...)
	}
	out.Event = misp.ToMISP(report, parts, at)
	return out, nil
}

// Said returns the sightings and opinions about objects that are not among them.
func Said(tx *store.Tx, realm string, parts []*stix.Object) (out []*stix.Object, err error) {
	var ids []string
	here := map[string]bool{}
	for _, p := range parts {
		here[p.ID()] = true
		switch p.Type() {
		case "indicator", "observed-data", "vulnerability", "x-misp-attribute":
			ids = append(ids, p.ID())
		}
	}
	rows, err := object.ReferringAny(tx, realm, ids, []string{"sighting", "opinion"})
	if err != nil {
		return nil, err
	}
	all, err := parse(rows)
	return slices.DeleteFunc(all, func(o *stix.Object) bool { return here[o.ID()] }), err
}

func parse(rows []object.Object) ([]*stix.Object, error) {
	out := make([]*stix.Object, 0, len(rows))
	for _, r := range rows {
		o, err := stix.Parse(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read the object %s: %w", r.ID, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// referred are the objects that a report names.
func referred(tx *store.Tx, s *object.Store, realm string, report *stix.Object) (out []object.Object, err error) {
	refs := report.Strings("object_refs")
	if ref := report.CreatedByRef(); ref != "" {
		refs = append(refs, ref)
	}
	for some := range slices.Chunk(refs, 2000) {
		p, err := s.Read(tx, object.Ask{Realm: realm, IDs: some, Bodies: true, Limit: object.MaxPage})
		if err != nil {
			return nil, err
		}
		out = append(out, p.Objects...)
	}
	slices.SortFunc(out, func(a, b object.Object) int { return int(a.N - b.N) })
	return out, nil
}
