package publish

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// maxExceptions bounds what a receipt for a range says of single objects.
const maxExceptions = 2000

// ReceiveRange takes a member's receipt for all that a reply brought it, in the caller's
// transaction. One whose cursors do not hold any more, or never did, says nothing: what it
// is about comes to the member again, if it may have it.
func (p *Publisher) ReceiveRange(tx *store.Tx, member string, body []byte) error {
	var r wire.RangeReceipt
	if err := json.Unmarshal(body, &r); err != nil || len(r.Except) > maxExceptions || len(r.Hits) > maxExceptions {
		return fault.Coded(fault.HubBadReceipt, err)
	}
	if r.State != wire.Armed && r.State != wire.Hunted {
		return fault.Coded(fault.HubReceiptState, nil)
	}
	between, ok, err := p.feed.Between(tx.Context(), member, r.From, r.Upto)
	if err != nil || !ok {
		return err
	}
	at := event.PlausibleTime(r.At, tx.Now())
	row := rangeRow{Member: member, Era: between.Era, Upto: between.Upto, After: between.After,
		Searched: max(r.Searched, 0), Undisclosed: r.Undisclosed}
	if r.State == wire.Hunted {
		row.Hunted = at
	} else {
		row.Armed, row.Searched = at, 0
	}
	if err := row.save(tx); err != nil {
		return err
	}
	say := func(one wire.Receipt) error {
		one.At, one.ID = at, indicator.ReceiptID(one)
		err := p.receipt(tx, member, msg.Receipt{Receipt: one})
		if k := fault.KindOf(err); err == nil || k == fault.NotFound || k == fault.Invalid {
			return nil // of what is not its to speak of, nothing is said
		}
		return err
	}
	for _, x := range r.Except {
		one := wire.Receipt{Object: x.Object, Modified: x.Modified, State: x.State, Reason: x.Reason}
		if err := say(one); err != nil {
			return err
		}
	}
	for _, x := range r.Hits {
		if err := say(wire.Receipt{Object: x.Object, Modified: x.Modified, State: wire.Hunted, Searched: r.Searched,
			Hits: x.Hits, Undisclosed: r.Undisclosed}); err != nil {
			return err
		}
	}
	tx.AfterCommitOnce(p, p.notify)
	return nil
}

// rangeRow is what a member said of all that it could get between two positions.
type rangeRow struct {
	Member      string    `db:"member"`
	Era         string    `db:"era"`
	Upto        int64     `db:"upto"`
	After       int64     `db:"after_seq"`
	Armed       time.Time `db:"armed"`
	Hunted      time.Time `db:"hunted"`
	Searched    int64     `db:"searched"`
	Undisclosed bool      `db:"undisclosed"`
}

// save writes the row. What the member said in another era, or of parts of the range, is
// no more of use.
func (r rangeRow) save(tx *store.Tx) error {
	if _, err := tx.Exec(`DELETE FROM progress_range WHERE member = $1 AND (era <> $2
		OR after_seq >= $3 AND upto < $4)`, r.Member, r.Era, r.After, r.Upto); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO progress_range (member, era, upto, after_seq, armed, hunted, searched, undisclosed)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8) ON CONFLICT (member, era, upto) DO UPDATE SET
			after_seq = CASE WHEN excluded.after_seq < progress_range.after_seq THEN excluded.after_seq
				ELSE progress_range.after_seq END,
			armed = CASE WHEN progress_range.armed = 0 THEN excluded.armed ELSE progress_range.armed END,
			hunted = CASE WHEN excluded.hunted <> 0 THEN excluded.hunted ELSE progress_range.hunted END,
			searched = CASE WHEN excluded.hunted <> 0 THEN excluded.searched ELSE progress_range.searched END,
			undisclosed = CASE WHEN excluded.hunted <> 0 THEN excluded.undisclosed ELSE progress_range.undisclosed END`,
		r.Member, r.Era, r.Upto, r.After, clock.Micros(r.Armed), clock.Micros(r.Hunted), r.Searched, r.Undisclosed)
	return err
}

// progress is what the row says of an object in the range.
func (r rangeRow) progress(i indicator.Indicator) Progress {
	p := Progress{Object: i.ID, Member: r.Member, Armed: r.Armed, Hunted: r.Hunted, Searched: r.Searched}
	switch {
	case !i.Withdrawn.IsZero():
		p.State = string(wire.Disarmed)
	case !r.Hunted.IsZero():
		p.State = string(wire.Hunted)
		if r.Undisclosed {
			p.Hits = hitsUndisclosed
		}
	case !r.Armed.IsZero():
		p.State = string(wire.Armed)
	}
	return p
}

// rangesOf returns what members said of the ranges in which a position is, by member.
func (p *Publisher) rangesOf(tx *store.Tx, people []identity.Member, pos int64) (map[string]rangeRow, error) {
	out := map[string]rangeRow{}
	for some := range slices.Chunk(people, 200) {
		args, list := []any{pos}, make([]string, len(some))
		for i, m := range some {
			list[i] = fmt.Sprintf("(CAST($%d AS TEXT), CAST($%d AS TEXT))", len(args)+1, len(args)+2)
			args = append(args, m.ID, p.feed.Era(m))
		}
		rows, err := store.Query[rangeRow](tx, `SELECT r.member, r.era, r.upto, r.after_seq, r.armed, r.hunted,
			r.searched, r.undisclosed FROM (VALUES `+strings.Join(list, ",")+`) AS m JOIN progress_range r
			ON r.member = m.column1 AND r.era = m.column2 AND r.upto = (SELECT min(x.upto) FROM progress_range x
				WHERE x.member = m.column1 AND x.era = m.column2 AND x.upto >= $1)
			WHERE r.after_seq < $1`, args...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.Member] = r
		}
	}
	return out, nil
}

type placeRow struct {
	ID    string `db:"id"`
	Owner string `db:"owner"`
	Seq   int64  `db:"seq"`
}

// placesOf returns the positions of indicators' objects, by id.
func placesOf(tx *store.Tx, rows []indicator.Indicator) (map[string]int64, error) {
	ids, owners := make([]string, len(rows)), map[string]string{}
	for i, r := range rows {
		ids[i], owners[r.ID] = r.ID, r.Handling.Owner
	}
	in, args := store.List(1, ids)
	list, err := store.Query[placeRow](tx, `SELECT o.id, o.owner, o.seq FROM stix_object o WHERE o.id IN `+in+`
		AND o.realm IN (SELECT t.realm FROM object_stream t) AND SCOPE(o)`, args...)
	out := map[string]int64{}
	for _, r := range list {
		if owners[r.ID] == r.Owner {
			out[r.ID] = r.Seq
		}
	}
	return out, err
}
