package match

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// Watchlist is a member's own list of observables; *watchlist.List is one.
type Watchlist interface {
	// Empty reports whether there is nothing to look up.
	Empty() bool
	// Lookup yields every entry, not expired, that one of the observables meets.
	Lookup(observables []event.Observable, yield func(watchlist.Hit) bool) error
}

// Watched is the watchlist that an engine asks; nil asks none.
type Watched struct {
	list    Watchlist
	damaged func(error)
}

// Watch makes the engine ask a watchlist for every event from now on; nil asks
// none any more. damaged is told, from any goroutine and perhaps often, that a
// part of the list could not be read.
func (e *Engine) Watch(list Watchlist, damaged func(error)) {
	if list == nil {
		e.watch.Store(nil)
		return
	}
	e.watch.Store(&Watched{list, damaged})
}

// observables returns what of ev is to be looked up: nothing costs nothing.
func (w *Watched) observables(ev *event.Event, values bool) []event.Observable {
	switch {
	case w != nil && !w.list.Empty():
		return watchlist.Observables(ev)
	case values:
		return event.Observables(ev)
	}
	return nil
}

// Match yields one hit for each entry that one of the observables meets.
func (w *Watched) Match(observables []event.Observable, yield func(Hit)) {
	w.Each(observables, func(_ watchlist.Key, h Hit) { yield(h) })
}

// Each is match with the entries' keys.
func (w *Watched) Each(observables []event.Observable, yield func(watchlist.Key, Hit)) {
	if w == nil || w.list.Empty() {
		return
	}
	var done map[watchlist.Key]bool
	err := w.list.Lookup(observables, func(h watchlist.Hit) bool {
		if k := h.Entry.Key(); !done[k] {
			if done == nil {
				done = map[watchlist.Key]bool{}
			}
			done[k] = true
			yield(k, listHit(h))
		}
		return true
	})
	if err != nil {
		w.damaged(err)
	}
}

// listed stands before the id of what a watchlist's entry found. It keeps such
// ids apart from those of Sigma rules, whose counts may leave the node.
const listed = "list:"

// maxListed bounds the part of an entry's id or source in a rule id, in bytes.
const maxListed = 150

// listHit is the hit of an entry. Its title tells the entry's value and source,
// and is one's own for each of them, so that findings of entries that are marked
// in different ways never run together.
func listHit(h watchlist.Hit) Hit {
	e := h.Entry
	id := e.ID
	if id == "" {
		id = e.Source
	}
	if len(id) > maxListed {
		sum := sha256.Sum256([]byte(id))
		id = event.Clip(id, maxListed) + "-" + hex.EncodeToString(sum[:8])
	}
	o := h.Observable
	fields := []wire.FieldValue{{Field: string(o.Type), Value: event.Clip(o.Value, maxValue)}}
	rule := wire.RuleRef{ID: listed + id, Title: event.Clip(e.Value, maxValue) + " (" + e.Source + ")", Level: "high"}
	return Hit{Rule: rule, Fields: fields, Value: &o, List: &msg.ListEntry{
		Source: e.Source, ID: e.ID, Type: e.Type, Value: e.Value, Match: e.Match.String(), TLP: e.TLP.OrRed(),
		Until: e.ValidUntil,
	}}
}

// reserved reports whether a value, or the host in it, is on the watchlist under
// a marking that does not let it be passed on. An unreadable list reserves all.
func (w *Watched) reserved(o event.Observable) bool {
	if w == nil || w.list.Empty() {
		return false
	}
	found := false
	err := w.list.Lookup(withHost(o), func(h watchlist.Hit) bool {
		found = !policy.MayShareWithCommunity(h.Entry.TLP)
		return !found
	})
	if err != nil {
		w.damaged(err)
	}
	return found || err != nil
}

// withHost returns o and, of a URL or a mail address, the host in it.
func withHost(o event.Observable) []event.Observable {
	out := []event.Observable{o}
	host := ""
	switch o.Type {
	case event.URL:
		_, host, _ = strings.Cut(o.Value, "://")
		if i := strings.IndexAny(host, "/?#"); i >= 0 {
			host = host[:i]
		}
		if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
			host = host[:i]
		}
	case event.Email:
		host = o.Value[strings.LastIndexByte(o.Value, '@')+1:]
	default:
		return out
	}
	for _, t := range []event.ObservableType{event.Domain, event.IPv4, event.IPv6} {
		if v, ok := event.Canonical(t, host); ok {
			out = append(out, event.Observable{Type: t, Value: v})
		}
	}
	return out
}
