package share

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// MemberDot is a member as the pages need it.
type MemberDot struct {
	ID, Name, Sector string
	Online           bool
}

// HubPageConfig is what the hub's pages and API of indicators stand on.
type HubPageConfig struct {
	DB     *store.DB
	Office *Office
	// MemberName gives a member's name; nil, or an empty answer, shows the id.
	MemberName func(ctx context.Context, id string) string
	// Members gives the members that there are, in the order to show them in.
	Members func(ctx context.Context) []MemberDot
	// CaseNumber gives a case's number as far as tx may see the case, or "".
	CaseNumber func(tx *store.Tx, caseID string) string
	// FindingTitle gives a finding's title as far as tx may see it, or ""; may be nil.
	FindingTitle func(tx *store.Tx, id string) string
}

// HubPages adds /indicators, /indicators/{id} and its actions. The site needs
// Templates too. Tell "indicators" when one was made, changed, armed or seen.
func HubPages(site *web.Site, c HubPageConfig) {
	site.Page("/indicators", policy.RoleReader, c.list)
	site.Page("/indicators/{id}", policy.RoleReader, c.one)
	site.Action("/indicators/{id}/marking", policy.RoleCoordinator, c.remark)
	site.Action("/indicators/{id}/withdraw", policy.RoleCoordinator, c.withdraw)
	serveSTIX(site, c.DB)
}

// serveSTIX adds the download of an indicator's STIX object.
func serveSTIX(site *web.Site, db *store.DB) {
	site.Handle("GET /indicators/{id}/stix", http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := site.Who(w, hr, policy.RoleReader)
		var i Indicator
		if err == nil {
			err = db.Read(hr.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
				i, err = Get(tx, hr.PathValue("id"))
				return err
			})
		}
		if err != nil {
			site.Refuse(w, hr, err)
			return
		}
		name := strings.Map(func(r rune) rune {
			if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return '_'
		}, i.ID)
		w.Header().Set("Content-Type", "application/stix+json;version=2.1")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`_TLP-`+strings.ReplaceAll(strings.ToUpper(i.Handling.TLP.Slug()), "+", "-")+`.json"`)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(i.Body)) // the reader has gone
	}))
}

func (c HubPageConfig) member(ctx context.Context, id string) string {
	if c.MemberName != nil && id != "" {
		if name := c.MemberName(ctx, id); name != "" {
			return name
		}
	}
	return id
}

// seers is who may see what the members did with an indicator: the hub's own
// people. Others learn how many are armed, and what they did themselves.
func seers(v policy.Viewer) bool { return v.Hub }

// indicatorsData is the dot of indicators/list.
type indicatorsData struct {
	Hunt *huntCard // at a node
	List web.List
}

type countRow struct {
	Object string `db:"object"`
	N      int64  `db:"n"`
}

// foundBy counts the members that saw each indicator, of the sightings that the scope may see.
func foundBy(tx *store.Tx, objects []string) (map[string]int64, error) {
	in, args := store.List(1, objects)
	rows, err := store.Query[countRow](tx, `SELECT s.object, count(DISTINCT s.member) AS n FROM sightings s WHERE s.object IN `+in+` AND SCOPE(s) GROUP BY s.object`, args...)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Object] = r.N
	}
	return out, err
}

func (c HubPageConfig) list(r *web.Request) (*web.View, error) {
	f := filterOf(r.Value)
	hub := seers(r.Viewer)
	var counts map[string]ratio
	var seen map[string]int64
	numbers := map[string]string{}
	now := c.DB.Now()
	page, err := find(r.Context(), c.DB, r, f, func(tx *store.Tx, list []Indicator) error {
		ids := make([]string, len(list))
		for i, o := range list {
			ids[i] = o.ID
			if _, ok := numbers[o.Case]; !ok && o.Case != "" && c.CaseNumber != nil {
				numbers[o.Case] = c.CaseNumber(tx, o.Case)
			}
		}
		progress, err := progressOf(tx, ids)
		if err != nil {
			return err
		}
		counts = tally(progress)
		if hub {
			seen, err = foundBy(tx, ids)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	l := web.List{ID: "indicators", Caption: i18n.T("Indicators", "指標"), Count: web.Exactly(page.total), Bare: true, Filter: filterLine(f),
		Pager: web.Pager{First: page.first, Next: page.next}, Columns: []web.ListColumn{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
			{Key: "name", Text: i18n.T("What to look for", "探すもの"), Role: web.RoleMain},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
			{Key: "armed", Text: i18n.T("Armed", "防御済み")},
		},
		Empty: emptyIndicators(f, i18n.T("When a member offers a value or a behaviour of a finding that is in a case, an indicator is made of it and appears here.", "事案になった検知から構成員が値や振る舞いを提供すると、指標になってここに現れます。"))}
	if hub {
		l.Columns = append(l.Columns, web.ListColumn{Key: "found", Text: i18n.T("Found by", "発見"), Role: web.RoleNum})
	}
	l.Columns = append(l.Columns,
		web.ListColumn{Key: "made", Text: i18n.T("Made", "作成"), Role: web.RoleTime},
		web.ListColumn{Key: "until", Text: i18n.T("Valid until", "有効期限"), Role: web.RoleTime},
		web.ListColumn{Key: "case", Text: i18n.T("Case", "事案")},
		web.ListColumn{Key: "state", Text: i18n.T("State", "状態")})
	for _, o := range page.list {
		l.Rows = append(l.Rows, c.row(o, hub, counts[o.ID], seen[o.ID], numbers[o.Case], now))
	}
	return &web.View{Template: "indicators/list", Title: i18n.T("Indicators", "指標"), Nav: "indicators", Live: []string{"indicators"},
		Lede: i18n.T("What the community looks for, and who is armed against it", "共同体が探しているものと、防御の広がり"),
		Data: indicatorsData{nil, l}, CSV: indicatorTable(page.list, hub, counts, seen, numbers, now)}, nil
}

func (c HubPageConfig) row(o Indicator, hub bool, armed ratio, seen int64, number string, now time.Time) web.Row {
	var armedCell any = armed.html()
	if !hub {
		armedCell = armed.armed
	}
	cells := []any{web.Level(o.Level), subjectCell(o), o.Handling, armedCell}
	if hub {
		cells = append(cells, seen)
	}
	var of any
	if number != "" {
		of = web.Link{Text: number, Path: web.Path("/cases/{0}", o.Case)}
	}
	state := stateOf(o, now)
	return web.Row{Key: o.ID, Path: web.Path("/indicators/{0}", o.ID), Cells: append(cells, web.Brief(o.Made), web.Day(o.ValidUntil), of, state), Dim: state.Mood == web.Dim}
}

// indicatorTable is the list as data, exact.
func indicatorTable(list []Indicator, hub bool, counts map[string]ratio, seen map[string]int64, numbers map[string]string, now time.Time) *web.Table {
	t := &web.Table{Name: i18n.T("Indicators", "指標"), Columns: []web.Column{
		{Key: "id", Text: i18n.T("STIX id", "STIX 番号")}, {Key: "kind", Text: i18n.T("Kind", "種類")}, {Key: "value", Text: i18n.T("Value or rule", "値または規則")},
		{Key: "name", Text: i18n.T("Name", "名前")}, {Key: "level", Text: i18n.T("Level", "重要度")}, {Key: "tlp", Text: i18n.T("Marking", "取扱い")},
		{Key: "confidence", Text: i18n.T("Confidence", "確度"), Number: true}, {Key: "made", Text: i18n.T("Made", "作成")}, {Key: "valid_until", Text: i18n.T("Valid until", "有効期限")},
		{Key: "state", Text: i18n.T("State", "状態")}, {Key: "case", Text: i18n.T("Case", "事案")}, {Key: "armed", Text: i18n.T("Armed", "防御済み"), Number: true},
	}}
	if hub {
		t.Columns = append(t.Columns, web.Column{Key: "entitled", Text: i18n.T("Addressed to", "配布先"), Number: true}, web.Column{Key: "found_by", Text: i18n.T("Found by", "発見"), Number: true})
	}
	for _, o := range list {
		row := []any{o.ID, o.Kind, o.Value, o.Name, o.Level, o.Handling, o.Confidence, o.Made, o.ValidUntil, stateOf(o, now).Text, numbers[o.Case], counts[o.ID].armed}
		if hub {
			row = append(row, counts[o.ID].all, seen[o.ID])
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// progressOf is ProgressOf in pieces that fit any database's bound on arguments.
func progressOf(tx *store.Tx, ids []string) ([]Progress, error) {
	var out []Progress
	for len(ids) > 0 {
		part := ids[:min(len(ids), 500)]
		list, err := ProgressOf(tx, part...)
		if err != nil {
			return nil, err
		}
		out, ids = append(out, list...), ids[len(part):]
	}
	return out, nil
}
