package contribution

import (
	"context"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/store"
)

// editionEvery is how often editions are made at most.
const editionEvery = 20 * time.Hour

// settingEdition holds when the last edition was made.
const settingEdition = "contribution.edition"

// basisRow is what one confirmer has said of one member's gifts, as a number that changes with it.
type basisRow struct {
	Member    string          `db:"member"`
	Confirmer string          `db:"confirmer"`
	Print     int64           `db:"print"`
	Handling  policy.Handling `db:",handling"`
}

// Renew makes an edition, if the last one is old enough: how much members' words count, the
// points and counts out of what members keep to themselves, and the picture of the community.
func (s *Service) Renew(ctx context.Context) error {
	list, err := s.community(ctx)
	if err != nil {
		return err
	}
	people := map[string]policy.Viewer{}
	for _, m := range list {
		people[m.ID] = s.person(ctx, m.ID)
	}
	return s.DB.Write(ctx, store.System("figures of what members keep to themselves"), func(tx *store.Tx) error {
		last, err := setting(tx, settingEdition)
		if err != nil {
			return err
		}
		if at, err := time.Parse(time.RFC3339Nano, last); err == nil && tx.Now().Sub(at) < editionEvery {
			return nil
		}
		e, err := s.edition(tx, list, people)
		if err == nil {
			err = e.write()
		}
		if err == nil {
			err = setSetting(tx, settingEdition, tx.Now().Format(time.RFC3339Nano))
		}
		tx.AfterCommitOnce(s, s.Notify)
		return err
	})
}

// edition is one that is being made.
type edition struct {
	tx     *store.Tx
	rules  credit.Rules
	list   []credit.Member
	trust  credit.Trust
	rows   rows
	gifts  map[string]giftRow
	own    map[string][]giftRow // by giver
	alike  map[string][]giftRow // by subject
	said   map[string][]seenRow // by object
	people map[string]policy.Viewer
}

func (s *Service) edition(tx *store.Tx, list []credit.Member, people map[string]policy.Viewer) (*edition, error) {
	e := &edition{tx: tx, list: list, people: people, gifts: map[string]giftRow{},
		own: map[string][]giftRow{}, alike: map[string][]giftRow{}, said: map[string][]seenRow{}}
	var err error
	if e.rules, err = Rules(tx); err != nil {
		return nil, err
	}
	if e.rows, err = all(tx); err != nil {
		return nil, err
	}
	for _, g := range e.rows.gifts {
		e.gifts[g.Object] = g
		e.own[g.Giver] = append(e.own[g.Giver], g)
		e.alike[g.subject()] = append(e.alike[g.subject()], g)
	}
	for _, c := range e.rows.seen {
		e.said[c.Object] = append(e.said[c.Object], c)
	}
	e.trust, err = s.trust(tx, e.rules, list)
	return e, err
}

func (e *edition) write() error {
	renewed, err := e.renewTrust()
	if err != nil {
		return err
	}
	full := credit.Accounts(e.rows.ledger(e.list), e.rules, e.trust, e.tx.Now())
	hidden := e.hidden()
	for _, m := range e.list {
		if err := e.points(m.ID, full[m.ID], hidden[m.ID]); err != nil {
			return err
		}
	}
	if err := e.counts(); err != nil || !renewed {
		return err
	}
	return e.picture(full)
}

// renewTrust works out how much words count, if at least three members said something since.
func (e *edition) renewTrust() (bool, error) {
	text, err := setting(e.tx, settingTrust)
	if err != nil {
		return false, err
	}
	var last trusted
	if err := decode(text, &last); err != nil {
		return false, err
	}
	spoke := map[string]bool{}
	for _, c := range e.rows.seen {
		if c.Received.After(last.At) {
			spoke[c.Member] = true
		}
	}
	if len(spoke) < fewest {
		return false, nil
	}
	e.trust = credit.Trusted(e.rows.ledger(e.list), e.rules, e.tx.Now())
	return true, setSetting(e.tx, settingTrust, trusted{e.tx.Now(), e.trust})
}

// hidden returns, for each giver, what confirmers say of its gifts that it may not know, as a
// number for each confirmer.
func (e *edition) hidden() map[string]map[string]int64 {
	prints := map[string]map[string][]string{}
	for _, c := range e.rows.seen {
		g, ok := e.gifts[c.Object]
		v, member := e.people[g.Giver]
		if !ok || !member || c.Member == g.Giver || policy.MaySee(v, c.Handling) {
			continue
		}
		if prints[g.Giver] == nil {
			prints[g.Giver] = map[string][]string{}
		}
		prints[g.Giver][c.Member] = append(prints[g.Giver][c.Member], c.ID)
	}
	out := map[string]map[string]int64{}
	for giver, by := range prints {
		out[giver] = map[string]int64{}
		for c, ids := range by {
			slices.Sort(ids)
			h := xxh3.New()
			for _, id := range ids {
				_, _ = h.WriteString(id + "\x00") // never fails
			}
			out[giver][c] = int64(h.Sum64()) //nolint:gosec // the bits, not the number
		}
	}
	return out
}

// visible returns the account of a member of what it may know.
func (e *edition) visible(member string) credit.Account {
	v, some := e.people[member], rows{marks: e.rows.marks}
	for _, g := range e.own[member] {
		some.gifts = append(some.gifts, g)
		for _, other := range e.alike[g.subject()] {
			if other.Giver != member && policy.MaySee(v, other.Handling) {
				some.gifts = append(some.gifts, other)
			}
		}
		for _, c := range e.said[g.Object] {
			if policy.MaySee(v, c.Handling) {
				some.seen = append(some.seen, c)
			}
		}
	}
	for _, m := range e.rows.marks {
		if g, ok := e.gifts[m.Object]; ok && m.Member == member && g.Giver != member {
			some.gifts = append(some.gifts, g) // whose mistake it was
		}
	}
	return credit.Accounts(some.ledger(e.list), e.rules, e.trust, e.tx.Now())[member]
}

// points writes what a member is told of the points that it may not know, if at least three
// members are behind them and what at least three say has changed.
func (e *edition) points(member string, full credit.Account, by map[string]int64) error {
	old, err := store.Query[basisRow](e.tx, `SELECT b.member, b.confirmer, b.print, b.tlp, b.owner, b.audience
		FROM contribution_basis b WHERE b.member = $1 AND SCOPE(b)`, member)
	if err != nil {
		return err
	}
	changed, had := 0, map[string]int64{}
	for _, b := range old {
		had[b.Confirmer] = b.Print
		if _, ok := by[b.Confirmer]; !ok {
			changed++
		}
	}
	for c, print := range by {
		if was, ok := had[c]; !ok || was != print {
			changed++
		}
	}
	if changed < fewest || len(by) < fewest {
		return nil
	}
	kept := max(full.Points-e.visible(member).Points, 0)
	kept -= kept % (credit.Point / 2) // in halves, which no single word can be told by
	if _, err := e.tx.Exec(`DELETE FROM contribution_basis WHERE member = $1 AND SCOPE(contribution_basis)`,
		member); err != nil {
		return err
	}
	var basis []basisRow
	for c, print := range by {
		basis = append(basis, basisRow{member, c, print, policy.Handling{TLP: policy.Red}})
	}
	if err := store.Insert(e.tx, "contribution_basis", basis); err != nil {
		return err
	}
	_, err = e.tx.Exec(`INSERT INTO contribution_edition (member, points, members, at, tlp, owner, audience)
		VALUES ($1,$2,$3,$4,$5,$1,'') ON CONFLICT (member) DO UPDATE SET points = excluded.points,
		members = excluded.members, at = excluded.at`,
		member, int64(kept), len(by), clock.Micros(e.tx.Now()), int(policy.AmberStrict))
	return err
}

// counts tells of each object how many members saw it and keep that to themselves, by at least
// three more at a time.
func (e *edition) counts() error {
	by := map[string]map[string]bool{}
	for _, c := range e.rows.seen {
		g, ok := e.gifts[c.Object]
		v, member := e.people[g.Giver]
		if ok && member && c.Member != g.Giver && !policy.MaySee(v, c.Handling) {
			if by[c.Object] == nil {
				by[c.Object] = map[string]bool{}
			}
			by[c.Object][c.Member] = true
		}
	}
	for object, members := range by {
		if n := len(members); n >= e.gifts[object].Told+fewest {
			if _, err := e.tx.Exec(`UPDATE contribution_gift SET told = $1 WHERE object = $2
				AND SCOPE(contribution_gift)`, n, object); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewestPicture is how many members a community has before members see its picture.
const fewestPicture = 5

// Picture is the community as every member may see it.
type Picture struct {
	At      time.Time `json:"at"`
	Members int       `json:"members"`
	// Tiers has how many members are in each tier, -1 for fewer than three.
	Tiers []TierCount `json:"tiers"`
	// Thirds are the points, rounded down, from which on a member is in the middle and in the
	// upper third.
	Thirds [2]float64 `json:"thirds"`
}

// TierCount is how many members are in a tier.
type TierCount struct {
	Tier    credit.Tier `json:"tier"`
	Members int         `json:"members"`
}

// picture draws the community, if it is great enough that nobody can be picked out.
func (e *edition) picture(full map[string]credit.Account) error {
	if len(e.list) < fewestPicture {
		return nil
	}
	p := Picture{At: e.tx.Now(), Members: len(e.list)}
	var points []credit.Points
	in := map[string]int{}
	for _, m := range e.list {
		points = append(points, full[m.ID].Points)
		in[e.rules.Tier(full[m.ID].Points).Name]++
	}
	slices.Sort(points)
	for _, t := range e.rules.Tiers {
		p.Tiers = append(p.Tiers, TierCount{t, in[t.Name]})
	}
	p.Tiers = coarse(p.Tiers)
	for i := range p.Thirds {
		p.Thirds[i] = float64(int(points[len(points)*(i+1)/3].Float()))
	}
	return setSetting(e.tx, settingPicture, p)
}

// coarse leaves out how many members are in a tier of fewer than three. If that would be one
// tier alone, the smallest of the others goes too: the rest would tell.
func coarse(list []TierCount) []TierCount {
	left := 0
	for i := range list {
		if n := list[i].Members; n > 0 && n < fewest {
			list[i].Members = -1
			left++
		}
	}
	if left != 1 {
		return list
	}
	at := -1
	for i, t := range list {
		if t.Members > 0 && (at < 0 || t.Members < list[at].Members) {
			at = i
		}
	}
	if at >= 0 {
		list[at].Members = -1
	}
	return list
}
