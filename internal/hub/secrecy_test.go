package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/wire"
)

// secret is one thing that only one of two worlds has. add makes it; words are
// what must not show to anybody of C, beside the ids that add gives.
type secret struct {
	name  string
	words []string
	add   func(w *world) (ids []string)
}

func secrets() []secret {
	strict := policy.Handling{TLP: policy.AmberStrict}
	red := policy.Handling{TLP: policy.Red, Audience: policy.Audience{policy.Coordinators}}
	hubPerson := func(w *world) policy.Viewer {
		return policy.Viewer{User: w.users["hub admin"], Name: "Hub person", Hub: true, Coordinator: true,
			Role: policy.RoleAdmin}
	}
	return []secret{
		{"a RED finding and indicator of A, with all that C will find", []string{"zq-red-host", "zq-red.example"},
			func(w *world) []string {
				w.send("A", wire.KindFinding, w.finding("f-zq-red", "A", "rule-c-later", red, func(f *msg.Finding) {
					f.Host, f.Observables = "zq-red-host", []event.Observable{{Type: event.Domain,
						Value: "later.evil.example"}, {Type: event.Domain, Value: "zq-red.example"}}
				}))
				w.send("A", wire.KindCandidate, candidate("c-zq-red", "f-zq-red", "zq-red.example", red))
				w.send("A", wire.KindCandidate, candidate("c-zq-red2", "f-zq-red", "later.evil.example", red))
				id, number := w.caseOf("f-zq-red")
				return []string{"f-zq-red", "c-zq-red", w.indicatorOf("c-zq-red"), w.indicatorOf("c-zq-red2"), id,
					number}
			}},
		{"an AMBER+STRICT finding of A", []string{"zq-strict"}, func(w *world) []string {
			w.send("A", wire.KindFinding, w.finding("f-zq", "A", "rule-zq-strict", strict, func(f *msg.Finding) {
				f.Host, f.User = "zq-strict-host", "zq-strict-user"
			}))
			id, number := w.caseOf("f-zq")
			return []string{"f-zq", id, number}
		}},
		{"an indicator of A for B only", []string{"zq-for-b.example"}, func(w *world) []string {
			w.send("A", wire.KindCandidate, candidate("c-zq-b", "f-a1", "zq-for-b.example",
				policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember(w.members["B"])}}))
			return []string{"c-zq-b", w.indicatorOf("c-zq-b")}
		}},
		{"a RED indicator of A, and one for B only, in a case that C is in", []string{"zq-joint"},
			func(w *world) []string {
				w.send("A", wire.KindCandidate, candidate("c-zq-joint", "f-a9", "zq-joint-red.example", red))
				w.send("A", wire.KindCandidate, candidate("c-zq-joint-b", "f-a9", "zq-joint-b.example",
					policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember(w.members["B"])}}))
				return []string{"c-zq-joint", "c-zq-joint-b", w.indicatorOf("c-zq-joint"),
					w.indicatorOf("c-zq-joint-b")}
			}},
		{"B joins A's case", []string{"zq-bravo"}, func(w *world) []string {
			w.send("B", wire.KindFinding, w.finding("f-zq-bravo", "B", "rule-a1", strict, func(f *msg.Finding) {
				f.Host = "zq-bravo-host"
			}))
			id, number := w.caseOf("f-zq-bravo")
			if other, _ := w.caseOf("f-a1"); other != id {
				w.t.Error("B did not come to A's case")
			}
			return []string{"f-zq-bravo", id, number}
		}},
		{"B has another name, sector and place", []string{"Zq Renamed"}, func(w *world) []string {
			w.ok(w.hub.members.Place(w.t.Context(), hubPerson(w), w.members["B"], "Zq Renamed", "medical", "01"))
			return nil
		}},
		{"a note for the hub in C's case", []string{"zq-note"}, func(w *world) []string {
			w.ok(w.hub.cases.Note(w.t.Context(), hubPerson(w), first(w.caseOf("f-c1")), "zq-note: we suspect more",
				strict))
			return nil
		}},
		{"an assessment of A's case", nil, func(w *world) []string {
			id, number := w.caseOf("f-a1")
			_, err := w.hub.severity.Assess(w.t.Context(), hubPerson(w), id, severity.Lead,
				[]severity.Input{{Axis: "continuity", Confidence: "known", Value: "4"}}, severity.Worsening)
			w.ok(err)
			w.pump()
			return []string{id, number}
		}},
		{"A's case is contained", nil, func(w *world) []string {
			id, number := w.caseOf("f-a1")
			w.ok(w.hub.cases.SetState(w.t.Context(), hubPerson(w), id, casework.Contained))
			w.pump()
			return []string{id, number}
		}},
		{"B saw the shared indicator", nil, func(w *world) []string {
			w.send("B", wire.KindSighting, wire.Sighting{ID: "s-zq", Indicator: w.indicatorOf("c-a1"),
				Realm: event.Live, Count: 7, First: secrecyNow, Last: secrecyNow, Handling: strict})
			return []string{"s-zq"}
		}},
		{"a trust group of A and B, with an indicator for it", []string{"zq-circle", "Zq Circle"},
			func(w *world) []string {
				id := w.group("Zq Circle", "A", "B")
				w.send("A", wire.KindCandidate, candidate("c-zq-group", "f-a1", "zq-circle.example",
					policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToGroup(id)}}))
				return []string{id, "c-zq-group", w.indicatorOf("c-zq-group")}
			}},
		{"A invites B and nobody into a group, and C's sector is asked for nothing", []string{"Zq Open"},
			func(w *world) []string {
				id := w.group("Zq Open", "A")
				for _, name := range []string{"B", "Zq Nobody"} {
					w.ok(w.hub.groups.Ask(w.t.Context(), w.coordinator("A"), id, name))
				}
				return []string{id}
			}},
		{"an event of MISP of A for the hub", []string{"zq-misp"}, func(w *world) []string {
			w.want(http.StatusOK, "token of A", "POST", "/misp/events/add", mispEvent(mispSecret, "zq-misp", "",
				`{"uuid":"`+mispSecretPart+`","type":"domain","value":"zq-misp.example","to_ids":true}`))
			return []string{mispSecret, mispSecretPart}
		}},
		{"a part of A's event that is for the hub, and words of A about its own", []string{"zq-part"},
			func(w *world) []string {
				w.want(http.StatusOK, "token of A", "POST", "/misp/attributes/add/"+mispShared, `{"uuid":"`+
					mispSecretPart+`","type":"domain","value":"zq-part.example","to_ids":true,"distribution":"0"}`)
				w.want(http.StatusOK, "token of A", "POST", "/misp/tags/attachTagToObject", `{"uuid":"`+mispSecretPart+
					`","tag":"zq-part"}`)
				w.want(http.StatusOK, "token of A", "POST", "/misp/sightings/add/"+mispSharedPart,
					`{"source":"zq-part"}`)
				return []string{mispSecretPart}
			}},
		{"B saw C's own indicator", nil, func(w *world) []string {
			w.send("B", wire.KindSighting, wire.Sighting{ID: "s-zq-c", Indicator: w.indicatorOf("c-c1"),
				Realm: event.Live, Count: 3, First: secrecyNow, Last: secrecyNow, Handling: strict})
			return []string{"s-zq-c"}
		}},
		{"A reports C's indicator as a false positive", []string{"zq-harmless"}, func(w *world) []string {
			form := url.Values{"object": {w.indicatorOf("c-c1")}, "reason": {"zq-harmless: it is our shop"}}
			if a := w.ask("admin of A", "POST", "/contribution/marks", form.Encode()); a.Code != 303 {
				w.t.Fatalf("%d %s", a.Code, a.Body)
			}
			return w.query(`SELECT k.id FROM contribution_mark k WHERE SCOPE(k)`)
		}},
		{"A consults the hub, which asks A for consent", []string{"zq-consult", "zq-why"}, func(w *world) []string {
			consult := url.Values{"title": {"zq-consult"}, "text": {"zq-consult: is it known?"}}
			if a := w.ask("admin of A", "POST", "/consultations", consult.Encode()); a.Code != 303 {
				w.t.Fatalf("%d %s", a.Code, a.Body)
			}
			ask := url.Values{"object": {w.indicatorOf("c-a1")}, "why": {"zq-why"}, "tlp": {"green"}, "days": {"3"}}
			if a := w.ask("hub coordinator", "POST", "/consents", ask.Encode()); a.Code != 303 {
				w.t.Fatalf("%d %s", a.Code, a.Body)
			}
			return append(w.query(`SELECT c.id FROM consent c WHERE SCOPE(c)`),
				w.query(`SELECT c.id FROM consultation c WHERE SCOPE(c)`)...)
		}},
		{"A says what matters to it", []string{"zq-product", "zq-query"}, func(w *world) []string {
			for path, form := range map[string]url.Values{"/foryou/profile": {"products": {"zq-product"}},
				"/foryou/queries": {"text": {"evil"}, "name": {"zq-query"}}} {
				if a := w.ask("admin of A", "POST", path, form.Encode()); a.Code != 303 {
					w.t.Fatalf("%d %s", a.Code, a.Body)
				}
			}
			return w.query(`SELECT q.id FROM relevance_query q WHERE SCOPE(q)`)
		}},
		{"a new member is invited", []string{"Zq Newcomer"}, func(w *world) []string {
			m, _, err := w.hub.people.Invite(w.t.Context(), identity.Operator("test"),
				identity.NewMember{Name: "Zq Newcomer", Sector: "medical"})
			w.ok(err)
			w.pump()
			return []string{m.ID}
		}},
		{"a new person works at the hub, another at A", []string{"Zq Person"}, func(w *world) []string {
			var ids []string
			for _, member := range []string{"", w.members["A"]} {
				u, _, err := w.hub.people.AddUser(w.t.Context(), identity.Operator("test"),
					identity.NewUser{Name: "Zq Person", Login: "zq-" + fmt.Sprint(len(ids)), Role: policy.RoleAnalyst,
						Member: member})
				w.ok(err)
				ids = append(ids, u.ID)
			}
			return ids
		}},
	}
}

// after is what happens at C in both worlds once the secret is there. It has
// much in common with some secrets, so that it would meet them.
func (w *world) after() {
	w.t.Helper()
	w.hand.Add(secrecyNow.Add(2 * time.Hour).Sub(w.hub.cfg.Clock()))
	strict := policy.Handling{TLP: policy.AmberStrict}
	w.send("C", wire.KindFinding, w.finding("f-c2", "C", "rule-c-later", strict, func(f *msg.Finding) {
		f.Host, f.Observables = "charlie-host-2", []event.Observable{{Type: event.Domain, Value: "later.evil.example"}}
	}))
	w.send("C", wire.KindCandidate, candidate("c-c2", "f-c2", "later.evil.example", policy.Handling{TLP: policy.Amber}))
	w.hand.Add(secrecyNow.Add(3 * time.Hour).Sub(w.hub.cfg.Clock()))
}

// Two worlds that differ in one secret look the same, byte for byte, to the
// public, to every person and every program of C, and to C's node: on every
// page, in every download, search and operation, in what is refused, and on
// the bus.
func TestTwoWorldsLookTheSame(t *testing.T) {
	base := sharedWorld(t)
	base.token("token of A", "A", policy.RoleAnalyst)
	base.want(http.StatusOK, "token of A", "POST", "/misp/events/add", mispEvent(mispShared, "shared event",
		"tlp:green",
		`{"uuid":"`+mispSharedPart+`","type":"domain","value":"event.evil.example","to_ids":true}`))
	fork := secrecyNow.Add(time.Hour)
	known := map[string]bool{}
	for _, q := range []string{`SELECT c.id FROM cases c WHERE SCOPE(c)`, `SELECT c.number FROM cases c WHERE SCOPE(c)`,
		`SELECT id FROM member`, `SELECT id FROM user_account`} {
		for _, id := range base.query(q) {
			known[id] = true
		}
	}
	for _, id := range base.query(`SELECT o.id FROM objects o WHERE SCOPE(o)`) {
		known[strings.TrimPrefix(id, "indicator--")] = true
	}
	base.hub.Close()
	list := secrets()
	if underRace {
		list = list[:1] // .ci/run holds them all, without the detector
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			without, with := base.fork(t, fork), base.fork(t, fork)
			without.after()
			ids := s.add(with)
			with.after()
			line, other := without.node(t), with.node(t)
			words := append(slices.Clone(s.words), drawn(ids, known)...)
			paths := guesses(without, ids, words)
			if len(paths) < 60 {
				t.Fatalf("only %d addresses", len(paths))
			}
			for _, who := range []string{"", "reader of C", "admin of C", "token of C"} {
				for _, p := range paths {
					method, path, _ := strings.Cut(p.method, " ")
					a, b := without.ask(who, method, path, p.body), with.ask(who, method, path, p.body)
					if !alike(a, b) { // else they are the same without being made plain
						if x, y := plain(a, known), plain(b, known); x != y {
							t.Errorf("%s can tell the worlds apart by %s:\n%s", or(who, "the public"), p.method,
								cmp.Diff(strings.Split(x, "\n"), strings.Split(y, "\n")))
						}
					}
					if b.Code >= 500 || a.Code == 404 && strings.Contains(p.method, "/api/v1/") &&
						strings.Contains(b.Body.String(), "unknown path") {
						t.Errorf("%s: %d %.200s", p.method, b.Code, b.Body)
					}
					shown := strings.ToLower(b.Body.String())
					for _, word := range words {
						if !strings.Contains(p.method+p.body, word) && !strings.Contains(p.method,
							url.QueryEscape(word)) &&
							strings.Contains(shown, strings.ToLower(word)) {
							t.Errorf("%s is shown %q by %s", or(who, "the public"), word, p.method)
						}
					}
				}
			}
			for _, m := range busAsks(ids) {
				x, y := say(t, line, m), say(t, other, m)
				x, y = scrub(x, known), scrub(y, known)
				if x != y {
					t.Errorf("C's node can tell the worlds apart by %s %s:\n%s\n%s", m.topic, m.body, x, y)
				}
				for _, word := range words {
					if !strings.Contains(m.body, word) && strings.Contains(y, word) {
						t.Errorf("C's node is told %q by %s", word, m.topic)
					}
				}
			}
		})
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// drawn leaves the ids that only the secret has.
func drawn(ids []string, known map[string]bool) (out []string) {
	for _, id := range ids {
		if !known[id] {
			out = append(out, id)
		}
	}
	return out
}

type guess struct{ method, body string }

var hole = regexp.MustCompile(`\{[a-z]+\}`)

// guesses are all addresses of the hub, with the ids that C knows, ids that it
// may guess, and the secret itself to search for.
func guesses(w *world, ids, words []string) (out []guess) {
	caseID, number := w.caseOf("f-c1")
	otherID, otherNumber := w.caseOf("f-a1")
	jointID, jointNumber := w.caseOf("f-c9")
	fill := append([]string{"f-c1", "f-c2", "f-c9", "f-a1", caseID, number, otherID, otherNumber, jointID, jointNumber,
		w.indicatorOf("c-a1"), w.members["B"], w.members["C"], w.users["hub admin"], "nothing"}, ids...)
	add := func(method, path, body string) {
		if !strings.Contains(path, "{") {
			out = append(out, guess{method + " " + path, body})
			return
		}
		for _, id := range fill {
			out = append(out, guess{method + " " + hole.ReplaceAllString(path, url.PathEscape(id)), body})
		}
	}
	queries := append([]string{"evil", "title", "zq", "MNK"}, words...)
	for _, p := range append(w.hub.console.Site.Paths(), "/openapi.json", "/api/docs", "/metrics", "/nothing",
		"/api/v1/nothing") {
		add("GET", p, "")
		if strings.Contains(p, "{") {
			continue
		}
		add("GET", p+"?format=csv", "")
		add("GET", p+"?format=json&lang=ja", "")
		if slices.Contains([]string{"/search", "/findings", "/indicators", "/cases", "/members", "/objects",
			"/reports"}, p) {
			for _, q := range queries {
				add("GET", p+"?q="+url.QueryEscape(q), "")
			}
		}
	}
	for _, id := range fill {
		for _, p := range []string{"/findings?member=", "/findings?indicator=", "/findings?rule=", "/indicators?case=",
			"/cases?sector=", "/members?q=", "/contribution?q=", "/foryou?least=0&q=", "/objects?q=",
			"/objects?from=", "/objects?as="} {
			out = append(out, guess{"GET " + p + url.QueryEscape(id), ""})
		}
	}
	for path, item := range w.hub.console.API.OpenAPI().Paths {
		if item.Get != nil {
			add("GET", path, "")
			for _, in := range item.Get.Parameters {
				if in.Name == "q" {
					for _, q := range queries {
						add("GET", path+"?q="+url.QueryEscape(q), "")
					}
				}
				if in.Name == "case" || in.Name == "member" || in.Name == "indicator" {
					for _, id := range fill {
						add("GET", path+"?"+in.Name+"="+url.QueryEscape(id), "")
					}
				}
			}
		}
	}
	const collection = "/taxii2/api/collections/shared/"
	for _, p := range []string{"/taxii2/", "/taxii2/api/", "/taxii2/api/collections/", collection,
		collection + "manifest/",
		collection + "objects/", collection + "objects/?limit=1", collection + "objects/?match[version]=all",
		collection + "objects/?match[type]=indicator&added_after=2026-01-01T00:00:00Z", collection + "objects/{id}/",
		collection + "objects/{id}/versions/", "/taxii2/api/status/{id}/"} {
		add("GET", p, "")
	}
	for _, p := range []string{"csv", "text", "suricata", "zeek", "rpz", "dataset-domain"} { // lists for tools
		add("GET", "/feeds/out/indicators."+p, "")
	}
	// Changes of what C may not know: refused alike, and so they change nothing.
	for _, id := range append(ids, "nothing", "MNK-2026-0", otherNumber, otherID) {
		e := url.PathEscape(id)
		for method, body := range map[string]string{
			"POST /cases/" + e + "/note": "text=x", "POST /cases/" + e + "/state": "state=closed",
			"POST /cases/" + e + "/assess":       "outlook=",
			"POST /indicators/" + e + "/marking": "tlp=red", "POST /indicators/" + e + "/withdraw": "confirm=withdraw",
			"POST /contribution/marks/" + e + "/undo": "", "POST /contribution/marks/" + e + "/uphold": "",
			"POST /api/v1/contribution/marks/" + e:  `{"state":"undone"}`,
			"POST /foryou/queries/" + e + "/remove": "",
			"POST /members/" + e + "/revoke":        "confirm=x", "POST /members/" + e +
				"/domains": "domains=x.example",
			"POST /members/" + e + "/place": "name=x&sector=power", "POST /members/" + e + "/invite": "",
			"POST /settings/people/" + e + "/role": "role=admin", "POST /settings/people/" + e + "/link": "",
			"POST /settings/people/" + e + "/disable":    "",
			"POST /api/v1/cases/" + e + "/notes":         `{"text":"x"}`,
			"POST /api/v1/cases/" + e + "/state":         `{"state":"closed"}`,
			"POST /api/v1/indicators/" + e + "/marking":  `{"tlp":"red"}`,
			"POST /api/v1/indicators/" + e + "/withdraw": "", "DELETE /api/v1/tokens/" + e: "",
		} {
			out = append(out, guess{method, body})
		}
	}
	// Behind all others: C's own event with a guessed uuid is shown to C from then on.
	return append(out, mispGuesses(append(slices.Clone(ids), w.indicatorOf("c-a1"), "nothing"), words)...)
}

// node opens C's line to the hub.
func (w *world) node(t *testing.T) *bus.Link {
	t.Helper()
	l, err := w.hub.bus.InProcess(t.Context(), w.members["C"], w.seeds["C"], w.answers["C"].UserJWT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	up := make(chan struct{}, 1)
	l.OnState(func(on bool) {
		if on {
			up <- struct{}{}
		}
	})
	select {
	case <-up:
	case <-time.After(20 * time.Second):
		t.Fatal("C's node did not connect")
	}
	await.True(t, 20*time.Second, "the hub did not note that C's node is there", func() bool {
		return len(w.query(`SELECT id FROM member WHERE id = $1 AND online`, w.members["C"])) > 0
	})
	w.pump()
	return l
}

type busAsk struct{ topic, body string }

// busAsks are what a hostile node of C says: what it may, and words about
// objects and findings that are not its own.
func busAsks(ids []string) (out []busAsk) {
	add := func(topic string, body any) {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		out = append(out, busAsk{topic, string(b)})
	}
	add(wire.TopicSync, wire.SyncRequest{Limit: 500})
	add(wire.TopicSync, wire.SyncRequest{Limit: 1})
	add(wire.TopicSync, wire.SyncRequest{Cursor: "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA", Limit: 500})
	add(wire.TopicSync, wire.SyncRequest{Cursor: "nonsense", Limit: -1})
	add(wire.TopicHello, map[string]any{"version": "x"})
	add("nothing", struct{}{})
	for _, id := range append([]string{"nothing", "indicator--00000000-0000-4000-8000-000000000000"}, ids...) {
		leave := func(kind wire.Kind, body any) {
			raw, _ := json.Marshal(body)
			add(wire.TopicBatch, wire.Batch{Items: []wire.Message{{Kind: kind, ID: "1", Body: raw}}})
		}
		leave(wire.KindReceipt, wire.Receipt{ID: "r", Object: id, State: wire.Armed, Modified: secrecyNow})
		leave(wire.KindSighting, wire.Sighting{ID: "s-" + id, Indicator: id, Count: 1})
		leave("unheard-of", id)
	}
	return out
}

func say(t *testing.T, l *bus.Link, m busAsk) string {
	t.Helper()
	out, err := l.Request(t.Context(), m.topic, []byte(m.body))
	return fmt.Sprintf("%s %v", out, err)
}

// cursors are sealed positions, and those are drawn, see package object.
var cursors = regexp.MustCompile(`"(cursor|from)":"[A-Za-z0-9_-]{43}"`)

func scrub(s string, known map[string]bool) string {
	s = cursors.ReplaceAllString(s, `"$1":"DRAWN"`)
	return uuids.ReplaceAllStringFunc(s, func(id string) string {
		if known[id] {
			return id
		}
		return "DRAWN"
	})
}
