package relevance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/relevance"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// malware is a STIX object with what relevance looks at.
func malware(n int, name, description, more string) string {
	return fmt.Sprintf(`{"type":"malware","spec_version":"2.1","id":"malware--%08d-0000-4000-8000-000000000000",
		"created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","is_family":false,"name":%q,"description":%q%s}`,
		n, name, description, more)
}

func item(t testing.TB, text string) relevance.Item {
	t.Helper()
	o, err := stix.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return relevance.Of(o, sharetest.Start, policy.Handling{TLP: policy.Green})
}

func TestRate(t *testing.T) {
	p := relevance.Profile{Sector: "power", Products: []string{"FortiGate", "Ivanti"}, Topics: []string{"ransomware",
		"ランサム"},
		Countries: []string{"Japan"}, Techniques: []string{"T1059"}, Languages: []string{"ja"}}
	technique := `,"external_references":[{"source_name":"mitre-attack","external_id":"T1059.001"}]`
	for _, c := range []struct {
		text string
		want int
		says string
	}{
		{malware(1, "X", "nothing in particular", ""), 0, ""},
		{malware(1, "X", "hits ＦＯＲＴＩＧＡＴＥ devices", ""), 35, "product FortiGate"},
		{malware(1, "X", "the FortiGateway of old", ""), 0, ""},
		{malware(1, "X", "電力会社を狙うランサムウェア", ""), 55, "your sector"},
		{malware(1, "X", "x", technique), 20, "technique T1059"},
		{malware(1, "X", "in Japan", `,"lang":"ja","labels":["level:high"]`), 25, "country Japan"},
		{malware(1, "X", "x", `,"lang":"ja","labels":["level:critical"]`), 0, ""},
		{malware(1, "X", "x", `,"labels":["safety"]`), 50, "protects life"},
		{malware(1, "X", "x", `,"labels":["sector:power"]`), 35, "your sector"},
		{malware(1, "FortiGate, Ivanti", "electric power, ransomware, Japan", technique), 100, "product"},
	} {
		s := p.Rate(item(t, c.text), nil)
		if s.Points != c.want || c.says != "" && !strings.Contains(fmt.Sprint(s.Reasons), c.says) || c.want == 0 &&
			len(s.Reasons) > 0 {
			t.Errorf("%s: %+v, want %d", c.text, s, c.want)
		}
		for _, r := range s.Reasons {
			if r.Text.EN == "" || r.Text.JA == "" || r.Points <= 0 {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestQueries(t *testing.T) {
	it := item(t, `{"type":"indicator","spec_version":"2.1","id":"indicator--00000001-0000-4000-8000-000000000000",
		"created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","name":"bad address","labels":["apt"],
		"pattern":"[ipv4-addr:value = '198.51.100.7']","pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z"}`)
	for _, c := range []struct {
		q    relevance.Query
		want bool
	}{
		{relevance.Query{Name: "empty"}, false}, {relevance.Query{Type: "indicator"}, true},
		{relevance.Query{Type: "malware"}, false}, {relevance.Query{Label: "apt"}, true},
		{relevance.Query{Label: "ap"}, false}, {relevance.Query{Text: "ADDRESS"}, true},
		{relevance.Query{Text: "addr"}, false}, {relevance.Query{Value: "198.51.100.7"}, true},
		{relevance.Query{Value: "198.51.100.70"}, false}, {relevance.Query{Value: "198.51.100.7", Label: "x"}, false},
		{relevance.Query{Technique: "T1059"}, false},
	} {
		if got := c.q.Meets(it); got != c.want {
			t.Errorf("%+v: %v", c.q, got)
		}
	}
	if _, err := (relevance.Query{Name: "x"}).Clean(); !fault.Is(err, fault.Invalid) {
		t.Errorf("a query for nothing: %v", err)
	}
	if _, err := (relevance.Query{Text: strings.Repeat("あ", 101)}).Clean(); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a long query: %v", err)
	}
	if q, err := (relevance.Query{Technique: " t1059 "}).Clean(); err != nil || q.Technique != "T1059" ||
		q.Name != "T1059" {
		t.Errorf("%+v %v", q, err)
	}
}

// Whatever an object holds, its score is from 0 to 100 and is the sum of its reasons, up to 100.
func TestScoresAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringN(0, 8, -1), 0, 6)
		p := relevance.Profile{Sector: "power", Products: words.Draw(t, "products"), Topics: words.Draw(t, "topics"),
			Countries: words.Draw(t, "countries")}
		text := strings.Join(append(words.Draw(t, "text"), p.Products...), " ")
		var it relevance.Item
		o, err := stix.Parse([]byte(malware(1, "x", "", "")))
		if err != nil {
			t.Fatal(err)
		}
		it = relevance.Of(o, sharetest.Start, policy.Handling{})
		it.Title, it.Past = text, int64(rapid.IntRange(0, 3).Draw(t, "past"))
		s, sum := p.Rate(it, nil), 0
		for _, r := range s.Reasons {
			sum += r.Points
		}
		if s.Points != min(sum, 100) || s.Points < 0 {
			t.Fatalf("%+v", s)
		}
	})
}

// hall is a hub with objects.
type hall struct {
	t     *testing.T
	db    *store.DB
	store *object.Store
	s     *relevance.Service
	tier  credit.Tier
	later []string // objects to put
}

func each(t *testing.T, body func(*hall)) {
	t.Helper()
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := &hall{t: t, db: db, store: object.New(db), tier: credit.Default().Tiers[0]}
		h.s = relevance.New(relevance.Config{DB: db, Source: relevance.Objects{Store: h.store}, Notify: func() {},
			Tier: func(context.Context, string) (credit.Tier, error) { return h.tier, nil }})
		body(h)
	}, storetest.Clock(now), storetest.With(object.Migration(), indicator.Migration(), relevance.Migration()))
}

func (h *hall) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hall) put(handling policy.Handling, texts ...string) {
	h.t.Helper()
	h.ok(h.db.Write(h.t.Context(), store.System("test"), func(tx *store.Tx) error {
		for _, text := range texts {
			o, err := stix.Parse([]byte(text))
			if err != nil {
				return err
			}
			out, err := h.store.Put(tx, []object.Item{{Object: o, Handling: handling, Realm: event.Live}})
			if err != nil {
				return err
			}
			if out[0].Err != nil {
				return out[0].Err
			}
		}
		return nil
	}))
}

func (h *hall) titles(v policy.Viewer) (out []string) {
	h.t.Helper()
	l, err := h.s.ForYou(h.t.Context(), v, sharetest.Start.Add(-time.Hour), 1)
	h.ok(err)
	for _, r := range l.Rated {
		out = append(out, r.Title)
	}
	return out
}

var (
	green  = policy.Handling{TLP: policy.Green, Owner: "city"}
	strict = policy.Handling{TLP: policy.AmberStrict, Owner: "city"}
)

// What matters most comes first, and what one may not see is not among it.
func TestForYou(t *testing.T) {
	each(t, func(h *hall) {
		ctx, power := h.t.Context(), sharetest.Viewers["power"]
		h.put(green, malware(1, "one", "about FortiGate", ""), malware(2, "two", "about nothing", ""),
			malware(3, "three", "FortiGate and Ivanti", ""))
		h.put(strict, malware(4, "secret", "FortiGate and Ivanti", ""))
		h.ok(h.s.SetProfile(ctx, power, relevance.Profile{Products: []string{"FortiGate", " Ivanti", "Ivanti", ""}}))
		if got := h.titles(power); fmt.Sprint(got) != "[three one]" {
			h.t.Errorf("%v", got)
		}
		if got := h.titles(sharetest.Viewers["gas"]); len(got) != 0 {
			h.t.Errorf("gas has the profile of power: %v", got)
		}
		if got := h.titles(sharetest.Desk); len(got) != 0 {
			h.t.Errorf("the hub has the profile of power: %v", got)
		}
		err := h.s.SetProfile(ctx, sharetest.Viewers["guest"], relevance.Profile{})
		if !fault.Is(err, fault.Denied) {
			h.t.Errorf("a reader writes the profile: %v", err)
		}
		if err := h.s.SetProfile(ctx, power, relevance.Profile{Sector: "piracy"}); !fault.Is(err, fault.Invalid) {
			h.t.Errorf("%v", err)
		}
	})
}

// A tier bounds standing queries; they are the organisation's own.
func TestStandingQueries(t *testing.T) {
	each(t, func(h *hall) {
		ctx, power := h.t.Context(), sharetest.Viewers["power"]
		h.tier.Queries = 2
		h.put(green, malware(1, "one", "about a botnet", ""))
		q, err := h.s.AddQuery(ctx, power, relevance.Query{Text: "botnet"})
		h.ok(err)
		if got := h.titles(power); fmt.Sprint(got) != "[one]" {
			h.t.Errorf("%v", got)
		}
		_, err = h.s.AddQuery(ctx, power, relevance.Query{Text: "worm"})
		h.ok(err)
		if _, err = h.s.AddQuery(ctx, power, relevance.Query{Text: "virus"}); !fault.Is(err, fault.Conflict) {
			h.t.Errorf("one too many: %v", err)
		}
		if err := h.s.RemoveQuery(ctx, sharetest.Viewers["gas"], q.ID); !fault.Is(err, fault.NotFound) {
			h.t.Errorf("gas removes it: %v", err)
		}
		h.ok(h.s.RemoveQuery(ctx, power, q.ID))
		if got := h.titles(power); len(got) != 0 {
			h.t.Errorf("%v", got)
		}
	})
}

// What is related comes as far and as early as the tier goes; what is urgent, and indicators, at once.
func TestTierBuysContextAndDelaysNothingUrgent(t *testing.T) {
	each(t, func(h *hall) {
		power := sharetest.Viewers["power"]
		h.tier.Depth, h.tier.Delay = 5, 24
		relation := func(n int, kind, other string) string {
			return fmt.Sprintf(`{"type":"relationship","spec_version":"2.1","id":"relationship--%08d-0000-4000-8000-000000000000",
			"created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","relationship_type":%q,
			"source_ref":"malware--00000001-0000-4000-8000-000000000000","target_ref":%q}`, n, kind, other)
		}
		h.put(green, malware(1, "main", "电 electric power", ""), malware(2, "calm", "x", ""),
			malware(3, "alarm", "x", `,"labels":["safety"]`),
			relation(1, "related-to", "malware--00000002-0000-4000-8000-000000000000"),
			relation(2, "related-to", "malware--00000003-0000-4000-8000-000000000000"))
		h.ok(h.s.SetProfile(h.t.Context(), power, relevance.Profile{Sector: "power"}))
		page := h.page("power", "/foryou?least=0")["en"]
		for _, w := range []string{"main", "names your sector", "1 more later"} {
			if !strings.Contains(page, w) {
				h.t.Errorf("no %q in %.4000s", w, page)
			}
		}
		if n := strings.Count(page, "/objects/malware--00000003"); n < 2 { // its own row, and beside main
			h.t.Errorf("what is urgent waits: %d", n)
		}
		h.tier.Delay = 0
		if page := h.page("power", "/foryou?least=0")["en"]; strings.Contains(page, "more later") {
			h.t.Error("it waits for the highest tier too")
		}
	})
}

func (h *hall) console() http.Handler {
	m := relevance.Module(h.s)
	return sharetest.Console(h.t, func(site *web.Site, a *api.API) {
		m.Pages(site)
		m.API(a)
	})
}

func (h *hall) page(as, path string) map[string]string {
	h.t.Helper()
	return sharetest.Page(h.t, h.console(), as, path)
}

// The pages take what people type, and say at the field what is wrong.
func TestPages(t *testing.T) {
	each(t, func(h *hall) {
		t := h.t
		site := h.console()
		sharetest.Page(t, site, "desk", "/foryou")
		h.put(green, malware(1, sharetest.Hostile, "about FortiGate", ""))
		post := func(as, path string, form url.Values) (int, string) {
			return sharetest.Ask(t, site, as, http.MethodPost, path, form, "")
		}
		for as, want := range map[string]int{"power": 303, "guest": 403} {
			if code, _ := post(as, "/foryou/profile", url.Values{"products": {"FortiGate\n" + sharetest.Hostile},
				"sector": {"power"}}); code != want {
				t.Errorf("%s: %d", as, code)
			}
		}
		if code, _ := post("power", "/foryou/queries", url.Values{"text": {"fortigate"},
			"name": {sharetest.Hostile}}); code != 303 {
			t.Errorf("%d", code)
		}
		page := sharetest.Page(t, site, "power", "/foryou")
		if !strings.Contains(page["en"], "product FortiGate") || !strings.Contains(page["ja"], "プロフィールの製品") {
			t.Errorf("%.3000s", page["en"])
		}
		profile := sharetest.Page(t, site, "power", "/foryou/profile")["en"]
		if !strings.Contains(profile, "1 of 10 in use") {
			t.Errorf("%.3000s", profile)
		}
		if page := sharetest.Page(t, site, "gas", "/foryou/profile")["en"]; strings.Contains(page, "FortiGate\n") {
			t.Error("gas sees the profile of power")
		}
		if code, body := post("power", "/foryou/queries?lang=en", url.Values{"name": {"x"}}); code != 422 ||
			!strings.Contains(body, "at least one of the fields") {
			t.Errorf("%d", code)
		}
		code, body := sharetest.Get(t, site, "power", "/api/v1/foryou?days=1")
		if code != 200 || !strings.Contains(body, `"score":100`) {
			t.Errorf("%d %s", code, body)
		}
		if code, csv := sharetest.Get(t, site, "power", "/foryou?format=csv&lang=en"); code != 200 ||
			!strings.Contains(csv, "malware--00000001") {
			t.Errorf("%d %s", code, csv)
		}
	})
}

// A node rates what came in by its own past too, and the hub learns nothing of it.
func TestAtHome(t *testing.T) {
	each(t, func(h *hall) {
		home := relevance.New(relevance.Config{DB: h.db,
			Source: relevance.Received{Objects: relevance.Objects{Store: h.store}},
			Home:   true, Notify: func() {}})
		mine := policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember("power")}}
		h.put(mine, malware(9, "worm", "x", ""))
		h.ok(h.db.Write(h.t.Context(), store.System("test"), func(tx *store.Tx) error {
			for i, hits := range []int64{0, 3} {
				id := fmt.Sprintf("indicator--%08d-0000-4000-8000-000000000000", i)
				h.later = append(h.later, fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"name":"n%d",
					"created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","pattern_type":"stix",
					"pattern":"[domain-name:value = 'evil%d.example']","valid_from":"2026-11-20T00:00:00Z"}`, id, i, i))
				err := indicator.Indicator{ID: id, Realm: event.Live, Name: "n", Kind: "domain-name",
					Made: sharetest.Start,
					Hits: hits, State: "armed", Handling: mine}.Save(tx)
				if err != nil {
					return err
				}
			}
			return nil
		}))
		h.put(mine, h.later...)
		l, err := home.ForYou(h.t.Context(), sharetest.Viewers["power"], sharetest.Start.Add(-time.Hour), 1)
		if err != nil || len(l.Rated) != 1 || l.Looked != 3 || l.Rated[0].Title != "n1" ||
			l.Rated[0].Reasons[0].Text.EN != "seen in your past 3 times" {
			h.t.Errorf("%+v %v", l, err)
		}
	})
}
