package publish

import (
	"encoding/json"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// ReceiveCandidate takes what a member offers, in the caller's transaction.
func (p *Publisher) ReceiveCandidate(tx *store.Tx, member string, body []byte) error {
	var c msg.Candidate
	if err := json.Unmarshal(body, &c.Candidate); err != nil {
		return fault.Coded(fault.HubBadOffer, err)
	}
	if err := checkCandidate(&c, member, tx.Now()); err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO candidates (id, finding, member, body, object, at, tlp, owner, audience)
		VALUES ($1,$2,$3,$4,'',$5,$6,$7,$8) ON CONFLICT (id) DO NOTHING`,
		c.ID, c.Finding, member, string(b), clock.Micros(tx.Now()), int(c.Handling.TLP), c.Handling.Owner,
		c.Handling.Audience.Column())
	if err != nil || n == 0 {
		return err
	}
	return tx.Emit(msg.TopicCandidate, c.ID, c)
}

func checkCandidate(c *msg.Candidate, member string, now time.Time) error {
	bad := func(what string) error {
		return fault.Coded(fault.HubOfferField, nil, what)
	}
	switch {
	case c.ID == "" || len(c.ID) > 100:
		return bad("id")
	case c.Finding == "" || len(c.Finding) > 100:
		return bad("finding")
	case (c.Observable == nil) == (c.Sigma == ""):
		return bad("observable / sigma")
	case len(c.Sigma) > 1<<20 || len(c.Rule.ID) > 200 || c.Rule.ID == "":
		return bad("rule")
	}
	if c.Observable != nil {
		v, ok := event.Canonical(c.Observable.Type, c.Observable.Value)
		if !ok {
			return bad("observable")
		}
		c.Observable.Value = v
	}
	c.Member, c.Handling, c.Sensed = member, policy.FromMember(c.Handling, member), event.PlausibleTime(c.Sensed, now)
	clipCredit(&c.Rule)
	c.Base = c.Base[:min(len(c.Base), maxBases)]
	for i := range c.Base {
		b := c.Base[i]
		c.Base[i] = wire.RuleRef{ID: event.Clip(b.ID, 200), Title: b.Title, Author: b.Author, License: b.License}
		clipCredit(&c.Base[i])
	}
	c.Rule.Tags = c.Rule.Tags[:min(len(c.Rule.Tags), 64)]
	for i := range c.Rule.Tags {
		c.Rule.Tags[i] = event.Clip(c.Rule.Tags[i], 200)
	}
	c.Realm, c.Why, c.Rule.Level = event.Clip(c.Realm, 100), event.Clip(c.Why, 200), event.Clip(c.Rule.Level, 20)
	return nil
}

// maxBases bounds the rules that are credited beside a correlation.
const maxBases = 200

func clipCredit(r *wire.RuleRef) {
	r.Title, r.Author, r.License = event.Clip(r.Title, 500), event.Clip(r.Author, 500), event.Clip(r.License, 200)
}

type candidateRow struct {
	Body   string `db:"body"`
	Object string `db:"object"`
}
