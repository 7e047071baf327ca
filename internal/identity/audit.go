package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Entry is one line of the audit trail.
type Entry struct {
	ID string    `db:"id"`
	At time.Time `db:"at"`
	// user id, "machine:NAME" for a token or a node, "operator" for the machine's own command
	Actor     string          `db:"actor"`
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
	_, err := tx.Exec(
		`INSERT INTO audit (id, at, actor, actor_name, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		clock.NewID(),
		tx.Now(),
		actorID(actor),
		actor.Name,
		action,
		subject,
		store.JSON(detail),
	)
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

// TrailList describes the audit trail as a list, the newest line first.
func TrailList() list.Spec[Entry] {
	return list.Spec[Entry]{
		Select: "a.id, a.at, a.actor, a.actor_name, a.action, a.subject, a.detail", From: "audit a",
		// Ids are made in the order of time.
		Key: []list.Term[Entry]{{SQL: "a.id", Of: func(e Entry) any { return e.ID }, Desc: true}},
		Sorts: []list.Sort[Entry]{
			{Name: "time", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"), KeyOnly: true},
		},
		Filters: []list.Filter[Entry]{{Name: "subject", Kind: list.Linked,
			Where: func(id string) list.Cond { return list.Where("a.subject = ?", id) }}},
	}
}

// Trail returns a page of the audit trail.
func (s *Service) Trail(ctx context.Context, ask list.Ask) (out list.Page[Entry], err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		out, err = TrailList().Read(tx, ask)
		return err
	})
	return out, err
}

type fields map[string]any
