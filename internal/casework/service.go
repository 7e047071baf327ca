package casework

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
)

// People is the members, as far as cases need it.
type People interface {
	identity.Nodes
	// Sector gives a member's sector slug; empty if the member is unknown.
	Sector(ctx context.Context, member string) string
}

// Service opens and grows cases at the hub.
type Service struct {
	db     *store.DB
	people People
	notify func()
	least  string
}

// Config is what a Service stands on.
type Config struct {
	DB     *store.DB
	People People
	// Least is the rule level from which a finding opens a case; one below it
	// only joins.
	Least  string
	Notify func()
}

// New makes a Service.
func New(c Config) *Service {
	if c.Notify == nil {
		c.Notify = func() {}
	}
	return &Service{db: c.DB, people: c.People, notify: c.Notify, least: c.Least}
}

// rank orders the levels of rules.
func rank(level string) int { return sigma.Level(level).Rank() }

// How long a key keeps drawing findings into a case.
const (
	hostReach  = 24 * time.Hour
	ruleReach  = 7 * 24 * time.Hour
	valueReach = 30 * 24 * time.Hour
)

// key is one reason why two findings belong to one case.
type key struct {
	name  string
	why   string
	reach time.Duration
}

// keysOf lists why a finding may belong to a case, the strongest reason first.
// The rule alone is a reason only from medium up: what low rules find is
// everywhere. What a RED finding has in common with others is its named
// readers' to know: it meets only findings of the same member for the same readers.
func (s *Service) keysOf(f msg.Finding) []key {
	out := s.openKeysOf(f)
	if red(f) {
		for i := range out {
			out[i].name = "red:" + f.Member + ":" + f.Handling.Audience.Column() + ":" + out[i].name
		}
	}
	return out
}

func red(f msg.Finding) bool { return f.Handling.TLP.OrRed() == policy.Red }

func (s *Service) openKeysOf(f msg.Finding) []key {
	var out []key
	if f.Indicator != "" {
		out = append(out, key{"indicator:" + f.Indicator, "indicator", valueReach})
	}
	for _, o := range f.Observables {
		out = append(out, key{"value:" + string(o.Type) + ":" + o.Value, "observable", valueReach})
	}
	if f.Host != "" {
		out = append(out, key{"host:" + f.Member + ":" + strings.ToLower(f.Host), "host", hostReach})
	}
	if rank(f.Rule.Level) >= rank("medium") {
		out = append(out, key{"rule:" + f.Rule.ID, "rule", ruleReach})
	}
	return out
}

// OnFinding puts a finding into the case it belongs to, or opens one.
func (s *Service) OnFinding(tx *store.Tx, f msg.Finding) error {
	tx.AfterCommitOnce(s, s.notify)
	there, err := store.Query[Part](tx, `SELECT `+partColumns+` FROM case_finding p WHERE p.finding = $1 AND SCOPE(p)`,
		f.ID)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return s.update(tx, there[0], f)
	}
	id, why, err := s.find(tx, f)
	if err != nil {
		return err
	}
	if id == "" {
		if rank(f.Rule.Level) < rank(s.least) {
			return nil
		}
		why = "opened"
		if id, err = s.open(tx, f); err != nil {
			return err
		}
	}
	return s.join(tx, id, why, s.people.Sector(tx.Context(), f.Member), f)
}

// update takes a later version of a finding that is in a case already.
func (s *Service) update(tx *store.Tx, p Part, f msg.Finding) error {
	// A member may make its marking stricter, never looser.
	_, err := tx.Exec(`UPDATE case_finding SET count = $1, tlp = CASE WHEN $2 > tlp THEN $2 ELSE tlp END
		WHERE finding = $3 AND SCOPE(case_finding)`, f.Count, int(f.Handling.TLP.OrRed()), f.ID)
	if err != nil {
		return err
	}
	if err := s.remember(tx, p.Case, f); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE cases SET updated = $1 WHERE id = $2 AND SCOPE(cases)`, clock.Micros(tx.Now()), p.Case)
	return err
}

type keyHit struct {
	Name string    `db:"name"`
	Case string    `db:"case_id"`
	At   time.Time `db:"at"`
}

// find gives the open case that the finding's strongest key leads to.
func (s *Service) find(tx *store.Tx, f msg.Finding) (id, why string, err error) {
	for _, k := range s.keysOf(f) {
		hits, err := store.Query[keyHit](tx, `SELECT k.name, k.case_id, k.at FROM case_key k
			JOIN cases c ON c.id = k.case_id
WHERE k.name = $1 AND k.at > $2 AND c.state <> 'closed' AND c.realm = $3 AND (c.tlp = $4) = $5 AND SCOPE(c)
ORDER BY k.at DESC LIMIT 1`, k.name, clock.Micros(tx.Now().Add(-k.reach)), f.Realm, int(policy.Red), red(f))
		if err != nil {
			return "", "", err
		}
		if len(hits) > 0 {
			return hits[0].Case, k.why, nil
		}
	}
	return "", "", nil
}

// remember writes the finding's keys, so that the next one finds the case.
func (s *Service) remember(tx *store.Tx, id string, f msg.Finding) error {
	for _, k := range s.keysOf(f) {
		if _, err := tx.Exec(`INSERT INTO case_key (name, case_id, at) VALUES ($1,$2,$3) ON CONFLICT (name, case_id)
			DO UPDATE SET at = excluded.at`, k.name, id, clock.Micros(tx.Now())); err != nil {
			return err
		}
	}
	return nil
}

type numberRow struct {
	Last int `db:"last"`
}

// nextNumber draws the number of a case. Numbers in a row would tell each party
// how many cases the others have, so they are drawn, and get a digit more while
// less than half of them are free. Ids do not tell the time for the same reason.
func nextNumber(tx *store.Tx) (string, error) {
	year := tx.Now().Year()
	n, err := store.One[numberRow](tx, `INSERT INTO case_number (year, last) VALUES ($1, 1) ON CONFLICT (year) DO UPDATE
		SET last = case_number.last + 1 RETURNING last`, year)
	if err != nil {
		return "", err
	}
	low := 1000
	for n.Last > low*9/2 {
		low *= 10
	}
	for {
		number := fmt.Sprintf("MNK-%d-%d", year, low+rand.IntN(9*low))
		had, err := store.One[int64](tx, `SELECT count(*) FROM cases c WHERE c.number = $1 AND SCOPE(c)`, number)
		if err != nil || had == 0 {
			return number, err
		}
	}
}

// open makes a case of a finding.
func (s *Service) open(tx *store.Tx, f msg.Finding) (string, error) {
	number, err := nextNumber(tx)
	if err != nil {
		return "", err
	}
	c := Case{ID: clock.RandomID(), Number: number, Title: f.Rule.Title, State: Open, Realm: f.Realm,
		Level:    f.Rule.Level,
		Severity: -1, Lowest: -1, Highest: -1, Opened: tx.Now(), Updated: tx.Now(), Sensed: f.Sensed,
		Handling: caseHandling(f)}
	c.Words = store.Fold(c.Number + "\n" + c.Title)
	if err := store.Insert(tx, "cases", []Case{c}); err != nil {
		return "", err
	}
	return c.ID, s.entry(tx, c.ID, Entry{Kind: "opened", Class: Coordination, Subject: f.ID, Handling: c.Handling},
		saysOpened, c.Number, f.Rule.Title)
}

// caseHandling is how a case is marked as a whole: for the hub's people and the
// parties, whatever the finding's own label lets others see.
func caseHandling(f msg.Finding) policy.Handling {
	h := policy.Handling{TLP: max(policy.AmberStrict, f.Handling.TLP),
		Audience: policy.Audience{policy.ToMember(f.Member)}}
	if h.TLP == policy.Red {
		h.Audience = f.Handling.Audience
	}
	return h
}

// join puts a finding into a case.
func (s *Service) join(tx *store.Tx, id, why, sector string, f msg.Finding) error {
	c, err := store.One[Case](tx, `SELECT `+caseColumns+` FROM cases c WHERE c.id = $1 AND SCOPE(c)`, id)
	if err != nil {
		return err
	}
	had, err := store.One[bool](tx, `SELECT EXISTS (SELECT 1 FROM case_finding p
		WHERE p.case_id = $1 AND p.member = $2 AND SCOPE(p))`, id, f.Member)
	if err != nil {
		return err
	}
	if !had {
		c.Members++
	}
	p := Part{Finding: f.ID, Case: id, Member: f.Member, Title: f.Rule.Title, Words: store.Fold(f.Rule.Title),
		Level: f.Rule.Level, Rule: f.Rule.ID, Host: f.Host, Count: f.Count, Retro: f.Retro, Why: why, At: tx.Now(),
		Handling: f.Handling}
	if err := store.Insert(tx, "case_finding", []Part{p}); err != nil {
		return err
	}
	if err := s.remember(tx, id, f); err != nil {
		return err
	}
	s.widen(&c, f, sector)
	c.Findings, c.Updated = c.Findings+1, tx.Now()
	if err := s.store(tx, c); err != nil {
		return err
	}
	if why != "opened" {
		says := saysJoined
		if f.Retro {
			says = saysTrace
		}
		e := Entry{Kind: "finding", Class: Victim, Member: f.Member, Subject: f.ID, Handling: f.Handling}
		if err := s.entry(tx, id, e, says, f.Rule.Title, why); err != nil {
			return err
		}
	}
	return tx.Emit(msg.TopicCase, f.ID+"/case", msg.CaseChanged{Case: id, Number: c.Number, Opened: why == "opened",
		Finding: f.ID, Member: f.Member, Title: f.Rule.Title, Retro: f.Retro,
		Sectors: c.Sectors, Found: f.Sensed, Detected: f.Detected, Level: c.Level, Tactics: c.Tactics,
		Members: c.Members, Realm: c.Realm, Sensed: c.Sensed, At: tx.Now()})
}

// widen lets a case take in what a finding adds to it.
func (s *Service) widen(c *Case, f msg.Finding, sector string) {
	if rank(f.Rule.Level) > rank(c.Level) {
		c.Level = f.Rule.Level
	}
	if sector != "" && !slices.Contains(c.Sectors, sector) {
		c.Sectors = append(c.Sectors, sector)
		slices.Sort(c.Sectors)
	}
	for _, t := range f.Rule.Tags {
		name, ok := strings.CutPrefix(t, "attack.")
		if ok && !(len(name) > 1 && strings.ContainsRune("tgs", rune(name[0])) && name[1] >= '0' && name[1] <= '9') &&
			!slices.Contains(c.Tactics, name) {
			c.Tactics = append(c.Tactics, name)
		}
	}
	if c.Handling.TLP < policy.Red && f.Handling.TLP < policy.Red && !slices.Contains(c.Handling.Audience,
		policy.ToMember(f.Member)) {
		c.Handling.Audience = append(c.Handling.Audience, policy.ToMember(f.Member))
	}
	if !f.Retro && !f.Sensed.IsZero() && (c.Sensed.IsZero() || f.Sensed.Before(c.Sensed)) {
		c.Sensed = f.Sensed
	}
	if title := store.Fold(f.Rule.Title); !strings.Contains(c.Words, title) && len(c.Words) < 4000 {
		c.Words += "\n" + title
	}
}

// store writes a case back.
func (s *Service) store(tx *store.Tx, c Case) error {
	if _, err := tx.Exec(`DELETE FROM cases WHERE id = $1 AND SCOPE(cases)`, c.ID); err != nil {
		return err
	}
	return store.Insert(tx, "cases", []Case{c})
}

// entry writes one line of the timeline.
func (s *Service) entry(tx *store.Tx, id string, e Entry, says string, args ...string) error {
	e.ID, e.Case, e.Says, e.Args = cmp.Or(e.ID, clock.NewID()), id, says, args
	e.At = cmp.Or(e.At, tx.Now())
	return store.Insert(tx, "case_entry", []Entry{e})
}
