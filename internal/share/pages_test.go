package share

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// hostile is what an attacker writes where we show it.
const hostile = `"><script>alert(1)</script>{{.}}` + "\u202Egpj.exe {0} ${x} <img src=x onerror=alert(1)> 標的"

var viewers = map[string]policy.Viewer{
	"desk":   desk,
	"reader": {User: "u-r", Name: "Reader", Hub: true, Role: policy.RoleReader},
	"power":  {User: "u-p", Name: "Sato", Member: "power", Sector: "energy", Role: policy.RoleAdmin},
	"gas":    {User: "u-g", Name: "Gas", Member: "gas", Sector: "energy", Role: policy.RoleCoordinator},
	"city":   {User: "u-c", Name: "City", Member: "city", Sector: "government", Role: policy.RoleAdmin},
	"guest":  {User: "u-x", Name: "Guest", Member: "power", Sector: "energy", Role: policy.RoleReader},
}

// console makes a site and an API for whoever the header names.
func console(t *testing.T, add func(*web.Site, *api.API)) http.Handler {
	t.Helper()
	auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
	now, _ := clock.Fixed(start.Add(time.Minute))
	site := web.New(web.Config{Clock: now, Auth: auth})
	site.Templates(Templates())
	mux := http.NewServeMux()
	add(site, api.New(mux, api.Config{Version: "1", Auth: auth, Clock: now}))
	mux.Handle("/", site.Handler())
	return mux
}

// ask sends a request; form makes it a POST of a form, body one of JSON.
func ask(t *testing.T, h http.Handler, as, method, path string, form url.Values, body string) (int, string) {
	t.Helper()
	if form != nil {
		body = form.Encode()
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("As", as)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func get(t *testing.T, h http.Handler, as, path string) (int, string) {
	t.Helper()
	return ask(t, h, as, http.MethodGet, path, nil, "")
}

var (
	exactCopies = regexp.MustCompile(`data-(copy|key)="[^"]*"`) // for the clipboard, as it is
	cells       = regexp.MustCompile(`(?s)<(td|dd|th|p|li|pre)\b.*?</(td|dd|th|p|li|pre)>`)
	broken      = regexp.MustCompile(`%!|<no value>|ZgotmplZ`)
)

// page fetches a page in both languages and looks for what no page may hold.
func page(t *testing.T, h http.Handler, as, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, lang := range []string{"ja", "en"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		code, body := get(t, h, as, path+sep+"lang="+lang)
		if code != http.StatusOK {
			t.Fatalf("%s for %s in %s: %d\n%s", path, as, lang, code, body)
		}
		for _, bad := range []string{"<script>alert", "<img src=x"} {
			if i := strings.Index(body, bad); i >= 0 {
				t.Errorf("%s in %s holds %q: …%s…", path, lang, bad, body[max(0, i-120):i+40])
			}
		}
		for _, cell := range cells.FindAllString(exactCopies.ReplaceAllString(body, ""), -1) {
			if strings.Contains(cell, "\u202E") {
				t.Errorf("%s in %s turns the text around: %s", path, lang, cell)
			}
		}
		if m := broken.FindString(body); m != "" {
			t.Errorf("%s in %s holds %q", path, lang, m)
		}
		if dir := os.Getenv("MENEKI_TEST_PAGES"); dir != "" { // to look at them
			name := strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(t.Name()+as+path) + "." + lang + ".html"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
				t.Error(err)
			}
		}
		out[lang] = body
	}
	return out
}

func hubConsole(t *testing.T, h *hub) http.Handler {
	names := map[string]string{"power": "Denryoku", "gas": "Gasu " + hostile, "city": "Shiyakusho"}
	c := HubPageConfig{DB: h.db, Office: h.Office, MemberName: func(_ context.Context, id string) string { return names[id] },
		Members: func(context.Context) (out []MemberDot) {
			for _, p := range h.people {
				out = append(out, MemberDot{ID: p.ID, Name: names[p.ID], Sector: p.Sector, Online: true})
			}
			return out
		},
		CaseNumber: func(*store.Tx, string) string { return "MNK-2026-0001" }}
	return console(t, func(s *web.Site, a *api.API) { HubPages(s, c); HubAPI(a, c) })
}

// shared makes a hub with three indicators, of which one member found the first in its past.
func shared(t *testing.T, h *hub) (value, rule, secret Indicator) {
	t.Helper()
	h.inCase(t, "f1", "case-1")
	h.must(t, h.offer(t, "power", candidate("c1", "f1", &event.Observable{Type: event.URL, Value: "http://evil.example.net/x"}, amber(policy.Community))))
	bad := candidate("c2", "f1", nil, amber(policy.Community))
	bad.Rule.Title, bad.Rule.Author, bad.Rule.ID = hostile, hostile, "rule-2"
	bad.Sigma = "title: x # " + hostile + "\n"
	h.must(t, h.offer(t, "power", bad))
	h.must(t, h.offer(t, "power", candidate("c3", "f1", domain("secret.example.net"), policy.Handling{TLP: policy.Red})))
	for _, i := range h.all(t) {
		switch {
		case i.Kind == "sigma":
			rule = i
		case i.Handling.TLP == policy.Red:
			secret = i
		default:
			value = i
		}
	}
	h.must(t, h.receipt(t, "gas", wire.Receipt{Object: value.ID, Modified: value.Modified, State: wire.Hunted, At: start, Searched: 5000, Hits: 3}))
	h.must(t, h.receipt(t, "gas", wire.Receipt{Object: value.ID, Modified: value.Modified, State: wire.Armed, At: start}))
	h.must(t, h.receipt(t, "city", wire.Receipt{Object: rule.ID, Modified: rule.Modified, State: wire.Refused, At: start, Reason: reason.Plain(hostile)}))
	b, _ := json.Marshal(wire.Sighting{ID: "s1", Indicator: value.ID, Realm: event.Live, Count: 3, First: start, Last: start, Retro: true, At: start, Handling: policy.Handling{TLP: policy.Green}})
	h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return h.ReceiveSighting(tx, "gas", b) }))
	return value, rule, secret
}

func TestHubPages(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		c := hubConsole(t, h)
		if body := page(t, c, "desk", "/indicators")["ja"]; !strings.Contains(body, "指標はまだありません") {
			t.Error("an empty list does not say what would be here")
		}
		value, rule, secret := shared(t, h)
		for _, as := range []string{"desk", "reader", "power", "gas", "city"} {
			for _, path := range []string{"/indicators", "/indicators?kind=sigma&state=active&q=x", "/indicators?q=" + url.QueryEscape(hostile), "/indicators/" + value.ID, "/indicators/" + rule.ID} {
				page(t, c, as, path)
			}
			if code, _ := get(t, c, as, "/indicators/"+secret.ID); (code == 200) != (as == "power") {
				t.Errorf("%s gets %d for an indicator that is RED", as, code)
			}
			if code, _ := get(t, c, as, "/indicators/"+secret.ID+"/stix"); (code == 200) != (as == "power") {
				t.Errorf("%s gets %d for the object of one that is RED", as, code)
			}
		}
		body := page(t, c, "desk", "/indicators/"+value.ID)["en"]
		for _, want := range []string{"hxxp://evil[.]example[.]net", "1 of 3 members armed, 1 with traces", "Denryoku", "MNK-2026-0001", "Withdraw from all members", "not told to the other members", "5,000"} {
			if !strings.Contains(body, want) {
				t.Errorf("the coordinator's page lacks %q", want)
			}
		}
		if body := page(t, c, "reader", "/indicators/"+value.ID)["en"]; strings.Contains(body, "Withdraw from all members") {
			t.Error("a reader is offered to withdraw")
		}
		// Another member sees how many are armed, and nothing of who and of what they saw.
		for _, path := range []string{"/indicators", "/indicators/" + value.ID, "/indicators?format=csv", "/indicators?format=json", "/api/v1/indicators", "/api/v1/indicators/" + value.ID} {
			_, body := get(t, c, "city", path)
			for _, name := range []string{"Denryoku", "Gasu", `"gas"`, `"power"`, "5000", "5,000"} {
				if strings.Contains(body, name) {
					t.Errorf("%s tells another member %q", path, name)
				}
			}
		}
		if body := page(t, c, "city", "/indicators/"+value.ID)["en"]; !strings.Contains(body, "Members armed: 1") {
			t.Error("a member does not see how many are armed")
		}
		// The member that saw it sees its own.
		if body := page(t, c, "gas", "/indicators/"+value.ID)["en"]; !strings.Contains(body, "found 3 traces") {
			t.Error("a member does not see its own progress")
		}
		if code, body := get(t, c, "city", "/indicators/"+value.ID+"/stix"); code != 200 || !json.Valid([]byte(body)) {
			t.Errorf("STIX: %d %s", code, body)
		}
		if code, body := get(t, c, "desk", "/indicators?format=csv"); code != 200 || !strings.Contains(body, "http://evil.example.net/x") {
			t.Errorf("CSV: %d %s", code, body)
		}
	})
}

func TestHubActions(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		c := hubConsole(t, h)
		value, rule, _ := shared(t, h)
		post := func(as, path string, form url.Values) (int, string) {
			return ask(t, c, as, http.MethodPost, path+"?lang=en", form, "")
		}
		mark := "/indicators/" + value.ID + "/marking"
		if code, body := post("desk", mark, url.Values{"tlp": {"clear"}}); code != 422 || !strings.Contains(body, "only the organisation it came from may widen") {
			t.Errorf("widening by the hub: %d", code)
		}
		if code, _ := post("desk", mark, url.Values{"tlp": {"beige"}}); code != 422 {
			t.Errorf("an unknown label: %d", code)
		}
		if code, _ := post("reader", mark, url.Values{"tlp": {"red"}}); code != 403 {
			t.Errorf("a reader marks: %d", code)
		}
		if code, _ := post("gas", mark, url.Values{"tlp": {"red"}}); code != 422 {
			t.Errorf("another member marks: %d", code)
		}
		if code, _ := post("desk", mark, url.Values{"tlp": {"amber+strict"}}); code != 303 {
			t.Errorf("stricter: %d", code)
		}
		if code, _ := post("power", mark, url.Values{"tlp": {"green"}}); code != 303 {
			t.Errorf("the owner widens: %d", code)
		}
		end := "/indicators/" + rule.ID + "/withdraw"
		if code, body := post("desk", end, url.Values{"confirm": {"yes"}}); code != 422 || !strings.Contains(body, "cannot be taken back") {
			t.Errorf("without the word: %d", code)
		}
		if code, _ := post("desk", end, url.Values{"confirm": {" 取り下げ "}}); code != 303 {
			t.Errorf("withdraw: %d", code)
		}
		if body := page(t, c, "desk", "/indicators/"+rule.ID)["en"]; strings.Contains(body, "Withdraw from all members") || !strings.Contains(body, "withdrawn") {
			t.Error("the page does not say that it is withdrawn")
		}
		// The same by API.
		path := "/api/v1/indicators/" + value.ID
		if code, body := get(t, c, "desk", path); code != 200 || !strings.Contains(body, `"progress":[`) || !strings.Contains(body, `"stix":{`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := ask(t, c, "desk", "POST", path+"/marking", nil, `{"tlp":"clear"}`); code != 403 {
			t.Errorf("widening by API: %d %s", code, body)
		}
		if code, body := ask(t, c, "desk", "POST", path+"/marking", nil, `{"tlp":"amber","audience":["everyone, hub"]}`); code != 422 && code != 400 {
			t.Errorf("a broken audience: %d %s", code, body)
		}
		if code, body := ask(t, c, "desk", "POST", path+"/marking", nil, `{"tlp":"amber"}`); code != 204 {
			t.Errorf("stricter by API: %d %s", code, body)
		}
		if code, body := ask(t, c, "desk", "POST", path+"/withdraw", nil, ""); code != 204 {
			t.Errorf("withdraw by API: %d %s", code, body)
		}
		if code, _ := ask(t, c, "desk", "POST", path+"/withdraw", nil, ""); code != 409 {
			t.Errorf("twice: %d", code)
		}
		if _, spec := get(t, c, "desk", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}

func TestNodePages(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		changed := 0
		cfg := NodePageConfig{DB: db, Gate: n.gate, Changed: func() { changed++ }}
		c := console(t, func(s *web.Site, a *api.API) { NodePages(s, cfg); NodeAPI(a, cfg) })
		for _, path := range []string{"/indicators", "/leaving", "/leaving?state=sent", "/leaving?state=failed", "/leaving?state=all", "/settings/sharing"} {
			page(t, c, "power", path)
			page(t, c, "guest", path)
		}
		a, bad := n.sends(t, "a.example.net"), n.sends(t, "unmatchable "+hostile)
		n.push(t, a)
		n.push(t, bad)
		if _, err := n.huntSome(t.Context()); err != nil {
			t.Fatal(err)
		}
		page(t, c, "power", "/indicators")
		page(t, c, "power", "/indicators?state=expired")
		body := page(t, c, "power", "/indicators/"+a.ID)["en"]
		for _, want := range []string{"a[.]example[.]net", "2 traces", "/findings?indicator=" + a.ID, "armed"} {
			if !strings.Contains(body, want) {
				t.Errorf("the indicator's page lacks %q", want)
			}
		}
		page(t, c, "power", "/indicators/"+bad.ID)
		if code, body := get(t, c, "power", "/api/v1/indicators/"+a.ID); code != 200 || !strings.Contains(body, `"state":"armed"`) {
			t.Errorf("%d %s", code, body)
		}

		// What leaves, with everything hostile in it.
		f := aFinding("high")
		f.Rule.Title, f.Host, f.User, f.Indicator, f.Retro = hostile, hostile, hostile, "indicator--x", true
		give(t, db, n.gate, "f1", "high", f)
		cand := candidate("c1", "f1", domain(evil), amber(policy.Community))
		cand.Rule.Title = hostile
		give(t, db, n.gate, "c1", "high", cand.Candidate)
		rule := candidate("c2", "f1", nil, amber())
		rule.Sigma = hostile
		give(t, db, n.gate, "c2", "high", rule.Candidate)
		give(t, db, n.gate, "f1", "high", wire.Sighting{ID: "f1", Indicator: a.ID, Count: 4, Retro: true, First: start, Last: start, At: start, Handling: policy.Handling{TLP: policy.Amber}})
		for _, path := range []string{"/leaving", "/leaving?state=all", "/leaving?state=all&kind=candidate&q=f1", "/leaving?q=" + url.QueryEscape(hostile)} {
			page(t, c, "power", path)
		}
		for _, l := range onDesk(t, db) {
			page(t, c, "power", letterPath(l))
			page(t, c, "guest", letterPath(l))
		}
		body = page(t, c, "power", "/leaving/candidate/c1")["en"]
		for _, want := range []string{"Send to the hub", "Hold back", "evil[.]example[.]net", "every member of the community", "&#34;observable&#34;: {"} {
			if !strings.Contains(body, want) {
				t.Errorf("the message's page lacks %q", want)
			}
		}
		if body := page(t, c, "guest", "/leaving/candidate/c1")["en"]; strings.Contains(body, "Send to the hub") {
			t.Error("a reader is offered to send")
		}
		post := func(as, path string, form url.Values) int {
			code, _ := ask(t, c, as, http.MethodPost, path, form, "")
			return code
		}
		if code := post("guest", "/leaving/candidate/c1/send", url.Values{"tlp": {"green"}}); code != 403 {
			t.Errorf("a reader sends: %d", code)
		}
		if code := post("power", "/leaving/candidate/c1/send", url.Values{}); code != 422 {
			t.Errorf("without a label: %d", code)
		}
		if code := post("power", "/leaving/candidate/c1/send", url.Values{"tlp": {"green"}}); code != 303 {
			t.Errorf("send: %d", code)
		}
		if code := post("power", "/leaving/candidate/c2/hold", url.Values{}); code != 303 {
			t.Errorf("hold: %d", code)
		}
		got := onDesk(t, db)
		if l := got["candidate/c1"]; l.State != StateReady || l.Handling.TLP != policy.Green || l.By != "Sato" {
			t.Errorf("sent: %+v", l)
		}
		if l := got["candidate/c2"]; l.State != StateHeld {
			t.Errorf("held: %+v", l)
		}
		// The same by API.
		if code, body := get(t, c, "power", "/api/v1/leaving?state=held"); code != 200 || !strings.Contains(body, `"id":"c2"`) || strings.Contains(body, `"id":"c1"`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := ask(t, c, "power", "POST", "/api/v1/leaving/candidate/c2/send", nil, `{"tlp":"red"}`); code != 204 || onDesk(t, db)["candidate/c2"].Handling.TLP != policy.Red {
			t.Errorf("%d %s", code, body)
		}
		if code, body := ask(t, c, "power", "POST", "/api/v1/leaving/candidate/c1/send", nil, ""); code != 204 {
			t.Errorf("as it is: %d %s", code, body)
		}
		if code, body := ask(t, c, "power", "POST", "/api/v1/leaving/candidate/c1/hold", nil, ""); code != 204 || onDesk(t, db)["candidate/c1"].State != StateHeld {
			t.Errorf("%d %s", code, body)
		}
		if code, _ := ask(t, c, "guest", "POST", "/api/v1/leaving/candidate/c1/send", nil, `{}`); code != 403 {
			t.Errorf("a reader by API: %d", code)
		}
		if changed != 5 {
			t.Errorf("told %d changes", changed)
		}
		if _, spec := get(t, c, "power", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}

// What the page shows is what the wire gets.
func TestShownIsSent(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openGate(t, db, Manual())
		give(t, db, g, "f1", "high", aFinding("high"))
		shown := onTheWire(onDesk(t, db)["finding/f1"])
		if err := g.Decide(t.Context(), wire.KindFinding, "f1", true, nil, "Sato"); err != nil {
			t.Fatal(err)
		}
		var batch []byte
		_, err := courier(db, g, func(ctx context.Context, topic string, body []byte) ([]byte, error) {
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
		g := openGate(t, db, Cautious())
		cfg := NodePageConfig{DB: db, Gate: g}
		c := console(t, func(s *web.Site, a *api.API) { NodePages(s, cfg); NodeAPI(a, cfg) })
		post := func(as string, form url.Values) (int, string) {
			return ask(t, c, as, http.MethodPost, "/settings/sharing?lang=en", form, "")
		}
		full := url.Values{"findings": {"auto"}, "details": {"yes"}, "finding_level": {"low"}, "finding_tlp": {"amber"}, "candidates": {"ask"}, "candidate_level": {"high"}, "candidate_tlp": {"amber+strict"},
			"audience": {"sector:energy、member:city"}, "sightings": {"never"}}
		if code, _ := post("guest", full); code != 403 {
			t.Errorf("a reader changes the policy: %d", code)
		}
		if code, body := post("power", full); code != 303 {
			t.Fatalf("%d %s", code, body)
		}
		want := Rules{Findings: Auto, Details: true, FindingLevel: "low", FindingTLP: policy.Amber, Candidates: Ask, CandidateLevel: "high", CandidateTLP: policy.AmberStrict,
			Audience: policy.Audience{"sector:power", "member:city"}, Sightings: Never}
		if got := g.Rules(); !equal(got, want) {
			t.Errorf("in force: %+v", got)
		}
		page(t, c, "power", "/settings/sharing")
		for field, value := range map[string]string{"findings": "maybe", "candidate_level": "huge", "candidate_tlp": "beige", "audience": "everyone"} {
			bad := url.Values{}
			for k, v := range full {
				bad[k] = v
			}
			bad.Set(field, value)
			if code, body := post("power", bad); code != 422 || !strings.Contains(body, "field bad") {
				t.Errorf("%s = %s: %d", field, value, code)
			}
		}
		if !equal(g.Rules(), want) {
			t.Error("a form that was wrong changed the policy")
		}
		if code, _ := post("power", url.Values{"preset": {"open"}}); code != 303 || !equal(g.Rules(), Open()) {
			t.Errorf("a preset: %d", code)
		}
		if code, _ := post("power", url.Values{"preset": {"reckless"}}); code < 400 {
			t.Errorf("an unknown preset: %d", code)
		}
		code, body := get(t, c, "guest", "/api/v1/sharing-policy")
		if code != 200 || !strings.Contains(body, `"finding_tlp":"amber+strict"`) {
			t.Fatalf("%d %s", code, body)
		}
		if code, back := ask(t, c, "power", http.MethodPut, "/api/v1/sharing-policy", nil, strings.Replace(body, `"details":true`, `"details":false`, 1)); code != 200 || g.Rules().Details {
			t.Errorf("put: %d %s", code, back)
		}
		if code, _ := ask(t, c, "guest", http.MethodPut, "/api/v1/sharing-policy", nil, body); code != 403 {
			t.Errorf("a reader puts: %d", code)
		}
		if code, _ := ask(t, c, "power", http.MethodPut, "/api/v1/sharing-policy", nil, strings.Replace(body, `"community"`, `"user:7"`, 1)); code < 400 {
			t.Errorf("a person in an audience: %d", code)
		}
	})
}
