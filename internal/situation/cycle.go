// Package situation shows what is happening now. At the hub it follows every
// case through the cycle and measures it, step by step and member by member,
// up to the time to immunity; at a node it shows the node's own part.
package situation

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

//go:embed sql templates
var files embed.FS

// Migration is situation's part of the hub's schema.
func Migration() store.Migration { return store.Migration{Name: "situation", FS: files} }

// Templates are situation's pages.
func Templates() fs.FS { return files }

// The steps of the cycle, in their natural order. Connected is written beside
// Pushed, once for each member that was connected then: it is whom the time to
// immunity waits for.
const (
	Sensed    = "sensed"
	Detected  = "detected"
	Opened    = "case"
	Assessed  = "severity"
	Indicator = "indicator"
	Pushed    = "pushed"
	Armed     = "armed"
	Hunted    = "hunted"
	Sighted   = "sighted"
	Refused   = "refused"
	connected = "connected"
)

// Steps lists the steps that make a whole cycle, in order.
func Steps() []string {
	return []string{Sensed, Detected, Opened, Assessed, Indicator, Pushed, Armed, Hunted, Sighted}
}

// Step is one thing that came to pass in a cycle.
type Step struct {
	Cycle   string    `db:"cycle"`
	Name    string    `db:"name"`
	Subject string    `db:"subject"` // finding or indicator
	Member  string    `db:"member"`
	At      time.Time `db:"at"` // by the hub's clock
	N       int64     `db:"n"`  // hits, count, severity: what the step counts; Undisclosed if the member does not say
}

// Undisclosed stands for a count that a member does not tell.
const Undisclosed = -1

// Cycle is one case's way round.
type Cycle struct {
	ID     string    `db:"id"` // the case's id
	Number string    `db:"number"`
	Realm  string    `db:"realm"`
	Sensed time.Time `db:"sensed"`
	Opened time.Time `db:"opened"`
	Steps  []Step    `db:"-"`
}

// Tracker follows the cycles at the hub.
type Tracker struct {
	online func() []string
	tell   func()
}

// NewTracker makes a tracker; online names the members that are connected now.
func NewTracker(online func() []string, tell func()) *Tracker {
	return &Tracker{online: online, tell: tell}
}

// write adds steps to a case's cycle; of two of one name, subject and member the first stands.
func write(tx *store.Tx, cycle string, steps ...Step) error {
	rows := make([][]any, len(steps))
	for i, s := range steps {
		rows[i] = []any{cycle, s.Name, s.Subject, s.Member, s.At, s.N}
	}
	return tx.InsertTogether(`INSERT INTO cycle_step (cycle, name, subject, member, at, n)`, rows,
		`ON CONFLICT (cycle, name, subject, member) DO NOTHING`)
}

// The handlers below may see the messages of two members in another order than that in
// which they were emitted, so each says all that is needed to write its step.

// OnCase starts a cycle, or notes that another finding joined it.
func (t *Tracker) OnCase(tx *store.Tx, ev msg.CaseChanged) error {
	if ev.Finding == "" {
		return nil
	}
	tx.AfterCommitOnce(t, t.tell)
	if _, err := tx.Exec(`INSERT INTO cycle (id, number, realm, sensed, opened) VALUES ($1,$2,$3,$4,$5)
		ON CONFLICT (id) DO UPDATE SET
			sensed = CASE WHEN excluded.sensed < cycle.sensed THEN excluded.sensed ELSE cycle.sensed END,
			opened = CASE WHEN excluded.opened < cycle.opened THEN excluded.opened ELSE cycle.opened END`,
		ev.Case, ev.Number, ev.Realm, clock.Micros(ev.Sensed), clock.Micros(ev.At)); err != nil {
		return err
	}
	steps := []Step{{Name: Detected, Subject: ev.Finding, Member: ev.Member, At: ev.Detected}}
	if !ev.Retro {
		steps = append(steps, Step{Name: Sensed, Subject: ev.Finding, Member: ev.Member, At: ev.Found})
	}
	if ev.Opened {
		steps = append(steps, Step{Name: Opened, Subject: ev.Finding, At: ev.At})
	}
	return write(tx, ev.Case, steps...)
}

// OnAssessed notes the first severity.
func (t *Tracker) OnAssessed(tx *store.Tx, ev msg.Assessed) error {
	if ev.Rev > 1 {
		return nil
	}
	tx.AfterCommitOnce(t, t.tell)
	return write(tx, ev.Case, Step{Name: Assessed, At: ev.At, N: int64(ev.Likely)})
}

// OnIndicator notes that an indicator was made, pushed or marked anew. All that is said
// of an indicator is in one lane, so the newest marking stands.
func (t *Tracker) OnIndicator(tx *store.Tx, ev msg.IndicatorChanged) error {
	if ev.Case == "" {
		return nil
	}
	tx.AfterCommitOnce(t, t.tell)
	switch h := ev.Handling; {
	case ev.Made:
		if _, err := tx.Exec(`INSERT INTO cycle_subject (subject, cycle, tlp, owner, audience) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (subject) DO NOTHING`, ev.Indicator, ev.Case, int(h.TLP), h.Owner,
			h.Audience.Column()); err != nil {
			return err
		}
		steps := []Step{{Name: Indicator, Subject: ev.Indicator, At: ev.At, N: int64(ev.Entitled)}}
		// Whom the time to immunity waits for is decided when the indicator is made.
		for _, m := range t.online() {
			steps = append(steps, Step{Name: connected, Subject: ev.Indicator, Member: m, At: ev.At})
		}
		return write(tx, ev.Case, steps...)
	case ev.Pushed.IsZero(): // marked anew, or withdrawn
		_, err := tx.Exec(`UPDATE cycle_subject SET tlp = $1, owner = $2, audience = $3
			WHERE subject = $4 AND SCOPE(cycle_subject)`, int(h.TLP), h.Owner, h.Audience.Column(), ev.Indicator)
		return err
	}
	return write(tx, ev.Case, Step{Name: Pushed, Subject: ev.Indicator, At: ev.Pushed})
}

// OnReceipt notes how far a member is.
func (t *Tracker) OnReceipt(tx *store.Tx, ev msg.Receipt) error {
	name := map[wire.State]string{wire.Armed: Armed, wire.Hunted: Hunted, wire.Refused: Refused}[ev.State]
	if name == "" || ev.Case == "" {
		return nil
	}
	n := ev.Hits
	if ev.Undisclosed {
		n = Undisclosed
	}
	tx.AfterCommitOnce(t, t.tell)
	return write(tx, ev.Case, Step{Name: name, Subject: ev.Object, Member: ev.Member, At: ev.At, N: n})
}

// OnSighting notes that a member saw an indicator.
func (t *Tracker) OnSighting(tx *store.Tx, ev msg.Sighting) error {
	if ev.Case == "" {
		return nil
	}
	tx.AfterCommitOnce(t, t.tell)
	return write(tx, ev.Case, Step{Name: Sighted, Subject: ev.Indicator, Member: ev.Member, At: ev.At,
		N: int64(ev.Count)})
}

// Latest gives the newest cycles with their steps in order of time; steps of an
// indicator that tx may not see are not among them.
func Latest(tx *store.Tx, limit int) ([]Cycle, error) {
	list, err := store.Query[Cycle](tx, `SELECT id, number, realm, sensed, opened FROM cycle
		ORDER BY opened DESC, id DESC LIMIT $1`, limit)
	for i := range list {
		if err == nil {
			list[i].Steps, err = stepsOf(tx, list[i].ID)
		}
	}
	return list, err
}

// Of gives one case's cycle, as Latest does.
func Of(tx *store.Tx, id string) (Cycle, error) {
	c, err := store.One[Cycle](tx, `SELECT id, number, realm, sensed, opened FROM cycle WHERE id = $1`, id)
	if err == nil {
		c.Steps, err = stepsOf(tx, id)
	}
	return c, err
}

func stepsOf(tx *store.Tx, id string) ([]Step, error) {
	s, err := store.Query[Step](tx, `SELECT cycle, name, subject, member, at, n FROM cycle_step WHERE cycle = $1
		AND (name IN ($2,$3,$4,$5) OR subject IN (SELECT s.subject FROM cycle_subject s WHERE s.cycle = $1
		AND SCOPE(s))) ORDER BY at, name, subject, member`,
		id, Sensed, Detected, Opened, Assessed)
	if err != nil {
		return nil, fmt.Errorf("steps of cycle %s: %w", id, err)
	}
	return s, nil
}

// Immunity is how far a cycle's first indicator is with the members that were
// connected when it was made.
type Immunity struct {
	Indicator string
	Connected int
	Armed     int
	Hunted    int
	Done      bool          // all of them are armed and have searched their past
	Time      time.Duration // from the first malicious event until then; or until the last so far
	ArmedTime time.Duration // from the first malicious event until the last one armed
}

// Immunity measures one indicator of the cycle; "" is the first that was made.
func (c Cycle) Immunity(indicator string) Immunity {
	if indicator == "" {
		for _, s := range c.Steps {
			if s.Name == Indicator {
				indicator = s.Subject
				break
			}
		}
	}
	im := Immunity{Indicator: indicator}
	wait := map[string]bool{}
	for _, s := range c.Steps {
		if s.Name == connected && s.Subject == indicator {
			wait[s.Member] = true
		}
	}
	im.Connected = len(wait)
	for _, s := range c.Steps {
		if s.Subject != indicator || !wait[s.Member] {
			continue
		}
		switch s.Name {
		case Armed:
			im.Armed++
			im.ArmedTime = max(im.ArmedTime, s.At.Sub(c.Sensed))
		case Hunted:
			im.Hunted++
			im.Time = max(im.Time, s.At.Sub(c.Sensed))
		}
	}
	im.Done = im.Connected > 0 && im.Hunted == im.Connected && im.Armed == im.Connected
	return im
}

// Indicators lists the indicators of the cycle in the order in which they were made.
func (c Cycle) Indicators() []string {
	var out []string
	for _, s := range c.Steps {
		if s.Name == Indicator && !slices.Contains(out, s.Subject) {
			out = append(out, s.Subject)
		}
	}
	return out
}

// First gives the first step of a name, if it came.
func (c Cycle) First(name string) (Step, bool) {
	for _, s := range c.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Step{}, false
}
