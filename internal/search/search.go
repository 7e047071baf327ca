// Package search answers one question over everything that the asker may see:
// a word, a value, a case's number, or a whole pasted list of observables. It
// knows nothing of what it searches: each capability brings a Finder, which looks
// into that capability's own list and so finds what the list shows to the asker.
package search

import (
	"context"
	"embed"
	"io/fs"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates
var files embed.FS

// Templates are search's page.
func Templates() fs.FS { return files }

// Hit is one thing that was found.
type Hit struct {
	Path  string
	Title string // may be hostile
	Note  any    // what the page shows beside it; nil is nothing
}

// Finder searches one kind of thing.
type Finder struct {
	Name i18n.Text // in the plural
	All  string    // path of the whole list, to which ?q= is added
	// Find returns at most limit hits that the viewer may see.
	Find func(ctx context.Context, v policy.Viewer, query string, limit int) ([]Hit, error)
}

// Bounds of one search.
const (
	maxQuery = 20_000 // bytes of a pasted list
	maxWords = 200    // bytes of anything else
	maxList  = 200    // observables of a pasted list that are looked up
	perKind  = 10
	perValue = 3
)

// PageConfig is what the page needs.
type PageConfig struct{ Finders []Finder }

// Pages adds /search.
func Pages(site *web.Site, c PageConfig) { site.Page("/search", policy.RoleReader, c.page) }

// Group is what one finder found, or what was found of one value of a list.
type Group struct {
	Name i18n.Text
	All  string
	Hits []Hit
	More bool // than are shown
}

type view struct {
	Query  string
	Groups []Group
	Values []Value
	More   int // observables of the list beyond maxList
	None   *web.Empty
}

// Value is one observable of a pasted list.
type Value struct {
	event.Observable
	Hits []Hit
}

// Kind is the word for the observable's type.
func (v Value) Kind() i18n.Text { return web.KindText(string(v.Type)) }

func (c PageConfig) page(r *web.Request) (*web.View, error) {
	q := r.Value("q")
	if len(q) > maxQuery {
		return nil, fault.New(fault.TooLarge,
			i18n.T("a search can hold {0} bytes", "検索できるのは {0} バイトまでです").With(maxQuery))
	}
	v := view{Query: q}
	out := &web.View{Template: "search/results", Title: i18n.T("Search", "検索")}
	list := event.ParseObservables(q)
	var err error
	switch {
	case q == "":
		v.None = &web.Empty{Icon: "search", Text: i18n.T("Nothing asked yet", "まだ何も検索していません"),
			How: i18n.T("Type a value, a word, a case number or a member, or paste a list of indicators.",
				"値、語句、事案番号、構成員名を入力するか、指標の一覧を貼り付けてください。")}
	case len(list) > 1:
		out.Lede = i18n.T("{0} {0:value|values} of the pasted list", "貼り付けた一覧の値 {0} 件").With(len(list))
		v.More = max(0, len(list)-maxList)
		v.Values, err = c.values(r.Context(), r.Viewer, list[:min(len(list), maxList)])
	default:
		if len(list) == 1 {
			q = list[0].Value
		}
		out.Lede = q
		v.Groups, err = c.groups(r.Context(), r.Viewer, event.Clip(q, maxWords))
		if len(v.Groups) == 0 {
			v.None = &web.Empty{Icon: "search",
				Text: i18n.T("Nothing that you may see holds this", "閲覧できる範囲に該当するものはありません"),
				How:  i18n.T("Try a part of the word, or one value alone.", "語句の一部、または値をひとつだけで試してください。")}
		}
	}
	out.Data = v
	return out, err
}

func (c PageConfig) groups(ctx context.Context, who policy.Viewer, q string) ([]Group, error) {
	var out []Group
	for _, f := range c.Finders {
		hits, err := f.Find(ctx, who, q, perKind+1)
		if err != nil {
			return nil, err
		}
		if len(hits) > 0 {
			out = append(out, Group{Name: f.Name, All: f.All, Hits: hits[:min(len(hits), perKind)],
				More: len(hits) > perKind})
		}
	}
	return out, nil
}

func (c PageConfig) values(ctx context.Context, who policy.Viewer, list []event.Observable) ([]Value, error) {
	out := make([]Value, 0, len(list))
	for _, o := range list {
		v := Value{Observable: o}
		for _, f := range c.Finders {
			hits, err := f.Find(ctx, who, o.Value, perValue)
			if err != nil {
				return nil, err
			}
			v.Hits = append(v.Hits, hits...)
		}
		out = append(out, v)
	}
	return out, nil
}

// InStore returns a Finder of what one transaction reads, as the reader may see it.
func InStore(
	db *store.DB, name i18n.Text, all string, find func(tx *store.Tx, q string, limit int) ([]Hit, error),
) Finder {
	read := func(ctx context.Context, v policy.Viewer, q string, limit int) (out []Hit, err error) {
		err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
			out, err = find(tx, q, limit)
			return err
		})
		return out, err
	}
	return Finder{Name: name, All: all, Find: read}
}
