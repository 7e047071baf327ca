// Package publish is what a hub does with indicators: it makes them of what members
// offer, decides with policy who may have them, delivers them, and keeps who is
// armed and who has seen what.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
)

// Recipient is a member that objects may be delivered to.
type Recipient struct{ ID, Sector string }

// Directory names the members of the community.
type Directory interface {
	Recipients(ctx context.Context) ([]Recipient, error)
	// ExclusionReason returns a function that reports why a value can never be an
	// indicator in this community, and "" of one that can.
	ExclusionReason(ctx context.Context) (func(event.Observable) string, error)
}

// Pusher hands a message to a member that is connected. It may be lost; the
// member then asks for it.
type Pusher interface {
	Push(member, topic string, body []byte) error
}

// Publisher makes, marks and delivers indicators at the hub.
type Publisher struct {
	runMu     sync.Mutex // one reader or writer of settingRun at a time
	db        *store.DB
	directory Directory
	push      Pusher
	log       *slog.Logger
	identity  string // the hub's STIX identity
	notify    func()
}

// New returns a publisher.
func New(db *store.DB, directory Directory, push Pusher, log *slog.Logger, notify func()) *Publisher {
	return &Publisher{db: db, directory: directory, push: push, log: log, notify: notify}
}

// SetIdentity says what the hub's STIX identity id is, before anything is made.
func (o *Publisher) SetIdentity(id string) { o.identity = id }

// OnCase makes indicators of what was offered with a finding, once the finding
// is in a case.
func (o *Publisher) OnCase(tx *store.Tx, ev msg.CaseChanged) error {
	if ev.Finding == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO candidate_case (finding, case_id) VALUES ($1,$2) ON CONFLICT (finding) DO NOTHING`,
		ev.Finding, ev.Case)
	if err != nil {
		return err
	}
	return o.issue(tx, ev.Finding, ev.Case)
}

// OnCandidate makes an indicator of an offer whose finding is in a case; one
// that comes before its case waits for it.
func (o *Publisher) OnCandidate(tx *store.Tx, c msg.Candidate) error {
	cases, err := store.Query[string](tx, `SELECT case_id FROM candidate_case WHERE finding = $1`, c.Finding)
	if err != nil || len(cases) == 0 {
		return err
	}
	return o.issue(tx, c.Finding, cases[0])
}

// issue makes indicators of the unused candidates of a finding, delivers them
// and pushes them after the commit.
func (o *Publisher) issue(tx *store.Tx, finding, caseID string) error {
	list, err := store.Query[candidateRow](tx, `SELECT c.body, c.object FROM candidates c
		WHERE c.finding = $1 AND c.object = '' AND SCOPE(c) ORDER BY c.at, c.id`, finding)
	if err != nil || len(list) == 0 {
		return err
	}
	people, err := o.directory.Recipients(tx.Context())
	if err != nil {
		return err
	}
	exclusion, err := o.directory.ExclusionReason(tx.Context())
	if err != nil {
		return err
	}
	for _, row := range list {
		var c msg.Candidate
		if err := json.Unmarshal([]byte(row.Body), &c); err != nil {
			return err
		}
		// A node looks for itself, but it may be hostile, or not know yet whose
		// names these are. The answer to its offer is the same as to any.
		if c.Observable != nil {
			if why := exclusion(*c.Observable); why != "" {
				if err := o.unusable(tx, c, errors.New(why)); err != nil {
					return err
				}
				continue
			}
		}
		p, err := o.issueOne(tx, c, caseID, people)
		if err != nil {
			return err
		}
		o.sendLater(tx, p)
	}
	return nil
}

// issueOne uses one candidate: for a new indicator, or for the one that there is already.
func (o *Publisher) issueOne(tx *store.Tx, c msg.Candidate, caseID string, people []Recipient) ([]delivery, error) {
	kind, value := subjectOf(c)
	old, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o WHERE o.kind = $1 AND o.value = $2 AND o.realm = $3 AND o.withdrawn = 0 AND SCOPE(o) ORDER BY o.made, o.id`, kind, value, c.Realm)
	if err != nil {
		return nil, err
	}
	if c.Sigma != "" { // an id says nothing of what it stands for: anybody may write one
		old = slices.DeleteFunc(old, func(i indicator.Indicator) bool { return !i.SameRule(c.Sigma) })
	}
	id := ""
	var out []delivery
	if at := slices.IndexFunc(old, func(i indicator.Indicator) bool { return covers(i.Handling, c.Handling, people) }); at >= 0 {
		id = old[at].ID
	} else {
		_, row, err := o.build(c, tx.Now())
		if err != nil {
			return nil, o.unusable(tx, c, err)
		}
		row.Case = caseID
		id = row.ID
		if err := row.Save(tx); err != nil {
			return nil, err
		}
		if out, err = o.deliver(tx, row, people); err != nil {
			return nil, err
		}
		ev := msg.IndicatorChanged{Indicator: id, Case: caseID, Finding: c.Finding, Entitled: len(out), Made: true, At: tx.Now(), Handling: row.Handling}
		if err := tx.EmitIn(row.Handling.Owner, msg.TopicIndicator, "made:"+id, ev); err != nil {
			return nil, err
		}
	}
	_, err = tx.Exec(`UPDATE candidates SET object = $1 WHERE id = $2 AND SCOPE(candidates)`, id, c.ID)
	return out, err
}

// covers reports whether an indicator that is there does for an offer: everybody
// who may get the offer has it, and who offers may see it. If not, another one is
// made of the same value; else a member could tell by what becomes of its own
// offer that somebody else has marked the value more strictly.
func covers(there, offer policy.Handling, people []Recipient) bool {
	by := policy.Viewer{Member: offer.Owner, User: "any"}
	for _, p := range people {
		if p.ID == offer.Owner {
			by.Sector = p.Sector
		}
		if policy.MayGet(p.ID, p.Sector, offer) && !policy.MayGet(p.ID, p.Sector, there) {
			return false
		}
	}
	return policy.MaySee(by, there)
}

// unusable puts aside an offer that no valid indicator can be made of, so that
// it is not tried for ever.
func (o *Publisher) unusable(tx *store.Tx, c msg.Candidate, why error) error {
	o.log.Warn("an offer cannot become an indicator", slog.String("member", c.Member), slog.Any("err", why))
	_, err := tx.Exec(`UPDATE candidates SET object = 'unusable' WHERE id = $1 AND SCOPE(candidates)`, c.ID)
	return err
}
