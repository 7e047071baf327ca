package contribution

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/store"
)

type giftRow struct {
	Object   string          `db:"object"`
	Giver    string          `db:"giver"`
	Kind     string          `db:"kind"`
	Value    string          `db:"value"`
	Name     string          `db:"name"`
	At       time.Time       `db:"at"`
	Warned   bool            `db:"warned"`
	Told     int             `db:"told"`
	Handling policy.Handling `db:",handling"`
}

const giftColumns = "g.object, g.giver, g.kind, g.value, g.name, g.at, g.warned, g.told, g.tlp, g.owner, g.audience"

// subject is what a gift is about: who gives it first is credited.
func (g giftRow) subject() string { return g.Kind + "\x00" + g.Value }

type seenRow struct {
	ID       string          `db:"id"`
	Object   string          `db:"object"`
	Member   string          `db:"member"`
	Retro    bool            `db:"retro"`
	At       time.Time       `db:"at"`
	Received time.Time       `db:"received"`
	Handling policy.Handling `db:",handling"`
}

const seenColumns = "s.id, s.object, s.member, s.retro, s.at, s.received, s.tlp, s.owner, s.audience"

// rows is what an account is made of.
type rows struct {
	gifts []giftRow
	seen  []seenRow
	marks []Mark // upheld
}

// all reads what the scope may see of everybody.
func all(tx *store.Tx) (out rows, err error) {
	if out.gifts, err = store.Query[giftRow](tx,
		`SELECT `+giftColumns+` FROM contribution_gift g WHERE SCOPE(g)`); err != nil {
		return out, err
	}
	if out.seen, err = store.Query[seenRow](tx,
		`SELECT `+seenColumns+` FROM contribution_seen s WHERE SCOPE(s)`); err != nil {
		return out, err
	}
	out.marks, err = store.Query[Mark](tx,
		`SELECT `+markColumns+` FROM contribution_mark k WHERE k.state = 'upheld' AND SCOPE(k)`)
	return out, err
}

// of reads what the scope may see of one member's gifts, and of others as far as it matters for
// them: who gave the same, and what the member found to be wrong.
func of(tx *store.Tx, member string) (out rows, err error) {
	out.gifts, err = store.Query[giftRow](tx, `SELECT `+giftColumns+` FROM contribution_gift g
		WHERE SCOPE(g) AND (g.giver = $1
OR EXISTS (SELECT 1 FROM contribution_gift m WHERE m.giver = $1 AND m.kind = g.kind AND m.value = g.value AND SCOPE(m))
OR EXISTS (SELECT 1 FROM contribution_mark k WHERE k.object = g.object AND k.member = $1 AND k.state = 'upheld'
AND SCOPE(k)))`, member)
	if err != nil {
		return out, err
	}
	out.seen, err = store.Query[seenRow](tx, `SELECT `+seenColumns+` FROM contribution_seen s WHERE SCOPE(s)
		AND EXISTS (SELECT 1 FROM contribution_gift g WHERE g.object = s.object AND g.giver = $1 AND SCOPE(g))`, member)
	if err != nil {
		return out, err
	}
	out.marks, err = store.Query[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k WHERE k.state = 'upheld'
		AND SCOPE(k) AND (k.member = $1
OR EXISTS (SELECT 1 FROM contribution_gift g WHERE g.object = k.object AND g.giver = $1 AND SCOPE(g)))`, member)
	return out, err
}

// ledger returns the rows as credit has them.
func (r rows) ledger(members []credit.Member) credit.Ledger {
	l := credit.Ledger{Members: members}
	for _, g := range r.gifts {
		l.Gifts = append(l.Gifts, credit.Gift{Object: g.Object, Giver: g.Giver, Value: g.subject(), At: g.At,
			Warned: g.Warned})
	}
	for _, c := range r.seen {
		l.Confirmations = append(l.Confirmations, credit.Confirmation{Object: c.Object, By: c.Member, At: c.At,
			InTime: !c.Retro})
	}
	for _, m := range r.marks {
		l.Verdicts = append(l.Verdicts, credit.Verdict{Object: m.Object, By: m.Member, At: m.Decided})
	}
	return l
}

// account is what a member has earned.
type account struct {
	credit.Account
	Kept  credit.Points // of the last edition, as much as is left; it is part of Points
	Rules credit.Rules
	Gifts map[string]giftRow // by object, the member's own and those that its lines name
}

type editionRow struct {
	Member   string          `db:"member"`
	Points   int64           `db:"points"`
	Members  int             `db:"members"`
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

// accountOf works out what a member has earned, of what the scope may know.
func (s *Service) accountOf(tx *store.Tx, member string, list []credit.Member) (account, error) {
	out := account{Gifts: map[string]giftRow{}}
	r, err := Rules(tx)
	if err != nil {
		return out, err
	}
	trust, err := s.trust(tx, r, list)
	if err != nil {
		return out, err
	}
	some, err := of(tx, member)
	if err != nil {
		return out, err
	}
	out.Account, out.Rules = credit.Accounts(some.ledger(list), r, trust, tx.Now())[member], r
	for _, g := range some.gifts {
		out.Gifts[g.Object] = g
	}
	editions, err := store.Query[editionRow](tx, `SELECT e.member, e.points, e.members, e.at, e.tlp, e.owner, e.audience
		FROM contribution_edition e WHERE e.member = $1 AND SCOPE(e)`, member)
	if err != nil {
		return out, err
	}
	if v, ok := tx.Scope().Viewer(); ok && v.Hub { // the hub's people see what it stands on
		return out, nil
	}
	for _, e := range editions {
		out.Kept = r.Faded(credit.Points(e.Points), e.At, tx.Now())
		out.Points += out.Kept
	}
	return out, nil
}

// Tier returns what a member's credit buys it, of what the member itself may know.
func (s *Service) Tier(ctx context.Context, member string) (credit.Tier, error) {
	list, err := s.community(ctx)
	if err != nil {
		return credit.Tier{}, err
	}
	var a account
	err = s.DB.Read(ctx, store.As(s.person(ctx, member)), func(tx *store.Tx) (err error) {
		a, err = s.accountOf(tx, member, list)
		return err
	})
	if err != nil {
		return credit.Tier{}, err
	}
	return a.Rules.Tier(a.Points), nil
}
