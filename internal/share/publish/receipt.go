package publish

import (
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// maxReason is how long a reason of a node may be that is stored, in bytes of JSON.
const maxReason = 2000

// ReceiveReceipt takes a member's receipt for an object that it may have, or could have
// before, in the caller's transaction. A receipt for another object is refused with
// the same answer whether or not that object exists.
func (p *Publisher) ReceiveReceipt(tx *store.Tx, member string, body []byte) error {
	var r msg.Receipt
	if err := json.Unmarshal(body, &r.Receipt); err != nil {
		return fault.Coded(fault.HubBadReceipt, err)
	}
	return p.receipt(tx, member, r)
}

// receipt takes a receipt for one object.
func (p *Publisher) receipt(tx *store.Tx, member string, r msg.Receipt) error {
	caseID, err := p.had(tx, member, r.Object)
	if err != nil {
		return err
	}
	switch r.State {
	case wire.Armed, wire.Held, wire.Hunted, wire.Refused, wire.Disarmed:
	default:
		return fault.Coded(fault.HubReceiptState, nil)
	}
	r.Member, r.Case, r.At, r.Reason = member, caseID, event.PlausibleTime(r.At, tx.Now()), r.Reason.Clip(maxReason)
	if r.Undisclosed || r.Hits < 0 {
		r.Undisclosed, r.Hits = true, 0
	}
	hits := r.Hits
	if r.Undisclosed {
		hits = hitsUndisclosed
	}
	at := clock.Micros(r.At)
	var armed, hunted int64
	switch r.State {
	case wire.Armed:
		armed = at
	case wire.Hunted:
		hunted = at
	}
	// A receipt never goes back: one that arrives late fills in its own time only.
	_, err = tx.Exec(`INSERT INTO progress (object, member, modified, state, armed, hunted, searched, hits, reason)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)
ON CONFLICT (object, member) DO UPDATE SET
 state = CASE WHEN excluded.modified < progress.modified OR (progress.state = 'hunted' AND excluded.state = 'armed'
AND excluded.modified = progress.modified) THEN progress.state ELSE excluded.state END,
 modified = CASE WHEN excluded.modified > progress.modified THEN excluded.modified ELSE progress.modified END,
 armed = CASE WHEN progress.armed = 0 THEN excluded.armed ELSE progress.armed END,
 hunted = CASE WHEN excluded.hunted <> 0 THEN excluded.hunted ELSE progress.hunted END,
 searched = CASE WHEN excluded.hunted <> 0 THEN excluded.searched ELSE progress.searched END,
 hits = CASE WHEN excluded.hunted <> 0 THEN excluded.hits ELSE progress.hits END,
 reason = excluded.reason`,
		r.Object, member, clock.Micros(r.Modified), string(r.State), armed, hunted, r.Searched, hits, r.Reason.Stored())
	if err != nil {
		return err
	}
	tx.AfterCommitOnce(p, p.notify)
	return tx.Emit(msg.TopicReceipt, member+"/"+indicator.ReceiptID(r.Receipt), r)
}

// had returns the case of an object that a member may have, or could have before, and
// refuses statements about any other. The case is that of an indicator out of the cycle.
func (p *Publisher) had(tx *store.Tx, member, object string) (caseID string, err error) {
	could, err := p.objects.Could(tx, p.members.Node(tx.Context(), member), object)
	if err != nil {
		return "", err
	}
	if !could {
		return "", fault.Coded(fault.HubNotDelivered, nil)
	}
	list, err := store.Query[string](tx, `SELECT o.case_id FROM objects o WHERE o.id = $1 AND SCOPE(o)`, object)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// ReceiveSighting takes a member's sighting of an indicator, in the
// caller's transaction. The greatest count stands.
func (p *Publisher) ReceiveSighting(tx *store.Tx, member string, body []byte) error {
	var s msg.Sighting
	if err := json.Unmarshal(body, &s.Sighting); err != nil {
		return fault.Coded(fault.HubBadSighting, err)
	}
	if s.ID == "" || len(s.ID) > 100 || s.Count < 1 || s.Count > 999_999_999 {
		return fault.Coded(fault.HubSightingInvalid, nil)
	}
	caseID, err := p.had(tx, member, s.Indicator)
	if err != nil {
		return err
	}
	s.Realm = event.Clip(s.Realm, 100)
	s.Member, s.Case, s.At, s.Handling = member, caseID, event.PlausibleTime(s.At, tx.Now()),
		policy.FromMember(s.Handling, member)
	n, err := tx.Exec(`INSERT INTO sightings (id, object, member, count, first, last, retro, at, tlp, owner, audience)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)
ON CONFLICT (id) DO UPDATE SET count = excluded.count, first = excluded.first, last = excluded.last
WHERE sightings.member = excluded.member AND sightings.count < excluded.count`,
		s.ID, s.Indicator, member, s.Count, clock.Micros(s.First), clock.Micros(s.Last), s.Retro, clock.Micros(s.At),
		int(s.Handling.TLP), s.Handling.Owner, s.Handling.Audience.Column())
	if err != nil || n == 0 {
		return err
	}
	tx.AfterCommitOnce(p, p.notify)
	return tx.Emit(msg.TopicSighting, fmt.Sprintf("sighting/%s:%d", s.ID, s.Count), s)
}
