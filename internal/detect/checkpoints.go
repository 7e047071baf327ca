package detect

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/event/follow"
	"github.com/meneki/meneki/internal/store"
)

// Checkpoints keeps how far each followed file was read, in the node's store.
type Checkpoints struct{ DB *store.DB }

type checkpointRow struct {
	Name string `db:"name"`
	Mark string `db:"mark"`
}

// Load returns all checkpoints, by key.
func (m Checkpoints) Load(ctx context.Context) (map[string]follow.Checkpoint, error) {
	out := map[string]follow.Checkpoint{}
	err := m.DB.Read(ctx, store.System("detect: checkpoints"), func(tx *store.Tx) error {
		rows, err := store.Query[checkpointRow](tx, `SELECT name, mark FROM file_position`)
		for _, r := range rows {
			var k follow.Checkpoint
			if err := json.Unmarshal([]byte(r.Mark), &k); err != nil {
				return fmt.Errorf("read checkpoint %s: %w", r.Name, err)
			}
			out[r.Name] = k
		}
		return err
	})
	return out, err
}

// Save writes checkpoints; it is durable when it returns.
func (m Checkpoints) Save(ctx context.Context, list []follow.Checkpoint) error {
	return m.DB.Write(ctx, store.System("detect: checkpoints"), func(tx *store.Tx) error {
		for _, k := range list {
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
			if _, err := tx.Exec(
				`INSERT INTO file_position (name, mark) VALUES ($1,$2) ON CONFLICT (name) DO UPDATE
					SET mark = excluded.mark`,
				k.Key, string(b),
			); err != nil {
				return err
			}
		}
		return nil
	})
}
