package contribution

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/store"
)

// Gave is what became of one thing that a member gave, or of a mistake that it found.
type Gave struct {
	Object   string
	Kind     string
	Name     string
	Value    string
	At       time.Time
	Got      int // members that have answered for it
	Armed    int // of them, those that match it now
	Seen     int // members that saw it, as far as the reader may know
	Line     credit.Line
	Handling policy.Handling
}

// Account is what a member has earned, with what became of each thing.
type Account struct {
	Member    string
	Points    credit.Points
	Kept      credit.Points // part of Points, told only in an edition
	Given     int
	Confirmed int
	Mistakes  int
	Tier      credit.Tier
	Next      *credit.Tier // nil in the highest
	Gave      []Gave       // what earned or cost most first
}

type reachRow struct {
	Object string `db:"object"`
	Got    int    `db:"got"`
	Armed  int    `db:"armed"`
}

type seenCount struct {
	Object string `db:"object"`
	N      int    `db:"n"`
}

// Account returns what a member has earned, as v may know it: v is of the member or of the hub.
func (s *Service) Account(ctx context.Context, v policy.Viewer, member string) (out Account, err error) {
	list, err := s.community(ctx)
	if err != nil {
		return out, err
	}
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		a, err := s.accountOf(tx, member, list)
		if err != nil {
			return err
		}
		got, err := store.Query[reachRow](tx, `SELECT r.object, count(*) AS got,
				CAST(sum(CASE WHEN r.state IN ('armed', 'hunted') THEN 1 ELSE 0 END) AS BIGINT) AS armed
			FROM contribution_receipt r JOIN contribution_gift g ON g.object = r.object
			WHERE g.giver = $1 AND r.member <> $1 AND SCOPE(g) GROUP BY r.object`, member)
		if err != nil {
			return err
		}
		seen, err := store.Query[seenCount](tx, `SELECT s.object, count(DISTINCT s.member) AS n
			FROM contribution_seen s JOIN contribution_gift g ON g.object = s.object
			WHERE g.giver = $1 AND s.member <> $1 AND SCOPE(s) AND SCOPE(g) GROUP BY s.object`, member)
		if err != nil {
			return err
		}
		out = a.told(member, got, seen, v.Hub)
		return nil
	})
	return out, err
}

func (a account) told(member string, got []reachRow, seen []seenCount, hub bool) Account {
	out := Account{Member: member, Points: a.Points, Kept: a.Kept, Given: a.Given, Confirmed: a.Confirmed,
		Mistakes: a.Mistakes, Tier: a.Rules.Tier(a.Points)}
	if next, ok := a.Rules.Next(a.Points); ok {
		out.Next = &next
	}
	reach, saw := map[string]reachRow{}, map[string]int{}
	for _, r := range got {
		reach[r.Object] = r
	}
	for _, c := range seen {
		saw[c.Object] = c.N
	}
	for _, line := range a.Lines {
		g := a.Gifts[line.Object]
		x := Gave{Object: line.Object, Kind: g.Kind, Name: g.Name, Value: g.Value, At: g.At, Line: line,
			Handling: g.Handling}
		if line.Kind != credit.Correction {
			x.Got, x.Armed, x.Seen = reach[line.Object].Got, reach[line.Object].Armed, saw[line.Object]
			if !hub {
				x.Seen += g.Told
			}
		}
		out.Gave = append(out.Gave, x)
	}
	return out
}

// Standing is one member in the list of all.
type Standing struct {
	Member    string
	Points    credit.Points
	Given     int
	Confirmed int
	Mistakes  int
	Word      int // how much its word counts, in quarters
	Last      time.Time
	Tier      credit.Tier
}

// Everybody lists all members with what they have earned, as far as v may know what they gave;
// it is for the hub's people.
func (s *Service) Everybody(ctx context.Context, v policy.Viewer) (out []Standing, err error) {
	list, err := s.community(ctx)
	if err != nil || !v.Hub {
		return nil, err
	}
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		r, err := Rules(tx)
		if err != nil {
			return err
		}
		trust, err := s.trust(tx, r, list)
		if err != nil {
			return err
		}
		some, err := all(tx)
		if err != nil {
			return err
		}
		last := map[string]time.Time{}
		for _, g := range some.gifts {
			if g.At.After(last[g.Giver]) {
				last[g.Giver] = g.At
			}
		}
		accounts := credit.Accounts(some.ledger(list), r, trust, tx.Now())
		out = out[:0]
		for _, m := range list {
			a := accounts[m.ID]
			out = append(out, Standing{Member: m.ID, Points: a.Points, Given: a.Given, Confirmed: a.Confirmed,
				Mistakes: a.Mistakes, Word: trust.Standing[m.ID], Last: last[m.ID], Tier: r.Tier(a.Points)})
		}
		slices.SortFunc(out, func(a, b Standing) int {
			return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Member, b.Member))
		})
		return nil
	})
	return out, err
}

// Community returns the picture that every member may see; nil while there is none.
func (s *Service) Community(ctx context.Context) (p *Picture, err error) {
	text, _, err := s.DB.Setting(ctx, settingPicture)
	if err != nil || text == "" {
		return nil, err
	}
	p = &Picture{}
	return p, decode(text, p)
}
