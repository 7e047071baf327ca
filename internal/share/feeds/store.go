package feeds

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

const columns = `f.id, f.name, f.kind, f.address, f.collection, f.format, f.columns, f.type, f.login, f.secret, f.label,
	f.every, f.complete, f.paused, f.held, f.etag, f.changed, f.place, f.due, f.tried, f.succeeded, f.failures, f.error,
	f.told, f.records, f.taken, f.refused, f.silent, f.notes, f.created, f.made_by,
	(SELECT count(*) FROM share_feed_row r WHERE r.feed = f.id AND r.ended = 0) AS live`

// system is the scope of the sources, which nobody but the hub's people asks for.
func system() store.Scope { return store.System("feeds: sources of the hub") }

// keeps reports whether v sets sources up.
func keeps(v policy.Viewer) bool { return v.Hub && identity.AtLeast(v.Role, policy.RoleCoordinator) }

func mustKeep(v policy.Viewer) error {
	if keeps(v) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
}

// all returns every source, by name.
func (s *Service) all(ctx context.Context) (list []Feed, err error) {
	err = s.DB.Read(ctx, system(), func(tx *store.Tx) error {
		list, err = store.Query[Feed](tx, `SELECT `+columns+` FROM share_feed f ORDER BY f.name`)
		return err
	})
	for i := range list {
		list[i].running = s.progressOf(list[i].ID)
	}
	return list, err
}

// get returns one source, or fault.NotFound.
func (s *Service) get(ctx context.Context, id string) (f Feed, err error) {
	err = s.DB.Read(ctx, system(), func(tx *store.Tx) error {
		f, err = one(tx, id)
		return err
	})
	f.running = s.progressOf(id)
	return f, err
}

func one(tx *store.Tx, id string) (Feed, error) {
	f, err := store.One[Feed](tx, `SELECT `+columns+` FROM share_feed f WHERE f.id = $1`, id)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, i18n.T("there is no such feed", "そのフィードはありません"))
	}
	return f, err
}

// detail is what the audit trail keeps of a change; never the secret.
func (f Feed) detail() map[string]any {
	return map[string]any{"name": f.Name, "kind": f.Kind, "address": f.Address, "label": f.Label.Slug(),
		"every": f.Every}
}

// add sets a source up. It is paused until it is started.
func (s *Service) add(ctx context.Context, actor policy.Viewer, f Feed) (Feed, error) {
	if err := mustKeep(actor); err != nil {
		return f, err
	}
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		n, err := store.One[int64](tx, `SELECT count(*) FROM share_feed`)
		if err != nil {
			return err
		}
		if n >= maxFeeds {
			return fault.New(fault.Invalid, i18n.T("there are {0} feeds already", "フィードはすでに {0} 件あります").With(n))
		}
		f.ID, f.Created, f.By = uuid.Must(uuid.NewV7()).String(), tx.Now(), actor.Name
		_, err = tx.Exec(`INSERT INTO share_feed (id, name, kind, address, collection, format, columns, type, login,
			secret,
			label, every, complete, paused, held, etag, changed, place, due, tried, succeeded, failures, error, told,
			records, taken, refused, silent, notes, created, made_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '{}', '', '', '', 0, 0, 0, 0, '{}', '',
			0, 0, 0, 0, '[]', $15, $16)`, f.ID, f.Name, string(f.Kind), f.Address, f.Collection, string(f.Format),
			f.Columns,
			f.Type, f.Login, f.Secret, int(f.Label), f.Every, f.Complete, true, f.Created, f.By)
		if err != nil {
			return err
		}
		return identity.Audit(tx, actor, "feed.add", f.ID, f.detail())
	})
	if fault.Is(err, fault.Conflict) {
		err = fault.New(fault.Conflict, i18n.T("there is a feed of this name", "同じ名前のフィードがあります"))
	}
	s.changed()
	return f, err
}

// edit changes how a source is read. Its name stays: what it gave is known by it.
func (s *Service) edit(ctx context.Context, actor policy.Viewer, f Feed) error {
	return s.change(ctx, actor, f.ID, "feed.edit", f.detail(), func(tx *store.Tx, old Feed) error {
		if f.Secret == "" && f.Login == old.Login {
			f.Secret = old.Secret
		}
		place := old.Place
		if f.Address != old.Address || f.Collection != old.Collection {
			place = ""
		}
		// Without ETag and date, so that what is there now is read as it is set up now.
		_, err := tx.Exec(`UPDATE share_feed SET kind = $1, address = $2, collection = $3, format = $4, columns = $5,
			type = $6,
			login = $7, secret = $8, label = $9, every = $10, complete = $11, place = $12, etag = $13, changed = $14
			WHERE id = $15`, string(f.Kind), f.Address, f.Collection, string(f.Format), f.Columns, f.Type, f.Login,
			f.Secret,
			int(f.Label), f.Every, f.Complete, place, "", "", f.ID)
		return err
	})
}

// pause stops or starts the schedule of a source.
func (s *Service) pause(ctx context.Context, actor policy.Viewer, id string, paused bool) error {
	action := "feed.start"
	if paused {
		action = "feed.pause"
	}
	return s.change(ctx, actor, id, action, nil, func(tx *store.Tx, _ Feed) error {
		_, err := tx.Exec(`UPDATE share_feed SET paused = $1, due = $2 WHERE id = $3`, paused, tx.Now(), id)
		return err
	})
}

// takeAllTheSame lets a held source go on, this once whatever it holds.
func (s *Service) takeAllTheSame(ctx context.Context, actor policy.Viewer, id string) error {
	err := s.change(ctx, actor, id, "feed.take", nil, func(tx *store.Tx, _ Feed) error {
		_, err := tx.Exec(`UPDATE share_feed SET held = '{}', etag = '', changed = '', due = $1 WHERE id = $2`,
			tx.Now(), id)
		return err
	})
	if err == nil {
		s.force(id)
	}
	return err
}

// runNow makes a source due.
func (s *Service) runNow(ctx context.Context, actor policy.Viewer, id string) error {
	return s.change(ctx, actor, id, "feed.run", nil, func(tx *store.Tx, f Feed) error {
		if !f.Held.Zero() {
			return fault.New(fault.Conflict, i18n.T("the feed is held until somebody has looked", "確認待ちのフィードです"))
		}
		_, err := tx.Exec(`UPDATE share_feed SET due = $1, paused = $2 WHERE id = $3`, tx.Now(), false, id)
		return err
	})
}

// remove ends a source; what it gave ends with it.
func (s *Service) remove(ctx context.Context, actor policy.Viewer, id string) error {
	if err := mustKeep(actor); err != nil {
		return err
	}
	f, err := s.get(ctx, id)
	if err != nil {
		return err
	}
	if !s.begin(id) {
		return busy()
	}
	defer s.end(id)
	if err := s.endRows(ctx, f, nil); err != nil {
		return err
	}
	err = s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		for _, table := range []string{"share_feed_row WHERE feed", "share_feed WHERE id"} {
			if _, err := tx.Exec(`DELETE FROM `+table+` = $1`, id); err != nil {
				return err
			}
		}
		return identity.Audit(tx, actor, "feed.remove", id, f.detail())
	})
	s.changed()
	return err
}

func busy() error {
	return fault.New(fault.Busy, i18n.T("the feed is being read; try again when it has ended", "取得中です。終わってからやり直してください"))
}

// change changes a source by a coordinator, with a trace.
func (s *Service) change(ctx context.Context, actor policy.Viewer, id, action string, detail any,
	fn func(tx *store.Tx, f Feed) error) error {
	if err := mustKeep(actor); err != nil {
		return err
	}
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		f, err := one(tx, id)
		if err != nil {
			return err
		}
		if err := fn(tx, f); err != nil {
			return err
		}
		if detail == nil {
			detail = map[string]any{"name": f.Name}
		}
		return identity.Audit(tx, actor, action, id, detail)
	})
	s.changed()
	s.look()
	return err
}

// due returns the sources that are to be read now, and when the next one is.
func (s *Service) due(ctx context.Context) (list []string, next time.Time, err error) {
	err = s.DB.Read(ctx, system(), func(tx *store.Tx) error {
		type row struct {
			ID  string    `db:"id"`
			Due time.Time `db:"due"`
		}
		rows, err := store.Query[row](tx,
			`SELECT id, due FROM share_feed WHERE paused = $1 AND held = '{}' ORDER BY due`, false)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Due.After(tx.Now()) {
				next = r.Due
				break
			}
			list = append(list, r.ID)
		}
		return nil
	})
	return list, next, err
}
