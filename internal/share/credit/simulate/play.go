package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/share/credit"
)

// start is the first day of every play; which day it is means nothing.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// every is how many days are between two looks at the accounts.
const every = 14

// Outcome is what became of a scenario.
type Outcome struct {
	Days   int     `json:"days"`
	Seed   uint64  `json:"seed"`
	Events int     `json:"events"`
	Looks  []int   `json:"looks"` // days at which the accounts were looked at
	Groups []Group `json:"-"`
	Rows   []Row   `json:"groups"` // one for each group of the scenario
}

// Row is what one group has at the end.
type Row struct {
	Kind      Kind           `json:"kind"`
	Name      string         `json:"name"`
	NameJA    string         `json:"name_ja"`
	Members   int            `json:"members"`
	Given     int            `json:"given"`
	Confirmed int            `json:"confirmed"`
	Mistakes  int            `json:"mistakes"`
	Mean      float64        `json:"points_mean"`
	Least     float64        `json:"points_least"`
	Most      float64        `json:"points_most"`
	Tiers     map[string]int `json:"tiers"`       // members by tier
	Over      []float64      `json:"points_over"` // the mean, at each look
}

// player is one member.
type player struct {
	id     string
	group  int
	kind   Kind
	joined int // day
	clique int
	Group
}

// play is a scenario that is being played.
type play struct {
	Scenario
	rnd     *rand.Rand
	players []player
	ledger  credit.Ledger
	objects int
}

// Run plays a scenario. It ends early with the context's error.
func Run(ctx context.Context, s Scenario) (Outcome, error) {
	if err := s.Validate(); err != nil {
		return Outcome{}, err
	}
	p := &play{Scenario: s, rnd: rand.New(rand.NewPCG(s.Seed, 0x6d656e656b69))}
	for i, g := range s.Population {
		size := g.Clique
		if size == 0 {
			size = g.Members
		}
		for k := range g.Members {
			x := player{id: fmt.Sprintf("g%02dm%03d", i, k), group: i, kind: g.Kind, joined: -g.Joined,
				clique: k / size, Group: g}
			p.players = append(p.players, x)
			p.ledger.Members = append(p.ledger.Members, credit.Member{ID: x.id, Joined: day(float64(x.joined))})
		}
	}
	out := Outcome{Days: s.Days, Seed: s.Seed, Groups: s.Population}
	over := make([][]float64, len(s.Population))
	var last map[string]credit.Account
	for d := range s.Days + 1 {
		if err := ctx.Err(); err != nil {
			return Outcome{}, err
		}
		if d%every == 0 || d == s.Days {
			last = p.accounts(d)
			out.Looks = append(out.Looks, d)
			for i, sum := range p.sums(last) {
				over[i] = append(over[i], sum/float64(s.Population[i].Members))
			}
		}
		p.day(d)
	}
	out.Events = len(p.ledger.Gifts) + len(p.ledger.Confirmations) + len(p.ledger.Verdicts)
	out.Rows = p.rows(last, over)
	return out, nil
}

func day(d float64) time.Time { return start.Add(time.Duration(d * 24 * float64(time.Hour))) }

// accounts are those of a day: what came later is not known yet.
func (p *play) accounts(d int) map[string]credit.Account {
	at := day(float64(d))
	known := credit.Ledger{}
	for _, m := range p.ledger.Members {
		if !m.Joined.After(at) {
			known.Members = append(known.Members, m)
		}
	}
	known.Gifts = p.ledger.Gifts
	for _, c := range p.ledger.Confirmations {
		if !c.At.After(at) {
			known.Confirmations = append(known.Confirmations, c)
		}
	}
	for _, v := range p.ledger.Verdicts {
		if !v.At.After(at) {
			known.Verdicts = append(known.Verdicts, v)
		}
	}
	return credit.Accounts(known, p.Rules, credit.Trusted(known, p.Rules, at), at)
}

func (p *play) sums(accounts map[string]credit.Account) []float64 {
	out := make([]float64, len(p.Population))
	for _, x := range p.players {
		out[x.group] += accounts[x.id].Points.Float()
	}
	return out
}

func (p *play) rows(accounts map[string]credit.Account, over [][]float64) []Row {
	rows := make([]Row, len(p.Population))
	for i, g := range p.Population {
		text := g.Text()
		rows[i] = Row{Kind: g.Kind, Name: text.EN, NameJA: text.JA, Members: g.Members, Tiers: map[string]int{},
			Over: over[i], Least: -1}
	}
	for _, x := range p.players {
		r, a := &rows[x.group], accounts[x.id]
		pts := a.Points.Float()
		r.Given, r.Confirmed, r.Mistakes = r.Given+a.Given, r.Confirmed+a.Confirmed, r.Mistakes+a.Mistakes
		r.Mean += pts / float64(r.Members)
		if r.Most = max(r.Most, pts); r.Least < 0 || pts < r.Least {
			r.Least = pts
		}
		r.Tiers[p.Rules.Tier(a.Points).Name]++
	}
	return rows
}

// happens returns how often something happens today that happens so often in a week.
func (p *play) happens(perWeek float64) int {
	n := int(perWeek / 7)
	if p.rnd.Float64() < perWeek/7-float64(n) {
		n++
	}
	return n
}

func (p *play) give(by player, at float64) string {
	p.objects++
	id := fmt.Sprintf("object%07d", p.objects)
	p.ledger.Gifts = append(p.ledger.Gifts, credit.Gift{Object: id, Giver: by.id, At: day(at)})
	return id
}

func (p *play) see(by player, object string, at float64, live bool) {
	p.ledger.Confirmations = append(p.ledger.Confirmations, credit.Confirmation{Object: object, By: by.id,
		At: day(at), InTime: live})
}

// day plays one day.
func (p *play) day(d int) {
	for range p.happens(p.Attacks) {
		p.campaign(d)
	}
	for _, x := range p.players {
		if x.joined > d {
			continue
		}
		for range p.happens(x.Gives) {
			switch x.kind {
			case Colluder:
				p.invention(x, d)
			case Flooder:
				p.give(x, float64(d)+p.rnd.Float64())
			case Poisoner:
				p.poison(x, d)
			}
		}
	}
}

// campaign is an attack that comes to several members one after another. The first honest one
// gives it; those that it comes to later see it as it happens, those before in their past.
func (p *play) campaign(d int) {
	type hit struct {
		player
		at float64
	}
	var hits []hit
	for _, x := range p.players {
		if x.joined <= d && p.rnd.Float64() < p.Reach {
			hits = append(hits, hit{x, float64(d) + 10*p.rnd.Float64()})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	giver := slices.IndexFunc(hits, func(h hit) bool { return h.kind == Honest })
	if giver < 0 {
		return
	}
	given := hits[giver].at + 0.1
	object := p.give(hits[giver].player, given)
	for i, h := range hits {
		if i != giver && h.kind == Honest && p.rnd.Float64() < h.Reports {
			p.see(h.player, object, max(h.at, given), h.at >= given)
		}
	}
	for _, x := range p.players {
		if x.kind == Colluder && x.joined <= d && p.rnd.Float64() < x.Praise {
			p.see(x, object, given+p.rnd.Float64(), true)
		}
	}
}

// invention is what a colluder gives and its clique says that it saw.
func (p *play) invention(by player, d int) {
	at := float64(d) + p.rnd.Float64()
	object := p.give(by, at)
	for _, x := range p.players {
		if x.group == by.group && x.clique == by.clique && x.id != by.id && x.joined <= d {
			p.see(x, object, at+0.5, true)
		}
	}
}

// poison is something harmless that somebody finds blocked and reports; four of five are upheld.
func (p *play) poison(by player, d int) {
	at := float64(d) + p.rnd.Float64()
	object := p.give(by, at)
	if p.rnd.Float64() < 0.2 {
		return
	}
	x := p.players[p.rnd.IntN(len(p.players))]
	if x.kind == Honest && x.joined <= d {
		p.ledger.Verdicts = append(p.ledger.Verdicts, credit.Verdict{Object: object, By: x.id,
			At: day(at + 1 + 5*p.rnd.Float64())})
	} else { // the coordinators find it themselves
		p.ledger.Verdicts = append(p.ledger.Verdicts, credit.Verdict{Object: object, At: day(at + 7)})
	}
}
