package identity

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Entry is one line of the audit trail.
type Entry struct {
	ID        string          `db:"id"`
	At        time.Time       `db:"at"`
	Actor     string          `db:"actor"`      // user id, "machine:NAME" for a token or a node, "operator" for the machine's own command
	ActorName string          `db:"actor_name"` // as it was called then
	Action    string          `db:"action"`     // "member.invite" and the like
	Subject   string          `db:"subject"`    // id of what was changed
	Detail    json.RawMessage `db:"detail,json"`
}

// Audit writes a line into the trail, in the transaction of the change itself,
// so that neither is there without the other. Detail must hold no secret.
func Audit(tx *store.Tx, actor policy.Viewer, action, subject string, detail any) error {
	if detail == nil {
		detail = struct{}{}
	}
	_, err := tx.Exec(`INSERT INTO audit (id, at, actor, actor_name, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		clock.NewID(), tx.Now(), actorID(actor), actor.Name, action, subject, store.JSON(detail))
	return err
}

func actorID(v policy.Viewer) string {
	switch {
	case v.User != "":
		return v.User
	case v.Machine:
		return "machine:" + v.Name
	case v.Hub && v.Role == policy.RoleAdmin:
		return "operator"
	}
	return "nobody"
}

// Trail gives lines of the audit trail, the newest first: those before the entry
// with the id before, if that is given, and about subject, if that is given.
func (s *Service) Trail(ctx context.Context, subject, before string, limit int) (out []Entry, err error) {
	if limit <= 0 {
		limit = 100
	}
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		q, args := `SELECT id, at, actor, actor_name, action, subject, detail FROM audit WHERE 1=1`, []any{}
		if subject != "" {
			args = append(args, subject)
			q += ` AND subject = $` + strconv.Itoa(len(args))
		}
		if before != "" {
			args = append(args, before)
			q += ` AND id < $` + strconv.Itoa(len(args))
		}
		args = append(args, limit)
		out, err = store.Query[Entry](tx, q+` ORDER BY id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
		return err
	})
	return out, err
}

type fields map[string]any
