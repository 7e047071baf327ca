package convert

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/stix"
)

// Events reads what MISP writes: events, one or many.
func Events(open func() (io.ReadCloser, error)) ([]*misp.Event, []Note, error) {
	in, err := open()
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	events, list, err := misp.Read(in, misp.Limits{Bytes: 256 << 20})
	return events, notesOf("", list), err
}

// MISP reads events as objects, for Options.
func MISP(_ context.Context, name string, open func() (io.ReadCloser, error)) (list []*stix.Object, notes []Note,
	err error) {
	events, notes, err := Events(open)
	for _, e := range events {
		items, more := misp.ToSTIX(e, misp.Options{Excluded: misp.Excluded(exclusion.CommunityAssets{}, nil)})
		notes = append(notes, notesOf(name, more)...)
		for _, it := range items {
			list = append(list, it.Object)
		}
	}
	return list, notes, err
}

func notesOf(file string, list []misp.Note) (out []Note) {
	for _, n := range list {
		out = append(out, Note{Kind: Changed, File: file, Object: n.Where, Reason: n.Text})
	}
	return out
}

// WriteMISP writes objects as events of MISP: each report with what it refers to, and one event of what no
// report does. What is marked as none of them is left to the caller.
func WriteMISP(w io.Writer, objects []*stix.Object, title string, now time.Time) error {
	byID := map[string]*stix.Object{}
	for _, o := range newest(objects) {
		byID[o.ID()] = o
	}
	used := map[string]bool{}
	var events []*misp.Event
	for _, o := range newest(objects) {
		if o.Type() != "report" && o.Type() != "grouping" {
			continue
		}
		used[o.ID()] = true
		var parts []*stix.Object
		for _, ref := range o.Strings("object_refs") {
			if x := byID[ref]; x != nil {
				used[ref] = true
				parts = append(parts, x)
			}
		}
		for _, x := range newest(objects) { // what hangs on it without being named
			if x.Text(misp.PropEventRef) == o.ID() && !used[x.ID()] {
				used[x.ID()] = true
				parts = append(parts, x)
			}
		}
		events = append(events, misp.ToMISP(o, parts, now))
	}
	var rest []*stix.Object
	for _, o := range newest(objects) {
		if !used[o.ID()] && o.Type() != "marking-definition" && o.Type() != "identity" {
			rest = append(rest, o)
		}
	}
	if len(rest) > 0 {
		fields := map[string]any{"info": cmp.Or(title, "meneki"), "date": now.UTC().Format(time.DateOnly)}
		events = append(events, misp.Loose(fields, rest, now))
	}
	list := make([]json.RawMessage, 0, len(events))
	for _, e := range events {
		var b bytes.Buffer
		if err := e.Write(&b, misp.View{}); err != nil {
			return err
		}
		list = append(list, bytes.TrimSpace(b.Bytes()))
	}
	if len(list) == 1 {
		_, err := w.Write(append(list[0], '\n'))
		return err
	}
	b, err := json.Marshal(map[string]any{"response": list})
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}
