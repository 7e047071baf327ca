package situation

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

const hostile = `<script>alert("x")</script>`

// pages returns the page on the members a and b.
func pages(t *testing.T, db *store.DB, now clock.Clock) PageConfig {
	t.Helper()
	d := identity.NewDirectory(identity.New(db, now), now, slog.New(slog.DiscardHandler), func() {})
	put(t, db, func(tx *store.Tx) error {
		return store.Insert(tx, "member", []identity.Member{
			{ID: "a", Name: "Alpha " + hostile, Sector: "medical", Prefecture: "13", Realm: "live", Joined: noon},
			{ID: "b", Name: "Beta", Sector: "gas", Prefecture: "99", Realm: "live", Joined: noon},
		})
	})
	d.SetOnline("a", true)
	objects := object.New(db)
	return PageConfig{DB: db, Clock: now, Members: d, Share: publish.New(publish.Config{DB: db, Objects: objects,
		Members: d, Feed: feed.New(feed.Config{DB: db, Objects: objects, Members: d})})}
}

func put(t *testing.T, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), store.System("test"), fn); err != nil {
		t.Fatal(err)
	}
}

// fill stores a case of a and b, more findings of a than of b, and an indicator.
func fill(t *testing.T, db *store.DB) {
	t.Helper()
	both := policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{"member:a", "member:b"}}
	found := func(member string, n int) (out []msg.Finding) {
		for i := range n {
			out = append(out, msg.Finding{Member: member, Finding: wire.Finding{ID: fmt.Sprint(member, i),
				Realm: "live", Rule: wire.RuleRef{Level: "high"}, Handling: policy.Handling{TLP: policy.AmberStrict,
					Owner: member}}})
		}
		return out
	}
	put(t, db, func(tx *store.Tx) error {
		one := casework.Case{ID: "c1", Number: "MNK-1", Title: "Own title " + hostile, State: casework.Open,
			Realm: "live", Level: "high", Severity: 3, Lowest: 2, Highest: 4, Sectors: []string{"medical"},
			Members: 4242, Findings: 2, Opened: noon, Updated: noon, Handling: both}
		part := casework.Part{Finding: "b0", Case: "c1", Member: "b", Title: "Own title " + hostile, Level: "high",
			At: noon, Handling: policy.Handling{TLP: policy.AmberStrict, Owner: "b"}}
		i := indicator.Indicator{ID: "i1", Realm: "live", Kind: "domain-name", Name: "Indicator " + hostile, Made: noon,
			Modified: noon, ValidUntil: noon.Add(time.Hour), Handling: policy.Handling{TLP: policy.Green}}
		for _, do := range []func() error{
			func() error { return store.Insert(tx, "cases", []casework.Case{one}) },
			func() error { return store.Insert(tx, "case_finding", []casework.Part{part}) },
			func() error { return finding.Save(tx, noon, append(found("a", 1161), found("b", 2)...)...) },
			func() error { return i.Save(tx) },
			func() error {
				_, err := tx.Exec(`INSERT INTO progress (object, member, modified, state, armed, hunted, searched, hits,
					reason) VALUES ('i1','a',0,'hunted',$1,$1,0,2,'')`, clock.Micros(at(10)))
				return err
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
}

func viewerOf(r *http.Request) (policy.Viewer, error) {
	switch r.Header.Get("X-Viewer") {
	case "desk":
		return policy.Viewer{User: "u1", Name: "Desk", Hub: true, Coordinator: true, Role: policy.RoleAdmin}, nil
	case "b":
		return policy.Viewer{User: "u2", Name: "Bob", Member: "b", Role: policy.RoleAdmin}, nil
	case "nobody":
		return policy.Viewer{User: "u3", Name: "Nobody", Role: policy.RoleReader}, nil
	}
	return policy.Viewer{}, fault.New(fault.Unauthenticated, i18n.Text{})
}

func serve(c PageConfig) http.Handler {
	site := web.New(web.Config{Clock: c.Clock, Auth: viewerOf})
	Pages(site, c)
	mux := http.NewServeMux()
	API(api.New(mux, api.Config{Auth: viewerOf, Version: "test", Clock: c.Clock}), c)
	site.Handle("/api/", mux)
	return site.Handler()
}

func get(h http.Handler, viewer, path string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Viewer", viewer)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTheFirstPage(t *testing.T) {
	now, _ := clock.Fixed(noon.Add(time.Minute))
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		fill(t, db)
		h := serve(pages(t, db, now))
		for lang, wants := range map[string][]string{
			"en": {"0.39 s: all 2 connected members", "Findings in Tokyo only", "Rising in Medical services", "MNK-1",
				"between 2 and 4", "4,242", "Alpha &lt;script&gt;", "Ask what is unknown", "1 of 2 members armed",
				"Indicator &lt;script&gt;"},
			"ja": {"0.39 秒で、接続中の 2 構成員", "検知は東京都のみ", "医療で増加", "区間 2–4", "進行中の事案"},
		} {
			code, body := get(h, "desk", "/?lang="+lang)
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, body)
			}
			for _, want := range wants {
				if !strings.Contains(body, want) && !(want == "4,242" && strings.Contains(body, "4242")) {
					t.Errorf("%s: no %q", lang, want)
				}
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "member:a") {
				t.Errorf("%s: hostile text or an audience comes through", lang)
			}
		}
		if code, _ := get(h, "", "/"); code == http.StatusOK {
			t.Error("the public sees the situation")
		}
	})
}

func TestAMemberSeesItsOwnSituation(t *testing.T) {
	now, _ := clock.Fixed(noon.Add(time.Minute))
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		fill(t, db)
		h := serve(pages(t, db, now))
		for _, who := range []string{"b", "nobody"} {
			for _, path := range []string{"/", "/?lang=en", "/?format=json", "/?format=csv", "/api/v1/situation"} {
				code, body := get(h, who, path)
				if code != http.StatusOK {
					t.Fatalf("%s: %d", path, code)
				}
				for _, secret := range []string{"Alpha", "4242", "4,242", "1161", "1,161", "1163", "0.39", "391",
					"immunity\"", "医療", "Medical", "member:a", "Ask what is unknown", "不明点を確認", "Indicator "} {
					if strings.Contains(body, secret) {
						t.Errorf("%s tells %s %q", path, who, secret)
					}
				}
			}
		}
		if _, body := get(h, "b", "/?lang=en"); !strings.Contains(body, "Your own findings in the last 12 hours: 2") ||
			!strings.Contains(body, "Own title") {
			t.Error("a member does not see its own")
		}
		if _, body := get(h, "nobody", "/?lang=en"); !strings.Contains(body,
			"Your own findings in the last 12 hours: 0") {
			t.Error("a user of no member has findings")
		}
	})
}

func TestAnEmptySituation(t *testing.T) {
	now, _ := clock.Fixed(noon)
	each(t, func(t *testing.T, db *store.DB, _ *Tracker) {
		h := serve(pages(t, db, now))
		for _, who := range []string{"desk", "b"} {
			for _, lang := range []string{"ja", "en"} {
				if code, body := get(h, who, "/?lang="+lang); code != http.StatusOK || strings.Contains(body, "NaN") {
					t.Errorf("%s in %s: %d", who, lang, code)
				}
			}
		}
	})
}

func TestNodePages(t *testing.T) {
	now, _ := clock.Fixed(noon)
	cut := NodeStatus{Problem: fault.New(fault.Unauthenticated, i18n.T("the hub refuses it", "拒否")).WithHint(
		i18n.T("ask the hub", "問い合わせ"),
	)}
	if text := fmt.Sprint(cut.facts()); !strings.Contains(text, "the hub refuses it") ||
		!strings.Contains(text, "ask the hub") {
		t.Errorf("the page does not say why it is cut off: %s", text)
	}
	for name, s := range map[string]NodeStatus{
		"empty": {},
		"full": {Member: "みどり市", Hub: "Hub " + hostile, HubURL: "https://hub.example", Since: noon, Skew: time.Hour,
			Waiting: 3, Ready: 1, FindingsTotal: 1, Refused: 2, Rules: 9, Armed: 4, Hunting: 1, Events: 5,
			Bytes: 1 << 30, Oldest: noon,
			Findings: []FindingLine{{ID: "f1", Title: "Title " + hostile, Level: "high", Host: hostile, Count: 3,
				Retro: true, At: noon}},
			Sensors: []SensorLine{{Name: "/var/log/" + hostile, Kind: "file", Problem: i18n.T("permission denied",
				"権限がありません")}, {Name: "x", Kind: "syslog", Events: 1, Bad: 7, Dropped: 4321, Last: noon}},
			Unread: []UnreadLine{{At: noon, Where: "/logs/" + hostile, Record: 6,
				Reason: i18n.T("not JSON", "JSON ではない")}}},
	} {
		site := web.New(web.Config{Clock: now, Auth: viewerOf})
		NodePages(site, NodeConfig{Clock: now, Status: func(context.Context, policy.Viewer) (NodeStatus, error) {
			return s, nil
		},
			Rules: func(context.Context) (RuleReport, error) {
				if name == "empty" {
					return RuleReport{}, nil
				}
				return RuleReport{Loaded: []RuleLine{{ID: "r", Title: "Rule " + hostile, Level: "low", Author: hostile,
					License: "DRL 1.1"}},
					Refused: []RefusedRule{{File: "x.yml", Line: 14,
						Reason: i18n.Same("unknown modifier " + hostile)}}}, nil
			}})
		h := site.Handler()
		for _, path := range []string{"/", "/rules", "/rules?show=refused", "/rules?format=csv"} {
			for _, lang := range []string{"ja", "en"} {
				code, body := get(h, "b", path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+
					"lang="+lang)
				if code != http.StatusOK || strings.Contains(body, "<script>alert") && !strings.Contains(path, "csv") {
					t.Errorf("%s %s in %s: %d", name, path, lang, code)
				}
			}
		}
		_, body := get(h, "b", "/?lang=en")
		if cut := strings.Contains(body, "line to the hub is down"); !cut {
			t.Errorf("%s: it does not say that it is cut off", name)
		}
		for _, word := range []string{"4321 messages lost", "What could not be read", "not JSON"} {
			if strings.Contains(body, word) != (name == "full") {
				t.Errorf("%s: %q", name, word)
			}
		}
		if waits := strings.Contains(body, "Decide on what waits to leave (3)"); waits != (name == "full") {
			t.Errorf("%s: what waits for a person: %v", name, waits)
		}
	}
}

// Many rules are shown in pages that hold each of them once; what is
// searched for is found wherever it is.
func TestManyRules(t *testing.T) {
	now, _ := clock.Fixed(noon)
	var rep RuleReport
	for i := range 1200 {
		rep.Loaded = append(rep.Loaded, RuleLine{ID: fmt.Sprintf("id-%05d", i), Title: fmt.Sprint("Rule ", i%7),
			Level: []string{"low", "high"}[i%2], Author: "A", File: fmt.Sprintf("f%05d.yml", i), Correlation: i == 7})
	}
	for i := range 150 {
		rep.Refused = append(rep.Refused, RefusedRule{File: fmt.Sprintf("/rules/bad%03d.yml", i), Line: i,
			Reason: i18n.Same("unknown modifier")})
	}
	site := web.New(web.Config{Clock: now, Auth: viewerOf})
	NodePages(site, NodeConfig{Clock: now, Status: func(context.Context, policy.Viewer) (NodeStatus, error) {
		return NodeStatus{}, nil
	}, Rules: func(context.Context) (RuleReport, error) { return rep, nil }})
	h := site.Handler()
	key, next := regexp.MustCompile(`data-key="([^"]+)"`), regexp.MustCompile(`rel="next" href="([^"]+)"`)
	for path, want := range map[string]int{"/rules": 1200, "/rules?level=high": 600, "/rules?level=none": 1200,
		"/rules?q=F00123.yml": 1, "/rules?q=nothing": 0, "/rules?show=refused": 150,
		"/rules?show=refused&q=bad14": 10} {
		seen := map[string]bool{}
		for at, pages := path, 0; at != "" && pages < 200; pages++ {
			code, body := get(h, "b", at)
			keys := key.FindAllStringSubmatch(body, -1)
			if code != http.StatusOK || len(keys) > list.PageRows {
				t.Fatalf("%s: %d with %d rows", at, code, len(keys))
			}
			for _, k := range keys {
				if seen[k[1]] {
					t.Fatalf("%s shows %s again", at, k[1])
				}
				seen[k[1]] = true
			}
			at = ""
			if m := next.FindStringSubmatch(body); m != nil {
				at = html.UnescapeString(m[1])
			}
		}
		if len(seen) != want {
			t.Errorf("%s shows %d rules, want %d", path, len(seen), want)
		}
	}
	if code, _ := get(h, "b", "/rules?after=gone"); code != http.StatusUnprocessableEntity {
		t.Errorf("a place that is none: %d", code)
	}
	if _, body := get(h, "b", "/rules?q=f00007.yml&lang=en"); !strings.Contains(body, `href="/rules/id-00007"`) ||
		!strings.Contains(body, ">correlation<") {
		t.Error("a row does not lead to its rule, or does not say that it correlates")
	}
	if _, body := get(h, "b", "/rules?format=csv"); strings.Count(body, "id-") != 1200 {
		t.Errorf("the download holds %d rules", strings.Count(body, "id-"))
	}
}

func TestSectorArithmetic(t *testing.T) {
	in := func(id, sector, prefecture string) member {
		return member{Member: identity.Member{ID: id, Sector: sector, Prefecture: prefecture, Joined: noon}}
	}
	count := func(of string, at time.Time, n int) finding.HourCount {
		return finding.HourCount{Member: of, Hour: at.Unix() / 3600, N: n}
	}
	members := []member{in("a", "gas", ""), in("b", "gas", ""), in("c", "rail", "")}
	now := noon.Add(30 * time.Minute)
	rows := bySector([]finding.HourCount{count("a", noon, 2), count("b", noon, 3), count("a", noon.Add(-time.Hour), 1),
		count("c", noon.Add(-11*time.Hour), 7), count("c", noon.Add(-12*time.Hour), 99),
		count("c", noon.Add(time.Hour), 99), count("stranger", noon, 99)}, members, now)
	if len(rows) != 2 || rows[0].slug != "gas" || rows[0].last() != 5 || rows[0].change() != 4 || rows[1].total() != 7 {
		t.Errorf("%+v", rows)
	}
	j := japan([]finding.HourCount{count("a", noon, 2)}, []member{in("a", "", "47"), in("b", "", "48"),
		in("c", "", "x")})
	if j.Counts[47] != 2 || len(j.Counts) != 1 {
		t.Errorf("%+v", j.Counts)
	}
}

// An administrator of the hub is told on the first page that messages were set aside,
// also beside many cases; nobody else is.
func TestSetAsideIsSaid(t *testing.T) {
	now, _ := clock.Fixed(noon.Add(time.Minute))
	each(t, func(t *testing.T, db *store.DB, tr *Tracker) {
		play(t, db, tr, 10)
		fill(t, db)
		h := serve(pages(t, db, now))
		const warning = "Look at 1 message that could not be handled"
		if _, body := get(h, "desk", "/?lang=en"); strings.Contains(body, warning) {
			t.Error("there is none")
		}
		put(t, db, func(tx *store.Tx) error {
			for i := range 5 {
				one := casework.Case{ID: fmt.Sprint("x", i), Number: fmt.Sprint("MNK-X", i), State: casework.Open,
					Realm: "live",
					Level: "high", Severity: -1, Opened: noon, Updated: noon,
					Handling: policy.Handling{TLP: policy.Amber}}
				if err := store.Insert(tx, "cases", []casework.Case{one}); err != nil {
					return err
				}
			}
			_, err := tx.Exec(`INSERT INTO outbox_aside (consumer, seq, id, topic, lane, body, at, failed, tries,
				asked, kind,
				reason, error) VALUES ('casework', 1, 'f', 'finding', 'a', $1, 0, 0, 1, 0, 'invalid', 'bad',
				'bad')`, []byte("{}"))
			return err
		})
		for viewer, told := range map[string]bool{"desk": true, "b": false, "nobody": false} {
			if _, body := get(h, viewer, "/?lang=en"); strings.Contains(body, warning) != told {
				t.Errorf("%s: told %t, want %t", viewer, !told, told)
			}
		}
	})
}
