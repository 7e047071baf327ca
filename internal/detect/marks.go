package detect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/event/follow"
	"github.com/meneki/meneki/internal/store"
)

// Positions keeps how far each followed file was read, in the node's store.
type Positions struct{ DB *store.DB }

type positionRow struct {
	Name string `db:"name"`
	Mark string `db:"mark"`
}

// Load gives all marks by key.
func (m Positions) Load(ctx context.Context) (map[string]follow.Mark, error) {
	out := map[string]follow.Mark{}
	err := m.DB.Read(ctx, store.System("detect: marks"), func(tx *store.Tx) error {
		rows, err := store.Query[positionRow](tx, `SELECT name, mark FROM file_position`)
		for _, r := range rows {
			var k follow.Mark
			if err := json.Unmarshal([]byte(r.Mark), &k); err != nil {
				return fmt.Errorf("read mark %s: %w", r.Name, err)
			}
			out[r.Name] = k
		}
		return err
	})
	return out, err
}

// Save writes marks; it is durable when it returns.
func (m Positions) Save(ctx context.Context, marks []follow.Mark) error {
	return m.DB.Write(ctx, store.System("detect: marks"), func(tx *store.Tx) error {
		for _, k := range marks {
			if k.Gone {
				if _, err := tx.Exec(`DELETE FROM file_position WHERE name = $1`, k.Key); err != nil {
					return err
				}
				continue
			}
			b, err := json.Marshal(k)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO file_position (name, mark) VALUES ($1,$2) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark`, k.Key, string(b)); err != nil {
				return err
			}
		}
		return nil
	})
}
