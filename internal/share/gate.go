package share

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Way is how a kind of message leaves the node.
type Way string

// The ways. An unknown way is Never.
const (
	Auto  Way = "auto"  // leaves by itself
	Ask   Way = "ask"   // waits for a person
	Never Way = "never" // stays
)

// Rules is a member's policy on what leaves its node. Receipts always leave:
// they tell that the node is armed and has searched its past; what it found there
// only where sightings leave by themselves.
type Rules struct {
	Findings       Way             `json:"findings"`        // that a rule matched, when and how often
	Details        bool            `json:"details"`         // with host, account and matched values; else the host is a pseudonym
	FindingLevel   string          `json:"finding_level"`   // findings below it stay
	FindingTLP     policy.TLP      `json:"finding_tlp"`     // whom the hub may show them to
	Candidates     Way             `json:"candidates"`      // values and rules for the others to match
	CandidateLevel string          `json:"candidate_level"` // from findings below it nothing is offered
	CandidateTLP   policy.TLP      `json:"candidate_tlp"`
	Audience       policy.Audience `json:"audience"`  // who may get the candidates
	Sightings      Way             `json:"sightings"` // that an indicator was seen here
}

// Cautious is the policy of a node that nobody has set up: the hub learns that
// a rule matched and that an indicator was seen, never on which machine; what
// others would match waits for a person.
func Cautious() Rules {
	return Rules{Findings: Auto, FindingLevel: "medium", FindingTLP: policy.AmberStrict,
		Candidates: Ask, CandidateLevel: "medium", CandidateTLP: policy.Amber, Audience: policy.Audience{policy.Community}, Sightings: Auto}
}

// Open is the policy of a member that lets everything technical leave by itself.
func Open() Rules {
	r := Cautious()
	r.Candidates, r.Details, r.FindingLevel, r.CandidateLevel = Auto, true, "low", "low"
	return r
}

// Manual is the policy of a member where a person decides about everything.
func Manual() Rules {
	r := Cautious()
	r.Findings, r.Sightings = Ask, Ask
	return r
}

// Preset gives a policy by name: cautious, open or manual.
func Preset(name string) (Rules, error) {
	switch name {
	case "", "cautious":
		return Cautious(), nil
	case "open":
		return Open(), nil
	case "manual":
		return Manual(), nil
	}
	return Rules{}, fault.New(fault.Invalid, i18n.T("there is no sharing policy named {0}", "{0} という名前の共有方針はありません").With(name)).
		WithHint(i18n.T("choose cautious, open or manual", "cautious、open、manual のいずれかを指定してください"))
}

// Gate decides what leaves the node. It is safe for concurrent use.
type Gate struct {
	db     *store.DB
	rules  atomic.Pointer[Rules]
	member func() string
	secret []byte
	rank   func(level string) int
	wake   chan struct{}
}

// settings that the gate keeps in the node's store.
const (
	settingRules  = "share.rules"
	settingSecret = "share.pseudonym-key"
)

// OpenGate makes the gate with the policy that was last set, or initial. rank
// orders rule levels.
func OpenGate(ctx context.Context, db *store.DB, initial Rules, member func() string, rank func(level string) int) (*Gate, error) {
	g := &Gate{db: db, member: member, rank: rank, wake: make(chan struct{}, 1)}
	text, ok, err := db.Setting(ctx, settingRules)
	if err != nil {
		return nil, err
	}
	if ok {
		if err := json.Unmarshal([]byte(text), &initial); err != nil {
			return nil, fmt.Errorf("read sharing policy: %w", err)
		}
	}
	g.rules.Store(&initial)
	key, ok, err := db.Setting(ctx, settingSecret)
	if err != nil {
		return nil, err
	}
	if !ok {
		key = clock.RandomID() + clock.RandomID()
		if err := db.SetSetting(ctx, settingSecret, key); err != nil {
			return nil, err
		}
	}
	g.secret = []byte(key)
	return g, nil
}

// Rules gives the policy in force.
func (g *Gate) Rules() Rules { return *g.rules.Load() }

// SetRules puts another policy in force, for what is offered from now on.
func (g *Gate) SetRules(ctx context.Context, r Rules) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := g.db.SetSetting(ctx, settingRules, string(b)); err != nil {
		return err
	}
	g.rules.Store(&r)
	return nil
}

// Handling is how the member marks a kind of message.
func (g *Gate) Handling(kind wire.Kind) policy.Handling {
	r := g.Rules()
	h := policy.Handling{TLP: r.FindingTLP, Owner: g.member()}
	if kind == wire.KindCandidate {
		h.TLP, h.Audience = r.CandidateTLP, r.Audience
	}
	return h
}

// Wants reports whether anything of a finding of this level is offered to the others.
func (g *Gate) Wants(level string) bool {
	r := g.Rules()
	return r.Candidates != Never && g.rank(level) >= g.rank(r.CandidateLevel)
}

// Offer writes what would leave, in the caller's transaction.
func (g *Gate) Offer(tx *store.Tx, list ...msg.Offer) error {
	var rows [][]any
	for _, o := range list {
		l, err := g.leaving(tx, o)
		if err != nil {
			return err
		}
		if l != nil {
			rows = append(rows, []any{string(l.Kind), l.ID, 1, l.State, l.Level, l.Title, l.Body, clock.Micros(tx.Now()), 0, "", 0, "",
				int(l.Handling.TLP), l.Handling.Owner, l.Handling.Audience.Column(), int(l.Floor)})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	tx.AfterCommit(g.Wake)
	return tx.InsertTogether(`INSERT INTO leaving (`+leavingColumns+`)`, rows, `ON CONFLICT (kind, id) DO UPDATE SET rev = leaving.rev + 1, body = excluded.body, tlp = excluded.tlp, floor = excluded.floor,
  state = CASE WHEN leaving.state = 'sent' THEN 'ready' ELSE leaving.state END`)
}

// leaving gives what would leave of an offer, as the policy lets it; nil if nothing.
func (g *Gate) leaving(tx *store.Tx, o msg.Offer) (*Leaving, error) {
	r := g.Rules()
	if !wire.ByValue(o.Body) {
		return nil, fault.Wrap(fault.Internal, i18n.Text{}, fmt.Errorf("share: a %T may not leave the node", o.Body))
	}
	mode, floor := Never, policy.TLP(0)
	if o.Origin != nil {
		if !policy.MayForward(*o.Origin) {
			return nil, g.Keep(tx, o.Body.Kind(), o.ID, *o.Origin)
		}
		floor = *o.Origin
		o.Handling.TLP = policy.Strictest(o.Handling.TLP, floor)
	}
	switch body := o.Body.(type) {
	case wire.Finding:
		mode = r.Findings
		if g.rank(o.Level) < g.rank(r.FindingLevel) {
			mode = Never
		}
		body.Handling = o.Handling
		if !r.Details {
			body = g.discreet(body)
		}
		o.Body = body
	case wire.Candidate:
		mode = r.Candidates
	case wire.Sighting:
		mode = r.Sightings
	case wire.Receipt:
		mode = Auto
		if r.Sightings != Auto {
			body.Hits, body.Undisclosed = 0, true
			o.Body = body
		}
	case wire.RuleHealth:
		mode = Auto
	}
	if mode != Auto && mode != Ask {
		return nil, nil
	}
	l := &Leaving{Kind: o.Body.Kind(), ID: o.ID, State: StateReady, Level: o.Level, Title: o.Title, Handling: o.Handling}
	if mode == Ask {
		l.State = StateWaiting
	}
	body, err := json.Marshal(o.Body)
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", l.Kind, o.ID, err)
	}
	// What a person let go or held back once stays so when it grows, with the
	// label that the person chose, unless what it is known by is now bound tighter.
	var before []marked
	if !o.First {
		if before, err = store.Query[marked](tx, `SELECT tlp, floor, decided FROM leaving WHERE kind = $1 AND id = $2`, string(l.Kind), o.ID); err != nil {
			return nil, err
		}
	}
	for _, m := range before {
		floor = max(floor, m.Floor)
		if m.Decided != 0 {
			l.Handling.TLP = m.TLP
		}
	}
	if floor != 0 {
		l.Handling.TLP = policy.Strictest(l.Handling.TLP, floor)
	}
	l.Body, l.Floor = string(body), floor
	if l.Handling.TLP != o.Handling.TLP {
		if l.Body, err = relabel(l.Body, l.Handling.TLP); err != nil {
			return nil, fmt.Errorf("mark %s %s again: %w", l.Kind, o.ID, err)
		}
	}
	return l, nil
}

// Keep holds back what was offered and has not left yet, and keeps it from being let
// go: a third party's label does not let it be passed on.
func (g *Gate) Keep(tx *store.Tx, kind wire.Kind, id string, label policy.TLP) error {
	_, err := tx.Exec(`UPDATE leaving SET state = $1, floor = $2, rev = rev + 1 WHERE kind = $3 AND id = $4 AND state IN ($5, $6, $1)`,
		StateHeld, int(label.Binding()), string(kind), id, StateWaiting, StateReady)
	return err
}

// marked is how a message was marked before it grew.
type marked struct {
	TLP     policy.TLP `db:"tlp"`
	Floor   policy.TLP `db:"floor"`
	Decided int64      `db:"decided"`
}

// discreet takes out of a finding what points at a machine or a person. Hosts
// become pseudonyms, so that the hub can still tell one from two.
func (g *Gate) discreet(f wire.Finding) wire.Finding {
	if f.Host != "" {
		f.Host = "host-" + g.pseudonym(f.Host)
	}
	f.User, f.Matched = "", nil
	if r := g.Rules(); r.Candidates != Auto {
		f.Observables = nil
	}
	return f
}

func (g *Gate) pseudonym(s string) string {
	m := hmac.New(sha256.New, g.secret)
	m.Write([]byte(s))
	return hex.EncodeToString(m.Sum(nil)[:4])
}

// Wake tells the sender that something may leave.
func (g *Gate) Wake() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// States of what leaves.
const (
	StateWaiting = "waiting" // for a person
	StateReady   = "ready"   // for the wire
	StateSent    = "sent"    // the hub has it
	StateHeld    = "held"    // a person said no
	StateFailed  = "failed"  // the hub refused it; Reason says why
)

// Leaving is one message on the member's own desk.
type Leaving struct {
	Kind     wire.Kind       `db:"kind"`
	ID       string          `db:"id"`
	Rev      int             `db:"rev"`
	State    string          `db:"state"`
	Level    string          `db:"level"`
	Title    string          `db:"title"`
	Body     string          `db:"body"`
	At       time.Time       `db:"at"`
	Decided  time.Time       `db:"decided"`
	By       string          `db:"by_user"`
	Sent     time.Time       `db:"sent"`
	Reason   string          `db:"reason"`
	Handling policy.Handling `db:",handling"`
	// Floor is the least strict label that it may leave with: that of what a third
	// party gave the member. 0 is none.
	Floor policy.TLP `db:"floor"`
}

const leavingColumns = "kind, id, rev, state, level, title, body, at, decided, by_user, sent, reason, tlp, owner, audience, floor"

// CountLeaving counts what is in a state.
func CountLeaving(tx *store.Tx, state string) (int64, error) {
	return store.One[int64](tx, `SELECT count(*) FROM leaving WHERE state = $1`, state)
}

// Decide lets a waiting message go or holds it back. Letting go may change its
// label to a stricter or looser one, since it is the member's own, but not to one
// below its Floor. A decision can be taken back until the message is sent.
func (g *Gate) Decide(ctx context.Context, kind wire.Kind, id string, let bool, tlp *policy.TLP, by string) error {
	return g.db.Write(ctx, store.System("share: decide on leaving"), func(tx *store.Tx) error {
		l, err := store.One[Leaving](tx, `SELECT `+leavingColumns+` FROM leaving WHERE kind = $1 AND id = $2`, kind, id)
		if err != nil {
			return err
		}
		if l.State != StateWaiting && l.State != StateHeld && l.State != StateReady {
			return fault.New(fault.Conflict, i18n.T("this has left already", "これは既に送られています"))
		}
		if let && l.Floor != 0 && !policy.MayForward(l.Floor) {
			return fault.New(fault.Denied, i18n.T("what it was found by is marked {0} by those who gave it to you, so it stays here", "検知の元になった項目には、提供元が {0} の区分を付けているため、外に出せません").With(l.Floor.String()))
		}
		state := StateHeld
		if let {
			state = StateReady
		}
		if tlp != nil && *tlp < l.Floor {
			return fault.New(fault.Denied, i18n.T("what it was found by is marked {0} by those who gave it to you", "検知の元になった項目には、提供元が {0} の区分を付けています").With(l.Floor.String())).
				WithHint(i18n.T("choose that label or a stricter one", "その区分か、より厳しい区分を選んでください"))
		}
		if tlp != nil && *tlp != l.Handling.TLP {
			if l.Body, err = relabel(l.Body, *tlp); err != nil {
				return err
			}
			l.Handling.TLP = *tlp
		}
		_, err = tx.Exec(`UPDATE leaving SET state = $1, body = $2, tlp = $3, decided = $4, by_user = $5, rev = rev + 1 WHERE kind = $6 AND id = $7`,
			state, l.Body, int(l.Handling.TLP), clock.Micros(tx.Now()), by, kind, id)
		tx.AfterCommit(g.Wake)
		return err
	})
}

// relabel changes the label inside a message's own body.
func relabel(body string, tlp policy.TLP) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return "", err
	}
	var h policy.Handling
	if err := json.Unmarshal(m["handling"], &h); err != nil {
		return "", err
	}
	h.TLP = tlp
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	m["handling"] = b
	out, err := json.Marshal(m)
	return string(out), err
}
