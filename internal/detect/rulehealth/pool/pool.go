// Package pool adds up what members report on the health of their rules to figures
// that name no member, and keeps the figures, at the hub and at a node.
package pool

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

//go:embed sql templates
var files embed.FS

// Migration is the part of the schema that figures are kept in, at the hub and
// at a node.
func Migration() store.Migration { return store.Migration{Name: "rulehealth-pool", FS: files} }

// The figures that members' reports are pooled to.
const (
	FigureFound   = "found"   // members at which the rule hit anything
	FigureFalse   = "false"   // members whose analysts marked it as a false alarm
	FigureHits    = "hits"    // how often it hits, where it does
	FigureCovered = "covered" // members with a rule loaded for the technique
	FigureRules   = "rules"   // how many, where there are any
)

var figures = []string{FigureCovered, FigureFalse, FigureFound, FigureHits, FigureRules}

// FewestMembers is how many members a figure must come from before it is shown,
// and how many must have changed before it is shown again (docs/design/0008).
const FewestMembers = 3

// Bounds of the pool.
const (
	MaxTallies = 5000               // rules, and techniques, of one member's report
	reportLife = 7 * 24 * time.Hour // a member that has not reported for so long does not count
	pageSize   = 2000
	chunk      = 500 // figures that are written in one transaction
)

// Pool holds, at the hub, what members say of their rules, and what that comes
// to without saying who. It is safe for concurrent use.
type Pool struct {
	db     *store.DB
	clock  clock.Clock
	active func(context.Context) ([]string, error)
}

// New makes a pool. active names the members that belong now.
func New(db *store.DB, c clock.Clock, active func(context.Context) ([]string, error)) *Pool {
	return &Pool{db: db, clock: c, active: active}
}

// ForMembers is how the figures are marked: for all members, not for the public.
func ForMembers() policy.Handling {
	return policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}}
}

// reported is how one member's report is marked: its own persons may see it and
// nobody else, the hub's people included. The pool reads it as the system.
func reported(member string) policy.Handling { return policy.Handling{TLP: policy.Red, Owner: member} }

type reportRow struct {
	Figure   string          `db:"figure"`
	Subject  string          `db:"subject"`
	Member   string          `db:"member"`
	Value    int             `db:"value"`
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

type basisRow struct {
	Figure   string          `db:"figure"`
	Subject  string          `db:"subject"`
	Member   string          `db:"member"`
	Value    int             `db:"value"`
	Handling policy.Handling `db:",handling"`
}

type poolRow struct {
	wire.PooledFigure
	Handling policy.Handling `db:",handling"`
}

// IsRuleID reports whether the id of a rule may leave a node: it is a UUID, or the
// hash of the rule's text. An id that somebody chose could say something.
func IsRuleID(id string) bool { return ruleID.MatchString(id) }

var ruleID = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha256-[0-9a-f]{32})$`)

// Receive takes a member's report, in the caller's transaction; it takes the place
// of the one before.
func (p *Pool) Receive(tx *store.Tx, member string, body []byte) error {
	bad := func(what string, err error) error {
		return fault.Coded(fault.HubRuleCounts, err, what)
	}
	var c wire.RuleHealth
	switch err := json.Unmarshal(body, &c); {
	case err != nil:
		return bad("form", err)
	case c.ID == "" || len(c.ID) > 100:
		return bad("id", nil)
	case len(c.Rules) > MaxTallies || len(c.Techniques) > MaxTallies:
		return bad("length", nil)
	}
	if _, err := tx.Exec(`DELETE FROM rule_reports WHERE member = $1 AND SCOPE(rule_reports)`, member); err != nil {
		return err
	}
	if c.Withdraw {
		// What older figures were made of is kept to know when enough has changed,
		// but no longer under this member's name.
		_, err := tx.Exec(`UPDATE rule_basis SET member = $1, owner = '' WHERE member = $2 AND SCOPE(rule_basis)`,
			gone+clock.RandomID(), member)
		return err
	}
	var rows []reportRow
	add := func(figure, subject string, value int) {
		if value > 0 {
			rows = append(rows, reportRow{figure, subject, member, value, tx.Now(), reported(member)})
		}
	}
	seen := map[string]bool{}
	for _, r := range c.Rules {
		if !IsRuleID(r.Rule) || seen[r.Rule] {
			return bad("rule", nil)
		}
		seen[r.Rule] = true
		hits := wire.Step(int64(r.Hits))
		add(FigureFound, r.Rule, min(hits, 1))
		add(FigureHits, r.Rule, hits)
		if r.False {
			add(FigureFalse, r.Rule, 1)
		}
	}
	for _, t := range c.Techniques {
		if !attack.IsTechnique(t.Technique) || seen[t.Technique] {
			return bad("technique", nil)
		}
		seen[t.Technique] = true
		n := wire.Step(int64(t.Rules))
		add(FigureCovered, t.Technique, min(n, 1))
		add(FigureRules, t.Technique, n)
	}
	return store.Insert(tx, "rule_reports", rows)
}

const settingDay = "detect.rule-pool.day"

// Day is the number of days since 1970 UTC.
func Day(t time.Time) int64 { return t.Unix() / 86400 }

// DayStart is the beginning of a day that is given in days since 1970 UTC.
func DayStart(d int64) time.Time { return time.Unix(d*86400, 0).UTC() }

// Renew computes the day's edition of the figures, once a day by UTC: a fixed beat
// discloses nothing about when a member reported. It may be called as often as one likes,
// and continues where an earlier call was interrupted.
func (p *Pool) Renew(ctx context.Context) error {
	today := Day(p.clock())
	done, _, err := p.db.Setting(ctx, settingDay)
	if err != nil || done == strconv.FormatInt(today, 10) {
		return err
	}
	active, err := p.active(ctx)
	if err != nil {
		return err
	}
	for _, f := range figures {
		if err := p.renewFigure(ctx, f, active, today); err != nil {
			return fmt.Errorf("pool the figure %s: %w", f, err)
		}
	}
	return p.db.SetSetting(ctx, settingDay, strconv.FormatInt(today, 10))
}

func (p *Pool) renewFigure(ctx context.Context, figure string, active []string, today int64) error {
	now, was := map[string]map[string]int{}, map[string]map[string]int{}
	err := p.db.Read(ctx, store.System("detect: pool rule counts"), func(tx *store.Tx) error {
		reports, err := store.Query[basisRow](tx, `SELECT figure, subject, member, value, tlp, owner, audience
			FROM rule_reports r WHERE r.figure = $1 AND r.at > $2 AND SCOPE(r)`, figure,
			clock.Micros(p.clock().Add(-reportLife)))
		if err != nil {
			return err
		}
		slices.Sort(active)
		for _, r := range reports {
			if _, belongs := slices.BinarySearch(active, r.Member); belongs {
				put(now, r.Subject, r.Member, r.Value)
			}
		}
		basis, err := store.Query[basisRow](tx, `SELECT figure, subject, member, value, tlp, owner, audience
			FROM rule_basis b WHERE b.figure = $1 AND SCOPE(b)`, figure)
		for _, b := range basis {
			put(was, b.Subject, b.Member, b.Value)
		}
		return err
	})
	if err != nil {
		return err
	}
	subjects := map[string]bool{}
	for s := range now {
		subjects[s] = true
	}
	for s := range was {
		subjects[s] = true
	}
	for list := range slices.Chunk(slices.Sorted(maps.Keys(subjects)), chunk) {
		err := p.db.Write(ctx, store.System("detect: pool rule counts"), func(tx *store.Tx) error {
			for _, s := range list {
				if enough(was[s], now[s]) {
					if err := publish(tx, figure, s, now[s], today); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func put(m map[string]map[string]int, subject, member string, value int) {
	if m[subject] == nil {
		m[subject] = map[string]int{}
	}
	m[subject][member] = value
}

// gone begins the name of who has withdrawn from a basis.
const gone = "gone:"

// enough reports whether what is shown of a figure may be recomputed: the numbers
// of at least FewestMembers members are others than those that it was last made
// of. Whoever compares two editions then sees the sum of that many changes, and
// never the change of one. Who withdrew and came back counts once.
func enough(was, now map[string]int) bool {
	changed, left := 0, 0
	for m, v := range now {
		if was[m] != v {
			changed++
		}
	}
	for m := range was {
		if strings.HasPrefix(m, gone) {
			left++
		} else if now[m] == 0 {
			changed++
		}
	}
	return max(changed, left) >= FewestMembers
}

// publish replaces what is shown of one figure, and what it is based on.
func publish(tx *store.Tx, figure, subject string, now map[string]int, today int64) error {
	if _, err := tx.Exec(`DELETE FROM rule_basis WHERE figure = $1 AND subject = $2 AND SCOPE(rule_basis)`, figure,
		subject); err != nil {
		return err
	}
	rows := make([]basisRow, 0, len(now))
	for _, m := range slices.Sorted(maps.Keys(now)) {
		rows = append(rows, basisRow{figure, subject, m, now[m], reported(m)})
	}
	if err := store.Insert(tx, "rule_basis", rows); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM rule_pool WHERE figure = $1 AND subject = $2 AND SCOPE(rule_pool)`, figure,
		subject); err != nil || len(now) < FewestMembers {
		return err
	}
	return store.Insert(tx, "rule_pool",
		[]poolRow{{wire.PooledFigure{Figure: figure, Subject: subject, Members: len(now), Typical: typical(now),
			Day: today}, ForMembers()}})
}

// typical is the lower median. Unlike a sum it shows nothing of one member that
// stands out from the others.
func typical(now map[string]int) int {
	values := slices.Sorted(maps.Values(now))
	return values[(len(values)-1)/2]
}

// Answer answers a node that asks for the figures. Policy decides what it may
// have, as everywhere; all members get the same.
func (p *Pool) Answer(ctx context.Context, by policy.Viewer, ask wire.PooledRequest) (wire.Pooled, error) {
	var out wire.Pooled
	limit := ask.Limit
	if limit < 1 || limit > pageSize {
		limit = pageSize
	}
	text, _, err := p.db.Setting(ctx, settingDay)
	if err != nil {
		return out, err
	}
	if text != "" {
		if out.Day, err = strconv.ParseInt(text, 10, 64); err != nil {
			return out, fmt.Errorf("read the day of the rule pool: %w", err)
		}
	}
	figure, subject, _ := strings.Cut(ask.After, "/")
	err = p.db.Read(ctx, store.As(by), func(tx *store.Tx) error {
		out.Figures, err = store.Query[wire.PooledFigure](tx, `SELECT p.figure AS figure, p.subject AS subject,
			p.members AS members, p.typical AS typical, p.day AS day FROM rule_pool p WHERE SCOPE(p)
			AND (p.figure, p.subject) > ($1, $2) ORDER BY p.figure, p.subject LIMIT $3`, figure, subject, limit+1)
		return err
	})
	if len(out.Figures) > limit {
		out.Figures = out.Figures[:limit]
		last := out.Figures[limit-1]
		out.Next = last.Figure + "/" + last.Subject
	}
	if out.Figures == nil {
		out.Figures = []wire.PooledFigure{}
	}
	return out, err
}

// Figures returns the figures that the scope may see, by figure and subject.
func Figures(tx *store.Tx) (map[string]map[string]wire.PooledFigure, error) {
	list, err := store.Query[wire.PooledFigure](tx,
		`SELECT p.figure AS figure, p.subject AS subject, p.members AS members, p.typical AS typical, p.day AS day
			FROM rule_pool p WHERE SCOPE(p)`)
	out := map[string]map[string]wire.PooledFigure{}
	for _, f := range list {
		if out[f.Figure] == nil {
			out[f.Figure] = map[string]wire.PooledFigure{}
		}
		out[f.Figure][f.Subject] = f
	}
	return out, err
}

// Replace replaces the figures that a node keeps.
func Replace(tx *store.Tx, list []wire.PooledFigure) error {
	if _, err := tx.Exec(`DELETE FROM rule_pool WHERE SCOPE(rule_pool)`); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b wire.PooledFigure) int {
		return cmp.Or(strings.Compare(a.Figure, b.Figure), strings.Compare(a.Subject, b.Subject))
	})
	var rows []poolRow
	for i, f := range list {
		sound := IsRuleID(f.Subject) || attack.IsTechnique(f.Subject)
		twice := i > 0 && list[i-1].Figure == f.Figure && list[i-1].Subject == f.Subject
		if sound && !twice && slices.Contains(figures, f.Figure) && f.Members > 0 && f.Members <= wire.MaxCount &&
			f.Typical >= 0 && f.Typical <= wire.MaxCount {
			rows = append(rows, poolRow{f, ForMembers()})
		}
	}
	return store.Insert(tx, "rule_pool", rows)
}
