package casework

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Filter narrows a list of cases.
type Filter struct {
	Text   string
	State  string // a State, "active" for all but closed, or ""
	Sector string // for those who work at the hub; others get nothing by it
	IDs    []string
}

// wide reports whether the scope may know a case as a whole. A party may know
// its own part only: not by a search either, nor by a filter or an order that
// another's part decides.
func wide(s store.Scope) bool {
	v, asks := s.Viewer()
	return !asks || v.Hub
}

func (f Filter) where(s store.Scope, arg func(any) string) string {
	var b strings.Builder
	if f.Text != "" && wide(s) {
		b.WriteString(` AND replace(c.words, ` + arg(strings.ToLower(f.Text)) + `, '') <> c.words`)
	} else if f.Text != "" {
		v, _ := s.Viewer()
		q := arg(strings.ToLower(f.Text))
		b.WriteString(` AND (replace(lower(c.number), ` + q + `, '') <> lower(c.number) OR EXISTS (SELECT 1 FROM incident_finding p WHERE p.incident = c.id AND p.member = ` + arg(v.Member) +
			` AND SCOPE(p) AND replace(lower(p.title), ` + q + `, '') <> lower(p.title)))`)
	}
	switch f.State {
	case "":
	case "active":
		b.WriteString(` AND c.state <> 'closed'`)
	default:
		b.WriteString(` AND c.state = ` + arg(f.State))
	}
	if f.Sector != "" && !wide(s) {
		b.WriteString(` AND 1=0`)
	} else if f.Sector != "" {
		b.WriteString(` AND replace(c.sectors, ` + arg(`"`+f.Sector+`"`) + `, '') <> c.sectors`)
	}
	if len(f.IDs) > 0 {
		list := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			list[i] = arg(id)
		}
		b.WriteString(` AND c.id IN (` + strings.Join(list, ",") + `)`)
	}
	return b.String()
}

// List gives the cases that the scope may see, after the one at afterAt with
// afterID (both zero for the start): last changed first, or for a party, whom
// another's change must not be told, last opened first; see Place.
func List(tx *store.Tx, f Filter, afterAt time.Time, afterID string, limit int) ([]Case, error) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	q := `SELECT ` + caseColumns + ` FROM incidents c WHERE SCOPE(c)` + f.where(tx.Scope(), arg)
	by := "c.updated"
	if !wide(tx.Scope()) {
		by = "c.opened"
	}
	if afterID != "" {
		q += ` AND (` + by + `, c.id) < (` + arg(clock.Micros(afterAt)) + `, ` + arg(afterID) + `)`
	}
	list, err := store.Query[Case](tx, q+` ORDER BY `+by+` DESC, c.id DESC LIMIT `+arg(limit), args...)
	if err != nil {
		return nil, err
	}
	return list, narrow(tx, list)
}

// narrow makes cases what the scope may know of them: whole for the hub's
// people, and for an organisation in them, its own part. Get gives the whole
// row, since what changes a case needs it; show forParty of it.
func narrow(tx *store.Tx, list []Case) error {
	if wide(tx.Scope()) {
		return nil
	}
	v, _ := tx.Scope().Viewer()
	for i := range list {
		parts, err := Parts(tx, list[i].ID)
		if err != nil {
			return err
		}
		list[i] = list[i].forParty(ownParts(v, parts))
	}
	return nil
}

// ownParts leaves of a case's findings those of v's own organisation.
func ownParts(v policy.Viewer, parts []Part) []Part {
	var own []Part
	for _, p := range parts {
		if v.Member != "" && p.Member == v.Member {
			own = append(own, p)
		}
	}
	return own
}

// Count gives how many cases the scope may see.
func Count(tx *store.Tx, f Filter) (int64, error) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	return store.One[int64](tx, `SELECT count(*) FROM incidents c WHERE SCOPE(c)`+f.where(tx.Scope(), arg), args...)
}

// Place is where a case stands in List for v, to go on after it.
func (c Case) Place(v policy.Viewer) (at time.Time, id string) {
	if v.Hub {
		return c.Updated, c.ID
	}
	return c.Opened, c.ID
}

// Get gives one case by id or number, or fault.NotFound.
func Get(tx *store.Tx, id string) (Case, error) {
	return store.One[Case](tx, `SELECT `+caseColumns+` FROM incidents c WHERE (c.id = $1 OR c.number = $1) AND SCOPE(c)`, id)
}

// Parts lists the findings of a case that the scope may see.
func Parts(tx *store.Tx, id string) ([]Part, error) {
	return store.Query[Part](tx, `SELECT `+partColumns+` FROM incident_finding p WHERE p.incident = $1 AND SCOPE(p) ORDER BY p.at, p.finding LIMIT 1000`, id)
}

// CaseOf gives the case that a finding is in, or "".
func CaseOf(tx *store.Tx, finding string) (Case, error) {
	return store.One[Case](tx, `SELECT `+caseColumns+` FROM incidents c JOIN incident_finding p ON p.incident = c.id WHERE p.finding = $1 AND SCOPE(c) AND SCOPE(p)`, finding)
}

// Timeline lists the entries of a case that the scope may see, oldest first.
func Timeline(tx *store.Tx, id string) ([]Entry, error) {
	return store.Query[Entry](tx, `SELECT `+entryColumns+` FROM incident_entry e WHERE e.incident = $1 AND SCOPE(e) ORDER BY e.at, e.id LIMIT 2000`, id)
}

// maxNote bounds a note, in bytes.
const maxNote = 20_000

// Note writes what a person has to say into a case, for the hub's people and
// for the parties that the writer named (nobody if none).
func (s *Service) Note(ctx context.Context, v policy.Viewer, id, text string, h policy.Handling) error {
	text = strings.TrimSpace(text)
	if text == "" {
		return fault.New(fault.Invalid, i18n.T("the note is empty", "記録が空です"))
	}
	if len(text) > maxNote {
		return fault.New(fault.TooLarge, i18n.T("a note can hold {0} bytes", "記録は {0} バイトまでです").With(maxNote))
	}
	return s.as(ctx, v, func(tx *store.Tx) error {
		c, err := Get(tx, id)
		if err != nil {
			return err
		}
		h.Owner = v.Member
		c.Updated = tx.Now()
		if err := s.store(tx, c); err != nil {
			return err
		}
		return s.entry(tx, c.ID, Entry{Kind: "note", Class: Coordination, Member: v.Member, By: v.Name, Handling: h}, i18n.Same(text))
	})
}

func (s *Service) as(ctx context.Context, v policy.Viewer, fn func(*store.Tx) error) error {
	return s.db.Write(ctx, store.As(v), func(tx *store.Tx) error {
		tx.AfterCommit(s.tell)
		return fn(tx)
	})
}

var stateNames = map[State]i18n.Text{
	Open:      i18n.T("open", "対応中"),
	Contained: i18n.T("contained", "封じ込め済み"),
	Closed:    i18n.T("closed", "終結"),
}

// Name is the state in words.
func (s State) Name() i18n.Text { return stateNames[s] }

// SetState moves a case on. A closed case can be opened again.
func (s *Service) SetState(ctx context.Context, v policy.Viewer, id string, to State) error {
	if _, ok := stateNames[to]; !ok {
		return fault.New(fault.Invalid, i18n.T("there is no such state", "そのような状態はありません"))
	}
	return s.as(ctx, v, func(tx *store.Tx) error {
		c, err := Get(tx, id)
		if err != nil {
			return err
		}
		if c.State == to {
			return nil
		}
		c.State, c.Updated, c.Closed = to, tx.Now(), time.Time{}
		if to == Closed {
			c.Closed = tx.Now()
		}
		if err := s.store(tx, c); err != nil {
			return err
		}
		if err := s.entry(tx, c.ID, Entry{Kind: "state", Class: Coordination, Member: v.Member, By: v.Name, Handling: c.Handling},
			i18n.T("State: {0}", "状態：{0}").With(to.Name())); err != nil {
			return err
		}
		return tx.Emit(msg.TopicCase, fmt.Sprintf("%s/state/%d", c.ID, clock.Micros(tx.Now())), msg.CaseChanged{Case: c.ID, Number: c.Number, Sectors: c.Sectors, Level: c.Level, Tactics: c.Tactics, Members: c.Members, Realm: c.Realm, Sensed: c.Sensed, At: tx.Now()})
	})
}
