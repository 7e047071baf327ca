package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// secrecyNow is when the shared world begins.
var secrecyNow = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// cast is who and what both worlds have in common, by name. It holds the
// credentials, which work in every copy of the data folder.
type cast struct {
	members map[string]string // name: id
	answers map[string]wire.JoinReply
	seeds   map[string][]byte
	cookies map[string]string
	tokens  map[string]string
	users   map[string]string
}

// world is one hub whose messages are carried by the test, so that everything
// has happened when a step returns.
type world struct {
	t    *testing.T
	hub  *Hub
	hand *clock.Hand
	dir  string
	*cast
	handler http.Handler
}

func openWorld(t *testing.T, dir string, at time.Time, c *cast) *world {
	t.Helper()
	now, hand := clock.Fixed(at)
	h, err := Open(t.Context(), Config{Data: dir, Name: "Hub", Listen: "127.0.0.1:0", Public: "http://hub.example:8470",
		Lang: "en", Zone: time.UTC, CaseLevel: "low",
		Clock: now, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return &world{t: t, hub: h, hand: hand, dir: dir, cast: c, handler: h.console.Handler()}
}

// fork copies the data folder of a closed world and opens the copy.
func (w *world) fork(t *testing.T, at time.Time) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hub")
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, dir, at, w.cast)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// pump carries the hub's own messages until there are none.
func (w *world) pump() {
	w.t.Helper()
	for {
		n, err := w.hub.queue.Round(w.t.Context())
		w.ok(err)
		if n == 0 {
			return
		}
		w.hand.Add(time.Millisecond)
	}
}

func (w *world) join(name, sector string) {
	w.t.Helper()
	ctx := w.t.Context()
	m, token, err := w.hub.people.Invite(ctx, identity.Operator("test"), identity.NewMember{Name: name, Sector: sector,
		Prefecture: "13"})
	w.ok(err)
	seed, public, err := bus.NewUserKey()
	w.ok(err)
	a, err := w.hub.Join(ctx, wire.JoinRequest{Token: token, PublicKey: public})
	w.ok(err)
	w.members[name], w.answers[name], w.seeds[name] = m.ID, a, []byte(seed)
	w.pump()
}

// person makes a user with a session.
func (w *world) person(key, member string, role policy.Role) {
	w.t.Helper()
	ctx := w.t.Context()
	u, link, err := w.hub.people.AddUser(ctx, identity.Operator("test"), identity.NewUser{Name: "User " + key,
		Login: "u-" + strings.ReplaceAll(key, " ", "-"), Role: role, Member: w.members[member], Lang: "en",
		Zone: "UTC"})
	w.ok(err)
	cookie, _, err := w.hub.people.Redeem(ctx, link, identity.Client{Address: "192.0.2.1", Agent: "test"})
	w.ok(err)
	w.users[key], w.cookies[key] = u.ID, cookie
}

func (w *world) token(key, member string, role policy.Role) {
	w.t.Helper()
	_, secret, err := w.hub.people.AddToken(w.t.Context(), identity.Operator("test"),
		identity.NewToken{Name: key, Member: w.members[member], Role: role})
	w.ok(err)
	w.tokens[key] = secret
}

// finding is a finding of a member; its id is told by its name.
func (w *world) finding(id, member, rule string, h policy.Handling, edit func(*msg.Finding)) msg.Finding {
	f := msg.Finding{Finding: wire.Finding{ID: id, Version: 1, Realm: event.Live, Rule: wire.RuleRef{ID: rule,
		Title: "Title of " + rule, Author: "A. Author", Level: "high", Tags: []string{"attack.execution"}}, Count: 1,
		First: w.hub.cfg.Clock(), Last: w.hub.cfg.Clock(), Sensed: w.hub.cfg.Clock(), Detected: w.hub.cfg.Clock(),
		Handling: h}}
	if edit != nil {
		edit(&f)
	}
	return f
}

// send lets a member's messages in at the hub's intake, and fails if one is refused.
func (w *world) send(member string, kind wire.Kind, bodies ...any) {
	w.t.Helper()
	for _, r := range w.letters(member, kind, bodies...).Results {
		if r.Problem != "" {
			w.t.Fatalf("the hub refused a %s of %s: %s %s", kind, member, r.Problem, r.Reason.Text)
		}
	}
	w.pump()
}

func (w *world) letters(member string, kind wire.Kind, bodies ...any) (a wire.BatchReply) {
	w.t.Helper()
	var b wire.Batch
	for i, x := range bodies {
		raw, err := json.Marshal(x)
		w.ok(err)
		b.Items = append(b.Items, wire.Message{Kind: kind, ID: fmt.Sprint(i), Body: raw})
	}
	body, err := json.Marshal(b)
	w.ok(err)
	w.hand.Add(time.Millisecond)
	out, err := w.hub.intake.batch(w.t.Context(), w.members[member], body)
	w.ok(err)
	w.ok(json.Unmarshal(out, &a))
	return a
}

// coordinator is a coordinator of a member, as one would come in now.
func (w *world) coordinator(member string) policy.Viewer {
	w.t.Helper()
	m, err := w.hub.people.Member(w.t.Context(), w.members[member])
	w.ok(err)
	v := m.Node()
	v.User, v.Name, v.Role, v.Machine = "u-"+member, "Coordinator of "+member, policy.RoleCoordinator, false
	return v
}

// group makes a trust group that the first member leads and the others are in.
func (w *world) group(name, lead string, others ...string) string {
	w.t.Helper()
	ctx := w.t.Context()
	id, err := w.hub.groups.Make(ctx, w.coordinator(lead), groups.NewGroup{Name: name, Admits: groups.AdmitsLead})
	w.ok(err)
	for _, other := range others {
		m, err := w.hub.people.Member(ctx, w.members[other])
		w.ok(err)
		w.ok(w.hub.groups.Ask(ctx, w.coordinator(lead), id, m.Name))
		var offers []groups.Offer
		w.ok(w.hub.db.Read(ctx, store.System("test"), func(tx *store.Tx) (err error) {
			offers, err = w.hub.groups.Offers(tx, w.coordinator(other))
			return err
		}))
		_, err = w.hub.groups.Answer(ctx, w.coordinator(other), offers[0].ID, true)
		w.ok(err)
	}
	w.pump()
	return id
}

func candidate(id, finding, value string, h policy.Handling) wire.Candidate {
	return wire.Candidate{ID: id, Finding: finding, Realm: event.Live, Observable: &event.Observable{Type: event.Domain,
		Value: value},
		Rule: wire.RuleRef{ID: "rule-" + finding, Title: "Title of rule-" + finding, Level: "high"}, Handling: h}
}

// query reads one column as the system.
func (w *world) query(sql string, args ...any) (out []string) {
	w.t.Helper()
	w.ok(w.hub.db.Read(w.t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = store.Query[string](tx, sql, args...)
		return err
	}))
	return out
}

func (w *world) caseOf(finding string) (id, number string) {
	w.t.Helper()
	ids := w.query(`SELECT p.case_id FROM case_finding p WHERE p.finding = $1 AND SCOPE(p)`, finding)
	if len(ids) != 1 {
		w.t.Fatalf("finding %s is in the cases %v", finding, ids)
	}
	return ids[0], w.query(`SELECT c.number FROM cases c WHERE c.id = $1 AND SCOPE(c)`, ids[0])[0]
}

func (w *world) indicatorOf(candidate string) string {
	w.t.Helper()
	ids := w.query(`SELECT c.object FROM candidates c WHERE c.id = $1 AND SCOPE(c)`, candidate)
	if len(ids) != 1 || ids[0] == "" {
		w.t.Fatalf("candidate %s gave the indicators %v", candidate, ids)
	}
	return ids[0]
}

// ask sends a request as who: a key of cookies or tokens, or "" for the public.
func (w *world) ask(who, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://hub.example"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:1234"
	if c := w.cookies[who]; c != "" {
		r.AddCookie(w.hub.people.Cookie(c, time.Time{}, false))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if tok := w.tokens[who]; tok != "" {
		r.Header.Set("Authorization", "Bearer "+tok)
	}
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// What may differ between two worlds although nothing differs that is known:
// ids that were drawn after the copy, the signed flash, the numbers of cases.
var (
	uuids   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	parted  = regexp.MustCompile(`<bdi class="head">([0-9a-f-]+)</bdi><bdi class="tail">([0-9a-f-]+)</bdi>`)
	numbers = regexp.MustCompile(`MNK-2026-[0-9]+`)
	// The place of a position in its gap is drawn, see package object.
	places = regexp.MustCompile(`(:[0-9]{2}\.[0-9]{4})[0-9]{2}Z`)
	next   = regexp.MustCompile(`"next":"[^"]+"`)
	// MISP's numbers are positions.
	positions = regexp.MustCompile(`(\b1[0-9]{12})[0-9]{3}\b`)
)

// plain writes an answer down without what is drawn by chance. known holds the
// ids of the world before the copy, which stay as they are.
func plain(rec *httptest.ResponseRecorder, known map[string]bool) string {
	var b bytes.Buffer
	res := rec.Result()
	fmt.Fprintln(&b, res.StatusCode)
	res.Header.Del("X-Request-Id")
	for i, c := range res.Header["Set-Cookie"] {
		if strings.HasPrefix(c, "meneki_flash=") {
			res.Header["Set-Cookie"][i] = "meneki_flash"
		}
	}
	body, _ := io.ReadAll(res.Body)
	if sum := sha256.Sum256(body); res.Header.Get("ETag") == `"`+hex.EncodeToString(sum[:16])+`"` {
		res.Header.Del("ETag") // it says what the body says, which has drawn ids in it
	}
	_ = res.Header.Write(&b)
	b.Write(body)
	drop := func(s string) string {
		if known[s] {
			return s
		}
		return "DRAWN"
	}
	whole := next.ReplaceAllString(parted.ReplaceAllString(b.String(), "$1$2"), `"next":"DRAWN"`)
	whole = positions.ReplaceAllString(places.ReplaceAllString(whole, "${1}Z"), "$1")
	return numbers.ReplaceAllStringFunc(uuids.ReplaceAllStringFunc(whole, drop), drop)
}

// alike reports whether two answers are the same byte for byte, but for the id
// of the request.
func alike(a, b *httptest.ResponseRecorder) bool {
	headers := func(r *httptest.ResponseRecorder) http.Header {
		h := r.Header().Clone()
		h.Del("X-Request-Id")
		return h
	}
	return a.Code == b.Code && bytes.Equal(a.Body.Bytes(), b.Body.Bytes()) &&
		maps.EqualFunc(headers(a), headers(b), slices.Equal[[]string])
}

// sharedWorld is the world before the secret: three members, of which A has a
// case and gave an indicator to all, and C has a case of its own.
func sharedWorld(t *testing.T) *world {
	t.Helper()
	c := &cast{map[string]string{}, map[string]wire.JoinReply{}, map[string][]byte{}, map[string]string{},
		map[string]string{}, map[string]string{}}
	w := openWorld(t, filepath.Join(t.TempDir(), "hub"), secrecyNow, c)
	w.join("Alpha Power", "power")
	w.join("Bravo City", "local-government")
	w.join("Charlie University", "university")
	w.members["A"], w.members["B"], w.members["C"] = w.members["Alpha Power"], w.members["Bravo City"],
		w.members["Charlie University"]
	w.answers["C"], w.seeds["C"] = w.answers["Charlie University"], w.seeds["Charlie University"]
	for _, role := range policy.Roles() {
		w.person(string(role)+" of C", "C", role)
		w.person("hub "+string(role), "", role)
	}
	w.person("admin of A", "A", policy.RoleAdmin)
	w.token("token of C", "C", policy.RoleAnalyst)
	w.token("admin token of C", "C", policy.RoleAdmin)
	strict := policy.Handling{TLP: policy.AmberStrict}
	w.send("A", wire.KindFinding, w.finding("f-a1", "A", "rule-a1", strict, func(f *msg.Finding) {
		f.Host, f.User = "alpha-host", "alpha-user"
	}))
	w.send("A", wire.KindCandidate, candidate("c-a1", "f-a1", "shared.evil.example",
		policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}}))
	w.send("C", wire.KindFinding, w.finding("f-c1", "C", "rule-c1", strict, func(f *msg.Finding) {
		f.Host = "charlie-host"
	}))
	w.send("C", wire.KindCandidate, candidate("c-c1", "f-c1", "charlie.evil.example",
		policy.Handling{TLP: policy.Green}))
	w.ok(w.hub.cases.Note(t.Context(), policy.Viewer{User: "u", Name: "Hub person", Hub: true, Coordinator: true,
		Role: policy.RoleAnalyst}, first(w.caseOf("f-c1")), "To the parties: please look.",
		policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember(w.members["C"])}}))
	joint := func(f *msg.Finding) {
		f.Observables = []event.Observable{{Type: event.Domain, Value: "joint.evil.example"}}
	}
	w.send("A", wire.KindFinding, w.finding("f-a9", "A", "rule-a9", strict, joint))
	w.send("C", wire.KindFinding, w.finding("f-c9", "C", "rule-c9", strict, joint))
	if first(w.caseOf("f-a9")) != first(w.caseOf("f-c9")) {
		t.Fatal("A and C are not in one case")
	}
	w.pump()
	return w
}

func first(a, _ string) string { return a }
