package release

import (
	"encoding/json"

	"context"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

func get(tx *store.Tx, kind, id string) (Message, error) {
	return store.One[Message](tx, `SELECT `+columns+` FROM outgoing WHERE kind = $1 AND id = $2`, kind, id)
}

// marked is how a message was marked before it grew.
type marked struct {
	TLP     policy.TLP `db:"tlp"`
	Floor   policy.TLP `db:"floor"`
	Decided int64      `db:"decided"`
}

// States of what leaves.
const (
	StateWaiting = "waiting" // for a person
	StateReady   = "ready"   // for the wire
	StateSent    = "sent"    // the hub has it
	StateHeld    = "held"    // a person said no
	StateFailed  = "failed"  // the hub refused it; Reason says why
)

// Message is one message that leaves the node, or would.
type Message struct {
	Kind     wire.Kind       `db:"kind"`
	ID       string          `db:"id"`
	Rev      int             `db:"rev"`
	State    string          `db:"state"`
	Level    string          `db:"level"`
	Title    string          `db:"title"`
	Body     string          `db:"body"`
	At       time.Time       `db:"at"`
	Decided  time.Time       `db:"decided"`
	By       string          `db:"by_user"`
	Sent     time.Time       `db:"sent"`
	Reason   string          `db:"reason"`
	Handling policy.Handling `db:",handling"`
	// Floor is the least strict label that it may leave with: that of what a third
	// party gave the member. 0 is none.
	Floor policy.TLP `db:"floor"`
}

const columns = "kind, id, rev, state, level, title, body, at, decided, by_user, sent, reason, tlp, " +
	"owner, audience, floor"

// Count counts what is in a state.
func Count(tx *store.Tx, state string) (int64, error) {
	return store.One[int64](tx, `SELECT count(*) FROM outgoing WHERE state = $1`, state)
}

// relabel changes the label inside a message's own body.
func relabel(body string, tlp policy.TLP) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return "", err
	}
	var h policy.Handling
	if m["handling"] == nil { // a receipt has no label of its own
		return body, nil
	}
	if err := json.Unmarshal(m["handling"], &h); err != nil {
		return "", err
	}
	h.TLP = tlp
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	m["handling"] = b
	out, err := json.Marshal(m)
	return string(out), err
}

// Prune forgets what was sent, or held back, before a time. What waits or
// is ready stays however old it is.
func Prune(ctx context.Context, db *store.DB, before time.Time) error {
	return db.Write(ctx, store.System("share: prune what was sent"), func(tx *store.Tx) error {
		_, err := tx.Exec(
			`DELETE FROM outgoing WHERE state IN ('sent', 'held', 'failed') AND at < $1`, clock.Micros(before),
		)
		return err
	})
}
