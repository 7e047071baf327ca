package inbox

import (
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// confirm tells the hub how far the node is with what came: for a whole page with one
// receipt and what is an exception to it, else object by object.
func (b *Inbox) confirm(tx *store.Tx, d delivery, list []*arrival) error {
	at := b.Clock().Add(b.Skew()) // armed now, and not when it came
	if d.whole {
		return b.confirmWhole(tx, d, list)
	}
	var out []msg.Offer
	for _, a := range list {
		if d.forget && a.here != nil && a.here.Batch != "" {
			continue // the receipt that named it is of a time that is gone
		}
		r := wire.Receipt{Object: a.ID, Modified: a.Modified, State: stateOf(a), At: at}
		if a.err != nil {
			r.Reason = reason.Refusal(a.err)
		}
		out = append(out, b.offer(r))
		if a.row.State == string(wire.Armed) && a.row.Hunted { // a hub that was restored may not know
			r.State, r.Searched, r.Hits = wire.Hunted, a.row.Searched, a.row.Hits
			out = append(out, b.offer(r))
		}
	}
	return b.Outgoing.Offer(tx, out...)
}

// stateOf is how far the node is with an object.
func stateOf(a *arrival) wire.State {
	switch {
	case a.Withdraw:
		return wire.Disarmed
	case a.err != nil:
		return wire.Refused
	case a.indicates():
		return wire.State(a.row.State)
	case a.stix.Revoked():
		return wire.Disarmed
	}
	return wire.Held
}

// offer is a receipt on its way to the hub.
func (b *Inbox) offer(r wire.Receipt) msg.Offer {
	r.ID = indicator.ReceiptID(r)
	return msg.Offer{ID: r.ID, Title: r.Object, Handling: b.Outgoing.Handling(wire.KindReceipt), Body: r}
}

// confirmWhole is confirm with one receipt. If the list is only a part of the page, what is
// an exception is added to it.
func (b *Inbox) confirmWhole(tx *store.Tx, d delivery, list []*arrival) error {
	r := wire.RangeReceipt{ID: rangeID(d.cursor, wire.Armed), From: d.from, Upto: d.cursor, State: wire.Armed,
		At: b.Clock().Add(b.Skew())}
	for _, a := range list {
		if s := stateOf(a); s == wire.Refused || s == wire.Disarmed {
			x := wire.Exception{Object: a.ID, Modified: a.Modified, State: s}
			if a.err != nil {
				x.Reason = reason.Refusal(a.err)
			}
			r.Except = append(r.Except, x)
		}
	}
	if err := b.Outgoing.Offer(tx, b.offerRange(r)); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO inbox_page (upto, came_from, told) VALUES ($1, $2, $3)
		ON CONFLICT (upto) DO NOTHING`, d.cursor, d.from, false); err != nil {
		return err
	}
	return b.confirmHunts(tx, d.cursor)
}

func rangeID(upto string, state wire.State) string { return upto + "/" + string(state) }

func (b *Inbox) offerRange(r wire.RangeReceipt) msg.Offer {
	return msg.Offer{ID: r.ID, Title: r.Upto, Handling: b.Outgoing.Handling(wire.KindRange), Body: r}
}

type pageRow struct {
	From string `db:"came_from"`
	Told bool   `db:"told"`
}

// confirmHunts tells the hub that the past was searched for all that a page brought, once
// it was.
func (b *Inbox) confirmHunts(tx *store.Tx, upto string) error {
	pages, err := store.Query[pageRow](tx, `SELECT came_from, told FROM inbox_page WHERE upto = $1`, upto)
	if err != nil || len(pages) == 0 || pages[0].Told {
		return err
	}
	left, err := store.One[int64](tx, `SELECT count(*) FROM objects o WHERE o.batch = $1 AND o.state = 'armed'
		AND o.withdrawn = 0 AND o.hunted = $2 AND SCOPE(o)`, upto, false)
	if err != nil || left > 0 {
		return err
	}
	r := wire.RangeReceipt{ID: rangeID(upto, wire.Hunted), From: pages[0].From, Upto: upto, State: wire.Hunted,
		At: b.Clock().Add(b.Skew())}
	r.Searched, err = store.One[int64](tx, `SELECT coalesce(min(o.searched), 0) FROM objects o WHERE o.batch = $1
		AND o.state = 'armed' AND o.withdrawn = 0 AND SCOPE(o)`, upto)
	if err != nil {
		return err
	}
	found, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o
		WHERE o.batch = $1 AND o.state = 'armed' AND o.withdrawn = 0 AND o.hits > 0 AND SCOPE(o)`, upto)
	if err != nil {
		return err
	}
	for _, i := range found {
		r.Hits = append(r.Hits, wire.Hits{Object: i.ID, Modified: i.Modified, Hits: i.Hits})
	}
	if err := b.Outgoing.Offer(tx, b.offerRange(r)); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE inbox_page SET told = $1 WHERE upto = $2`, true, upto)
	return err
}
