package finding

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
)

// Filter narrows a list of findings. The zero Filter is everything.
type Filter struct {
	Text      string // substring of title, rule, host, value
	Level     string // this level or higher
	Member    string
	Rule      string
	Indicator string // indicator
	When      string // "live", "past" or ""
	IDs       []string
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

// List returns the newest findings that the scope may see, after a cursor.
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

// Count returns how many findings the scope may see.
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
	if f.Indicator != "" {
		b.WriteString(` AND f.indicator = ` + arg(f.Indicator))
	}
	if f.When != "" {
		b.WriteString(` AND f.retro = ` + arg(f.When == "past"))
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
