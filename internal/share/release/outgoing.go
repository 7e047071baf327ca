package release

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Outgoing is the queue of what leaves the node, as the policy lets it. It is safe for concurrent use.
type Outgoing struct {
	db     *store.DB
	policy atomic.Pointer[Policy]
	member func() string
	secret []byte
	rank   func(level string) int
	wake   chan struct{}
}

// settings that the queue keeps in the node's store.
const (
	settingPolicy = "share.policy"
	settingSecret = "share.pseudonym-key"
)

// New returns the queue with the policy initial, which Load replaces by the one that
// was last set. rank orders rule levels. Load it before it is used.
func New(db *store.DB, initial Policy, member func() string, rank func(level string) int) *Outgoing {
	q := &Outgoing{db: db, member: member, rank: rank, wake: make(chan struct{}, 1)}
	q.policy.Store(&initial)
	return q
}

// Load reads the policy that was last set, and the key of pseudonyms.
func (q *Outgoing) Load(ctx context.Context) error {
	text, ok, err := q.db.Setting(ctx, settingPolicy)
	if err != nil {
		return err
	}
	if ok {
		p := q.Policy()
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return fmt.Errorf("read sharing policy: %w", err)
		}
		q.policy.Store(&p)
	}
	key, ok, err := q.db.Setting(ctx, settingSecret)
	if err != nil {
		return err
	}
	if !ok {
		key = clock.RandomID() + clock.RandomID()
		if err := q.db.SetSetting(ctx, settingSecret, key); err != nil {
			return err
		}
	}
	q.secret = []byte(key)
	return nil
}

// Policy returns the policy in force.
func (q *Outgoing) Policy() Policy { return *q.policy.Load() }

// SetPolicy puts another policy in force, for what is offered from now on.
func (q *Outgoing) SetPolicy(ctx context.Context, r Policy) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := q.db.SetSetting(ctx, settingPolicy, string(b)); err != nil {
		return err
	}
	q.policy.Store(&r)
	return nil
}

// Handling is how the member marks a kind of message.
func (q *Outgoing) Handling(kind wire.Kind) policy.Handling {
	r := q.Policy()
	h := policy.Handling{TLP: r.FindingTLP, Owner: q.member()}
	if kind == wire.KindCandidate {
		h.TLP, h.Audience = r.CandidateTLP, r.Audience
	}
	return h
}

// OffersCandidates reports whether candidates of findings of this level are offered at all.
func (q *Outgoing) OffersCandidates(level string) bool {
	r := q.Policy()
	return r.Candidates != Never && q.rank(level) >= q.rank(r.CandidateLevel)
}

// Offer enqueues what would leave, in the caller's transaction.
func (q *Outgoing) Offer(tx *store.Tx, list ...msg.Offer) error {
	var rows [][]any
	for _, o := range list {
		l, err := q.prepare(tx, o)
		if err != nil {
			return err
		}
		if l != nil {
			rows = append(
				rows,
				[]any{string(l.Kind), l.ID, 1, l.State, l.Level, l.Title, l.Body, clock.Micros(tx.Now()), 0, "", 0, "",
					int(l.Handling.TLP), l.Handling.Owner, l.Handling.Audience.Column(), int(l.Floor)},
			)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	tx.AfterCommit(q.Wake)
	return tx.InsertTogether(
		`INSERT INTO outgoing (`+columns+`)`,
		rows,
		`ON CONFLICT (kind, id) DO UPDATE SET rev = outgoing.rev + 1, body = excluded.body, tlp = excluded.tlp, floor = excluded.floor,
  state = CASE WHEN outgoing.state = 'sent' THEN 'ready' ELSE outgoing.state END`,
	)
}

// prepare returns the message that an offer becomes, as the policy lets it, or nil if
// nothing of it leaves.
func (q *Outgoing) prepare(tx *store.Tx, o msg.Offer) (*Message, error) {
	if !wire.ByValue(o.Body) {
		return nil, fault.Wrap(fault.Internal, i18n.Text{}, fmt.Errorf("a %T may not leave the node", o.Body))
	}
	floor := policy.TLP(0)
	if o.Origin != nil {
		if !policy.MayShareWithCommunity(*o.Origin) {
			return nil, q.Withhold(tx, o.Body.Kind(), o.ID, *o.Origin)
		}
		floor = *o.Origin
		o.Handling.TLP = policy.Strictest(o.Handling.TLP, floor)
	}
	var mode Mode
	if o.Body, mode = q.Policy().apply(o, q.rank, q.pseudonym); mode != Auto && mode != Ask {
		return nil, nil
	}
	l := &Message{
		Kind: o.Body.Kind(), ID: o.ID, State: StateReady, Level: o.Level, Title: o.Title, Handling: o.Handling,
	}
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
		if before, err = store.Query[marked](
			tx, `SELECT tlp, floor, decided FROM outgoing WHERE kind = $1 AND id = $2`, string(l.Kind), o.ID,
		); err != nil {
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
			return nil, fmt.Errorf("change the label of %s %s: %w", l.Kind, o.ID, err)
		}
	}
	return l, nil
}

// Withhold holds back what was offered and has not left yet, and keeps it from being let
// go: a third party's label does not let it be passed on.
func (q *Outgoing) Withhold(tx *store.Tx, kind wire.Kind, id string, label policy.TLP) error {
	_, err := tx.Exec(
		`UPDATE outgoing SET state = $1, floor = $2, rev = rev + 1 WHERE kind = $3 AND id = $4
			AND state IN ($5, $6, $1)`,
		StateHeld,
		int(label.OrRed()),
		string(kind),
		id,
		StateWaiting,
		StateReady,
	)
	return err
}

// Wake tells the sender that something may leave.
func (q *Outgoing) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Decide lets a waiting message go or holds it back. Letting go may change its
// label to a stricter or looser one, since it is the member's own, but not to one
// below its Floor. A decision can be taken back until the message is sent.
func (q *Outgoing) Decide(ctx context.Context, kind wire.Kind, id string, let bool, tlp *policy.TLP, by string) error {
	return q.db.Write(ctx, store.System("share: decide on a message"), func(tx *store.Tx) error {
		l, err := store.One[Message](tx, `SELECT `+columns+` FROM outgoing WHERE kind = $1 AND id = $2`, kind, id)
		if err != nil {
			return err
		}
		if l.State != StateWaiting && l.State != StateHeld && l.State != StateReady {
			return fault.New(fault.Conflict, i18n.T("this has left already", "これは既に送られています"))
		}
		if let && l.Floor != 0 && !policy.MayShareWithCommunity(l.Floor) {
			return fault.New(
				fault.Denied,
				i18n.T(
					"what it was found by is marked {0} by those who gave it to you, so it stays here",
					"検知の元になった項目には、提供元が {0} の区分を付けているため、外に出せません",
				).With(l.Floor.String()),
			)
		}
		state := StateHeld
		if let {
			state = StateReady
		}
		if tlp != nil && *tlp < l.Floor {
			return fault.New(
				fault.Denied,
				i18n.T(
					"what it was found by is marked {0} by those who gave it to you",
					"検知の元になった項目には、提供元が {0} の区分を付けています",
				).With(l.Floor.String()),
			).
				WithHint(i18n.T("choose that label or a stricter one", "その区分か、より厳しい区分を選んでください"))
		}
		if tlp != nil && *tlp != l.Handling.TLP {
			if l.Body, err = relabel(l.Body, *tlp); err != nil {
				return err
			}
			l.Handling.TLP = *tlp
		}
		_, err = tx.Exec(
			`UPDATE outgoing SET state = $1, body = $2, tlp = $3, decided = $4, by_user = $5, rev = rev + 1
				WHERE kind = $6 AND id = $7`,
			state,
			l.Body,
			int(l.Handling.TLP),
			clock.Micros(tx.Now()),
			by,
			kind,
			id,
		)
		tx.AfterCommit(q.Wake)
		return err
	})
}

// pseudonym returns what stands for a machine: the same every time at this node, and
// another at every other node.
func (q *Outgoing) pseudonym(host string) string {
	m := hmac.New(sha256.New, q.secret)
	m.Write([]byte(host))
	return pseudonymPrefix + hex.EncodeToString(m.Sum(nil)[:4])
}
