package relevance

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the tables of profiles and standing queries.
func Migration() store.Migration { return store.Migration{Name: "relevance", FS: files} }

// Source is where objects come from: a hub's objects, or what came in at a node.
type Source interface {
	// Since lists the objects that the scope of tx may see and that came after a time, at most
	// so many, the newest; more is true if there are others that it left out.
	Since(tx *store.Tx, after time.Time, limit int) (list []Item, more bool, err error)
	// One returns one object, or fault.NotFound.
	One(tx *store.Tx, id string) (Item, error)
	// Related lists objects that refer to one, the newest first.
	Related(tx *store.Tx, id string, limit int) ([]Item, error)
}

// Config is what a Service stands on.
type Config struct {
	DB     *store.DB
	Source Source
	// Tier returns what a member's credit buys; nil where there is no credit, as at a node.
	Tier func(ctx context.Context, member string) (credit.Tier, error)
	// Home says that this is the member's own node, and not the hub.
	Home   bool
	Notify func()
}

// Service keeps profiles and rates objects by them. It is safe for concurrent use.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// mine is how what a reader's organisation writes is marked: for its own people, at the hub
// not even the hub's. What the hub's people write is theirs.
func mine(member string) policy.Handling {
	if member == "" {
		return policy.Handling{TLP: policy.AmberStrict}
	}
	return policy.Handling{TLP: policy.Red, Owner: member}
}

type bodyRow struct {
	ID     string `db:"id"`
	Member string `db:"member"`
	Body   string `db:"body"`
}

// Profile returns what matters to a member and its standing queries, as far as the scope may
// see them. A member that has set nothing has the profile that it is given at first: its sector.
func (s *Service) Profile(tx *store.Tx, v policy.Viewer) (p Profile, queries []Query, err error) {
	rows, err := store.Query[bodyRow](tx, `SELECT '' AS id, p.member, p.body FROM relevance_profile p
		WHERE p.member = $1 AND SCOPE(p)`, v.Member)
	if err != nil {
		return p, nil, err
	}
	if len(rows) == 0 {
		p.Sector = v.Sector
		if _, ok := identity.SectorOf(p.Sector); !ok {
			p.Sector = ""
		}
	} else if err := json.Unmarshal([]byte(rows[0].Body), &p); err != nil {
		return p, nil, fmt.Errorf("read the profile of %s: %w", v.Member, err)
	}
	rows, err = store.Query[bodyRow](tx, `SELECT q.id, q.member, q.body FROM relevance_query q WHERE q.member = $1
		AND SCOPE(q) ORDER BY q.at, q.id`, v.Member)
	for _, r := range rows {
		var q Query
		if err := json.Unmarshal([]byte(r.Body), &q); err != nil {
			return p, nil, fmt.Errorf("read the standing query %s: %w", r.ID, err)
		}
		q.ID = r.ID
		queries = append(queries, q)
	}
	return p, queries, err
}

func mayWrite(v policy.Viewer) error {
	if identity.AtLeast(v.Role, policy.RoleAnalyst) && !v.Machine {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("an analyst does this", "この操作は分析担当者が行います"))
}

// SetProfile keeps what matters to the viewer's organisation.
func (s *Service) SetProfile(ctx context.Context, v policy.Viewer, p Profile) error {
	if err := mayWrite(v); err != nil {
		return err
	}
	p, err := p.Clean()
	if err != nil {
		return err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	h := mine(v.Member)
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		tx.AfterCommitOnce(s, s.Notify)
		_, err := tx.Exec(`INSERT INTO relevance_profile (member, body, at, tlp, owner, audience)
			VALUES ($1,$2,$3,$4,$5,'')
			ON CONFLICT (member) DO UPDATE SET body = excluded.body, at = excluded.at`,
			v.Member, string(body), tx.Now(), int(h.TLP), h.Owner)
		return err
	})
}

// tier returns what a reader's credit buys; the most where there is no credit.
func (s *Service) tier(ctx context.Context, v policy.Viewer) (credit.Tier, error) {
	if s.Tier == nil || v.Member == "" {
		list := credit.Default().Tiers
		return list[len(list)-1], nil
	}
	return s.Tier(ctx, v.Member)
}

// AddQuery keeps a standing query, as many as the organisation's tier has.
func (s *Service) AddQuery(ctx context.Context, v policy.Viewer, q Query) (Query, error) {
	if err := mayWrite(v); err != nil {
		return q, err
	}
	q, err := q.Clean()
	if err != nil {
		return q, err
	}
	tier, err := s.tier(ctx, v)
	if err != nil {
		return q, err
	}
	q.ID = clock.NewID()
	body, err := json.Marshal(q)
	if err != nil {
		return q, err
	}
	h := mine(v.Member)
	return q, s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		n, err := store.One[int](tx, `SELECT count(*) FROM relevance_query q WHERE q.member = $1 AND SCOPE(q)`,
			v.Member)
		if err != nil {
			return err
		}
		if n >= tier.Queries {
			return fault.New(fault.Conflict,
				i18n.T("your organisation has {0} standing queries, as many as its tier allows",
					"常設の条件は、現在の階層の上限である {0} 件に達しています").With(n)).
				WithHint(i18n.T("remove one first", "先に一つ削除してください"))
		}
		tx.AfterCommitOnce(s, s.Notify)
		_, err = tx.Exec(`INSERT INTO relevance_query (id, member, body, at, tlp, owner, audience)
			VALUES ($1,$2,$3,$4,$5,$6,'')`, q.ID, v.Member, string(body), tx.Now(), int(h.TLP), h.Owner)
		return err
	})
}

// RemoveQuery takes a standing query away.
func (s *Service) RemoveQuery(ctx context.Context, v policy.Viewer, id string) error {
	if err := mayWrite(v); err != nil {
		return err
	}
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		n, err := tx.Exec(`DELETE FROM relevance_query WHERE id = $1 AND member = $2 AND SCOPE(relevance_query)`, id,
			v.Member)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, i18n.T("there is no such query", "該当する条件はありません"))
		}
		tx.AfterCommitOnce(s, s.Notify)
		return err
	})
}

// Rated is an item with its score and what is related to it.
type Rated struct {
	Item
	Score
	Related []Item
	Later   int // related ones that the organisation's tier has come later
}

// maxLooked is how many objects are rated for one list.
const maxLooked = 5000

// List is what matters to a reader of what came after a time.
type List struct {
	Rated  []Rated // what matters most first, then the newest
	Looked int     // how many were rated
	More   bool    // there were more, older ones
}

// ForYou rates what came after a time for the viewer's organisation, and returns what has at
// least so many points.
func (s *Service) ForYou(ctx context.Context, v policy.Viewer, after time.Time, least int) (out List, err error) {
	return s.Ranked(ctx, v, v, after, least)
}

// Ranked is ForYou by the profile that one viewer may see, of what another may: a mail is made by
// what a member's people wrote, and goes where no individual's eyes are.
func (s *Service) Ranked(ctx context.Context, profile, v policy.Viewer, after time.Time,
	least int) (out List, err error) {
	var p Profile
	var queries []Query
	err = s.DB.Read(ctx, store.As(profile), func(tx *store.Tx) (err error) {
		p, queries, err = s.Profile(tx, profile)
		return err
	})
	if err != nil {
		return out, err
	}
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		list, more, err := s.Source.Since(tx, after, maxLooked)
		if err != nil {
			return err
		}
		out = List{Looked: len(list), More: more}
		for _, it := range list {
			if score := p.Rate(it, queries); score.Points >= least {
				out.Rated = append(out.Rated, Rated{Item: it, Score: score})
			}
		}
		return nil
	})
	slices.SortStableFunc(out.Rated, func(a, b Rated) int {
		if a.Points != b.Points {
			return b.Points - a.Points
		}
		return b.Added.Compare(a.Added)
	})
	return out, err
}

// relate adds to items what is related to them, as far and as early as the viewer's tier goes. What
// is urgent, and every indicator, is related at once whatever the tier.
func (s *Service) relate(ctx context.Context, v policy.Viewer, list []Rated) error {
	tier, err := s.tier(ctx, v)
	if err != nil {
		return err
	}
	return s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		for i := range list {
			found, err := s.Source.Related(tx, list[i].ID, tier.Depth+1)
			if err != nil {
				return err
			}
			for _, it := range found {
				switch {
				case len(list[i].Related) == tier.Depth:
				case tier.Wait() == 0 || tx.Now().Sub(it.Added) >= tier.Wait() || credit.Floor(it.Type, it.Level,
					it.Labels):
					list[i].Related = append(list[i].Related, it)
				default:
					list[i].Later++
				}
			}
		}
		return nil
	})
}
