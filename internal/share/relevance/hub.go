package relevance

import (
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Objects is what a store of objects has, as a Source: of the live realm.
type Objects struct{ Store *object.Store }

func read(o object.Object) (Item, bool) {
	parsed, err := stix.Parse(o.Body)
	if err != nil {
		return Item{}, false // it was read when it came in
	}
	return Of(parsed, o.Added(), o.Handling), !parsed.Revoked()
}

// Since implements Source. What is about other objects only (relationships, sightings), who
// made something and what a marking means are no news by themselves.
func (s Objects) Since(tx *store.Tx, after time.Time, limit int) (list []Item, more bool, err error) {
	found, err := s.Store.Find(tx, object.Search{From: after, Limit: min(limit, object.MaxPage-1) + 1})
	if err != nil {
		return nil, false, err
	}
	if more = len(found) > limit; more {
		found = found[:limit]
	}
	for _, o := range found {
		it, ok := read(o)
		switch it.Type {
		case "relationship", "sighting", "identity", "marking-definition", "extension-definition", "language-content":
			continue
		}
		if ok {
			list = append(list, it)
		}
	}
	return list, more, nil
}

// One implements Source.
func (s Objects) One(tx *store.Tx, id string) (Item, error) {
	o, err := object.Get(tx, event.Live, id)
	if err != nil {
		return Item{}, err
	}
	it, _ := read(o)
	return it, nil
}

// Related implements Source: what refers to the object, and what relationships lead to.
func (s Objects) Related(tx *store.Tx, id string, limit int) (list []Item, err error) {
	if limit < 1 {
		return nil, nil
	}
	found, err := object.Referring(tx, event.Live, id, limit)
	if err != nil {
		return nil, err
	}
	for _, o := range found {
		it, ok := read(o)
		if !ok {
			continue
		}
		if it.Type == "relationship" {
			parsed, err := stix.Parse(o.Body)
			if err != nil {
				continue
			}
			other := parsed.Text("target_ref")
			if other == id {
				other = parsed.Text("source_ref")
			}
			far, err := object.Get(tx, event.Live, other)
			if err != nil {
				continue // not there, or not for this reader
			}
			added := it.Added
			if it, ok = read(far); !ok {
				continue
			}
			if added.After(it.Added) {
				it.Added = added // it is related since then
			}
		}
		list = append(list, it)
	}
	return list, nil
}
