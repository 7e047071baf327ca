package publish

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	kept "github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// maxOfObject bounds the indicators of a report of which it is said how far members are.
const maxOfObject = 400

// ofObject lists how far members are with the indicator that an object is, or with those of
// a report, and what they found. It is for the hub's people; a member is told its own part.
func (c pages) ofObject(ctx context.Context, about web.Subject) (out web.Part, err error) {
	var progress []Progress
	indicators := 0
	people, err := c.members.Active(ctx)
	if err != nil {
		return out, err
	}
	err = c.db.Read(ctx, store.As(about.Viewer), func(tx *store.Tx) error {
		rows, err := indicatorsOf(tx, about.ID)
		if err != nil {
			return err
		}
		indicators = len(rows)
		progress, err = c.Progress(tx, people, rows...)
		return err
	})
	if !seers(about.Viewer) {
		progress = slices.DeleteFunc(progress, func(p Progress) bool { return p.Member != about.Viewer.Member })
	}
	if err != nil || len(progress) == 0 {
		return out, err
	}
	out.Data = c.farList(ctx, progress, indicators)
	return out, nil
}

// indicatorsOf returns the indicators that an object is or holds, as far as the scope may
// see them.
func indicatorsOf(tx *store.Tx, id string) (rows []indicator.Indicator, err error) {
	ids := []string{id}
	if !strings.HasPrefix(id, "indicator--") {
		o, err := kept.Get(tx, event.Live, id)
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		so, err := stix.Parse(o.Body)
		if err != nil {
			return nil, nil //nolint:nilerr // what cannot be read holds nothing
		}
		ids = so.Strings("object_refs")
	}
	for _, ref := range ids {
		if !strings.HasPrefix(ref, "indicator--") || len(rows) == maxOfObject {
			continue
		}
		o, err := kept.Get(tx, event.Live, ref)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, indicator.Indicator{ID: o.ID, Realm: o.Realm, Made: o.Added(), Handling: o.Handling})
	}
	return rows, nil
}

// farList is how far each member is with some indicators.
func (c pages) farList(ctx context.Context, progress []Progress, indicators int) web.List {
	type sum struct {
		sent, armed, hunted int
		hits                int64
		silent              bool
	}
	by := map[string]*sum{}
	var members []string
	for _, p := range progress {
		s := by[p.Member]
		if s == nil {
			s = &sum{}
			by[p.Member] = s
			members = append(members, p.Member)
		}
		s.sent++
		if p.isArmed() {
			s.armed++
		}
		if !p.Hunted.IsZero() {
			s.hunted++
		}
		if s.silent = s.silent || p.Hits == hitsUndisclosed; p.Hits > 0 {
			s.hits += p.Hits
		}
	}
	l := web.List{ID: "far", Caption: i18n.T("Who has it, and what it did", "届いた構成員と結果"), Dense: true,
		Count: web.Exactly(int64(len(members))), Columns: []web.ListColumn{
			{Key: "member", Text: i18n.T("Member", "構成員"), Role: web.RoleMain},
			{Key: "armed", Text: i18n.T("Armed", "防御済み"), Role: web.RoleNum},
			{Key: "hunted", Text: i18n.T("Past searched", "過去の調査"), Role: web.RoleNum},
			{Key: "hits", Text: i18n.T("Traces", "痕跡"), Role: web.RoleNum},
		}}
	if indicators > 1 {
		l.Note = i18n.T("Of {0} indicators that are matched.", "照合される指標 {0} 件について。").With(indicators)
	}
	for _, m := range members {
		s := by[m]
		of := func(n int) string { return strconv.Itoa(n) + " / " + strconv.Itoa(s.sent) }
		hits := any(s.hits)
		if s.silent && s.hits == 0 {
			hits = i18n.T("not disclosed", "非開示")
		}
		l.Rows = append(l.Rows, web.Row{Key: m, Path: web.Path("/members/{0}", m),
			Cells: []any{c.members.Name(ctx, m), of(s.armed), of(s.hunted), hits}})
	}
	return l
}
