package release

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

func TestPages(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		q := openQueue(t, db, Cautious())
		changed := 0
		cfg := PageConfig{DB: db, Outgoing: q, Changed: func() { changed++ }}
		c := sharetest.Console(t, func(s *web.Site, a *api.API) { Pages(s, cfg); API(a, cfg) }, Templates())
		for _, path := range []string{
			"/outgoing", "/outgoing?state=sent", "/outgoing?state=failed", "/outgoing?state=all", "/settings/sharing",
		} {
			sharetest.Page(t, c, "power", path)
			sharetest.Page(t, c, "guest", path)
		}
		a := sharetest.Object(t, "a.example.net")
		in, err := indicator.FromWire(a, sharetest.Start)
		if err == nil {
			err = db.Write(t.Context(), store.System("test"), in.Save)
		}
		if err != nil {
			t.Fatal(err)
		}

		// What leaves, with everything hostile in it.
		f := sharetest.Finding("high")
		f.Rule.Title, f.Host, f.User, f.Indicator, f.Retro = sharetest.Hostile, sharetest.Hostile, sharetest.Hostile,
			"indicator--x", true
		give(t, db, q, "f1", "high", f)
		found := f
		found.Rule.Title = "What was found"
		err = db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return finding.Save(tx, sharetest.Start, msg.Finding{Member: "power", Finding: found})
		})
		if err != nil {
			t.Fatal(err)
		}
		cand := sharetest.Candidate("c1", "f1", sharetest.Domain(sharetest.Evil), sharetest.Amber(policy.Community))
		cand.Rule.Title = sharetest.Hostile
		give(t, db, q, "c1", "high", cand.Candidate)
		rule := sharetest.Candidate("c2", "f1", nil, sharetest.Amber())
		rule.Sigma = sharetest.Hostile
		give(t, db, q, "c2", "high", rule.Candidate)
		give(
			t, db, q, "f1", "high",
			wire.Sighting{
				ID: "f1", Indicator: a.ID, Count: 4, Retro: true, First: sharetest.Start, Last: sharetest.Start,
				At: sharetest.Start, Handling: policy.Handling{TLP: policy.Amber},
			},
		)
		for _, path := range []string{
			"/outgoing", "/outgoing?state=all", "/outgoing?state=all&kind=candidate&q=f1",
			"/outgoing?q=" + url.QueryEscape(sharetest.Hostile),
		} {
			sharetest.Page(t, c, "power", path)
		}
		for _, l := range queued(t, db) {
			sharetest.Page(t, c, "power", pathOf(l))
			sharetest.Page(t, c, "guest", pathOf(l))
		}
		body := sharetest.Page(t, c, "power", "/outgoing/candidate/c1")["en"]
		for _, want := range []string{
			"Send to the hub", "Hold back", "evil[.]example[.]net", "every member of the community",
			"&#34;observable&#34;: {",
			"What was found",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the message's page lacks %q", want)
			}
		}
		if body := sharetest.Page(
			t, c, "guest", "/outgoing/candidate/c1",
		)["en"]; strings.Contains(body, "Send to the hub") {
			t.Error("a reader is offered to send")
		}
		post := func(as, path string, form url.Values) int {
			code, _ := sharetest.Ask(t, c, as, http.MethodPost, path, form, "")
			return code
		}
		if code := post("guest", "/outgoing/candidate/c1/send", url.Values{"tlp": {"green"}}); code != 403 {
			t.Errorf("a reader sends: %d", code)
		}
		if code := post("power", "/outgoing/candidate/c1/send", url.Values{}); code != 422 {
			t.Errorf("without a label: %d", code)
		}
		if code := post("power", "/outgoing/candidate/c1/send", url.Values{"tlp": {"green"}}); code != 303 {
			t.Errorf("send: %d", code)
		}
		if code := post("power", "/outgoing/candidate/c2/hold", url.Values{}); code != 303 {
			t.Errorf("hold: %d", code)
		}
		got := queued(t, db)
		if l := got["candidate/c1"]; l.State != StateReady || l.Handling.TLP != policy.Green || l.By != "Sato" {
			t.Errorf("sent: %+v", l)
		}
		if l := got["candidate/c2"]; l.State != StateHeld {
			t.Errorf("held: %+v", l)
		}
		// The same by API.
		if code, body := sharetest.Get(
			t, c, "power", "/api/v1/outgoing?state=held",
		); code != 200 || !strings.Contains(body, `"id":"c2"`) || strings.Contains(body, `"id":"c1"`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := sharetest.Ask(
			t, c, "power", "POST", "/api/v1/outgoing/candidate/c2/send", nil, `{"tlp":"red"}`,
		); code != 204 || queued(t, db)["candidate/c2"].Handling.TLP != policy.Red {
			t.Errorf("%d %s", code, body)
		}
		if code, body := sharetest.Ask(
			t, c, "power", "POST", "/api/v1/outgoing/candidate/c1/send", nil, "",
		); code != 204 {
			t.Errorf("as it is: %d %s", code, body)
		}
		if code, body := sharetest.Ask(
			t, c, "power", "POST", "/api/v1/outgoing/candidate/c1/hold", nil, "",
		); code != 204 || queued(t, db)["candidate/c1"].State != StateHeld {
			t.Errorf("%d %s", code, body)
		}
		if code, _ := sharetest.Ask(
			t, c, "guest", "POST", "/api/v1/outgoing/candidate/c1/send", nil, `{}`,
		); code != 403 {
			t.Errorf("a reader by API: %d", code)
		}
		if changed != 5 {
			t.Errorf("told %d changes", changed)
		}
		if _, spec := sharetest.Get(t, c, "power", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}

// What the page shows is what the wire gets.
func TestShownIsSent(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openQueue(t, db, Manual())
		give(t, db, g, "f1", "high", sharetest.Finding("high"))
		shown := onTheWire(queued(t, db)["finding/f1"])
		if err := g.Decide(t.Context(), wire.KindFinding, "f1", true, nil, "Sato"); err != nil {
			t.Fatal(err)
		}
		var batch []byte
		_, err := sender(db, g, func(ctx context.Context, topic string, body []byte) ([]byte, error) {
			batch = body
			return accept(ctx, topic, body)
		}).round(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var b struct{ Items []json.RawMessage }
		if err := json.Unmarshal(batch, &b); err != nil || len(b.Items) != 1 {
			t.Fatalf("%s: %v", batch, err)
		}
		var x, y any
		if json.Unmarshal(b.Items[0], &x) != nil || json.Unmarshal([]byte(shown), &y) != nil {
			t.Fatal("not JSON")
		}
		one, _ := json.Marshal(x)
		two, _ := json.Marshal(y)
		if string(one) != string(two) {
			t.Errorf("sent  %s\nshown %s", one, two)
		}
	})
}

func TestSharingPolicy(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openQueue(t, db, Cautious())
		cfg := PageConfig{DB: db, Outgoing: g}
		c := sharetest.Console(t, func(s *web.Site, a *api.API) { Pages(s, cfg); API(a, cfg) }, Templates())
		post := func(as string, form url.Values) (int, string) {
			return sharetest.Ask(t, c, as, http.MethodPost, "/settings/sharing?lang=en", form, "")
		}
		full := url.Values{
			"findings":        {"auto"},
			"details":         {"yes"},
			"finding_level":   {"low"},
			"finding_tlp":     {"amber"},
			"candidates":      {"ask"},
			"candidate_level": {"high"},
			"candidate_tlp":   {"amber+strict"},
			"audience":        {"sector:energy、member:city"},
			"sightings":       {"never"},
		}
		if code, _ := post("guest", full); code != 403 {
			t.Errorf("a reader changes the policy: %d", code)
		}
		if code, body := post("power", full); code != 303 {
			t.Fatalf("%d %s", code, body)
		}
		want := Policy{
			Findings:       Auto,
			Details:        true,
			FindingLevel:   "low",
			FindingTLP:     policy.Amber,
			Candidates:     Ask,
			CandidateLevel: "high",
			CandidateTLP:   policy.AmberStrict,
			Audience:       policy.Audience{"sector:power", "member:city"},
			Sightings:      Never,
		}
		if got := g.Policy(); !equal(got, want) {
			t.Errorf("in force: %+v", got)
		}
		sharetest.Page(t, c, "power", "/settings/sharing")
		for field, value := range map[string]string{
			"findings": "maybe", "candidate_level": "huge", "candidate_tlp": "beige", "audience": "everyone",
		} {
			bad := url.Values{}
			for k, v := range full {
				bad[k] = v
			}
			bad.Set(field, value)
			if code, body := post("power", bad); code != 422 || !strings.Contains(body, "field bad") {
				t.Errorf("%s = %s: %d", field, value, code)
			}
		}
		if !equal(g.Policy(), want) {
			t.Error("a form that was wrong changed the policy")
		}
		if code, _ := post("power", url.Values{"preset": {"open"}}); code != 303 || !equal(g.Policy(), Open()) {
			t.Errorf("a preset: %d", code)
		}
		if code, _ := post("power", url.Values{"preset": {"reckless"}}); code < 400 {
			t.Errorf("an unknown preset: %d", code)
		}
		code, body := sharetest.Get(t, c, "guest", "/api/v1/sharing-policy")
		if code != 200 || !strings.Contains(body, `"finding_tlp":"amber+strict"`) {
			t.Fatalf("%d %s", code, body)
		}
		if code, back := sharetest.Ask(
			t, c, "power", http.MethodPut, "/api/v1/sharing-policy", nil,
			strings.Replace(body, `"details":true`, `"details":false`, 1),
		); code != 200 || g.Policy().Details {
			t.Errorf("put: %d %s", code, back)
		}
		if code, _ := sharetest.Ask(t, c, "guest", http.MethodPut, "/api/v1/sharing-policy", nil, body); code != 403 {
			t.Errorf("a reader puts: %d", code)
		}
		if code, _ := sharetest.Ask(
			t, c, "power", http.MethodPut, "/api/v1/sharing-policy", nil,
			strings.Replace(body, `"community"`, `"user:7"`, 1),
		); code < 400 {
			t.Errorf("a person in an audience: %d", code)
		}
	})
}
