package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// delivery is what came at once.
type delivery struct {
	objects []wire.Object
	from    string // cursor that it follows on
	cursor  string // cursor behind it
	whole   bool   // one receipt for all of it
	forget  bool   // what did not come again
	over    bool   // with it everything was taken from the start
}

// smallPage is how many objects of a reply have a receipt each.
const smallPage = 50

// arrival is an object on its way into the store.
type arrival struct {
	wire.Object
	stix *stix.Object        // nil if it was withdrawn, or is not readable
	row  indicator.Indicator // of an indicator
	here *indicator.Indicator
	err  error // why it is not armed
}

// same reports whether the indicator was here as it came.
func (a *arrival) same() bool {
	return a.here != nil && a.stix != nil && a.here.Modified.Equal(a.Modified.Truncate(time.Microsecond)) &&
		a.here.Handling.TLP == a.Handling.TLP && a.here.Withdrawn.IsZero() && a.here.Realm == a.Realm &&
		a.here.Body == a.row.Body
}

// indicates reports whether there may be something to match.
func (a *arrival) indicates() bool { return a.row.ID != "" }

// accept arms objects and then writes them down with their receipts; the receipt is true
// when it leaves, and a crash in between is healed by asking. Called under mu.
func (b *Inbox) accept(ctx context.Context, d delivery) error {
	if b.resync != nil && !d.forget {
		b.resync.note(d.objects)
	}
	if d.whole { // one receipt says of each object how far it is in the end
		d.objects = lastOfEach(d.objects)
	}
	if len(d.objects) == 0 {
		if err := b.keep(ctx, d, nil, true); err != nil {
			return err
		}
	}
	for list := d.objects; len(list) > 0; { // some at a time of which none comes twice
		seen := map[string]bool{}
		n := 0
		for n < len(list) && !seen[list[n].ID] {
			seen[list[n].ID] = true
			n++
		}
		some, err := b.take(ctx, list[:n])
		if err != nil {
			return err
		}
		if err := b.keep(ctx, d, some, n == len(list)); err != nil {
			return err
		}
		list = list[n:]
	}
	b.cursor = d.cursor
	b.Hunt()
	b.Notify()
	return nil
}

// lastOfEach leaves of each object what came last.
func lastOfEach(list []wire.Object) (out []wire.Object) {
	last := map[string]int{}
	for i, o := range list {
		last[o.ID] = i
	}
	for i, o := range list {
		if last[o.ID] == i {
			out = append(out, o)
		}
	}
	return out
}

// take reads objects that are all different, and arms and disarms them.
func (b *Inbox) take(ctx context.Context, list []wire.Object) ([]*arrival, error) {
	now := b.Clock()
	here, err := b.here(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]*arrival, len(list))
	var gone []string
	var bodies [][]byte
	var armed []*arrival
	for i, o := range list {
		a := &arrival{Object: o}
		out[i] = a
		if h, ok := here[o.ID]; ok {
			a.here = &h
		}
		b.read(a, now)
		switch {
		case a.Withdraw || a.row.State == string(wire.Disarmed):
			gone = append(gone, o.ID)
		case a.err != nil && a.here != nil:
			gone = append(gone, o.ID) // the version before it does not go on
		case a.indicates() && a.err == nil && !(a.same() && a.here.State == string(wire.Armed)):
			bodies, armed = append(bodies, []byte(a.row.Body)), append(armed, a)
		}
	}
	if len(gone) > 0 {
		b.Matcher.DisarmIndicators(gone)
	}
	if len(bodies) > 0 {
		var failed []string
		for k, err := range b.Matcher.ArmIndicators(bodies) {
			if armed[k].err = err; err != nil && armed[k].here != nil {
				failed = append(failed, armed[k].ID)
			}
		}
		if len(failed) > 0 {
			b.Matcher.DisarmIndicators(failed)
		}
	}
	for _, a := range out {
		if a.err != nil {
			b.Log.Warn("an object was refused", slog.String("object", a.ID), slog.Any("err", a.err))
		}
		b.settle(a)
	}
	return out, nil
}

// here returns the indicators that are stored, by id.
func (b *Inbox) here(ctx context.Context, list []wire.Object) (map[string]indicator.Indicator, error) {
	out := map[string]indicator.Indicator{}
	return out, b.DB.Read(ctx, store.System("share: what is here"), func(tx *store.Tx) error {
		for i := 0; i < len(list); i += 400 {
			var ids []string
			for _, o := range list[i:min(i+400, len(list))] {
				ids = append(ids, o.ID)
			}
			in, args := store.List(1, ids)
			rows, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o
				WHERE o.id IN `+in+` AND SCOPE(o)`, args...)
			if err != nil {
				return err
			}
			for _, r := range rows {
				out[r.ID] = r
			}
		}
		return nil
	})
}

// read finds out what an object is. Whom the hub gave it to is this member.
func (b *Inbox) read(a *arrival, now time.Time) {
	if a.Withdraw {
		return
	}
	a.Handling.Owner, a.Handling.Audience = "", policy.Audience{policy.ToMember(b.Member())}
	so, err := stix.Parse(a.STIX)
	switch {
	case err != nil:
		err = fault.Wrap(fault.Invalid, i18n.T("not a valid STIX object", "有効な STIX オブジェクトではありません"), err)
	case so.ID() != a.ID:
		err = fault.New(fault.Invalid, i18n.T("not the object that was announced", "告げられたオブジェクトではありません"))
	}
	if err != nil {
		a.err = err
		if t, ok := stix.SplitID(a.ID); ok && t == "indicator" {
			a.row = indicator.Indicator{ID: a.ID, Modified: a.Modified, Realm: a.Realm, Made: now, Body: "{}",
				Handling: a.Handling}
		}
		return
	}
	a.stix = so
	if so.Type() != "indicator" {
		return
	}
	if a.row, a.err = indicator.FromWire(a.Object, now); a.err != nil {
		return
	}
	switch until := a.row.ValidUntil; {
	case so.Revoked():
		a.row.State, a.row.Withdrawn = string(wire.Disarmed), now
	case !until.IsZero() && !now.Before(until):
		a.row.State = string(wire.Disarmed)
	default:
		a.err = b.saysNothing(a.Realm, so)
	}
}

// settle sets how far the node is with an indicator.
func (b *Inbox) settle(a *arrival) {
	if !a.indicates() {
		return
	}
	if a.here != nil {
		a.row.Made = a.here.Made
	}
	switch {
	case a.err != nil:
		a.row.State, a.row.Hunted = string(wire.Refused), true
	case a.row.State == string(wire.Disarmed):
		a.row.Hunted = true
	default:
		a.row.State = string(wire.Armed)
		if a.same() && a.here.State == a.row.State { // the past was searched for this
			a.row.Hunted, a.row.Halted = a.here.Hunted, a.here.Halted
			a.row.Hits, a.row.Searched = a.here.Hits, a.here.Searched
		}
	}
}

// keep writes down what came, with its receipts; last says that nothing of the delivery is
// left, so that the cursor behind it is where the node is.
func (b *Inbox) keep(ctx context.Context, d delivery, list []*arrival, last bool) error {
	return b.DB.Write(ctx, store.System("share: take delivery"), func(tx *store.Tx) error {
		if err := b.store(tx, list); err != nil {
			return err
		}
		var rows []indicator.Indicator
		for _, a := range list {
			if a.Withdraw {
				if _, err := tx.Exec(
					`UPDATE objects SET state = $1, withdrawn = $2 WHERE id = $3 AND withdrawn = 0 AND SCOPE(objects)`,
					string(wire.Disarmed), clock.Micros(tx.Now()), a.ID,
				); err != nil {
					return err
				}
			}
			if a.indicates() {
				if d.whole {
					a.row.Batch = d.cursor
				}
				rows = append(rows, a.row)
			}
		}
		if err := indicator.SaveAll(tx, rows); err != nil {
			return err
		}
		if err := b.confirm(tx, d, list); err != nil || !last {
			return err
		}
		again := ""
		if b.resync != nil && !d.over {
			again = "1"
		}
		return tx.InsertTogether(`INSERT INTO setting (key, value, at)`,
			[][]any{{settingCursor, d.cursor, tx.Now()}, {settingResync, again, tx.Now()}},
			`ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at`)
	})
}

// store puts what came into the store of objects, as the hub has it: what it says now holds,
// also against what is here.
func (b *Inbox) store(tx *store.Tx, list []*arrival) error {
	var items []object.Item
	for _, a := range list {
		switch {
		case a.Withdraw:
			err := b.Objects.Delete(tx, a.Realm, a.ID, "")
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		case a.stix != nil:
			items = append(items, object.Item{Object: a.stix, Handling: a.Handling, Realm: a.Realm, Source: "hub"})
		}
	}
	out, err := b.Objects.Replace(tx, items)
	if err != nil {
		return err
	}
	for i, o := range out {
		if o.Err != nil {
			return fmt.Errorf("keep %s: %w", items[i].Object.ID(), o.Err)
		}
	}
	return nil
}
