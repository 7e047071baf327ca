package list_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

type item struct {
	ID       string          `db:"id"`
	Title    string          `db:"title"`
	Sev      int             `db:"sev"`
	At       time.Time       `db:"at"`
	Done     bool            `db:"done"`
	Score    float64         `db:"score"`
	Handling policy.Handling `db:",handling"`
}

var items = store.Migration{Name: "items", FS: fstest.MapFS{"sql/0001_items.sql": {Data: []byte(`
	CREATE TABLE item (id TEXT PRIMARY KEY, title TEXT NOT NULL, sev INTEGER NOT NULL, at BIGINT NOT NULL,
		done BOOLEAN NOT NULL, score DOUBLE PRECISION NOT NULL,
		tlp INTEGER NOT NULL, owner TEXT NOT NULL, audience TEXT NOT NULL);`)}}}

var start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// rows are n items with many equal values in every column but the id.
func rows(n int) []item {
	out := make([]item, n)
	for i := range out {
		out[i] = item{
			ID:       fmt.Sprintf("i%03d", i*7919%n),
			Title:    fmt.Sprint("title ", i%5),
			Sev:      i % 4,
			At:       start.Add(time.Duration(i%9) * time.Minute),
			Done:     i%3 == 0,
			Score:    float64(i%6) / 3,
			Handling: policy.Handling{Owner: "a", TLP: policy.Green, Audience: policy.Audience{policy.Community}},
		}
		if i%10 == 9 {
			out[i].Handling = policy.Handling{Owner: "b", TLP: policy.Red, Audience: policy.Audience{}}
		}
	}
	return out
}

func save(tx *store.Tx, list ...item) error { return store.Insert(tx, "item", list) }

func term(sql string, desc bool, of func(item) any) list.Term[item] {
	return list.Term[item]{SQL: sql, Of: of, Desc: desc}
}

var (
	sev   = func(i item) any { return i.Sev }
	at    = func(i item) any { return i.At }
	title = func(i item) any { return i.Title }
	done  = func(i item) any { return i.Done }
	score = func(i item) any { return i.Score }
)

func spec() list.Spec[item] {
	return list.Spec[item]{
		Select: "i.id, i.title, i.sev, i.at, i.done, i.score, i.tlp, i.owner, i.audience",
		From:   "item i",
		Scope:  []string{"i"},
		Key:    []list.Term[item]{{SQL: "i.id", Of: func(i item) any { return i.ID }}},
		Sorts: []list.Sort[item]{
			{Name: "worst", Text: i18n.T("worst first", "深刻な順"), Back: i18n.T("least severe first", "軽い順"),
				By: []list.Term[item]{term("i.sev", true, sev), term("i.at", true, at)}},
			{
				Name: "mixed",
				By: []list.Term[item]{
					term("i.sev", true, sev),
					term("i.title", false, title),
					term("i.done", true, done),
				},
			},
			{Name: "score", By: []list.Term[item]{term("i.score", false, score)}},
			{Name: "opened", KeyOnly: true, By: []list.Term[item]{term("i.at", true, at)}},
			{Name: "id", Text: i18n.T("by id", "番号順")},
		},
		Filters: []list.Filter[item]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Title", "件名"),
				Where: func(v string) list.Cond { return list.Contains("i.title", v) },
				Match: func(i item, v string) bool { return list.Holds(i.Title, v) }},
			{
				Name:    "state",
				Kind:    list.Tab,
				Missing: "open",
				Options: []list.Option{
					{Value: "open", Text: i18n.T("open", "未了")},
					{Value: "done", Text: i18n.T("done", "完了")},
					{Value: "all", Text: i18n.T("all", "すべて")},
				},
				Where: func(v string) list.Cond {
					if v == "all" {
						return list.All()
					}
					return list.Where("i.done = ?", v == "done")
				},
				Match: func(i item, v string) bool { return v == "all" || i.Done == (v == "done") },
			},
			{
				Name: "sev",
				Kind: list.Choice,
				Text: i18n.T("Severity", "深刻度"),
				Options: []list.Option{
					{Value: "", Text: i18n.T("any", "すべて")},
					{Value: "3", Text: i18n.T("worst", "最悪")},
				},
				Where: func(v string) list.Cond { return list.In("i.sev", []int{len(v) + 2}) },
				Match: func(i item, v string) bool { return i.Sev == len(v)+2 },
			},
			{Name: "owner", Kind: list.Linked,
				Where: func(v string) list.Cond { return list.Where("i.owner = ?", v) },
				Match: func(i item, v string) bool { return i.Handling.Owner == v }},
		},
		Name:    "items",
		Path:    "/items",
		Caption: i18n.T("Items", "項目"),
		All:     i18n.T("all items", "すべての項目"),
		Columns: []list.Column[item]{
			{
				Key:  "sev",
				Text: i18n.T("Severity", "深刻度"),
				Role: web.RoleSev,
				Sort: "worst",
				Cell: func(i item) any { return web.Sev(i.Sev) },
			},
			{Key: "title", Text: i18n.T("Title", "件名"), Role: web.RoleMain, Cell: title},
			{Key: "id", Text: i18n.T("Id", "番号"), Data: func(i item) any { return i.ID }},
			{Key: "menu", Text: i18n.T("Menu", "操作"), Cell: func(item) any { return "x" }, ScreenOnly: true},
		},
		Row:     func(i item) web.Row { return web.Row{Key: i.ID, Path: web.Path("/items/{0}", i.ID)} },
		Empty:   &web.Empty{Text: i18n.T("none", "なし")},
		NoMatch: &web.Empty{Text: i18n.T("no match", "該当なし")},
	}
}

var sys = store.System("test")

// walk reads a list to its end and returns the ids.
func walk(t *testing.T, ask list.Ask, read func(list.Ask) (list.Page[item], error)) (ids []string) {
	t.Helper()
	for range 100 {
		p, err := read(ask)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range p.Rows {
			ids = append(ids, i.ID)
		}
		if p.Next == "" {
			return ids
		}
		ask.After = p.Next
	}
	t.Fatal("the list does not end")
	return nil
}

// reader reads in a transaction of its own.
func reader(t *testing.T, db *store.DB, s store.Scope) func(list.Ask) (list.Page[item], error) {
	return func(a list.Ask) (p list.Page[item], err error) {
		err = db.Read(t.Context(), s, func(tx *store.Tx) error {
			p, err = spec().Read(tx, a)
			return err
		})
		return p, err
	}
}

func filled(t *testing.T, db *store.DB, n int) []item {
	t.Helper()
	all := rows(n)
	if err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return save(tx, all...) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// Every order, both ways, with every filter: the pages together are the whole
// list, each row once, in the same order in SQL and in memory.
func TestPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		all := filled(t, db, 83)
		inDB := reader(t, db, sys)
		inMemory := func(a list.Ask) (list.Page[item], error) { return spec().Of(all, a) }
		for _, sort := range []string{"", "worst", "mixed", "score", "opened", "id"} {
			for _, back := range []string{"", "-"} {
				if sort == "" && back != "" {
					continue
				}
				for _, values := range []map[string]string{
					{"state": "all"}, {}, {"state": "done", "q": "TITLE 2"}, {"sev": "3", "state": "all"},
					{"owner": "b", "state": "all"}, {"q": "nothing"},
				} {
					want, err := inDB(list.Ask{Values: values, Sort: back + sort, Limit: 1000, Count: true})
					if err != nil {
						t.Fatal(err)
					}
					var ids []string
					for _, i := range want.Rows {
						ids = append(ids, i.ID)
					}
					if want.Total != int64(len(ids)) || want.Next != "" ||
						values["state"] == "all" && len(values) == 1 && len(ids) != 83 {
						t.Fatalf("%v: %d of %d", values, len(ids), want.Total)
					}
					for _, limit := range []int{1, 7, 50} {
						a := list.Ask{Values: values, Sort: back + sort, Limit: limit}
						if d := cmp.Diff(ids, walk(t, a, inDB)); d != "" {
							t.Errorf("%q %v by %d: %s", a.Sort, values, limit, d)
						}
						if d := cmp.Diff(ids, walk(t, a, inMemory)); d != "" {
							t.Errorf("%q %v by %d in memory: %s", a.Sort, values, limit, d)
						}
					}
				}
			}
		}
		worst, err := inDB(list.Ask{Values: map[string]string{"state": "all"}, Limit: 1000})
		if err != nil || !slices.IsSortedFunc(worst.Rows, func(a, b item) int { return b.Sev - a.Sev }) ||
			worst.Rows[0].Sev != 3 {
			t.Error("the default order is not the worst first", err)
		}
	}, storetest.With(items))
}

// Rows that come in and go while somebody turns pages neither repeat nor hide others.
func TestPagesWhileRowsChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		all := filled(t, db, 60)
		read := reader(t, db, sys)
		for _, sort := range []string{"worst", "mixed", "opened", "-score"} {
			seen := map[string]int{}
			ask := list.Ask{Values: map[string]string{"state": "all"}, Sort: sort, Limit: 7}
			for n := 0; ; n++ {
				p, err := read(ask)
				if err != nil {
					t.Fatal(err)
				}
				for _, i := range p.Rows {
					seen[i.ID]++
				}
				err = db.Write(t.Context(), sys, func(tx *store.Tx) error {
					return save(
						tx,
						item{
							ID:    fmt.Sprintf("%s-new-%d", sort, n),
							Sev:   n % 4,
							At:    start.Add(time.Duration(n) * time.Minute),
							Score: float64(n) / 5,
						},
					)
				})
				if err != nil {
					t.Fatal(err)
				}
				if ask.After = p.Next; p.Next == "" {
					break
				}
			}
			for _, i := range all {
				if seen[i.ID] != 1 {
					t.Errorf("%s: %s was shown %d times", sort, i.ID, seen[i.ID])
				}
			}
		}
	}, storetest.With(items))
}

// A reader's list, count and cursors are the same whether or not there are rows
// that they may not see, and a KeyOnly cursor names the row alone.
func TestScope(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		v := policy.Viewer{User: "u", Member: "a", Role: policy.RoleReader}
		read := reader(t, db, store.As(v))
		tell := func() (out []string) {
			for _, sort := range []string{"worst", "opened", "mixed"} {
				ask := list.Ask{Values: map[string]string{"state": "all"}, Sort: sort, Limit: 4, Count: true}
				for {
					p, err := read(ask)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, fmt.Sprint(p.Total, p.Next, p.Rows))
					if ask.After = p.Next; p.Next == "" {
						break
					}
				}
			}
			return out
		}
		var mine, hidden []item
		for _, i := range rows(40) {
			if i.Handling.Owner == "a" {
				mine = append(mine, i)
			} else {
				hidden = append(hidden, i)
			}
		}
		put := func(list []item) {
			if err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return save(tx, list...) }); err != nil {
				t.Fatal(err)
			}
		}
		put(mine)
		before := tell()
		put(hidden)
		if d := cmp.Diff(before, tell()); d != "" {
			t.Error(d)
		}
		ask := list.Ask{Values: map[string]string{"state": "all"}, Sort: "opened", Limit: 2}
		p, err := reader(t, db, sys)(ask)
		if err != nil {
			t.Fatal(err)
		}
		ask.After = p.Next
		moved := p.Rows[1]
		err = db.Write(t.Context(), sys, func(tx *store.Tx) error {
			_, err := tx.Exec(
				`UPDATE item SET at = $1, tlp = $2, owner = 'b', audience = '' WHERE SCOPE(item) AND id = $3`,
				start.Add(time.Hour),
				int(policy.Red),
				moved.ID,
			)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(ask); !fault.Is(err, fault.Invalid) {
			t.Errorf("a cursor at a row that the reader cannot see: %v", err)
		}
	}, storetest.With(items))
}

func TestBadCursors(t *testing.T) {
	db := storetest.SQLite(t, storetest.With(items))
	all := filled(t, db, 20)
	good, err := spec().Of(all, list.Ask{Sort: "mixed", Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []string{
		"x", "W10", good.Next + "A", good.Next[:len(good.Next)-4], "WyIiXQ", strings.Repeat("A", 5000), "bnVsbA",
	} {
		for _, sort := range []string{"mixed", "opened"} {
			a := list.Ask{Sort: sort, After: after}
			_, err1 := reader(t, db, sys)(a)
			_, err2 := spec().Of(all, a)
			if !fault.Is(err1, fault.Invalid) || !fault.Is(err2, fault.Invalid) {
				t.Errorf("%.30q: %v, %v", after, err1, err2)
			}
		}
	}
	strict := list.Ask{Values: map[string]string{"sev": "9"}, Strict: true}
	if _, err := spec().Of(all, strict); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "sev=9") {
		t.Errorf("a value that the list does not know: %v", err)
	}
	for _, sort := range []string{"", "worst", "-mixed", "id"} {
		if _, err := reader(t, db, sys)(list.Ask{Sort: sort, After: good.Next}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a cursor of another order in %q: %v", sort, err)
		}
	}
}

func TestView(t *testing.T) {
	all := rows(60)
	page := func(address string) (web.List, *web.Table, list.Page[item], *web.Request) {
		t.Helper()
		r := &web.Request{Request: httptest.NewRequest("GET", address, nil)}
		p, err := spec().Of(all, spec().Ask(r))
		if err != nil {
			t.Fatal(err)
		}
		return spec().View(r, p), spec().Table(p), p, r
	}
	l, _, p, r := page("/items?state=all")
	if l.Count.N != 60 || len(l.Rows) != 50 || l.Pager.First != "" ||
		!strings.HasPrefix(l.Pager.Next, "/items?after=") {
		t.Errorf("%+v %+v", l.Count, l.Pager)
	}
	if h := l.Columns[0]; h.Sort != "-worst" || h.Order != web.Descending || len(l.Columns) != 3 ||
		len(l.Rows[0].Cells) != 3 ||
		l.Rows[0].Key == "" {
		t.Errorf("%+v", l.Columns)
	}
	if tabs := spec().Tabs(r, p, "state"); len(tabs) != 3 || !tabs[2].On || tabs[0].Path != "/items?state=open" {
		t.Errorf("%+v", tabs)
	}
	next, _, _, _ := page(l.Pager.Next)
	if len(next.Rows) != 10 || next.Pager.First != "/items?state=all" || next.Pager.Next != "" {
		t.Errorf("%d rows, %+v", len(next.Rows), next.Pager)
	}
	for address, want := range map[string][2]string{
		"/items":                       {"all items, worst first", ""},
		"/items?q=title&sev=3":         {"all items, with “title”, worst, worst first", "/items"},
		"/items?state=all&sort=-worst": {"all items, all, least severe first", "/items?state=all"},
		"/items?state=all&sort=id&q=a": {"all items, with “a”, all, by id", "/items?state=all"},
		"/items?sev=9&sort=nonsense&state=unknown": {
			"all items, worst first, this list does not know state=unknown sev=9 sort=nonsense: left out",
			"/items?state=unknown",
		},
	} {
		l, _, _, _ := page(address)
		if got := l.Filter.Say.(i18n.Text).In(i18n.EN); got != want[0] || l.Filter.Clear != want[1] {
			t.Errorf("%s says %q and clears to %q", address, got, l.Filter.Clear)
		}
	}
	l, _, _, _ = page("/items?sort=-worst&state=done&owner=a")
	if l.Columns[0].Sort != "worst" || l.Columns[0].Order != web.Ascending {
		t.Errorf("%+v", l.Columns[0])
	}
	if d := cmp.Diff(
		[]web.Hidden{{Name: "state", Value: "done"}, {Name: "owner", Value: "a"}, {Name: "sort", Value: "-worst"}},
		l.Filter.Keep,
	); d != "" {
		t.Error(d)
	}
	if l, _, _, _ := page("/items?q=zzz"); l.Empty.Text.EN != "no match" {
		t.Error(l.Empty.Text)
	}
	_, table, _, _ := page("/items?format=csv&state=all&after=" + p.Next)
	if len(table.Rows) != 60 || len(table.Columns) != 3 || table.Rows[0][2] == "" || table.Columns[2].Key != "id" {
		t.Errorf("%d rows, %+v", len(table.Rows), table.Columns)
	}
	body := list.Body(p, func(i item) string { return i.ID })
	if len(body.Items) != 50 || body.Next != p.Next {
		t.Errorf("%+v", body)
	}
}

func TestCond(t *testing.T) {
	c := list.All(
		list.Where("a = ?", 1),
		list.Any(list.In("b", []string{"x", "y"}), list.Never()),
		list.In("c", []int(nil)),
		list.Any(),
		list.All(),
	)
	if want := "(a = ? AND (b IN (?,?) OR 1=0) AND 1=0 AND 1=0 AND 1=1)"; c.SQL != want {
		t.Errorf("%s", c.SQL)
	}
	if d := cmp.Diff([]any{1, "x", "y"}, c.Args); d != "" {
		t.Error(d)
	}
}

// What was stored in one width is found in the other, in Japanese and English,
// every word of what was typed has to be there, and nothing that is typed is a
// wildcard. SQL and memory agree.
func TestWords(t *testing.T) {
	texts := map[string]string{
		"1": "電力会社への攻撃 100%", "2": "ＰｏｗｅｒＳｈｅｌｌ による不審な通信", "3": "ﾊﾟﾜｰｼｪﾙの実行 evil.example.co.jp", "4": "㈱東都電力",
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var all []item
		for id, text := range texts {
			all = append(all, item{ID: id, Title: store.Fold(text)})
		}
		if err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return save(tx, all...) }); err != nil {
			t.Fatal(err)
		}
		for typed, want := range map[string]string{
			"攻撃": "1", "電力": "1 4", "powershell": "2", "ｐｏｗｅｒｓｈｅｌｌ": "2", "owersh": "2", "パワーシェル": "3", "ﾊﾟﾜｰ": "3",
			"EXAMPLE.co": "3", "攻撃　電力": "1", "(株)東都": "4", "㈱": "4", "不審 Ｐｏｗｅｒ": "2", "不審 攻撃": "", "%": "1", "_": "",
			"'": "", "  ": "1 2 3 4",
		} {
			ask := list.Ask{Values: map[string]string{"q": typed, "state": "all"}, Sort: "id"}
			for _, read := range []func(list.Ask) (list.Page[item], error){
				reader(t, db, sys),
				func(a list.Ask) (list.Page[item], error) { return spec().Of(all, a) },
			} {
				if got := strings.Join(walk(t, ask, read), " "); got != want {
					t.Errorf("%q finds %q, want %q", typed, got, want)
				}
			}
		}
	}, storetest.With(items))
}
