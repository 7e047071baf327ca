package feeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/share/misp/stored"
	"github.com/meneki/meneki/internal/store"
)

// Bounds of a MISP feed.
const (
	maxManifest = 64 << 20
	maxEvent    = 64 << 20
	maxEvents   = 1000 // of one reading; the next goes on
)

// options are what reading events of MISP needs to know.
func (s *Service) mispOptions(ctx context.Context) (misp.Options, error) {
	own := exclusion.CommunityAssets{}
	if s.Own != nil {
		var err error
		if own, err = s.Own(ctx); err != nil {
			return misp.Options{}, err
		}
	}
	return misp.Options{Excluded: misp.Excluded(own, s.Warn.Lists())}, nil
}

// folder reads the events of a MISP feed that its manifest says are new or changed. An event that the
// manifest does not have any more stays: feeds drop what is old.
func (s *Service) folder(ctx context.Context, f Feed) (o outcome, err error) {
	c, err := s.client(ctx, maxRun)
	if err != nil {
		return o, err
	}
	base := strings.TrimSuffix(strings.TrimSuffix(f.Address, "manifest.json"), "/") + "/"
	raw, err := s.small(ctx, c, f, base+"manifest.json", maxManifest)
	if err != nil {
		return o, err
	}
	list, notes, err := misp.ReadManifest(raw)
	if err != nil {
		return o, err
	}
	o.told, o.records, o.notes = "misp", int64(len(list)), []noteLine{}
	for _, n := range notes {
		o.note(n.Where, n.Text)
	}
	have, err := s.rows(ctx, f.ID)
	if err != nil {
		return o, err
	}
	with, err := s.mispOptions(ctx)
	if err != nil {
		return o, err
	}
	p, n := s.progressOf(f.ID), 0
	for _, e := range list {
		id, hash := misp.ReportID(e.UUID), fmt.Sprintf("m%d", e.Timestamp.Unix())
		if k, ok := have[id]; ok && k.Hash == hash {
			continue
		}
		if n++; n > maxEvents {
			break
		}
		body, err := s.small(ctx, c, f, base+e.File(), maxEvent)
		var status fetch.StatusError
		if errors.As(err, &status) && (status.Status == 404 || status.Status == 410) {
			o.note(e.UUID, i18n.T("the manifest names it, and it is not there ({0}); it is tried again",
				"一覧にありますが存在しません（{0}）。次回また試します").
				With(status.Status))
			continue
		}
		if err != nil {
			return o, err // the rest comes the next time
		}
		events, notes, err := misp.Read(bytes.NewReader(body), misp.Limits{})
		if err != nil {
			o.note(e.UUID, fault.TextOf(err))
			continue
		}
		for _, x := range notes {
			o.note(e.UUID+" "+x.Where, x.Text)
		}
		if err := s.events(ctx, f, events, with, map[string]string{id: hash}, &o); err != nil {
			return o, err
		}
		p.set(writing, int64(n))
	}
	return o, nil
}

// events keeps events, each in a transaction, and the rows that say so.
func (s *Service) events(ctx context.Context, f Feed, list []*misp.Event, with misp.Options, rows map[string]string,
	o *outcome) error {
	for _, e := range list {
		var out stored.Outcome
		var refused error
		err := s.DB.Write(ctx, system(), func(tx *store.Tx) (err error) {
			out, err = stored.Put(tx, s.Objects, e, with, stored.Giver{Realm: event.Live, Source: f.source(),
				Limit: f.handling(0)}, true)
			if refused = nil; fault.Is(err, fault.Invalid) {
				refused = err
				return err
			}
			if err != nil {
				return err
			}
			var values [][]any
			said := rows
			if said == nil {
				said = map[string]string{out.Report: fmt.Sprintf("m%d", e.Timestamp().Unix())}
			}
			for id, hash := range said {
				values = append(values, []any{f.ID, id, hash, tx.Now(), time.Time{}})
			}
			return tx.InsertTogether(`INSERT INTO share_feed_row (feed, id, hash, created, ended)`, values,
				`ON CONFLICT (feed, id) DO UPDATE SET hash = excluded.hash`)
		})
		if refused != nil {
			o.note(e.UUID(), fault.TextOf(refused))
			continue
		}
		if err != nil {
			return err
		}
		o.taken += int64(out.Changed)
		for _, n := range out.Notes {
			if len(o.notes) < maxNotes {
				o.notes = append(o.notes, noteLine{Kind: convert.Changed, Object: event.Clip(n.Where, 200),
					EN: n.Text.EN, JA: n.Text.JA})
			}
		}
	}
	return nil
}
