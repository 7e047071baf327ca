package rulehealth_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// The pages draw in both languages with detecttest.Hostile rules, and do what they say;
// only who may does it.
func TestRuleHealthPages(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		text := strings.Replace(
			detecttest.RulesText, "title: Recon with whoami",
			"title: "+strings.ReplaceAll(detecttest.JSON(t, detecttest.Hostile), "\n", ""), 1,
		)
		n.Engine.SetRules(detecttest.Rules(t, text))
		c := n.RuleHealth(t, rulehealth.Config{Rate: 3})
		h := n.RulePages()
		for range 4 {
			n.Take(t, n.Noise())
		}
		n.Take(t, n.Beacon("198.51.100.7"))
		f := n.Findings(t)[0].ID
		if err := n.DB.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return pool.Replace(tx, []wire.PooledFigure{{
				Figure: pool.FigureFound, Subject: detecttest.RuleA, Members: 12, Typical: 1, Day: 20000,
			}, {Figure: pool.FigureFalse, Subject: detecttest.RuleA, Members: 9, Typical: 1, Day: 20000},
				{
					Figure: pool.FigureCovered, Subject: "T1071", Members: 5, Typical: 1, Day: 20000,
				}, {Figure: "hostile", Subject: detecttest.RuleA, Members: 5}, {
					Figure: pool.FigureFound, Subject: detecttest.Hostile, Members: 5,
				}})
		}); err != nil {
			t.Fatal(err)
		}
		paths := []string{
			"/rules/health", "/rules/health?show=held&sort=cost&q=x", "/rules/health?show=false",
			"/rules/health?sort=nothing", "/rules/" + detecttest.RuleA, "/rules/" + detecttest.RuleB,
			"/rules/" + detecttest.RuleNoise, "/findings/" + f + "/false", "/settings/rule-counts",
		}
		covers := []string{
			"/coverage?by=members&product=%3Cscript%3Ealert", "/coverage/T1071", "/coverage/T1071.001",
			"/coverage/t1059",
		}
		for _, p := range paths {
			detecttest.Page(t, h, "reader", p)
			detecttest.Page(t, h, "admin", p)
		}
		for _, p := range covers {
			detecttest.Page(t, h, "reader", p)
		}
		body := detecttest.Page(t, h, "reader", "/rules/"+detecttest.RuleA)["en"]
		if !strings.Contains(body, "12 members") || !strings.Contains(body, "9 members") {
			t.Error("the page does not say what the community thinks")
		}
		body = detecttest.Page(t, h, "reader", "/rules/health")["ja"]
		if !strings.Contains(body, "12 組織で検知") ||
			!strings.Contains(body, "9 組織が誤検知と判断") || !strings.Contains(body, "隔離中のルール 1 件を見る") {
			t.Error("the list does not say what the community thinks, or what is in quarantine")
		}
		for path, want := range map[string]int{
			"/rules/nothing": 404, "/findings/nothing/false": 404, "/coverage/T0": 404, "/coverage/layer.json": 200,
		} {
			if code, body := detecttest.Send(t, h, "reader", "GET", path, ""); code != want {
				t.Errorf("%s: %d %.200s", path, code, body)
			}
		}
		mark := "/rules/" + detecttest.RuleA + "/false"
		for _, s := range []struct {
			as, method, path, body string
			want                   int
		}{
			{"reader", "POST", mark, "reason=x", 403},
			{"analyst", "POST", mark, "reason=", 422},
			{"analyst", "POST", mark, "reason=too+wide", 303},
			{"analyst", "POST", mark, "reason=again", 409},
			{"analyst", "POST", "/findings/" + f + "/false", "reason=test", 303},
			{"reader", "POST", "/rules/" + detecttest.RuleNoise + "/release", "", 403},
			{"analyst", "POST", "/rules/" + detecttest.RuleNoise + "/release", "", 303},
			{"analyst", "POST", "/rules/" + detecttest.RuleB + "/quarantine", "", 303},
			{"analyst", "POST", "/settings/rule-counts", "way=auto", 403},
			{"admin", "POST", "/settings/rule-counts", "way=sometimes", 422},
			{"analyst", "POST", "/settings/rule-counts/send", "", 403},
			{"admin", "POST", "/settings/rule-counts", "way=ask", 303},
			{"analyst", "POST", "/settings/rule-counts/send", "", 303},
			{"reader", "GET", "/api/v1/rules", "", 200},
			{"reader", "GET", "/api/v1/rules?limit=2&show=hit", "", 200},
			{"reader", "GET", "/api/v1/rules/" + detecttest.RuleA + "/false", "", 200},
			{"reader", "POST", "/api/v1/rules/" + detecttest.RuleB + "/false", `{"reason":"x"}`, 403},
			{"analyst", "POST", "/api/v1/rules/" + detecttest.RuleB + "/false", `{"reason":"x"}`, 200},
			{"analyst", "POST", "/api/v1/rules/" + detecttest.RuleB + "/false", `{"reason":""}`, 422},
			{"analyst", "POST", "/api/v1/findings/nothing/false", `{"reason":"x"}`, 404},
			{"analyst", "POST", "/api/v1/rules/" + detecttest.RuleB + "/release", "", 204},
			{"analyst", "POST", "/api/v1/rules/" + detecttest.RuleB + "/quarantine", "", 204},
			{"analyst", "PUT", "/api/v1/rule-counts", `{"way":"auto"}`, 403},
			{"admin", "PUT", "/api/v1/rule-counts", `{"way":"never"}`, 200},
			{"reader", "GET", "/api/v1/rule-counts", "", 200},
			{"analyst", "POST", "/api/v1/rule-counts/send", "", 403},
			{"reader", "GET", "/api/v1/coverage?product=windows", "", 200},
			{"reader", "GET", "/api/v1/coverage/layer", "", 200},
		} {
			if code, body := detecttest.Send(t, h, s.as, s.method, s.path, s.body); code != s.want {
				t.Errorf("%s %s %s %s: %d, want %d: %.300s", s.as, s.method, s.path, s.body, code, s.want, body)
			}
		}
		var list struct{ Items []rulehealth.FalseAlarmOut }
		_, body = detecttest.Send(t, h, "reader", "GET", "/api/v1/rules/"+detecttest.RuleA+"/false", "")
		if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Items) != 2 {
			t.Fatalf("%v %s", err, body)
		}
		if code, _ := detecttest.Send(
			t, h, "analyst", "POST", "/false-marks/"+list.Items[0].ID+"/undo", "",
		); code != 303 {
			t.Errorf("undo: %d", code)
		}
		for _, p := range paths {
			detecttest.Page(t, h, "analyst", p)
		}
		if h := c.Quarantined(); len(h) != 1 || h[detecttest.RuleB].Why != rulehealth.WhyPerson ||
			h[detecttest.RuleB].By != "Sato" {
			t.Errorf("held %+v", h)
		}
	})
}

// At a hub coverage and rules are made of what the viewer may see, and of figures.
func TestHubRules(t *testing.T) {
	moment, _ := clock.Fixed(detecttest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now, _ := clock.Fixed(detecttest.Start.Add(time.Minute))
		viewers := map[string]policy.Viewer{
			"desk":  {User: "u1", Hub: true, Coordinator: true, Role: policy.RoleAdmin},
			"other": {User: "u3", Member: "city", Role: policy.RoleReader},
		}
		auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
		site := web.New(web.Config{Clock: now, Auth: auth})
		mux := http.NewServeMux()
		a := api.New(mux, api.Config{Auth: auth, Clock: now})
		pool.Pages(site, pool.PageConfig{DB: db, Clock: now})
		pool.API(a, pool.PageConfig{DB: db, Clock: now})
		coverage.Pages(
			site,
			coverage.PageConfig{DB: db, Clock: now, Techniques: attack.Read(), Hub: true, Rules: coverage.FoundRules},
		)
		mux.Handle("/", site.Handler())
		if body := detecttest.Page(t, mux, "desk", "/rules")["en"]; !strings.Contains(body, "No figures yet") {
			t.Error("an empty page does not say what would be here")
		}
		f := wire.Finding{
			ID: "f1", Version: 1, Realm: event.Live, First: detecttest.Start, Last: detecttest.Start, Count: 1,
			Sensed: detecttest.Start, Detected: detecttest.Start, Handling: policy.Handling{TLP: policy.AmberStrict},
		}
		f.Rule = wire.RuleRef{
			ID: detecttest.RuleA, Title: "Secret beacon", Level: "high", Tags: []string{"attack.t1071.001"},
		}
		if err := db.Write(
			t.Context(), store.System("test"),
			func(tx *store.Tx) error { return finding.Receive(tx, "power", []byte(asJSON(t, f))) },
		); err != nil {
			t.Fatal(err)
		}
		err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return pool.Replace(
				tx,
				[]wire.PooledFigure{
					{Figure: pool.FigureFound, Subject: detecttest.RuleA, Members: 12, Day: 20000},
					{Figure: pool.FigureFalse, Subject: detecttest.RuleA, Members: 9, Day: 20001},
					{Figure: pool.FigureHits, Subject: detecttest.RuleA, Members: 5, Typical: 20, Day: 20000},
				},
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, as := range []string{"desk", "other"} {
			body := detecttest.Page(t, mux, as, "/rules")["en"]
			if !strings.Contains(body, ">12<") || !strings.Contains(body, ">9<") ||
				strings.Contains(body, "Secret beacon") != (as == "desk") {
				t.Errorf("%s: the figures are wrong, or a title shows that should not", as)
			}
			cover := detecttest.Page(t, mux, as, "/coverage/T1071.001")["en"]
			if strings.Contains(cover, "Secret beacon") != (as == "desk") {
				t.Errorf("%s: a finding shows through coverage, or does not", as)
			}
		}
		var out struct{ Items []pool.PooledRule }
		_, body := detecttest.Send(t, mux, "other", "GET", "/api/v1/rules", "")
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err, body)
		}
		if diff := cmp.Diff(
			[]pool.PooledRule{{ID: detecttest.RuleA, Found: 12, FalseBy: 9, Typical: 20, Since: "2024-10-04"}},
			out.Items,
		); diff != "" {
			t.Error(diff)
		}
	}, nodetest.Migrations(), storetest.Clock(moment))
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
