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

// Get returns one case by id or number, or fault.NotFound.
func Get(tx *store.Tx, id string) (Case, error) {
	return store.One[Case](
		tx,
		`SELECT `+caseColumns+` FROM cases c WHERE (c.id = $1 OR c.number = $1) AND SCOPE(c)`,
		id,
	)
}

// Lookup reads one case by id or number for a viewer, whole: what changes a case needs
// all of it.
func Lookup(ctx context.Context, db *store.DB, v policy.Viewer, id string) (c Case, err error) {
	err = db.Read(ctx, store.As(v), func(tx *store.Tx) error {
		c, err = Get(tx, id)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		err = noCase()
	}
	return c, err
}

func noCase() error {
	return fault.New(fault.NotFound, i18n.T("there is no such case, or it is not there for you", "事案が存在しないか、閲覧できません"))
}

// Known returns one case by id or number, as much of it as the scope may know, or
// fault.NotFound.
func Known(tx *store.Tx, id string) (Case, error) {
	c, err := Get(tx, id)
	if err != nil {
		return c, err
	}
	one := []Case{c}
	err = narrow(tx, one)
	return one[0], err
}

// Parts lists the findings of a case that the scope may see.
func Parts(tx *store.Tx, id string) ([]Part, error) {
	return store.Query[Part](
		tx,
		`SELECT `+partColumns+` FROM case_finding p WHERE p.case_id = $1 AND SCOPE(p) ORDER BY p.at, p.finding
			LIMIT 1000`,
		id,
	)
}

// CaseOf returns the case that a finding is in, or fault.NotFound.
func CaseOf(tx *store.Tx, finding string) (Case, error) {
	return store.One[Case](
		tx,
		`SELECT `+caseColumns+` FROM cases c JOIN case_finding p ON p.case_id = c.id WHERE p.finding = $1 AND SCOPE(c)
			AND SCOPE(p)`,
		finding,
	)
}

// Timeline lists the entries of a case that the scope may see, oldest first.
func Timeline(tx *store.Tx, id string) ([]Entry, error) {
	return store.Query[Entry](
		tx,
		`SELECT `+entryColumns+` FROM case_entry e WHERE e.case_id = $1 AND SCOPE(e) ORDER BY e.at, e.id LIMIT 2000`,
		id,
	)
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
		return s.entry(
			tx,
			c.ID,
			Entry{Kind: "note", Class: Coordination, Member: v.Member, By: v.Name, Handling: h},
			saysNote, text,
		)
	})
}

func (s *Service) as(ctx context.Context, v policy.Viewer, fn func(*store.Tx) error) error {
	return s.db.Write(ctx, store.As(v), func(tx *store.Tx) error {
		tx.AfterCommit(s.notify)
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
		if err := s.entry(tx, c.ID, Entry{Kind: "state", Class: Coordination, Member: v.Member, By: v.Name,
			Handling: c.Handling},
			saysState, string(to)); err != nil {
			return err
		}
		return tx.Emit(
			msg.TopicCase,
			fmt.Sprintf("%s/state/%d", c.ID, clock.Micros(tx.Now())),
			msg.CaseChanged{
				Case:    c.ID,
				Number:  c.Number,
				Sectors: c.Sectors,
				Level:   c.Level,
				Tactics: c.Tactics,
				Members: c.Members,
				Realm:   c.Realm,
				Sensed:  c.Sensed,
				At:      tx.Now(),
			},
		)
	})
}
