// Package taxii2 serves a hub's or a node's objects as TAXII 2.1, to whoever signs in
// with an API token: each client gets what its viewer may see, and what it adds is its
// organisation's.
package taxii2

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
	"github.com/meneki/meneki/taxii"
)

// Collection is a collection as it is offered to one viewer.
type Collection struct {
	taxii.Collection
	Realm string // of its objects; empty: live
	// Unmarked is the handling of what is added without a marking that says who may see it.
	Unmarked policy.Handling
	// Audience is whom the label of an added object's own markings discloses it to, where the
	// label leaves that open; nil: Unmarked's.
	Audience func(label policy.TLP) policy.Audience
}

// Config is what a Backend stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Root    string // name of the API root
	Title   string
	// Collections returns the collections of a viewer, always in the same order.
	Collections func(v policy.Viewer) []Collection
}

// Backend gives and takes objects for a TAXII server. The viewer of a request is in its
// context, see With.
type Backend struct{ Config }

type viewerKey struct{}

// With returns a context in which v asks.
func With(ctx context.Context, v policy.Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// viewer is who asks; without one it is the public.
func viewer(ctx context.Context) policy.Viewer {
	v, _ := ctx.Value(viewerKey{}).(policy.Viewer)
	return v
}

// caller names who asks among those who add.
func caller(v policy.Viewer) string {
	return strconv.Quote(v.Member) + " " + strconv.Quote(v.User)
}

// Roots returns the one API root.
func (b Backend) Roots(context.Context) ([]string, error) { return []string{b.Config.Root}, nil }

// Root describes it.
func (b Backend) Root(context.Context, string) (taxii.Root, error) {
	return taxii.Root{Title: b.Title}, nil
}

// Collections returns the collections that the viewer may know of.
func (b Backend) Collections(ctx context.Context, _ string) (list []taxii.Collection, err error) {
	for _, c := range b.Config.Collections(viewer(ctx)) {
		if c.MediaTypes == nil {
			c.MediaTypes = []string{taxii.MediaSTIX}
		}
		list = append(list, c.Collection)
	}
	return list, nil
}

func (b Backend) collection(ctx context.Context, id string) (Collection, error) {
	for _, c := range b.Config.Collections(viewer(ctx)) {
		if c.ID == id {
			return c, nil
		}
	}
	return Collection{}, taxii.ErrNotFound
}

// Records returns versions of objects that the viewer may see.
func (b Backend) Records(ctx context.Context, _, collection string, q taxii.Query) (taxii.Page, error) {
	c, err := b.collection(ctx, collection)
	if err != nil {
		return taxii.Page{}, err
	}
	a := object.Ask{Realm: c.Realm, Types: q.Filter.Types, IDs: q.Filter.IDs, Limit: q.Limit, Bodies: q.Bytes,
		All: q.Filter.Versions.All, First: q.Filter.Versions.First, Latest: q.Filter.Versions.Last,
		At: q.Filter.Versions.At}
	if !q.AddedAfter.IsZero() {
		a.After = clock.Micros(q.AddedAfter)
	}
	if q.After != "" {
		at, err := strconv.ParseInt(q.After, 10, 64)
		if err != nil {
			return taxii.Page{}, fmt.Errorf("read the position of a page: %w", err)
		}
		a.After = max(a.After, at)
	}
	page := taxii.Page{High: q.AddedAfter}
	if s := q.Filter.SpecVersions; len(s) > 0 && !slices.Contains(s, "2.1") {
		return page, nil // objects of other versions are not taken
	}
	var p object.Page
	err = b.DB.Read(ctx, store.As(viewer(ctx)), func(tx *store.Tx) error {
		p, err = b.Objects.Read(tx, a)
		return err
	})
	if err != nil {
		return taxii.Page{}, err
	}
	page.More = p.More
	for _, o := range p.Objects {
		page.Records = append(page.Records, taxii.Record{ID: o.ID, Version: o.Version, Added: o.Added(),
			Position: strconv.FormatInt(o.Seq, 10), Object: json.RawMessage(o.Body)})
	}
	return page, nil
}

// Exists reports whether the viewer may see an object.
func (b Backend) Exists(ctx context.Context, root, collection, id string) (bool, error) {
	p, err := b.Records(ctx, root, collection, taxii.Query{Filter: taxii.Filter{IDs: []string{id}}, Limit: 1})
	return len(p.Records) > 0, err
}

// Delete removes an object that the viewer's organisation gave, with all its versions.
func (b Backend) Delete(ctx context.Context, _, collection, id string, f taxii.Filter) error {
	c, err := b.collection(ctx, collection)
	if err != nil {
		return err
	}
	err = b.DB.Write(ctx, store.System("taxii: delete"), func(tx *store.Tx) error {
		return b.Objects.DeleteVersions(tx, cmp.Or(c.Realm, event.Live), id, viewer(ctx).Member,
			func(o object.Object, first, last bool) bool {
				return f.Versions.Wants(o.Modified, first, last)
			})
	})
	if fault.Is(err, fault.NotFound) {
		if there, e := b.Exists(ctx, "", collection, id); e == nil && there {
			return taxii.ErrForbidden // another organisation's, that the viewer may see
		}
		return taxii.ErrNotFound
	}
	return err
}

// handling is how an object is handled that a member adds.
func (c Collection) handling(o *stix.Object, defs marked.Definitions, owner string, now time.Time) policy.Handling {
	open := func(label policy.TLP) policy.TLP { // what the markings say, if nothing else did
		return marked.Of(o, defs, policy.Handling{TLP: label, Owner: owner}, now).Handling.TLP
	}
	unmarked := c.Unmarked
	unmarked.Owner = owner
	if label := open(policy.Clear); c.Audience != nil && label == open(policy.Red) { // they say who may see it
		unmarked.Audience = c.Audience(label)
	}
	return marked.Of(o, defs, unmarked, now).Handling
}

// maxObject bounds one object that is added: it is to reach nodes with many others.
const maxObject = 1 << 20

// Add keeps objects as given by the viewer's organisation.
func (b Backend) Add(ctx context.Context, _, collection string, given []taxii.Submission) (taxii.Status, error) {
	c, err := b.collection(ctx, collection)
	if err != nil {
		return taxii.Status{}, err
	}
	v := viewer(ctx)
	items, objects := make([]object.Item, 0, len(given)), make([]*stix.Object, 0, len(given))
	bad, place := make([]error, len(given)), make([]int, 0, len(given))
	for i, g := range given {
		o, err := check(g.Raw)
		if bad[i] = err; err != nil {
			continue
		}
		objects = append(objects, o)
		items = append(items, object.Item{Object: o, Realm: c.Realm, Source: "taxii " + caller(v)})
		place = append(place, i)
	}
	err = b.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		defs := marked.First(marked.Among(objects), object.Definitions(tx, c.Realm))
		for i := range items {
			items[i].Handling = c.handling(items[i].Object, defs, v.Member, tx.Now())
		}
		return nil
	})
	if err != nil {
		return taxii.Status{}, err
	}
	var st taxii.Status
	err = b.DB.Write(ctx, store.System("taxii: add"), func(tx *store.Tx) error {
		out, err := b.Objects.Put(tx, items)
		if err != nil {
			return err
		}
		st = taxii.Status{ID: clock.RandomID(), Status: taxii.Complete, Requested: taxii.FormatDate(tx.Now()),
			TotalCount: len(given)}
		outcomes := make([]object.Outcome, len(given))
		for k, i := range place {
			outcomes[i] = out[k]
		}
		for i, g := range given {
			d := taxii.StatusDetail{ID: g.ID, Version: outcomes[i].Version}
			if err := cmp.Or(bad[i], outcomes[i].Err); err != nil {
				d.Version, d.Message = cmp.Or(g.Version, st.Requested), err.Error()
				st.Failures = append(st.Failures, d)
				continue
			}
			st.Successes = append(st.Successes, d)
		}
		st.SuccessCount, st.FailureCount = len(st.Successes), len(st.Failures)
		return keep(tx, caller(v), st)
	})
	return st, err
}

// check returns an object that is valid in every way, or the first mistake.
func check(raw []byte) (*stix.Object, error) {
	if len(raw) > maxObject {
		return nil, fmt.Errorf("the object has %d bytes; at most %d are taken", len(raw), maxObject)
	}
	o, err := stix.Parse(raw)
	if err != nil {
		return nil, err
	}
	if list := stix.Validate(o); len(list) > 0 {
		return nil, list[0]
	}
	return o, nil
}

// keepStatus is how long a status can be asked for; the specification asks for a day.
const keepStatus = 25 * time.Hour

type statusRow struct {
	ID     string       `db:"id"`
	Caller string       `db:"caller"`
	At     time.Time    `db:"at"`
	Body   taxii.Status `db:"body,json"`
}

func keep(tx *store.Tx, caller string, st taxii.Status) error {
	return store.Insert(tx, "taxii_status", []statusRow{{st.ID, caller, tx.Now(), st}})
}

// Status returns what became of objects that the viewer added.
func (b Backend) Status(ctx context.Context, _, id string) (taxii.Status, error) {
	var rows []statusRow
	err := b.DB.Read(ctx, store.System("taxii: status"), func(tx *store.Tx) (err error) {
		rows, err = store.Query[statusRow](tx, `SELECT id, caller, at, body FROM taxii_status
			WHERE id = $1 AND caller = $2 AND at > $3`, id, caller(viewer(ctx)), tx.Now().Add(-keepStatus))
		return err
	})
	if err != nil {
		return taxii.Status{}, err
	}
	if len(rows) == 0 {
		return taxii.Status{}, taxii.ErrNotFound
	}
	return rows[0].Body, nil
}

// Prune deletes statuses that cannot be asked for any more.
func Prune(ctx context.Context, db *store.DB) error {
	return db.Write(ctx, store.System("taxii: prune"), func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM taxii_status WHERE at <= $1`, tx.Now().Add(-keepStatus))
		return err
	})
}
