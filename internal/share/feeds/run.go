package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Bounds of one reading.
const (
	maxDocument = 256 << 20
	maxRun      = time.Hour
	maxLook     = 45 * time.Second
	batch       = 500
	lookEvery   = 30 * time.Second // another process may have changed something
	mostBackoff = 24 * time.Hour
	fewRows     = 20 // a list of fewer may shrink as it likes
)

// run reads sources when they are due, one after the other, until ctx ends.
func (s *Service) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		list, _, err := s.due(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("the feeds that are due cannot be read", slog.Any("err", err))
		}
		for _, id := range list {
			if ctx.Err() != nil {
				return nil
			}
			if err := s.Run(ctx, id); err != nil && ctx.Err() == nil {
				s.Log.Warn("a feed could not be read", slog.String("feed", id), slog.Any("err", err))
			}
		}
		if err := s.sendAll(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("the peers cannot be sent to", slog.Any("err", err))
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// outcome is what a reading came to.
type outcome struct {
	told            string
	unchanged       bool
	etag, changed   string
	place           string
	records         int64
	taken           int64 // objects that were new or changed
	refused, silent int64
	notes           []noteLine
	held            i18n.Text
	events          []*misp.Event // of a document of MISP
}

// Run reads one source now. What went wrong is kept with it, and returned.
func (s *Service) Run(ctx context.Context, id string) error {
	if !s.begin(id) {
		return busy()
	}
	defer func() {
		s.end(id)
		s.changed()
	}()
	s.changed()
	f, err := s.get(ctx, id)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	out, err := s.read(within, f, s.takesAll(id))
	if ctx.Err() != nil {
		return ctx.Err() // it goes on when the hub does
	}
	return errors.Join(err, s.note(ctx, f, out, err))
}

// note keeps what a reading came to, and when the next one is.
func (s *Service) note(ctx context.Context, f Feed, o outcome, failed error) error {
	return s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		now := tx.Now()
		every := time.Duration(f.Every) * time.Second
		if failed != nil {
			// Later and later, so that a server in trouble is not asked every five minutes by all.
			wait := min(every<<min(f.Failures, 6), max(mostBackoff, every))
			_,
				err := tx.Exec(`UPDATE share_feed SET tried = $1, failures = failures + 1, error = $2, due = $3
					WHERE id = $4`, now,
				textJSON(problem(failed)), now.Add(wait), f.ID)
			return err
		}
		if o.unchanged {
			_,
				err := tx.Exec(`UPDATE share_feed SET tried = $1, succeeded = $1, failures = 0, error = '{}', due = $2
					WHERE id = $3`,
				now, now.Add(every), f.ID)
			return err
		}
		if !o.held.Zero() {
			o.etag, o.changed = f.ETag, f.Changed
		}
		_, err := tx.Exec(`UPDATE share_feed SET tried = $1, succeeded = $1, failures = 0, error = '{}', due = $2,
			held = $3, etag = $4,
			changed = $5, place = $6, told = $7, records = $8, taken = $9, refused = $10, silent = $11, notes = $12
				WHERE id = $13`,
			now, now.Add(every), textJSON(o.held), o.etag, o.changed, o.place, o.told, o.records, o.taken, o.refused,
			o.silent,
			asJSON(o.notes), f.ID)
		return err
	})
}

// textJSON is a text for a column; {} is none.
func textJSON(t i18n.Text) string {
	if t.Zero() {
		return "{}"
	}
	return asJSON(t)
}

func (s *Service) read(ctx context.Context, f Feed, all bool) (outcome, error) {
	switch f.Kind {
	case TAXII:
		return s.collection(ctx, f)
	case MISP:
		return s.folder(ctx, f)
	case CSAF:
		return s.advisories(ctx, f)
	}
	r, o, err := s.document(ctx, f, maxRun)
	if err != nil || o.unchanged {
		return o, err
	}
	if len(o.events) > 0 {
		with, err := s.mispOptions(ctx)
		if err != nil {
			return o, err
		}
		return o, s.events(ctx, f, o.events, with, nil, &o)
	}
	return s.take(ctx, f, r, o, all)
}

// request is how a source is asked.
func (f Feed) request(address string) fetch.Request {
	q := fetch.Request{Address: address, Header: http.Header{}}
	user, password, name, value := f.authorization()
	if user != "" {
		r := http.Request{Header: q.Header}
		r.SetBasicAuth(user, password)
	} else if name != "" {
		q.Header.Set(name, value)
	}
	return q
}

// document fetches a document to a file, and reads it.
func (s *Service) document(ctx context.Context, f Feed, timeout time.Duration) (*convert.Result, outcome, error) {
	p := s.progressOf(f.ID)
	c, err := s.client(ctx, timeout)
	if err != nil {
		return nil, outcome{}, err
	}
	q := f.request(f.Address)
	q.ETag, q.Modified = f.ETag, f.Changed
	a, err := c.Get(ctx, q)
	if err != nil {
		return nil, outcome{}, err
	}
	if a.Unchanged {
		return nil, outcome{unchanged: true}, nil
	}
	defer a.Body.Close()
	file, err := os.CreateTemp(s.Folder, "meneki-feed-*")
	if err != nil {
		return nil, outcome{}, fault.Wrap(fault.Storage, i18n.T("there is no room for the document", "文書を置く場所がありません"),
			err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := io.Copy(counted{file, p}, a.Body); err != nil {
		return nil, outcome{}, c.Fault(f.Address, err)
	}
	p.set(reading, 0)
	var events []*misp.Event
	with := f.options(s.DB.Now())
	with.MISP = func(_ context.Context, _ string, open func() (io.ReadCloser, error)) ([]*stix.Object, []convert.Note,
		error) {
		var notes []convert.Note
		events, notes, err = convert.Events(open)
		return nil, notes, err
	}
	r, err := convert.Read(ctx, f.Name, func() (io.ReadCloser, error) { return os.Open(file.Name()) }, with)
	if err != nil {
		return nil, outcome{}, unreadable(err)
	}
	o := outcome{etag: a.ETag, changed: a.Modified, told: string(r.Format), records: r.Records, notes: keep(r.Notes),
		refused: r.Counts[convert.Refused], silent: r.Counts[convert.Silent], events: events}
	if len(events) > 0 {
		o.records = int64(len(events))
	}
	if r.Encoding != "" {
		o.told += ", " + r.Encoding
	}
	return r, o, nil
}

// counted counts what is written.
type counted struct {
	w io.Writer
	p *progress
}

func (c counted) Write(b []byte) (int, error) {
	if c.p != nil {
		_, n := c.p.get()
		c.p.set(fetching, n+int64(len(b)))
	}
	return c.w.Write(b)
}

// unreadable says why a document is not taken at all.
func unreadable(err error) error {
	if _, ok := fault.As(err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, ok := errors.AsType[interface {
		error
		Say() i18n.Text
	}](err); ok {
		return fault.Wrap(fault.Invalid, e.Say(), err)
	}
	return fault.Wrap(fault.Invalid, i18n.T("the document cannot be read", "文書を読み取れません"), err)
}

// kept is what is known of an object of a source.
type kept struct {
	ID      string    `db:"id"`
	Hash    string    `db:"hash"`
	Created time.Time `db:"created"`
	Ended   time.Time `db:"ended"`
}

func (s *Service) rows(ctx context.Context, feed string) (map[string]kept, error) {
	out := map[string]kept{}
	err := s.DB.Read(ctx, system(), func(tx *store.Tx) error {
		for r, err := range store.Rows[kept](tx,
			`SELECT id, hash, created, ended FROM share_feed_row WHERE feed = $1`, feed) {
			if err != nil {
				return err
			}
			out[r.ID] = r
		}
		return nil
	})
	return out, err
}

// take keeps what a document says, and ends what it does not say any more.
func (s *Service) take(ctx context.Context, f Feed, r *convert.Result, o outcome, all bool) (outcome, error) {
	have, err := s.rows(ctx, f.ID)
	if err != nil {
		return o, err
	}
	live := 0
	for _, k := range have {
		if k.Ended.IsZero() {
			live++
		}
	}
	if o.held = held(f, live, len(r.Things)); !o.held.Zero() && !all {
		return o, nil
	}
	o.held = i18n.Text{}
	there := make(map[string]bool, len(r.Things))
	var news []convert.Thing
	for _, t := range r.Things {
		there[t.ID] = true
		if k, ok := have[t.ID]; !ok || k.Hash != t.Hash() || !k.Ended.IsZero() {
			news = append(news, t)
		}
	}
	p := s.progressOf(f.ID)
	for some := range slices.Chunk(news, batch) {
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err := s.put(ctx, f, some, have, &o); err != nil {
			return o, err
		}
		p.set(writing, o.taken)
	}
	if f.Complete && o.refused == 0 || f.Complete && r.Records > 0 && o.refused*10 < r.Records {
		return o, s.endRows(ctx, f, there)
	}
	return o, nil
}

// held says why a person is to look before a list takes the place of what was there.
func held(f Feed, live, now int) i18n.Text {
	switch {
	case now == 0 && live > 0:
		return i18n.T("the list is empty, and {0} {0:entry of it is|entries of it are} here",
			"一覧が空ですが、これまでの項目が {0} 件あります").
			With(live)
	case f.Complete && live >= fewRows && now*2 < live:
		return i18n.T("the list shrank from {0} to {1}", "一覧が {0} 件から {1} 件に減りました").With(live, now)
	}
	return i18n.Text{}
}

// put keeps some things. What the store refuses is noted.
func (s *Service) put(ctx context.Context, f Feed, some []convert.Thing, have map[string]kept, o *outcome) error {
	var refused []noteLine
	var taken int64
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		refused, taken = nil, 0
		now := tx.Now()
		items := make([]object.Item, 0, len(some))
		things := make([]convert.Thing, 0, len(some))
		for _, t := range some {
			created := now
			if k, ok := have[t.ID]; ok {
				created = k.Created
			}
			x, err := t.Make(created, now)
			if err != nil {
				refused = append(refused, noteLine{Kind: convert.Refused, Line: t.Line, Object: t.ID, EN: err.Error(),
					JA: err.Error()})
				continue
			}
			items = append(items, object.Item{Object: x, Handling: f.handling(marked.Of(x, nil, f.handling(0),
				now).Handling.TLP), Realm: event.Live, Source: f.source()})
			things = append(things, t)
		}
		outcomes, err := s.Objects.Put(tx, items)
		if err != nil {
			return err
		}
		var rows [][]any
		for i, out := range outcomes {
			t := things[i]
			if out.Err != nil {
				text := fault.TextOf(out.Err)
				refused = append(refused, noteLine{Kind: convert.Refused, Line: t.Line, Object: t.ID, EN: text.EN,
					JA: text.JA})
				continue
			}
			if out.New {
				taken++
			}
			created := now
			if k, ok := have[t.ID]; ok {
				created = k.Created
			}
			rows = append(rows, []any{f.ID, t.ID, t.Hash(), created, time.Time{}})
		}
		return tx.InsertTogether(`INSERT INTO share_feed_row (feed, id, hash, created, ended)`, dedupe(rows),
			`ON CONFLICT (feed, id) DO UPDATE SET hash = excluded.hash, ended = excluded.ended`)
	})
	if err != nil {
		return err
	}
	o.taken += taken
	o.refused += int64(len(refused))
	if room := maxNotes - len(o.notes); room > 0 {
		o.notes = append(o.notes, refused[:min(room, len(refused))]...)
	}
	return nil
}

// dedupe keeps the last row of each object: one statement writes a row once.
func dedupe(rows [][]any) [][]any {
	at := map[any]int{}
	out := rows[:0]
	for _, r := range rows {
		if i, ok := at[r[1]]; ok {
			out[i] = r
			continue
		}
		at[r[1]] = len(out)
		out = append(out, r)
	}
	return out
}

// endRows ends what of a source is not there any more: an indicator that was made of it is valid until
// now. It may come back, which what is revoked could not.
func (s *Service) endRows(ctx context.Context, f Feed, there map[string]bool) error {
	have, err := s.rows(ctx, f.ID)
	if err != nil {
		return err
	}
	var gone []string
	for id, k := range have {
		if k.Ended.IsZero() && !there[id] && convert.Made(k.Hash) {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for some := range slices.Chunk(gone, batch) {
		err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
			now := tx.Now()
			var items []object.Item
			for _, id := range some {
				versions, err := object.Versions(tx, event.Live, id)
				if fault.Is(err, fault.NotFound) {
					continue
				}
				if err != nil {
					return err
				}
				last := versions[len(versions)-1]
				if last.Handling.Owner != "" || last.Flags&object.Revoked != 0 {
					continue // another's, who gave the same; or ended already
				}
				old, err := stix.Parse(last.Body)
				if err != nil {
					continue
				}
				x, err := stix.NewVersion(old, now,
					map[string]any{"valid_until": stix.TimestampOf(now.Truncate(time.Millisecond)).String()})
				if err != nil {
					return fmt.Errorf("end %s: %w", id, err)
				}
				items = append(items, object.Item{Object: x, Handling: last.Handling, Realm: event.Live,
					Source: f.source()})
			}
			if _, err := s.Objects.Put(tx, items); err != nil {
				return err
			}
			in, args := store.List(3, some)
			_, err := tx.Exec(`UPDATE share_feed_row SET ended = $1 WHERE feed = $2 AND id IN `+in, append([]any{now,
				f.ID}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
