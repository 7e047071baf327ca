package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// settingRun is the name of this hub's count of deliveries.
const settingRun = "share.delivery-run"

// sendLater has deliveries sent after the commit, together with the others of the
// transaction.
func (p *Publisher) sendLater(tx *store.Tx, list []delivery) {
	if len(list) == 0 {
		return
	}
	all := store.PerTx(tx, p, func() *[]delivery {
		all := new([]delivery)
		tx.AfterCommit(func() { p.send(tx.Context(), *all) })
		return all
	})
	*all = append(*all, list...)
}

// delivery is one delivery to one member.
type delivery struct {
	member   string
	row      indicator.Indicator
	seq      int64
	withdraw bool
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
func (p *Publisher) deliver(tx *store.Tx, row indicator.Indicator, people []identity.Member) ([]delivery, error) {
	seq, err := lastSeqs(tx, people)
	if err != nil {
		return nil, err
	}
	var rows []deliveryRow
	var out []delivery
	for _, m := range people {
		if !policy.MayReceive(m.Node(), row.Handling) {
			continue
		}
		n := seq[m.ID] + 1
		rows = append(rows, deliveryRow{m.ID, n, row.ID, row.Modified, false, tx.Now()})
		out = append(out, delivery{member: m.ID, row: row, seq: n})
	}
	return out, store.Insert(tx, "delivery", rows)
}

// lastSeqs returns the number of the last delivery to each member. It asks the
// index for each, and does not read all deliveries.
func lastSeqs(tx *store.Tx, people []identity.Member) (map[string]int64, error) {
	seq := make(map[string]int64, len(people))
	for some := range slices.Chunk(people, 500) {
		args, list := make([]any, len(some)), make([]string, len(some))
		for i, p := range some {
			args[i], list[i] = p.ID, fmt.Sprintf("(CAST($%d AS TEXT))", i+1)
		}
		last, err := store.Query[seqRow](tx, `SELECT p.column1 AS member, coalesce((SELECT max(d.seq) FROM delivery d
			WHERE d.member = p.column1), 0) AS seq
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

// send pushes deliveries to the members that are there and writes down when.
func (p *Publisher) send(ctx context.Context, list []delivery) {
	if len(list) == 0 {
		return
	}
	at := p.db.Now()
	for _, d := range list {
		msg := object(d.row, d.seq, d.member)
		if d.withdraw {
			msg = wire.Object{Seq: d.seq, ID: d.row.ID, Modified: d.row.Modified, Realm: d.row.Realm, Withdraw: true}
		}
		body, err := json.Marshal(msg)
		if err == nil {
			err = p.push.Push(d.member, wire.TopicObject, body)
		}
		if err != nil && !fault.Is(err, fault.Unavailable) {
			p.log.Warn("could not push to a member; it will ask", slog.String("member", d.member), slog.Any("err", err))
		}
	}
	err := p.db.Write(ctx, store.System("share: pushed"), func(tx *store.Tx) error {
		done := map[string]bool{}
		for _, d := range list {
			if done[d.row.ID] || d.withdraw {
				continue
			}
			done[d.row.ID] = true
			id := fmt.Sprintf("pushed:%s:%d", d.row.ID, clock.Micros(d.row.Modified))
			ev := msg.IndicatorChanged{Indicator: d.row.ID, Case: d.row.Case, Finding: d.row.Finding, At: tx.Now(),
				Pushed:   at,
				Handling: d.row.Handling}
			if err := tx.EmitIn(d.row.Handling.Owner, msg.TopicIndicator, id, ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.log.Warn("could not note that indicators were pushed", slog.Any("err", err))
	}
	p.notify()
}

// Sync answers a member that asks for what it has not got. What it is entitled
// to is decided now: an object whose marking became stricter meanwhile is not
// in the answer, and nothing shows that it was skipped.
func (p *Publisher) Sync(ctx context.Context, member string, ask wire.SyncRequest) (wire.SyncReply, error) {
	people, err := p.members.Active(ctx)
	if err != nil {
		return wire.SyncReply{}, err
	}
	var me identity.Member
	for _, m := range people {
		if m.ID == member {
			me = m
		}
	}
	if me.ID == "" {
		return wire.SyncReply{}, fault.Coded(fault.HubNotMember, nil)
	}
	limit := min(max(ask.Limit, 1), 500)
	run, err := p.DeliveryRun(ctx)
	if err != nil {
		return wire.SyncReply{}, err
	}
	var a wire.SyncReply
	err = p.db.Write(ctx, store.System("share: sync"), func(tx *store.Tx) error {
		last, err := store.One[int64](tx, `SELECT coalesce(max(seq), 0) FROM delivery WHERE member = $1`, member)
		if err != nil {
			return err
		}
		after := ask.After
		a = wire.SyncReply{Run: run}
		// This hub was restored from a backup: the member's count is of a time
		// that is gone.
		if after > last || ask.Run != "" && ask.Run != run {
			after, a.Reset = 0, true
		}
		a.Upto = after
		var rows []deliveryRow
		for filled, again := false, true; again; {
			rows, err = store.Query[deliveryRow](tx, `SELECT member, seq, object, modified, withdraw, at FROM delivery
				WHERE member = $1 AND seq > $2 ORDER BY seq LIMIT $3`, member, after, limit)
			if err != nil {
				return err
			}
			// What it could not get before is looked for once it has all the rest, and not
			// at every page.
			if again = len(rows) < limit && !filled; again {
				filled = true
				if err := p.backfill(tx, me); err != nil {
					return err
				}
			}
		}
		for _, d := range rows {
			a.Upto = d.Seq
			row, err := store.One[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o WHERE o.id = $1
				AND SCOPE(o)`, d.Object)
			if err != nil {
				return err
			}
			may := policy.MayReceive(me.Node(), row.Handling) && row.Withdrawn.IsZero()
			switch {
			case d.Withdraw && !may:
				a.Objects = append(a.Objects, wire.Object{Seq: d.Seq, ID: row.ID, Modified: row.Modified,
					Realm: row.Realm, Withdraw: true})
			case !d.Withdraw && may && d.Modified.Equal(row.Modified):
				a.Objects = append(a.Objects, object(row, d.Seq, me.ID))
			}
		}
		a.More = len(rows) == limit
		return nil
	})
	return a, err
}

// DeliveryRun names this hub's count of deliveries, and makes the name the first time.
func (p *Publisher) DeliveryRun(ctx context.Context) (string, error) {
	p.runMu.Lock()
	defer p.runMu.Unlock()
	run, ok, err := p.db.Setting(ctx, settingRun)
	if err != nil || ok {
		return run, err
	}
	run = clock.RandomID()
	return run, p.db.SetSetting(ctx, settingRun, run)
}

// NewDeliveryRun is to be called when the hub's state was restored from a backup: the
// numbers that it gives out again stand for something else than members know, so
// they take everything from the first.
func (p *Publisher) NewDeliveryRun(ctx context.Context) error {
	p.runMu.Lock()
	defer p.runMu.Unlock()
	return p.db.SetSetting(ctx, settingRun, clock.RandomID())
}

// backfill addresses to a member what was shared before it could get it: before
// it joined, or before a marking was loosened.
func (p *Publisher) backfill(tx *store.Tx, me identity.Member) error {
	rows, err := store.Query[missingRow](tx, `SELECT o.id, o.modified, o.tlp, o.owner, o.audience FROM objects o
		WHERE o.withdrawn = 0 AND (o.valid_until = 0 OR o.valid_until > $1)
 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.object = o.id AND d.member = $2 AND d.modified = o.modified
AND d.withdraw = $3) AND SCOPE(o) ORDER BY o.made, o.id`,
		clock.Micros(tx.Now()), me.ID, false)
	if err != nil || len(rows) == 0 {
		return err
	}
	last, err := lastSeqs(tx, []identity.Member{me})
	if err != nil {
		return err
	}
	n := last[me.ID]
	var list []deliveryRow
	for _, r := range rows {
		if policy.MayReceive(me.Node(), r.Handling) {
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
