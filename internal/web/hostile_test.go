package web_test

import (
	"bytes"
	"html/template"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// What attackers put into names, titles, paths and everything else.
var hostile = []string{
	`"><script>alert(1)</script>`, `' onmouseover='alert(1)`, `<img src=x onerror=alert(1)>`,
	`</textarea><script>alert(1)</script>`, `javascript:alert(1)`,
	`//evil.example/x`, `{{.Secret}} {0} {1}`, "\u202e\u0000\x1b[2J\xff",
	`</title></style></svg><base href=//evil.example>`, strings.Repeat("長い", 3000), "", "  ",
}

// hostileView has word wherever a page may have a text.
func hostileView(word string) *web.View {
	text := i18n.T("{0}", "{0}").With(word)
	h := policy.Handling{TLP: policy.TLP(77), Owner: word, Audience: policy.Audience{word}}
	values := []any{nil, word, text, web.Mono(word), web.Value(word), web.Sev(-9), web.Level(word), policy.TLP(-3), h,
		&h, (*policy.Handling)(nil), time.Time{}, demoNow, web.Brief(demoNow), web.Day(demoNow),
		web.Due(demoNow), ms(5), true, 1, int64(-1), 1.5, web.Badge{Text: text, Mood: web.Mood(word), Icon: word},
		&web.Badge{}, web.Link{Text: word, Path: word, Icon: word}, web.Lines{word, text, nil}, web.Run{word, nil, ""},
		web.Bytes(5), struct{ A string }{word}, []string{word}, svg.Spark{Text: text, Values: []float64{1}},
		template.HTML("")}
	l := web.List{ID: "list", Caption: text, Note: text, All: &web.Link{Text: word, Path: word}, Count: web.About(5),
		Pager: web.Pager{First: word, Prev: word, Next: word},
		Filter: &web.Filter{Path: word, Say: word, Query: word, Ask: i18n.T("Words {0}", "語 {0}").With(word),
			Clear: word, Keep: []web.Hidden{{Name: word, Value: word}},
			Fields: []web.Choice{{Name: word, Text: i18n.T("a {0}", "あ {0}").With(word),
				Options: []web.Option{{Value: word, Text: word, On: true}}}}},
		Columns: []web.ListColumn{{Key: word, Text: text, Role: web.RoleMain, Sort: word}, {Key: "b", Text: text}}}
	var facts []web.Fact
	var entries []web.Entry
	for _, v := range values {
		l.Rows = append(l.Rows, web.Row{Key: word, Path: word, Cells: []any{web.Lines{word + "x", v}, v}})
		facts = append(facts, web.Fact{Name: text, Value: v, Note: text})
		entries = append(entries, web.Entry{At: demoNow, Icon: word, Mood: web.Mood(word), Who: word, Text: v, Body: v,
			Mark: &h, Key: word})
	}
	f := &web.Form{}
	var fields []web.Field
	for _, kind := range []string{"text", "textarea", "select", "radio", "check", "password", word} {
		name := kind + "-" + "field"
		f.Set(name, word)
		f.Wrong(name, text)
		fields = append(fields, web.Field{Name: name, Label: i18n.T("a {0}", "あ {0}").With(word), Kind: kind,
			Help: text, Hint: word, Auto: word, Options: []web.Option{{Value: word, Text: word}}, Mono: true,
			Required: true})
	}
	return &web.View{Template: "hostile", Title: i18n.T("a {0}", "あ {0}").With(word), Lede: word,
		Back: &web.Link{Text: word + "x", Path: word}, Severity: &web.Severity{Likely: 77, Low: -3, High: 9, Text: text,
			Note: text},
		State: &web.Badge{Text: text, Mood: web.Mood(word)}, Handling: &h, Realm: word, Live: []string{word},
		CSV: &web.Table{},
		Next: []web.Next{{Text: i18n.T("a {0}", "あ {0}").With(word), Path: word, Post: true, By: demoNow, Note: text,
			Form: []web.Hidden{{Name: word, Value: word}}}, {Text: i18n.T("a {0}", "あ {0}").With(word), Path: word}},
		Tabs:  []web.Tab{{Text: i18n.T("a {0}", "あ {0}").With(word), Path: word, Count: 3}},
		Tools: []web.Link{{Text: word + "x", Path: word, Icon: word}},
		Data: map[string]any{"List": l, "Facts": facts, "Entries": entries, "Form": f, "Fields": fields,
			"Empty": web.Empty{Text: text, How: text, Icon: word, Do: &web.Link{Text: word + "x", Path: word}},
			"Table": web.Table{Name: i18n.T("a {0}", "あ {0}").With(word), Columns: []web.Column{{Text: text}},
				Rows: [][]any{{word}}}, "Word": word, "Picture": svg.Cycle{Text: i18n.T("a {0}", "あ {0}").With(word),
				Steps: []svg.Step{{Name: text, Detail: text}}}}}
}

func TestHostileTexts(t *testing.T) {
	now, _ := clock.Fixed(demoNow)
	for _, word := range hostile {
		text := i18n.T("a {0}", "あ {0}").With(word)
		s := web.New(web.Config{Clock: now, Title: text, Place: text, Realm: word, Search: "/search", SignIn: "/in",
			SignOut: "/out", Nav: []web.NavItem{{Key: word, Path: word, Text: text, Icon: word, Letter: word}}})
		s.Templates(os.DirFS("testdata/hostile"))
		s.Example(hostileView(word), policy.Viewer{User: word, Name: word, Role: policy.Role(word)})
		pages, err := s.RenderAll()
		if err != nil && !strings.Contains(err.Error(), "has no example") || len(pages) != 2 {
			t.Fatalf("%.30q: %v", word, err)
		}
		for _, p := range pages {
			for _, bad := range []string{"<script>alert", "<img src=x", "<base", "onerror=alert(1)>", "\x00"} {
				if bytes.Contains(p.HTML, []byte(bad)) {
					t.Errorf("%.30q lets %q through", word, bad)
				}
			}
		}
		if err := s.CheckAll(); err != nil {
			for line := range strings.Lines(err.Error()) {
				if strings.TrimSpace(word) == "" && strings.Contains(line, "has no name") {
					continue // who names nothing gets no name
				}
				if !strings.Contains(line, "has no example") && !strings.Contains(line, "the id \"\"") {
					t.Errorf("%.30q: %.300s", word, line)
				}
			}
		}
	}
}

// What the reader copies is exact; what the reader sees is harmless.
func TestValueIsDefangedAndExact(t *testing.T) {
	now, _ := clock.Fixed(demoNow)
	s := web.New(web.Config{Clock: now})
	s.Templates(os.DirFS("testdata/hostile"))
	v := hostileView("x")
	v.Data.(map[string]any)["Facts"] = []web.Fact{{Name: i18n.T("a", "あ"),
		Value: web.Value("http://evil.example/long/path/that/goes/on?q=1")}}
	s.Example(v, policy.Viewer{})
	pages, _ := s.RenderAll()
	if text := string(pages[0].HTML); !strings.Contains(text,
		`data-copy="http://evil.example/long/path/that/goes/on?q=1"`) || !strings.Contains(text,
		`<bdi class="head">hxxp://evil[.]example/`) || strings.Contains(text, `>http://evil`) {
		t.Error("not defanged, or not exact")
	}
}
