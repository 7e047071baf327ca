package ownlist

import (
	"context"
	"net/netip"
	"slices"

	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// What the past is searched for after an import.
const (
	HuntNew  = "new"  // values that the source did not have
	HuntAll  = "all"  // every value
	HuntNone = "none" // nothing
)

// maxHunted bounds the values of one import that the past is searched for by its
// indexes, see hunt.Indexed. It bounds the other entries, too, for which every event
// is read.
const maxHunted = 50_000

// Import says what to import and how.
type Import struct {
	Source string
	Keep   bool                                    // what the source had before stays, too
	Hunt   string                                  // HuntNew, HuntAll or HuntNone
	Tell   func(searching bool, done, total int64) // progress; may be nil
}

func (o Import) tell(searching bool, done, total int64) {
	if o.Tell != nil {
		o.Tell(searching, done, total)
	}
}

// tellEvery is how many entries lie between two words on progress.
const tellEvery = 4096

// Imported is what an import came to.
type Imported struct {
	Source  string `json:"source"`
	Entries int64  `json:"entries"` // taken; of several of one key the last counts
	Before  int64  `json:"before"`  // what the source had
	Hunt    *Hunt  `json:"hunt,omitempty"`
}

// Hunt is what the search of the past for imported values came to.
type Hunt struct {
	Values    int   `json:"values"`     // searched for by the indexes
	Wide      int   `json:"wide"`       // entries for which every event was read: networks, trees, prefixes, names
	NotHunted int64 `json:"not_hunted"` // entries above the bound, that the past was not searched for
	Searched  int64 `json:"searched"`   // events
	Hits      int64 `json:"hits"`
}

// Import takes entries in, see Access.
func (l *List) Import(
	ctx context.Context,
	o Import,
	fill func(add func(watchlist.Entry) error) error,
) (Imported, error) {
	if !l.importing.TryLock() {
		return Imported{}, fault.Coded(fault.NodeImportBusy, nil)
	}
	defer l.importing.Unlock()
	out := Imported{Source: o.Source}
	list, err := l.open(true)
	if err != nil {
		return out, err
	}
	out.Before = list.Stats().Sources[o.Source]
	scope := watchlist.Scope{Sources: []string{o.Source}}
	if o.Keep {
		scope = watchlist.Scope{}
	}
	load, err := list.Load(scope)
	if err != nil {
		return out, l.fault(err)
	}
	defer load.Abort()
	fresh := freshEntries{list: list, hunt: o.Hunt, NewEntries: hunt.NewEntries{Wide: map[watchlist.Key]bool{}}}
	if l.Searcher == nil {
		fresh.hunt = HuntNone
	}
	given := map[string]map[watchlist.Key]bool{} // what the source says now, by the ids that it speaks of
	err = fill(func(e watchlist.Entry) error {
		e.Source = o.Source
		if e.Type == "" {
			given[e.ID] = map[watchlist.Key]bool{}
			return nil
		}
		if keys := given[e.ID]; keys != nil {
			if e, err := watchlist.Check(e); err == nil {
				keys[e.Key()] = true
			}
		}
		if err := load.Add(e); err != nil {
			return err
		}
		if out.Entries++; out.Entries%tellEvery == 0 {
			o.tell(false, out.Entries, 0)
		}
		return fresh.note(e)
	})
	if err != nil {
		return out, l.fault(err)
	}
	if out.Entries == 0 && (!o.Keep || len(given) == 0) {
		return out, fault.Coded(fault.NodeImportEmpty, nil, o.Source)
	}
	if err := load.Commit(ctx); err != nil {
		return out, l.fault(err)
	}
	if o.Keep {
		if err := l.supersede(ctx, list, o.Source, given); err != nil {
			return out, l.fault(err)
		}
	}
	if fresh.hunt == HuntNone {
		return out, nil
	}
	out.Hunt, err = l.search(ctx, o, fresh)
	return out, err
}

// supersede removes what a source said earlier under the ids that it speaks of now: an indicator
// that is revoked, or asks for something else.
func (l *List) supersede(ctx context.Context, list *watchlist.List, source string,
	given map[string]map[watchlist.Key]bool) error {
	if len(given) == 0 {
		return nil
	}
	var gone []watchlist.Key
	err := list.All(ctx, func(e watchlist.Entry) bool {
		if keys, ok := given[e.ID]; ok && e.Source == source && !keys[e.Key()] {
			gone = append(gone, e.Key())
		}
		return true
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	return list.Remove(ctx, gone...)
}

// search searches the past for what was imported.
func (l *List) search(ctx context.Context, o Import, fresh freshEntries) (*Hunt, error) {
	out := &Hunt{Values: len(fresh.Values), Wide: len(fresh.Wide), NotHunted: fresh.left}
	if out.Values+out.Wide == 0 {
		return out, nil
	}
	r, err := l.Searcher.HuntList(ctx, fresh.NewEntries, func(done, total int64) { o.tell(true, done, total) })
	out.Searched, out.Hits = r.Searched, r.Hits
	if err != nil {
		return out, fault.Wrap(fault.KindOf(err), i18n.T(
			"the entries were imported, and the search of the past for them did not come to its end",
			"項目は取り込まれましたが、過去の調査は完了しませんでした",
		), err).WithHint(i18n.T("import again with --hunt all", "--hunt all を付けて取り込み直してください"))
	}
	return out, nil
}

// freshEntries gathers what the past is to be searched for.
type freshEntries struct {
	hunt.NewEntries
	list *watchlist.List
	hunt string // HuntNew, HuntAll or HuntNone
	left int64
}

func (p *freshEntries) note(e watchlist.Entry) error {
	if p.hunt == HuntNone {
		return nil
	}
	e, err := watchlist.Check(e)
	if err != nil {
		return nil // cannot be: the load took it
	}
	narrow := e.Match == watchlist.Exact && slices.Contains(hunt.Indexed(), e.Type)
	full := narrow && len(p.Values) == maxHunted || !narrow && len(p.Wide) == maxHunted
	if p.hunt != HuntAll && !full {
		known, err := p.known(e)
		if err != nil || known {
			return err
		}
	}
	switch {
	case full:
		p.left++
	case narrow:
		p.Values = append(p.Values, event.Observable{Type: e.Type, Value: e.Value})
	default:
		p.Wide[e.Key()] = true
	}
	return nil
}

// known reports whether the list had an entry before.
func (p *freshEntries) known(e watchlist.Entry) (known bool, err error) {
	o := event.Observable{Type: e.Type, Value: e.Value} // that the entry itself meets
	switch e.Match {
	case watchlist.Network:
		if n, err := netip.ParsePrefix(e.Value); err == nil {
			o.Value = n.Addr().String()
		}
	case watchlist.Below:
		o.Value = "x." + e.Value
	}
	err = p.list.Lookup([]event.Observable{o}, func(h watchlist.Hit) bool {
		known = h.Entry.Key() == e.Key()
		return !known
	})
	return known, err
}
