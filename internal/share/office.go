package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Recipient is a member that objects may be delivered to.
type Recipient struct{ ID, Sector string }

// Roll names the members of the community.
type Roll interface {
	Recipients(ctx context.Context) ([]Recipient, error)
	// Unfit gives a function that says why a value can never be an indicator in
	// this community, and nothing of one that can.
	Unfit(ctx context.Context) (func(event.Observable) string, error)
}

// Pusher hands a message to a member that is connected. It may be lost; the
// member then asks for it.
type Pusher interface {
	Push(member, topic string, body []byte) error
}

// Office makes, marks and delivers indicators at the hub.
type Office struct {
	runMu    sync.Mutex // one reader or writer of settingRun at a time
	db       *store.DB
	roll     Roll
	push     Pusher
	log      *slog.Logger
	identity string // the hub's STIX identity
	tell     func()
}

// NewOffice makes the office.
func NewOffice(db *store.DB, roll Roll, push Pusher, log *slog.Logger, tell func()) *Office {
	return &Office{db: db, roll: roll, push: push, log: log, tell: tell}
}

// SetIdentity says what the hub's STIX identity id is, before anything is made.
func (o *Office) SetIdentity(id string) { o.identity = id }

// ReceiveCandidate takes what a member offers, in the caller's transaction.
func (o *Office) ReceiveCandidate(tx *store.Tx, member string, body []byte) error {
	var c msg.Candidate
	if err := json.Unmarshal(body, &c.Candidate); err != nil {
		return fault.Wrap(fault.Invalid, i18n.T("the offer is not readable", "提供内容を読み取れません"), err)
	}
	if err := checkCandidate(&c, member, tx.Now()); err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO candidates (id, finding, member, body, object, at, tlp, owner, audience) VALUES ($1,$2,$3,$4,'',$5,$6,$7,$8) ON CONFLICT (id) DO NOTHING`,
		c.ID, c.Finding, member, string(b), clock.Micros(tx.Now()), int(c.Handling.TLP), c.Handling.Owner, c.Handling.Audience.Column())
	if err != nil || n == 0 {
		return err
	}
	return tx.Emit(msg.TopicCandidate, c.ID, c)
}

func checkCandidate(c *msg.Candidate, member string, now time.Time) error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, i18n.T("the offer has no valid {0}", "提供内容の {0} が正しくありません").With(what))
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
	c.Member, c.Handling, c.Sensed = member, policy.Owned(c.Handling, member), event.PlausibleTime(c.Sensed, now)
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

// OnCase makes indicators of what was offered with a finding, once the finding
// is in a case.
func (o *Office) OnCase(tx *store.Tx, ev msg.CaseChanged) error {
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
func (o *Office) OnCandidate(tx *store.Tx, c msg.Candidate) error {
	cases, err := store.Query[string](tx, `SELECT case_id FROM candidate_case WHERE finding = $1`, c.Finding)
	if err != nil || len(cases) == 0 {
		return err
	}
	return o.issue(tx, c.Finding, cases[0])
}

// issue makes indicators of the unused candidates of a finding, delivers them
// and pushes them after the commit.
func (o *Office) issue(tx *store.Tx, finding, caseID string) error {
	list, err := store.Query[candidateRow](tx, `SELECT c.body, c.object FROM candidates c
		WHERE c.finding = $1 AND c.object = '' AND SCOPE(c) ORDER BY c.at, c.id`, finding)
	if err != nil || len(list) == 0 {
		return err
	}
	people, err := o.roll.Recipients(tx.Context())
	if err != nil {
		return err
	}
	unfit, err := o.roll.Unfit(tx.Context())
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
			if why := unfit(*c.Observable); why != "" {
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

// sendLater has deliveries sent after the commit, together with the others of the
// transaction.
func (o *Office) sendLater(tx *store.Tx, list []parcel) {
	if len(list) == 0 {
		return
	}
	all := store.PerTx(tx, o, func() *[]parcel {
		all := new([]parcel)
		tx.AfterCommit(func() { o.send(tx.Context(), *all) })
		return all
	})
	*all = append(*all, list...)
}

// issueOne uses one candidate: for a new indicator, or for the one that there is already.
func (o *Office) issueOne(tx *store.Tx, c msg.Candidate, caseID string, people []Recipient) ([]parcel, error) {
	kind, value := subjectOf(c)
	old, err := store.Query[Indicator](tx, `SELECT `+objectColumns+` FROM objects o WHERE o.kind = $1 AND o.value = $2 AND o.realm = $3 AND o.withdrawn = 0 AND SCOPE(o) ORDER BY o.made, o.id`, kind, value, c.Realm)
	if err != nil {
		return nil, err
	}
	if c.Sigma != "" { // an id says nothing of what it stands for: anybody may write one
		old = slices.DeleteFunc(old, func(i Indicator) bool { return !i.saysAs(c.Sigma) })
	}
	id := ""
	var out []parcel
	if at := slices.IndexFunc(old, func(i Indicator) bool { return covers(i.Handling, c.Handling, people) }); at >= 0 {
		id = old[at].ID
	} else {
		_, row, err := o.make(c, tx.Now())
		if err != nil {
			return nil, o.unusable(tx, c, err)
		}
		row.Case = caseID
		id = row.ID
		if err := row.save(tx); err != nil {
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
func (o *Office) unusable(tx *store.Tx, c msg.Candidate, why error) error {
	o.log.Warn("an offer cannot become an indicator", slog.String("member", c.Member), slog.Any("err", why))
	_, err := tx.Exec(`UPDATE candidates SET object = 'unusable' WHERE id = $1 AND SCOPE(candidates)`, c.ID)
	return err
}

// parcel is one delivery to one member.
type parcel struct {
	member string
	row    objectRow
	seq    int64
	gone   bool
}

type seqRow struct {
	Member string `db:"member"`
	Seq    int64  `db:"seq"`
}

type deliveryRow struct {
	Member   string    `db:"member"`
	Seq      int64     `db:"seq"`
	Object   string    `db:"object"`
	Modified time.Time `db:"modified"`
	Withdraw bool      `db:"withdraw"`
	At       time.Time `db:"at"`
}

// deliver writes a delivery for each member that policy lets have the object.
func (o *Office) deliver(tx *store.Tx, row objectRow, people []Recipient) ([]parcel, error) {
	seq, err := lastSeqs(tx, people)
	if err != nil {
		return nil, err
	}
	var rows []deliveryRow
	var out []parcel
	for _, p := range people {
		if !policy.MayGet(p.ID, p.Sector, row.Handling) {
			continue
		}
		n := seq[p.ID] + 1
		rows = append(rows, deliveryRow{p.ID, n, row.ID, row.Modified, false, tx.Now()})
		out = append(out, parcel{member: p.ID, row: row, seq: n})
	}
	return out, store.Insert(tx, "delivery", rows)
}

// lastSeqs returns the number of the last delivery to each member. It asks the
// index for each, and does not read all deliveries.
func lastSeqs(tx *store.Tx, people []Recipient) (map[string]int64, error) {
	seq := make(map[string]int64, len(people))
	for some := range slices.Chunk(people, 500) {
		args, list := make([]any, len(some)), make([]string, len(some))
		for i, p := range some {
			args[i], list[i] = p.ID, fmt.Sprintf("(CAST($%d AS TEXT))", i+1)
		}
		last, err := store.Query[seqRow](tx, `SELECT p.column1 AS member, coalesce((SELECT max(d.seq) FROM delivery d WHERE d.member = p.column1), 0) AS seq
FROM (VALUES `+strings.Join(list, ",")+`) AS p`, args...)
		if err != nil {
			return nil, err
		}
		for _, l := range last {
			seq[l.Member] = l.Seq
		}
	}
	return seq, nil
}

// send pushes parcels to the members that are there and writes down when.
func (o *Office) send(ctx context.Context, list []parcel) {
	if len(list) == 0 {
		return
	}
	at := o.db.Now()
	for _, p := range list {
		msg := p.row.wire(p.seq, p.member)
		if p.gone {
			msg = wire.Object{Seq: p.seq, ID: p.row.ID, Modified: p.row.Modified, Realm: p.row.Realm, Withdraw: true}
		}
		body, err := json.Marshal(msg)
		if err == nil {
			err = o.push.Push(p.member, wire.TopicObject, body)
		}
		if err != nil && !fault.Is(err, fault.Unavailable) {
			o.log.Warn("could not push to a member; it will ask", slog.String("member", p.member), slog.Any("err", err))
		}
	}
	err := o.db.Write(ctx, store.System("share: pushed"), func(tx *store.Tx) error {
		done := map[string]bool{}
		for _, p := range list {
			if done[p.row.ID] || p.gone {
				continue
			}
			done[p.row.ID] = true
			id := fmt.Sprintf("pushed:%s:%d", p.row.ID, clock.Micros(p.row.Modified))
			ev := msg.IndicatorChanged{Indicator: p.row.ID, Case: p.row.Case, Finding: p.row.Finding, At: tx.Now(), Pushed: at,
				Handling: p.row.Handling}
			if err := tx.EmitIn(p.row.Handling.Owner, msg.TopicIndicator, id, ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		o.log.Warn("could not note that indicators were pushed", slog.Any("err", err))
	}
	o.tell()
}

// Sync answers a member that asks for what it has not got. What it is entitled
// to is decided now: an object whose marking became stricter meanwhile is not
// in the answer, and nothing shows that it was skipped.
func (o *Office) Sync(ctx context.Context, member string, ask wire.SyncRequest) (wire.SyncReply, error) {
	people, err := o.roll.Recipients(ctx)
	if err != nil {
		return wire.SyncReply{}, err
	}
	var me Recipient
	for _, p := range people {
		if p.ID == member {
			me = p
		}
	}
	if me.ID == "" {
		return wire.SyncReply{}, fault.New(fault.Denied, i18n.T("not a member", "構成員ではありません"))
	}
	limit := min(max(ask.Limit, 1), 500)
	run, err := o.Count(ctx)
	if err != nil {
		return wire.SyncReply{}, err
	}
	var a wire.SyncReply
	err = o.db.Write(ctx, store.System("share: sync"), func(tx *store.Tx) error {
		last, err := store.One[int64](tx, `SELECT coalesce(max(seq), 0) FROM delivery WHERE member = $1`, member)
		if err != nil {
			return err
		}
		after := ask.After
		a = wire.SyncReply{Run: run}
		// This hub was restored from a backup: the member's count is of a future
		// that is gone.
		if after > last || ask.Run != "" && ask.Run != run {
			after, a.Reset = 0, true
		}
		a.Upto = after
		var rows []deliveryRow
		for filled, again := false, true; again; {
			rows, err = store.Query[deliveryRow](tx, `SELECT member, seq, object, modified, withdraw, at FROM delivery WHERE member = $1 AND seq > $2 ORDER BY seq LIMIT $3`, member, after, limit)
			if err != nil {
				return err
			}
			// What it could not get before is looked for once it has all the rest, and not
			// at every page.
			if again = len(rows) < limit && !filled; again {
				filled = true
				if err := o.backfill(tx, me); err != nil {
					return err
				}
			}
		}
		for _, d := range rows {
			a.Upto = d.Seq
			row, err := store.One[Indicator](tx, `SELECT `+objectColumns+` FROM objects o WHERE o.id = $1 AND SCOPE(o)`, d.Object)
			if err != nil {
				return err
			}
			may := policy.MayGet(me.ID, me.Sector, row.Handling) && row.Withdrawn.IsZero()
			switch {
			case d.Withdraw && !may:
				a.Objects = append(a.Objects, wire.Object{Seq: d.Seq, ID: row.ID, Modified: row.Modified, Realm: row.Realm, Withdraw: true})
			case !d.Withdraw && may && d.Modified.Equal(row.Modified):
				a.Objects = append(a.Objects, row.wire(d.Seq, me.ID))
			}
		}
		a.More = len(rows) == limit
		return nil
	})
	return a, err
}

// Count names this hub's count of deliveries, and makes the name the first time.
func (o *Office) Count(ctx context.Context) (string, error) {
	o.runMu.Lock()
	defer o.runMu.Unlock()
	run, ok, err := o.db.Setting(ctx, settingRun)
	if err != nil || ok {
		return run, err
	}
	run = clock.RandomID()
	return run, o.db.SetSetting(ctx, settingRun, run)
}

// CountAnew is to be called when the hub's state was restored from a backup: the
// numbers that it gives out again stand for something else than members know, so
// they take everything from the first.
func (o *Office) CountAnew(ctx context.Context) error {
	o.runMu.Lock()
	defer o.runMu.Unlock()
	return o.db.SetSetting(ctx, settingRun, clock.RandomID())
}

// backfill addresses to a member what was shared before it could get it: before
// it joined, or before a marking was loosened.
func (o *Office) backfill(tx *store.Tx, me Recipient) error {
	rows, err := store.Query[missingRow](tx, `SELECT o.id, o.modified, o.tlp, o.owner, o.audience FROM objects o WHERE o.withdrawn = 0 AND (o.valid_until = 0 OR o.valid_until > $1)
 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.object = o.id AND d.member = $2 AND d.modified = o.modified AND d.withdraw = $3) AND SCOPE(o) ORDER BY o.made, o.id`,
		clock.Micros(tx.Now()), me.ID, false)
	if err != nil || len(rows) == 0 {
		return err
	}
	last, err := lastSeqs(tx, []Recipient{me})
	if err != nil {
		return err
	}
	n := last[me.ID]
	var list []deliveryRow
	for _, r := range rows {
		if policy.MayGet(me.ID, me.Sector, r.Handling) {
			n++
			list = append(list, deliveryRow{me.ID, n, r.ID, r.Modified, false, tx.Now()})
		}
	}
	return store.Insert(tx, "delivery", list)
}

// missingRow is an object that was not delivered to a member.
type missingRow struct {
	ID       string          `db:"id"`
	Modified time.Time       `db:"modified"`
	Handling policy.Handling `db:",handling"`
}
