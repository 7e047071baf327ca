package detect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
)

// row is a finding as it is stored: what lists sort and filter by in columns,
// the whole in body.
type row struct {
	ID       string          `db:"id"`
	Arrived  time.Time       `db:"arrived"`
	Body     string          `db:"body"`
	Handling policy.Handling `db:",handling"`
}

const columns = "f.id, f.arrived, f.body, f.tlp, f.owner, f.audience"

func (r row) finding() (msg.Finding, error) {
	var f msg.Finding
	if err := json.Unmarshal([]byte(r.Body), &f); err != nil {
		return f, fmt.Errorf("read finding %s: %w", r.ID, err)
	}
	f.Handling = r.Handling
	return f, nil
}

// save writes findings, replacing older versions of them. Their labels never get
// wider by that.
func save(tx *store.Tx, arrived time.Time, list ...msg.Finding) error {
	rows := make([][]any, len(list))
	for i, f := range list {
		body, err := encode(f)
		if err != nil {
			return err
		}
		rows[i] = []any{f.ID, f.Version, f.Member, f.Realm, f.Rule.ID, f.Rule.Title, f.Rule.Level, sigma.Level(f.Rule.Level).Rank(), f.Indicator, f.Host,
			clock.Micros(f.First), clock.Micros(f.Last), f.Count, f.Retro, clock.Micros(f.Detected), clock.Micros(arrived), words(f), body,
			int(f.Handling.TLP), f.Handling.Owner, f.Handling.Audience.Column()}
	}
	return tx.InsertTogether(`INSERT INTO findings (id, version, member, realm, rule, title, level, rank, indicator, host, first, last, count, past, detected, arrived, words, body, tlp, owner, audience)`,
		rows, `ON CONFLICT (id) DO UPDATE SET version = excluded.version, indicator = excluded.indicator, first = excluded.first, last = excluded.last, count = excluded.count, words = excluded.words, body = excluded.body,
 tlp = CASE WHEN excluded.tlp > findings.tlp THEN excluded.tlp ELSE findings.tlp END`)
}

// Filter narrows a list of findings. The zero Filter is everything.
type Filter struct {
	Text   string // substring of title, rule, host, value
	Level  string // this level or higher
	Member string
	Rule   string
	Indi   string // indicator
	Retro  string // "live", "past" or ""
	IDs    []string
}

// Item is a finding in a list.
type Item struct {
	msg.Finding
	Arrived time.Time
}

// Cursor is the place of the last row of a page; the zero Cursor is the start.
type Cursor struct {
	At time.Time
	ID string
}

// String and ParseCursor carry a cursor through a URL.
func (c Cursor) String() string {
	if c.ID == "" {
		return ""
	}
	return fmt.Sprintf("%d-%s", clock.Micros(c.At), c.ID)
}

// ParseCursor reads what String wrote; anything else is the start.
func ParseCursor(s string) Cursor {
	us, id, ok := strings.Cut(s, "-")
	var n int64
	if _, err := fmt.Sscanf(us, "%d", &n); err != nil || !ok {
		return Cursor{}
	}
	return Cursor{At: clock.FromMicros(n), ID: id}
}

// List gives the newest findings that the scope may see, after a cursor.
func List(tx *store.Tx, f Filter, after Cursor, limit int) ([]Item, error) {
	q := `SELECT ` + columns + ` FROM findings f WHERE SCOPE(f)`
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	q += f.where(arg)
	if after.ID != "" {
		q += ` AND (f.arrived, f.id) < (` + arg(clock.Micros(after.At)) + `, ` + arg(after.ID) + `)`
	}
	q += ` ORDER BY f.arrived DESC, f.id DESC LIMIT ` + arg(limit)
	rows, err := store.Query[row](tx, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Item, 0, len(rows))
	for _, r := range rows {
		f, err := r.finding()
		if err != nil {
			return nil, err
		}
		out = append(out, Item{f, r.Arrived})
	}
	return out, nil
}

// Count gives how many findings the scope may see.
func Count(tx *store.Tx, f Filter) (int64, error) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	return store.One[int64](tx, `SELECT count(*) FROM findings f WHERE SCOPE(f)`+f.where(arg), args...)
}

func (f Filter) where(arg func(any) string) string {
	var b strings.Builder
	for _, word := range list.WordsOf(f.Text) {
		b.WriteString(` AND replace(f.words, ` + arg(word) + `, '') <> f.words`)
	}
	if f.Level != "" {
		b.WriteString(` AND f.rank >= ` + arg(sigma.Level(f.Level).Rank()))
	}
	if f.Member != "" {
		b.WriteString(` AND f.member = ` + arg(f.Member))
	}
	if f.Rule != "" {
		b.WriteString(` AND f.rule = ` + arg(f.Rule))
	}
	if f.Indi != "" {
		b.WriteString(` AND f.indicator = ` + arg(f.Indi))
	}
	if f.Retro != "" {
		b.WriteString(` AND f.past = ` + arg(f.Retro == "past"))
	}
	if len(f.IDs) > 0 {
		list := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			list[i] = arg(id)
		}
		b.WriteString(` AND f.id IN (` + strings.Join(list, ",") + `)`)
	}
	return b.String()
}

// Get gives one finding, or fault.NotFound, which is also what is said of one
// that the scope may not see.
func Get(tx *store.Tx, id string) (Item, error) {
	r, err := store.One[row](tx, `SELECT `+columns+` FROM findings f WHERE f.id = $1 AND SCOPE(f)`, id)
	if err != nil {
		return Item{}, err
	}
	f, err := r.finding()
	return Item{f, r.Arrived}, err
}

// Trace is one event behind a finding: where to look for it at the node.
type Trace struct {
	Event  string    `db:"event"`
	At     time.Time `db:"at"`
	Name   string    `db:"name"`
	Record int64     `db:"position"`
}

// pair is an event that is in a finding of a rule.
type pair struct {
	Rule  string `db:"rule"`
	Event string `db:"event"`
}

// askTogether is how many pairs are asked for at once.
const askTogether = 64

// traced gives which of the matches are in a finding already.
func traced(tx *store.Tx, list []match) (map[pair]bool, error) {
	out := map[pair]bool{}
	for some := range slices.Chunk(list, askTogether) {
		var args []any
		var marks []string
		for _, m := range some {
			args = append(args, m.by(), m.ev.ID)
			marks = append(marks, fmt.Sprintf("($%d,$%d)", len(args)-1, len(args)))
		}
		for len(marks) < askTogether && len(marks)&(len(marks)-1) != 0 { // few statements are kept prepared
			marks = append(marks, marks[0])
		}
		rows, err := store.Query[pair](tx, `WITH w(rule, event) AS (VALUES `+strings.Join(marks, ",")+`)
SELECT f.rule, f.event FROM w JOIN finding_event f ON f.rule = w.rule AND f.event = w.event`, args...)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			out[p] = true
		}
	}
	return out, nil
}

// trace notes the events behind a finding.
func (a *active) trace(list []match) (rows [][]any) {
	for _, m := range list {
		rows = append(rows, []any{a.ID, m.by(), m.ev.ID, clock.Micros(m.ev.Time), m.ev.From.Name, m.ev.From.Record})
	}
	return rows
}

// Traces gives the first events behind a finding; only its own node has them.
func Traces(tx *store.Tx, finding string, limit int) ([]Trace, error) {
	return store.Query[Trace](tx, `SELECT event, at, name, position FROM finding_event WHERE finding = $1 ORDER BY at, event LIMIT $2`, finding, limit)
}

// Offered tells what was judged of a finding's values, and why.
type Offered = offerRow

// Offers gives the verdicts on a finding's values.
func Offers(tx *store.Tx, finding string) ([]Offered, error) {
	return store.Query[offerRow](tx, `SELECT finding, value, why, offered FROM finding_offer WHERE finding = $1 ORDER BY offered DESC, value`, finding)
}
