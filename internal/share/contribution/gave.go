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
	Got      int // members that have answered for it; see reach
	Armed    int // of them, those that match it now; see reach
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
		seen, err := store.Query[seenCount](tx, `SELECT s.object, count(DISTINCT s.member) AS n
			FROM contribution_seen s JOIN contribution_gift g ON g.object = s.object
			WHERE g.giver = $1 AND s.member <> $1 AND SCOPE(s) AND SCOPE(g) GROUP BY s.object`, member)
		if err != nil {
			return err
		}
		out = a.told(member, seen, v.Hub)
		return nil
	})
	return out, err
}

func (a account) told(member string, seen []seenCount, hub bool) Account {
	out := Account{Member: member, Points: a.Points, Kept: a.Kept, Given: a.Given, Confirmed: a.Confirmed,
		Mistakes: a.Mistakes, Tier: a.Rules.Tier(a.Points)}
	if next, ok := a.Rules.Next(a.Points); ok {
		out.Next = &next
	}
	saw := map[string]int{}
	for _, c := range seen {
		saw[c.Object] = c.N
	}
	for _, line := range a.Lines {
		g := a.Gifts[line.Object]
		x := Gave{Object: line.Object, Kind: g.Kind, Name: g.Name, Value: g.Value, At: g.At, Line: line,
			Handling: g.Handling}
		if line.Kind != credit.Correction {
			x.Seen = saw[line.Object]
			if !hub {
				x.Seen += g.Told
			}
		}
		out.Gave = append(out.Gave, x)
	}
	return out
}

// reach adds to what a member gave how many members it came to.
func (s *Service) reach(ctx context.Context, v policy.Viewer, list []Gave) error {
	var ids []string
	for _, g := range list {
		if g.Line.Kind != credit.Correction {
			ids = append(ids, g.Object)
		}
	}
	got, err := s.Reached(ctx, store.As(v), ids)
	for i := range list {
		if r, ok := got[list[i].Object]; ok && list[i].Line.Kind != credit.Correction {
			list[i].Got, list[i].Armed = r.Got, r.Armed
		}
	}
	return err
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
