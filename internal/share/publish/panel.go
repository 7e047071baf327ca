package publish

import (
	"context"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// How many indicators of a case are read, and shown at first.
const (
	mostOfCase  = 200
	firstOfCase = 25
)

// ofCase lists what came out of a case, as far as a viewer may see it. How far the
// members are is for the hub's people.
func (c pages) ofCase(ctx context.Context, about web.Subject) (out web.Part, err error) {
	var rows []indicator.Indicator
	var far map[string]reach // nil: not told
	people, err := c.members.Active(ctx)
	if err != nil {
		return out, err
	}
	err = c.db.Read(ctx, store.As(about.Viewer), func(tx *store.Tx) error {
		p, err := indicator.List(tx, list.Ask{Values: map[string]string{"case": about.ID}, Limit: mostOfCase})
		if err != nil {
			return err
		}
		if rows = p.Rows; seers(about.Viewer) {
			far, err = c.reachOf(tx, people, rows)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	l := caseList(rows, far)
	if len(l.Rows) > firstOfCase && !about.Whole() {
		out.Cut = true
		l.All = &web.Link{
			Text: i18n.T("Show all {0}", "全 {0} 件を表示").With(len(l.Rows)),
			Path: about.WholePath() + "#indicators",
		}
		l.Rows = l.Rows[:firstOfCase]
		l.Note = i18n.T("The first {0} are shown.", "最初の {0} 件を表示しています。").With(firstOfCase)
	}
	for _, i := range rows {
		out.Related = append(
			out.Related,
			web.Related{
				ID:   i.ID,
				Kind: svg.KindIndicator,
				Text: label(i),
				Sub:  web.KindText(i.Kind),
				Path: web.Path("/indicators/{0}", i.ID),
			},
		)
	}
	out.Data = l
	return out, nil
}

// reach is how far the members are with an indicator.
type reach struct{ addressed, armed, hunted, sightings int }

func (c pages) reachOf(tx *store.Tx, people []identity.Member, rows []indicator.Indicator) (map[string]reach, error) {
	progress, err := c.Progress(tx, people, rows...)
	if err != nil {
		return nil, err
	}
	out := map[string]reach{}
	for _, p := range progress {
		n := out[p.Object]
		n.addressed++
		if p.isArmed() {
			n.armed++
		}
		if !p.Hunted.IsZero() {
			n.hunted++
		}
		out[p.Object] = n
	}
	for _, i := range rows {
		seen, err := SightingsOf(tx, i.ID)
		if err != nil {
			return nil, err
		}
		n := out[i.ID]
		n.sightings = len(seen)
		out[i.ID] = n
	}
	return out, nil
}

// label is what an indicator is called: its value defanged, or its rule's title.
func label(i indicator.Indicator) string {
	if i.Kind == "sigma" || i.Value == "" {
		return i.Name
	}
	return web.Defang(i.Value)
}

// caseList lists the indicators out of a case; without far it does not say how far
// the members are.
func caseList(rows []indicator.Indicator, far map[string]reach) web.List {
	l := web.List{
		ID:      "indicators",
		Caption: i18n.T("Indicators out of this case", "この事案から出た指標"),
		Count:   web.Exactly(int64(len(rows))),
		Dense:   true,
		Columns: []web.ListColumn{
			{Key: "indicator", Text: i18n.T("Indicator", "指標"), Role: web.RoleMain},
			{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		},
		Empty: &web.Empty{
			Icon: "indicators",
			Text: i18n.T("No indicator yet", "指標はまだありません"),
			How: i18n.T(
				"What is distinctive in a finding becomes an indicator, once the member behind it lets it go.",
				"検知に特徴的な値があり、構成員が提供を認めると、指標になります。",
			),
		},
	}
	if far != nil {
		l.Columns = append(
			l.Columns,
			web.ListColumn{Key: "armed", Text: i18n.T("Armed", "防御済み"), Role: web.RoleNum},
			web.ListColumn{Key: "hunted", Text: i18n.T("Past searched", "遡及済み"), Role: web.RoleNum},
			web.ListColumn{Key: "sightings", Text: i18n.T("Sightings", "観測報告"), Role: web.RoleNum},
		)
	}
	l.Columns = append(l.Columns, web.ListColumn{Key: "until", Text: i18n.T("Valid until", "有効期限"), Role: web.RoleTime})
	for _, i := range rows {
		name := any(i.Name)
		if i.Kind != "sigma" && i.Value != "" {
			name = web.Title(i.Value)
		}
		sub := web.Run{web.KindText(i.Kind)}
		if i.Kind != "sigma" && i.Name != i.Value {
			sub = append(sub, web.Defang(i.Name))
		}
		cells := []any{web.Lines{name, sub}, policy.Handling{TLP: i.Handling.TLP}}
		if n, ok := far[i.ID]; ok {
			of := func(k int) string { return strconv.Itoa(k) + " / " + strconv.Itoa(n.addressed) }
			cells = append(cells, of(n.armed), of(n.hunted), n.sightings)
		}
		until := any(web.Day(i.ValidUntil))
		if !i.Withdrawn.IsZero() {
			until = web.Badge{Text: i18n.T("withdrawn", "取下げ"), Mood: web.Dim}
		}
		l.Rows = append(
			l.Rows,
			web.Row{
				Key:   i.ID,
				Path:  web.Path("/indicators/{0}", i.ID),
				Cells: append(cells, until),
				Dim:   !i.Withdrawn.IsZero(),
			},
		)
	}
	return l
}
