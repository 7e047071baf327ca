package store

import (
	"context"

	"github.com/meneki/meneki/internal/fault"
)

// Setting reads one of the hub's or node's own values.
func (db *DB) Setting(ctx context.Context, key string) (value string, ok bool, err error) {
	err = db.Read(ctx, System("setting"), func(tx *Tx) error {
		value, err = One[string](tx, `SELECT value FROM setting WHERE key = $1`, key)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return "", false, nil
	}
	return value, err == nil, err
}

// SetSetting writes one of the hub's or node's own values.
func (db *DB) SetSetting(ctx context.Context, key, value string) error {
	return db.Write(ctx, System("setting"), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO setting (key, value, at) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at`, key, value, tx.now)
		return err
	})
}
