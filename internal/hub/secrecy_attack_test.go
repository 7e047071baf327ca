package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// want asks and compares the status.
func (w *world) want(status int, who, method, path, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := w.ask(who, method, path, body, header...)
	if rec.Code != status {
		w.t.Errorf("%s %s as %s: %d, want %d: %.300s", method, path, or(who, "the public"), rec.Code, status, rec.Body)
	}
	return rec
}

// An administrator of a member keeps the member's people and nobody else's.
func TestMemberAdministersOnlyItself(t *testing.T) {
	w := sharedWorld(t)
	for _, other := range []string{w.users["hub reader"], w.users["hub admin"], w.users["admin of A"], "nobody"} {
		for action, body := range map[string]string{"role": "role=admin", "link": "", "disable": "", "enable": ""} {
			w.want(http.StatusForbidden, "admin of C", "POST", "/settings/people/"+other+"/"+action, body)
		}
	}
	for _, id := range []string{w.members["A"], w.members["C"]} {
		for action, body := range map[string]string{"place": "name=Stolen&sector=power", "invite": "",
			"revoke": "confirm=Alpha+Power"} {
			w.want(http.StatusForbidden, "admin of C", "POST", "/members/"+id+"/"+action, body)
		}
	}
	w.want(http.StatusNotFound, "admin of C", "POST", "/members/"+w.members["A"]+"/domains", "domains=evil.example")
	w.want(http.StatusForbidden, "admin of C", "POST", "/api/v1/members", `{"name":"Mine","sector":"power"}`)
	// Whoever it adds is of its own organisation, whatever the form says.
	w.want(http.StatusSeeOther, "admin of C", "POST", "/settings/people",
		"name=New&login=new-one&role=admin&member=&hub=true")
	if got := w.query(`SELECT member_id FROM user_account WHERE login = $1`, "new-one"); len(got) != 1 ||
		got[0] != w.members["C"] {
		t.Errorf("the new person belongs to %q", got)
	}
	// A token makes no persons and no tokens, so that a stolen one does not outlive its end.
	w.want(http.StatusForbidden, "admin token of C", "POST", "/settings/people", "name=New&login=new-two&role=reader")
	w.want(http.StatusForbidden, "admin token of C", "POST", "/settings/people/"+w.users["reader of C"]+"/role",
		"role=admin")
	w.want(http.StatusForbidden, "admin token of C", "POST", "/api/v1/tokens", `{"name":"n","role":"reader"}`)
	if rec := w.ask("admin token of C", "POST", "/settings/tokens", "name=n&role=reader&days=30"); rec.Code < 400 {
		t.Errorf("a token made a token: %d", rec.Code)
	}
	// A person's token has the role that it was given, and at most the person's.
	w.want(http.StatusForbidden, "reader of C", "POST", "/api/v1/tokens", `{"name":"n","role":"admin"}`)
	w.want(http.StatusCreated, "reader of C", "POST", "/api/v1/tokens", `{"name":"n","role":"reader"}`)
}

// A member's coordinator changes the member's own indicators and nobody else's.
func TestIndicatorsOfOthersStay(t *testing.T) {
	w := sharedWorld(t)
	shared, own := w.indicatorOf("c-a1"), w.indicatorOf("c-c1")
	w.want(http.StatusOK, "coordinator of C", "GET", "/api/v1/indicators/"+shared, "")
	for _, tlp := range []string{"clear", "red"} {
		w.want(http.StatusForbidden, "coordinator of C", "POST", "/api/v1/indicators/"+shared+"/marking",
			`{"tlp":"`+tlp+`"}`)
	}
	w.want(http.StatusForbidden, "coordinator of C", "POST", "/api/v1/indicators/"+shared+"/withdraw", "")
	// wider than the giver said
	w.want(http.StatusForbidden, "hub coordinator", "POST", "/api/v1/indicators/"+shared+"/marking", `{"tlp":"clear"}`)
	w.want(http.StatusNoContent, "coordinator of C", "POST", "/api/v1/indicators/"+own+"/withdraw", "")
	w.want(http.StatusNoContent, "hub coordinator", "POST", "/api/v1/indicators/"+shared+"/marking", `{"tlp":"red"}`)
	w.want(http.StatusNotFound, "coordinator of C", "GET", "/api/v1/indicators/"+shared, "")
}

// The cookie of a session is drawn at the sign-in, and the way on leads nowhere else.
func TestSignInIsNotFixedNorSentAway(t *testing.T) {
	w := sharedWorld(t)
	ctx := t.Context()
	w.ok(w.hub.people.SetPassword(ctx, identity.Operator("test"), w.users["reader of C"],
		"correct horse battery staple", ""))
	planted := w.hub.people.Cookie("planted", time.Time{}, false)
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "/\t/evil.example",
		"javascript:alert(1)", "%2f%2fevil.example", "/sign-out"} {
		rec := w.ask("", "POST", "/sign-in", url.Values{"login": {"u-reader-of-C"},
			"password": {"correct horse battery staple"}, "next": {next}}.Encode(), "Cookie",
			planted.Name+"="+planted.Value)
		if rec.Code != http.StatusSeeOther {
			t.Fatalf("sign in: %d %.200s", rec.Code, rec.Body)
		}
		to, err := url.Parse(rec.Header().Get("Location"))
		if err != nil || to.Host != "" || to.Scheme != "" || !strings.HasPrefix(to.Path, "/") ||
			strings.HasPrefix(to.Path, "//") || strings.Contains(to.Path, "sign-out") {
			t.Errorf("next=%q leads to %q", next, rec.Header().Get("Location"))
		}
		drawn := ""
		for _, c := range rec.Result().Cookies() {
			if c.Name == planted.Name {
				drawn = c.Value
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
					t.Error("the session's cookie can be used by scripts or other sites")
				}
			}
		}
		if drawn == "" || drawn == "planted" || len(drawn) < 32 {
			t.Errorf("the session's cookie is %q", drawn)
		}
	}
	// The planted value opens nothing.
	if rec := w.ask("", "GET", "/settings", "", "Cookie",
		planted.Name+"="+planted.Value); rec.Code != http.StatusSeeOther {
		t.Errorf("a planted cookie: %d", rec.Code)
	}
	if rec := w.ask("", "GET", "/cases", ""); !strings.HasPrefix(rec.Header().Get("Location"),
		"/sign-in?next=%2Fcases") {
		t.Errorf("the public is sent to %q", rec.Header().Get("Location"))
	}
}

// An open console answers under this machine's own names only: not to a page
// elsewhere whose name was made to point here.
func TestOpenConsoleUnderAnotherName(t *testing.T) {
	now, _ := clock.Fixed(secrecyNow)
	h, err := Open(t.Context(), Config{Data: t.TempDir(), Listen: "127.0.0.1:0", Open: true, Clock: now,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	handler := h.console.Handler()
	for _, host := range []string{"evil.example", "evil.example:8470", "127.0.0.1.evil.example",
		"localhost.evil.example", "0.0.0.0", "[::]", ""} {
		for _, path := range []string{"/", "/findings", "/api/v1/cases", "/metrics", "/live?topics=cases",
			"/settings/people"} {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
			r.Host = host
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			if rec.Code == http.StatusOK {
				t.Errorf("%s answers as %q", path, host)
			}
		}
	}
	if _, err := Open(t.Context(), Config{Data: t.TempDir(), Listen: "0.0.0.0:0", Open: true,
		Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a console without sign-in on every address")
	}
}

// An invitation lets one key in, once; guesses are bounded and so are bodies.
func TestJoinAgainAndAgain(t *testing.T) {
	w := sharedWorld(t)
	_, token, err := w.hub.people.Invite(t.Context(), identity.Operator("test"),
		identity.NewMember{Name: "Delta Gas", Sector: "gas"})
	w.ok(err)
	ask := func(token, key string) int {
		return w.ask("", "POST", "/api/v1/join", fmt.Sprintf(`{"token":%q,"public_key":%q}`, token, key)).Code
	}
	_, one, err := bus.NewUserKey()
	w.ok(err)
	_, two, err := bus.NewUserKey()
	w.ok(err)
	for i, c := range []struct {
		token, key string
		status     int
	}{{token, "no key", 422}, {token, one, 200}, {token, one, 200}, {token, two, 410}, {"mki_guess", two, 403}} {
		if got := ask(c.token, c.key); got != c.status {
			t.Errorf("step %d: %d, want %d", i, got, c.status)
		}
	}
	if got := w.ask("", "POST", "/api/v1/join", `{"token":"`+strings.Repeat("x", 5000)+`"}`).Code; got !=
		http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %d", got)
	}
	last := 0
	for range 40 {
		last = ask("guess", two)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the fortieth guess: %d", last)
	}
}

// What a hostile node says of owners, audiences and others' things is not believed.
func TestHostileNode(t *testing.T) {
	w := sharedWorld(t)
	a, c := w.members["A"], w.members["C"]
	spoof := policy.Handling{TLP: policy.Red, Owner: a, Audience: policy.Audience{"user:" + w.users["admin of A"],
		"hub,user:x", "member:" + a + ",community", "hub", "%", "nonsense"}}
	f := w.finding("f-spoof", "C", "rule-spoof", spoof, func(f *msg.Finding) { f.Member = a })
	w.send("C", wire.KindFinding, f)
	got := w.query(`SELECT f.owner || '|' || f.member || '|' || f.audience || '|' || f.tlp FROM findings f
		WHERE f.id = $1 AND SCOPE(f)`, "f-spoof")
	if len(got) != 1 || got[0] != c+"|"+c+"|,hub,|5" {
		t.Errorf("stored as %q", got)
	}
	w.want(http.StatusNotFound, "admin of A", "GET", "/findings/f-spoof", "")
	w.want(http.StatusNotFound, "hub reader", "GET", "/findings/f-spoof", "")
	// Another member's finding is not overwritten, nor made looser by its own.
	f.ID, f.Version = "f-a1", 9
	if r := w.letters("C", wire.KindFinding, f).Results[0]; r.Problem == "" {
		t.Error("C overwrote a finding of A")
	}
	own := w.finding("f-a1", "A", "rule-a1", policy.Handling{TLP: policy.Clear}, func(f *msg.Finding) { f.Version = 2 })
	w.send("A", wire.KindFinding, own)
	w.want(http.StatusNotFound, "admin of C", "GET", "/findings/f-a1", "")
	// A label that is none is RED.
	odd := w.finding("f-odd", "C", "rule-odd", policy.Handling{TLP: 77}, nil)
	raw, err := json.Marshal(odd)
	w.ok(err)
	w.send("C", wire.KindFinding, json.RawMessage(strings.Replace(string(raw), `"TLP:RED"`, `"TLP:UNHEARD-OF"`, 1)))
	if got := w.query(`SELECT f.tlp || '' FROM findings f WHERE f.id = $1 AND SCOPE(f)`, "f-odd"); len(got) != 1 ||
		got[0] != "5" {
		t.Errorf("an unknown label is stored as %q", got)
	}
	// Words about objects that were delivered to others sound like words about nothing.
	w.send("A", wire.KindCandidate, candidate("c-b", "f-a1", "for-b.example",
		policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember(w.members["B"])}}))
	hidden := w.indicatorOf("c-b")
	for kind, body := range map[wire.Kind]func(string) any{
		wire.KindReceipt:  func(id string) any { return wire.Receipt{ID: "r", Object: id, State: wire.Armed} },
		wire.KindSighting: func(id string) any { return wire.Sighting{ID: "s", Indicator: id, Count: 1} },
	} {
		x, y := w.letters("C", kind, body(hidden)).Results[0], w.letters("C", kind, body("nothing")).Results[0]
		if !reflect.DeepEqual(x, y) || x.Problem == "" {
			t.Errorf("%s: %+v and %+v", kind, x, y)
		}
	}
	// Too many letters at once, letters of no kind, letters that are none.
	for _, body := range []string{`{"items":[` + strings.Repeat(`{},`, 500) + `{}]}`, `{"items":"x"}`, `[]`, ``,
		strings.Repeat(`{"items":[`, 5000)} {
		if _, err := w.hub.intake.batch(t.Context(), c, []byte(body)); err == nil {
			t.Errorf("a batch was taken: %.40s", body)
		}
	}
	out, err := w.hub.intake.batch(t.Context(), c,
		[]byte(`{"items":[{"kind":"\u001b[2J","body":{}},{"kind":"finding","body":[]}]}`))
	if err != nil || strings.Count(string(out), "problem") != 2 {
		t.Errorf("%s %v", out, err)
	}
	// What is everybody's, or a member's, becomes no indicator whoever offers it;
	// the answer is that of any other offer.
	w.ok(w.hub.members.SetDomains(t.Context(), a, []string{"alpha.example"}))
	for i, o := range []event.Observable{{Type: event.Domain, Value: "mail.alpha.example"},
		{Type: event.URL, Value: "https://www.alpha.example/login"}, {Type: event.IPv4, Value: "127.0.0.1"},
		{Type: event.IPv4, Value: "10.1.2.3"}, {Type: event.Domain, Value: "google.com"}} {
		bad := candidate(fmt.Sprint("c-unfit", i), "f-c1", "", policy.Handling{TLP: policy.Green})
		bad.Observable = &o
		w.send("C", wire.KindCandidate, bad)
		if got := w.query(`SELECT c.object FROM candidates c WHERE c.id = $1 AND SCOPE(c)`, bad.ID); len(got) != 1 ||
			got[0] != "unusable" {
			t.Errorf("the offer of %s gave %q", o.Value, got)
		}
	}
	if got := w.query(`SELECT o.value FROM objects o WHERE o.value LIKE '%alpha.example%'
		AND SCOPE(o)`); len(got) != 0 {
		t.Errorf("indicators of a member's own names: %q", got)
	}
	// A long realm, tag or reason is cut, not kept.
	long := strings.Repeat("x", 100_000)
	big := candidate("c-big", "f-c1", "big.example", policy.Handling{TLP: policy.Green})
	big.Realm, big.Why, big.Rule.Level, big.Rule.Tags = long, long, long, []string{long}
	w.send("C", wire.KindCandidate, big)
	if got := w.query(`SELECT c.body FROM candidates c WHERE c.id = $1 AND SCOPE(c)`, "c-big"); len(got) != 1 ||
		len(got[0]) > 5000 {
		t.Errorf("a big offer is kept with %d bytes", len(got[0]))
	}
}

// The bytes that go to a member name neither whose an indicator was, nor its
// findings, cases, machines or accounts.
func TestWireTellsNothingOfTheGiver(t *testing.T) {
	w := sharedWorld(t)
	w.send("A", wire.KindCandidate, func() wire.Candidate {
		c := candidate("c-sigma", "f-a1", "",
			policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}})
		c.Observable, c.Sigma, c.Why = nil, "title: T\nid: rule-f-a1\nlogsource:\n  product: windows\n"+
			"detection:\n  s:\n    a: b\n  condition: s\n", "why-alpha"
		return c
	}())
	caseID, number := w.caseOf("f-a1")
	a, err := w.hub.feed.Sync(t.Context(), w.members["C"], wire.SyncRequest{Limit: 500})
	w.ok(err)
	if len(a.Objects) < 3 {
		t.Fatalf("%d objects", len(a.Objects))
	}
	body, err := json.Marshal(a)
	w.ok(err)
	for _, word := range []string{w.members["A"], w.members["B"], "Alpha", "alpha", "\"f-a1", "\"f-c1", "\"c-a1",
		caseID, number, "owner", w.users["admin of A"]} {
		if strings.Contains(string(body), word) {
			t.Errorf("C is told %q: %.2000s", word, body)
		}
	}
}

// What is shared of a member's own rule is its text, not where it was kept; and
// of a file with several rules, one.
func TestSharedRuleHasNoPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secret-folder")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	rule := func(n int) string {
		return fmt.Sprintf("title: Rule %d\nid: 00000000-0000-4000-8000-00000000000%d\nstatus: test\nlevel: high\n"+
			"logsource:\n  product: windows\n  category: process_creation\n"+
			"detection:\n  s:\n    Image|endswith: 'evil%d.exe'\n  condition: s\n", n, n, n)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret-file.yml"), []byte(rule(1)+"---\n"+rule(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := ruleset.Load(t.Context(), []string{dir})
	if err != nil || len(set.Rules) != 2 {
		t.Fatalf("%v %v", set, err)
	}
	for i, r := range set.Rules {
		if s := string(r.Source); strings.Contains(s, "secret-") ||
			strings.Contains(s, fmt.Sprintf("evil%d.exe", 2-i)) {
			t.Errorf("rule %d would be shared as\n%s", i, s)
		}
	}
}

// A node that lets no details go tells the hub of no machine, account or value,
// whichever rule matched.
func TestDiscreetFindings(t *testing.T) {
	ctx := t.Context()
	now, _ := clock.Fixed(secrecyNow)
	db, err := store.Open(ctx, store.Options{URL: filepath.Join(t.TempDir(), "node.db"), Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(ctx, slices.Concat([]store.Migration{identity.Migration()}, detect.Migrations(),
		[]store.Migration{indicator.Migration(), release.Migration()})...); err != nil {
		t.Fatal(err)
	}
	for _, rules := range []release.Policy{release.Cautious(), release.Manual()} {
		outgoing := release.New(db, rules, func() string { return "m" }, role.Rank)
		if err := outgoing.Load(ctx); err != nil {
			t.Fatal(err)
		}
		f := msg.Finding{Finding: wire.Finding{ID: "f-" + string(rules.Findings), Version: 1,
			Rule: wire.RuleRef{ID: "r", Title: "Public title", Level: "high"}, Count: 1, Host: "zq-host",
			User:        "zq-user",
			Matched:     []wire.FieldValue{{Field: "CommandLine", Value: "zq-command"}},
			Observables: []event.Observable{{Type: event.Domain, Value: "zq.example"}},
			Handling:    outgoing.Handling(wire.KindFinding)}}
		err = db.Write(ctx, store.System("test"), func(tx *store.Tx) error {
			return outgoing.Offer(tx, msg.Offer{ID: f.ID, Level: "high", Title: f.Rule.Title, Handling: f.Handling,
				Body: f.Finding})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = db.Read(ctx, store.System("test"), func(tx *store.Tx) error {
		page, err := release.List(tx, list.Ask{Values: map[string]string{"state": "all"}, Limit: 10})
		list := page.Rows
		if len(list) != 2 {
			t.Errorf("%d findings would leave", len(list))
		}
		for _, l := range list {
			if strings.Contains(l.Body+l.Title, "zq") {
				t.Errorf("this would leave: %s %s", l.Title, l.Body)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Members are told on a beat that their pages may have changed, and not when
// others are busy; the hub's people are told at once.
func TestLiveHasNoRhythmForMembers(t *testing.T) {
	w := sharedWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	follow := func(who string) *heard {
		h := &heard{header: http.Header{}}
		r := httptest.NewRequest("GET", "http://hub.example/live?topics=findings,cases", nil).WithContext(ctx)
		r.AddCookie(w.hub.people.Cookie(w.cookies[who], time.Time{}, false))
		h.done.Go(func() { w.handler.ServeHTTP(h, r) })
		await.Until(t, 20*time.Second, func() string {
			if strings.Contains(h.text(), "retry") {
				return ""
			}
			return fmt.Sprintf("%s: no stream: %q", who, h.text())
		})
		return h
	}
	member, hub := follow("analyst of C"), follow("hub reader")
	w.send("A", wire.KindFinding, w.finding("f-live", "A", "rule-live", policy.Handling{TLP: policy.AmberStrict}, nil))
	await.Until(t, 20*time.Second, func() string {
		if strings.Contains(hub.text(), "findings") {
			return ""
		}
		return "the hub's people are not told"
	})
	cancel()
	member.done.Wait()
	hub.done.Wait()
	if s := member.text(); strings.Contains(s, "tell") {
		t.Errorf("a member is told when another is busy: %q", s)
	}
}

// heard is a response that can be read while it is written.
type heard struct {
	header http.Header
	done   sync.WaitGroup
	mu     sync.Mutex
	b      strings.Builder // under mu
}

func (h *heard) Header() http.Header { return h.header }
func (h *heard) WriteHeader(int)     {}
func (h *heard) Flush()              {}
func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(b)
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// An ended membership is out at once: at the hub's pages, its API and its bus.
func TestEndedMembership(t *testing.T) {
	w := sharedWorld(t)
	line := w.node(t)
	w.want(http.StatusOK, "admin of C", "GET", "/findings", "")
	w.want(http.StatusOK, "token of C", "GET", "/api/v1/findings", "")
	w.ok(w.hub.Revoke(t.Context(), identity.Operator("test"), w.members["C"]))
	w.want(http.StatusSeeOther, "admin of C", "GET", "/findings", "")
	w.want(http.StatusUnauthorized, "token of C", "GET", "/api/v1/findings", "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if out, err := line.Request(ctx, wire.TopicSync, []byte(`{"limit":1}`)); err == nil {
		t.Errorf("an ended member is answered %s", out)
	}
	if _, err := w.hub.Join(t.Context(), wire.JoinRequest{Token: "x", PublicKey: "x"}); err == nil {
		t.Error("joined with nothing")
	}
}
