// Package contribution keeps, at a hub, what members gave and what became of it, and tells
// each member what it has earned by that (package credit), why, and what that buys.
//
// A member is told nothing that it may not know. Sightings that their members let it see
// count for it at once. Those that are kept from it come to it only in an edition: a figure
// of at least three members, made anew only when what at least three of them say has changed,
// as package pool does with figures on rules. So nobody can tell from its own credit, from its
// place among others, or from their changes, what one other member saw.
package contribution

import (
	"context"
	"embed"
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the tables of what members gave.
func Migration() store.Migration { return store.Migration{Name: "contribution", FS: files} }

// Members is the members of the community, as a directory of package identity has them.
type Members interface {
	identity.Names
	identity.Nodes
	// Active lists the members that have joined and still belong.
	Active(ctx context.Context) ([]identity.Member, error)
}

// Config is what a Service stands on.
type Config struct {
	DB      *store.DB
	Members Members
	// Reached counts the members that indicators came to, as package publish does.
	Reached func(ctx context.Context, s store.Scope, ids []string) (map[string]publish.Reach, error)
	Notify  func() // called after something changed that a page shows
}

// Service is what members gave at a hub. It is safe for concurrent use.
type Service struct {
	Config
}

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// Settings that hold what a community decided and what was worked out for it.
const (
	settingRules   = "contribution.rules"
	settingTrust   = "contribution.trust"
	settingPicture = "contribution.picture"
)

// fewest is how many members a figure stands on that is told to somebody who may not know
// what each of them said, and how many must have changed before it changes.
const fewest = 3

// Rules returns the rules that are in force: those that were adopted, or else the default.
func Rules(tx *store.Tx) (credit.Rules, error) {
	text, err := setting(tx, settingRules)
	if err != nil || text == "" {
		return credit.Default(), err
	}
	return credit.Parse([]byte(text))
}

func setting(tx *store.Tx, key string) (string, error) {
	list, err := store.Query[string](tx, `SELECT value FROM setting WHERE key = $1`, key)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// decode reads what a setting holds; an empty one changes nothing.
func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

func setSetting(tx *store.Tx, key string, value any) error {
	text, ok := value.(string)
	if !ok {
		b, err := json.Marshal(value)
		if err != nil {
			return err
		}
		text = string(b)
	}
	_, err := tx.Exec(`INSERT INTO setting (key, value, at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at`, key, text, tx.Now())
	return err
}

// trusted is how much members' words count, as it was last worked out.
type trusted struct {
	At    time.Time    `json:"at"`
	Trust credit.Trust `json:"trust"`
}

// trust returns how much members' words count. Before it was first worked out, and for who
// was not there then, that is as for a community in which nothing was said yet.
func (s *Service) trust(tx *store.Tx, r credit.Rules, members []credit.Member) (credit.Trust, error) {
	out := credit.Trusted(credit.Ledger{Members: members}, r, tx.Now())
	text, err := setting(tx, settingTrust)
	if err != nil {
		return out, err
	}
	var t trusted
	if err := decode(text, &t); err != nil {
		return out, err
	}
	for id, n := range t.Trust.Standing {
		out.Standing[id] = max(out.Standing[id], n)
	}
	out.Ties = t.Trust.Ties
	return out, nil
}

// community returns the members as credit has them.
func (s *Service) community(ctx context.Context) ([]credit.Member, error) {
	list, err := s.Members.Active(ctx)
	out := make([]credit.Member, 0, len(list))
	for _, m := range list {
		out = append(out, credit.Member{ID: m.ID, Joined: m.Joined})
	}
	return out, err
}

// person is somebody of a member, for whom what the member may know is worked out.
func (s *Service) person(ctx context.Context, member string) policy.Viewer {
	v := s.Members.Node(ctx, member)
	v.User, v.Role, v.Machine = "any", policy.RoleReader, false
	return v
}
