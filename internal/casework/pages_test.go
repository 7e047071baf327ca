package casework

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// The viewers of the tests, by the header that names them.
func viewers() map[string]policy.Viewer {
	return map[string]policy.Viewer{
		"desk":   {User: "u1", Name: "Desk", Hub: true, Coordinator: true, Role: policy.RoleAdmin},
		"reader": {User: "u2", Name: "Reader", Hub: true, Role: policy.RoleReader},
		"a":      {User: "u3", Name: "Alice", Member: "a", Sector: "power", Role: policy.RoleAdmin},
		"b":      {User: "u4", Name: "Bob", Member: "b", Sector: "university", Role: policy.RoleAdmin},
		"c":      {User: "u5", Name: "Carol", Member: "c", Sector: "medical", Role: policy.RoleAdmin},
		"api-b":  {Name: "token", Member: "b", Sector: "university", Role: policy.RoleAnalyst, Machine: true},
	}
}

const hostile = `<script>alert("x")</script>`

type names map[string]string

func (n names) Name(_ context.Context, member string) string {
	if name := n[member]; name != "" {
		return name
	}
	return member
}

func (names) Sector(context.Context, string) string { return "" }

func (names) Node(_ context.Context, id string) policy.Viewer { return policy.Node(id, "", "") }

type console struct {
	*bench
	h      http.Handler
	number string // of the case of a and b
}

// newConsole has a case in which a and b are, each with its own finding.
func newConsole(t *testing.T, b *bench) *console {
	t.Helper()
	b.t = t
	c := &console{bench: b}
	c.number = b.take(b.finding("a", func(f *msg.Finding) {
		f.Rule.Title, f.Host, f.Observables = "Alpha rule "+hostile, "ALPHA-HOST", []event.Observable{evil}
	}))
	second := b.take(b.finding("b", func(f *msg.Finding) {
		f.Rule.Title, f.Host, f.Observables = "Beta rule", "BETA-HOST", []event.Observable{evil}
	}))
	if second != c.number {
		t.Fatal("the two findings are not in one case")
	}
	id := b.get(c.number).ID
	for i, err := range []error{
		handle(t, b.db, b.s.OnAssessed, msg.Assessed{Case: id, Rev: 1, Likely: 2, Lowest: 1, Most: 3, At: b.now()}),
		handle(t, b.db, b.s.OnIndicator, msg.IndicatorChanged{Indicator: "indicator--1", Case: id, Entitled: 777,
			Made: true, At: b.now(), Handling: policy.Handling{TLP: policy.Green, Owner: "a"}}),
		handle(t, b.db, b.s.OnSighting, msg.Sighting{
			Member: "a",
			Case:   id,
			Sighting: wire.Sighting{ID: "s", Indicator: "indicator--1", Count: 55555,
				Handling: policy.Handling{TLP: policy.Green, Owner: "a"}},
		}),
		b.s.Note(t.Context(), viewers()["desk"], c.number, "only for the desk",
			policy.Handling{TLP: policy.AmberStrict}),
	} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	auth := func(r *http.Request) (policy.Viewer, error) {
		v, ok := viewers()[r.Header.Get("X-Viewer")]
		if !ok {
			return v, fault.New(fault.Unauthenticated, i18n.Text{})
		}
		return v, nil
	}
	cfg := PageConfig{DB: b.db, Cases: b.s, Members: names{"a": "Alpha Power", "b": "Beta Univ " + hostile}}
	site := web.New(web.Config{Clock: b.now, Auth: auth})
	site.Templates(
		fstest.MapFS{"templates/panel.html": {Data: []byte(`{{define "test/panel"}}<p>{{txt .}}</p>{{end}}`)}},
	)
	site.AddPanels(
		web.Panel{Page: "case", Slots: map[string]string{"top": "test/panel"},
			Load: func(_ context.Context, about web.Subject) (out web.Part, err error) {
				if about.Viewer.Hub {
					out.Data = i18n.T("Alpha Power was first", "Alpha Power が最初")
				}
				return out, nil
			}},
		web.Panel{Page: "case", Slots: map[string]string{"known": "test/panel"},
			Load: func(context.Context, web.Subject) (web.Part, error) {
				return web.Part{Data: i18n.Same("known to all"), Severity: &web.Severity{Likely: 2, Low: 1, High: 3,
					Text: i18n.T("some", "一定")}, Ask: i18n.T("What is struck?", "対象は？"),
					Related: []web.Related{{ID: "indicator--1", Kind: svg.KindIndicator, Text: "evil[.]example",
						Path: "/indicators/indicator--1"}}}, nil
			}})
	cfg.Pages(site)
	mux := http.NewServeMux()
	cfg.API(api.New(mux, api.Config{Auth: auth, Version: "test", Clock: b.now}))
	site.Handle("/api/", mux)
	c.h = site.Handler()
	return c
}

func (c *console) get(t *testing.T, viewer, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Viewer", viewer)
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (c *console) post(t *testing.T, viewer, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Viewer", viewer)
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// What b may never read, on whatever way: a's name, machine, rule and id, and
// how many others there are.
var secretFromB = []string{"Alpha", "ALPHA", "777", "776", "only for the desk", `member:a`, "/members/a", "55555"}

// The hub's people see a case as an organisation in it sees it: what that one
// may not read is not there, nothing can be done there, and nobody sees more by it.
func TestAsAnOrganisationSeesIt(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		if err := b.s.Note(t.Context(), viewers()["desk"], c.number, "zq only the named",
			policy.Handling{TLP: policy.Red, Owner: "b", Audience: policy.Audience{policy.Coordinators}}); err != nil {
			t.Fatal(err)
		}
		_, page := c.get(t, "desk", "/cases/"+c.number+"?lang=en")
		if !strings.Contains(page, "?as=b") {
			t.Fatal("the page has no way to the preview")
		}
		if !strings.Contains(page, "Alpha Power was first") {
			t.Error("the page has not the panel of another capability")
		}
		for _, who := range []string{"desk", "reader"} {
			code, body := c.get(t, who, "/cases/"+c.number+"?lang=en&as=b")
			if code != http.StatusOK || !strings.Contains(body, "Beta rule") || !strings.Contains(body, "Preview") {
				t.Fatalf("%s: %d %s", who, code, body)
			}
			for _, word := range append(slices.Clone(secretFromB), "zq only the named", "/note", "/state") {
				if strings.Contains(body, word) {
					t.Errorf("%s is shown %q, which b is not", who, word)
				}
			}
		}
		if code, _ := c.get(t, "desk", "/cases/"+c.number+"?as=c"); code != http.StatusNotFound {
			t.Errorf("as one that is not in it: %d", code)
		}
		_, own := c.get(t, "b", "/cases/"+c.number+"?lang=en")
		if _, as := c.get(t, "b", "/cases/"+c.number+"?lang=en&as=a"); strings.Contains(as, "ALPHA") ||
			strings.Contains(as, "Preview") || strings.Contains(own, "?as=") {
			t.Error("a party gets a preview")
		}
	})
}

// A note about an indicator is for the parties that may see the indicator, and
// follows its marking.
func TestTheNoteOfAnIndicatorIsNoWiderThanIt(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		caseID := b.get(c.number).ID
		forA := policy.Handling{TLP: policy.Amber, Owner: "a", Audience: policy.Audience{policy.ToMember("c")}}
		red := policy.Handling{TLP: policy.Red, Owner: "a", Audience: policy.Audience{policy.Coordinators}}
		say := func(id, indicator string, made bool, h policy.Handling) {
			t.Helper()
			if err := handle(t, b.db, b.s.OnIndicator, msg.IndicatorChanged{Indicator: indicator, Case: caseID,
				Entitled: 1, Made: made, At: b.now(), Handling: h}); err != nil {
				t.Fatal(err)
			}
		}
		notes := func(who string) int {
			t.Helper()
			code, body := c.get(t, who, "/cases/"+c.number+"?lang=en")
			if code != http.StatusOK {
				t.Fatalf("%s: %d", who, code)
			}
			return strings.Count(body, "Indicator made and s")
		}
		before := map[string]int{}
		for _, who := range []string{"desk", "reader", "a", "b"} {
			if before[who] = notes(who); before[who] == 0 {
				t.Fatalf("%s sees no note about the indicator for all", who)
			}
		}
		say("n1", "indicator--2", true, forA)
		say("n2", "indicator--3", true, red)
		for who, more := range map[string]int{"desk": 2, "reader": 1, "a": 2, "b": 0} {
			if n := notes(who) - before[who]; n != more {
				t.Errorf("%s sees %d notes more, want %d", who, n, more)
			}
		}
		say("n3", "indicator--1", false, red) // that of all is marked RED
		if n := notes("b"); n != 0 {
			t.Errorf("b still sees %d notes", n)
		}
	})
}

func TestAPartySeesItsOwnPartOnly(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		for _, who := range []string{"b", "api-b"} {
			for _, path := range []string{
				"/cases", "/cases?state=all", "/cases?format=csv", "/cases?format=json", "/cases?q=beta",
				"/cases/" + c.number, "/cases/" + c.number + "?lang=en", "/cases/" + c.number + "?format=json",
				"/cases/" + c.number + "?format=csv",
				"/api/v1/cases", "/api/v1/cases/" + c.number,
			} {
				code, body := c.get(t, who, path)
				if code != http.StatusOK {
					t.Fatalf("%s %s: %d\n%s", who, path, code, body)
				}
				if !strings.Contains(body, "Beta rule") {
					t.Errorf("%s %s does not show the party's own finding", who, path)
				}
				for _, s := range secretFromB {
					if strings.Contains(body, s) {
						t.Errorf("%s %s tells %q", who, path, s)
					}
				}
			}
			// A search by what only another's part holds finds nothing.
			for _, path := range []string{"/cases?q=alpha&state=all", "/api/v1/cases?q=alpha",
				"/api/v1/cases?sector=power", "/api/v1/cases?sector=university"} {
				if _, body := c.get(t, who, path); strings.Contains(body, c.number) {
					t.Errorf("%s %s finds the case by another's part", who, path)
				}
			}
		}
		for _, path := range []string{"/cases/" + c.number, "/api/v1/cases/" + c.number} {
			code, body := c.get(t, "c", path)
			_, none := c.get(t, "c", strings.Replace(path, c.number, "MNK-2026-9999", 1))
			if code != http.StatusNotFound || strings.Contains(body, "Beta") {
				t.Errorf("%s: a stranger gets %d", path, code)
			}
			if len(body) != len(none) {
				t.Errorf("%s: a case that is there and one that is not differ for a stranger", path)
			}
		}
	})
}

func TestTheHubSeesTheWholeCase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		for _, lang := range []string{"ja", "en"} {
			code, body := c.get(t, "desk", "/cases/"+c.number+"?lang="+lang)
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, body)
			}
			for _, want := range []string{"Alpha Power", "Beta Univ", "BETA-HOST", "only for the desk", "/state",
				"TLP:AMBER", "known to all", `href="/indicators/indicator--1"`, `<html lang="` + lang} {
				if !strings.Contains(body, want) {
					t.Errorf("%s: no %q", lang, want)
				}
			}
			if strings.Contains(body, hostile) || strings.Contains(body, "<script>alert") {
				t.Errorf("%s: hostile text is not escaped", lang)
			}
		}
		if _, body := c.get(t, "desk", "/cases?q=alpha&sector=power"); !strings.Contains(body, c.number) {
			t.Error("the hub does not find the case by a part of it")
		}
		if _, body := c.get(t, "reader", "/cases/"+c.number); strings.Contains(body, "/state") {
			t.Error("a reader is offered what a reader may not do")
		}
	})
}

// What panels have is in the answer to a program, too.
func TestAProgramReadsWhatPanelsHave(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		for _, who := range []string{"desk", "b"} {
			var d CaseDetail
			code, body := c.get(t, who, "/api/v1/cases/"+c.number)
			if err := json.Unmarshal([]byte(body), &d); err != nil || code != http.StatusOK {
				t.Fatal(code, err)
			}
			if d.Severity == nil || *d.Severity != 2 || *d.Lowest != 1 || *d.Highest != 3 ||
				d.Ask != "対象は？" && d.Ask != "What is struck?" {
				t.Errorf("%s: %s", who, body)
			}
		}
	})
}

func TestNotesAndStates(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		page := "/cases/" + c.number
		if code, _ := c.post(t, "desk", page+"/note", url.Values{"text": {"for all parties"},
			"for": {"parties"}}); code != http.StatusSeeOther {
			t.Fatalf("note: %d", code)
		}
		if code, body := c.post(t, "reader", page+"/note", url.Values{"text": {"a reader speaks for the hub"},
			"for": {"parties"}}); code != http.StatusForbidden {
			t.Errorf("a reader writes to the parties: %d %.200s", code, body)
		}
		if code, _ := c.post(t, "reader", page+"/note", url.Values{"text": {"a reader writes"},
			"for": {"hub"}}); code != http.StatusSeeOther {
			t.Errorf("a reader's note: %d", code)
		}
		if code, _ := c.post(t, "b", page+"/note", url.Values{"text": {"Bob wrote this"}, "for": {"parties"}}); code !=
			http.StatusSeeOther {
			t.Fatalf("note of a party: %d", code)
		}
		if code, body := c.post(t, "b", page+"/note",
			url.Values{"text": {" "}}); code != http.StatusUnprocessableEntity || !strings.Contains(body, "記録が空です") {
			t.Errorf("an empty note: %d", code)
		}
		for who, want := range map[string][2]bool{"desk": {true, true}, "a": {true, false}, "b": {true, true}} {
			_, body := c.get(t, who, page)
			if got := [2]bool{strings.Contains(body, "for all parties"),
				strings.Contains(body, "Bob wrote this")}; got != want {
				t.Errorf("%s reads %v of the notes, want %v", who, got, want)
			}
		}
		if code, _ := c.post(t, "b", page+"/state", url.Values{"state": {"closed"}}); code != http.StatusForbidden {
			t.Errorf("a party closes a case: %d", code)
		}
		if code, _ := c.post(t, "reader", page+"/state",
			url.Values{"state": {"closed"}}); code != http.StatusForbidden {
			t.Errorf("a reader closes a case: %d", code)
		}
		if code, _ := c.post(t, "desk", page+"/state",
			url.Values{"state": {"contained"}}); code != http.StatusSeeOther || b.get(c.number).State != Contained {
			t.Errorf("state: %d, %s", code, b.get(c.number).State)
		}
		if code, _ := c.post(t, "desk", page+"/state",
			url.Values{"state": {"gone"}}); code != http.StatusUnprocessableEntity {
			t.Errorf("an unknown state: %d", code)
		}
	})
}

func TestListIsPaged(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		c := newConsole(t, b)
		for range 7 {
			b.take(b.finding("b", nil))
		}
		for _, who := range []string{"desk", "b"} {
			seen := map[string]int{}
			after, pages := "", 0
			for {
				_, body := c.get(t, who, "/api/v1/cases?limit=3&after="+after)
				var p api.Page[CaseBody]
				if err := json.Unmarshal([]byte(body), &p); err != nil {
					t.Fatalf("%v in %s", err, body)
				}
				for _, x := range p.Items {
					seen[x.Number]++
				}
				pages++
				if after = p.Next; after == "" || pages > 9 {
					break
				}
			}
			if len(seen) != 8 || pages != 3 {
				t.Errorf("%s: %d cases on %d pages, want 8 on 3: %v", who, len(seen), pages, seen)
			}
		}
		if code, _ := c.get(t, "desk", "/cases?after=nonsense"); code != http.StatusUnprocessableEntity {
			t.Errorf("a place that is none: %d", code)
		}
	})
}
