package pseudonym

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

type names struct{}

func (names) Name(_ context.Context, id string) string { return "Ｄｅｎｒｙｏｋｕ " + id }
func (names) Sector(context.Context, string) string    { return "" }

type world struct {
	*testing.T
	*Service
}

func each(t *testing.T, body func(w world)) {
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := New(Config{DB: db, Objects: object.New(db), Members: names{}, Notify: func() {},
			Domains: func(_ context.Context, member string) ([]string,
				error) {
				return []string{member + ".example"}, nil
			}})
		w := world{t, s}
		w.ok(s.start(t.Context()))
		body(w)
	}, storetest.With(object.Migration(), Migration()), storetest.Clock(now))
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

const (
	givers = `{"type":"identity","spec_version":"2.1","id":"identity--11111111-1111-4111-8111-111111111111",` +
		`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"Denryoku power",` +
		`"identity_class":"organization"}`
	tool = `{"type":"tool","spec_version":"2.1","id":"tool--22222222-2222-4222-8222-222222222222",` +
		`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"Zq tool",` +
		`"created_by_ref":"identity--11111111-1111-4111-8111-111111111111"}`
	note = `{"type":"note","spec_version":"2.1","id":"note--33333333-3333-4333-8333-333333333333",` +
		`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","content":"seen",` +
		`"object_refs":["tool--22222222-2222-4222-8222-222222222222"]}`
	bundle = `{"type":"bundle","id":"bundle--44444444-4444-4444-8444-444444444444","objects":[` + givers + `,` + tool +
		`,` + note + `]}`
)

func (w world) give(as, text string) []Outcome {
	w.Helper()
	out, err := w.Give(w.Context(), sharetest.Viewers[as], text, policy.Amber, policy.Audience{policy.Community})
	w.ok(err)
	return out
}

func (w world) read(as, id string) *stix.Object {
	w.Helper()
	var o object.Object
	w.ok(w.DB.Read(w.Context(), store.As(sharetest.Viewers[as]), func(tx *store.Tx) (err error) {
		o, err = object.Get(tx, event.Live, id)
		return err
	}))
	s, err := stix.Parse(o.Body)
	w.ok(err)
	return s
}

// What is given has another id and another creator, and what refers to it follows; nothing
// in it tells the giver; and it is the same again for the same giver, and for nobody else.
func TestGive(t *testing.T) {
	each(t, func(w world) {
		out := w.give("power", bundle)
		if len(out) != 2 || out[0].Err != nil || out[1].Err != nil {
			w.Fatalf("%+v", out)
		}
		to, no := w.read("gas", out[0].ID), w.read("city", out[1].ID)
		name, err := w.Identity("power")
		w.ok(err)
		for _, o := range []*stix.Object{to, no} {
			text := string(o.Bytes())
			if o.CreatedByRef() != name.ID() || strings.Contains(text, "2222-4222") || strings.Contains(text,
				"1111-4111") ||
				strings.Contains(text, "power") {
				w.Errorf("%s", text)
			}
		}
		if refs := no.Strings("object_refs"); len(refs) != 1 || refs[0] != to.ID() {
			w.Errorf("the note refers to %v, not to %s", refs, to.ID())
		}
		if by := w.read("gas", name.ID()); by.Text("name") != name.Text("name") ||
			!strings.HasPrefix(by.Text("name"), "Contributor ") {
			w.Errorf("%s", by.Bytes())
		}
		again := w.give("power", `[`+strings.Replace(tool, `"modified":"2026-01-01`, `"modified":"2026-02-01`, 1)+`]`)
		if again[0].ID != out[0].ID || again[0].Err != nil {
			w.Errorf("the next version is another object: %+v", again)
		}
		other := w.give("gas", tool)
		if other[0].ID == out[0].ID || w.read("city", other[0].ID).CreatedByRef() == name.ID() {
			w.Errorf("another giver has the same id or name: %+v", other)
		}
	})
}

// The hub owns what is given, and yet only the giver has it shown to more.
func TestOnlyTheGiverWidens(t *testing.T) {
	each(t, func(w world) {
		id := w.give("power", tool)[0].ID
		mark := func(tlp policy.TLP, audience ...string) error {
			return w.DB.Write(w.Context(), store.System("the hub marks"), func(tx *store.Tx) error {
				return w.Objects.SetHandling(tx, event.Live, id, "", policy.Handling{TLP: tlp, Audience: audience})
			})
		}
		if err := mark(policy.Green); !fault.Is(err, fault.Denied) {
			w.Errorf("the hub widens it: %v", err)
		}
		old := w.read("gas", id)
		next, err := stix.NewVersion(old, sharetest.Start.Add(time.Hour), map[string]any{"description": "x"})
		w.ok(err)
		w.ok(w.DB.Write(w.Context(), store.System("the hub gives a version"), func(tx *store.Tx) error {
			out, err := w.Objects.Put(tx, []object.Item{{Object: next, Handling: policy.Handling{TLP: policy.Clear}}})
			if err == nil && !fault.Is(out[0].Err, fault.Denied) {
				w.Errorf("the hub widens it by a version: %+v", out[0])
			}
			return err
		}))
		w.ok(mark(policy.Amber)) // the hub alone: narrower
		if err := mark(policy.Amber, policy.Community); !fault.Is(err, fault.Denied) {
			w.Errorf("the hub widens it again: %v", err)
		}
		wider := strings.Replace(tool, `"modified":"2026-01-01`, `"modified":"2026-02-01`, 1)
		if out := w.give("power", wider); out[0].Err != nil || w.read("gas", id) == nil {
			w.Errorf("the giver does not: %+v", out)
		}
	})
}

// Who gave it is for the giver's people and the hub's coordinators.
func TestWhoKnows(t *testing.T) {
	each(t, func(w world) {
		out := w.give("power", tool)
		for as, want := range map[string]bool{"power": true, "desk": true, "reader": false, "gas": false,
			"city": false} {
			w.ok(w.DB.Read(w.Context(), store.As(sharetest.Viewers[as]), func(tx *store.Tx) error {
				list, err := List(tx)
				if (len(list) == 1) != want {
					w.Errorf("%s sees %+v", as, list)
				}
				o, err2 := object.Get(tx, event.Live, out[0].ID)
				if err2 == nil && o.Handling.Owner != "" {
					w.Errorf("the object is %q's", o.Handling.Owner)
				}
				return err
			}))
		}
		if err := w.Withdraw(w.Context(), sharetest.Viewers["gas"], out[0].ID); !fault.Is(err, fault.NotFound) {
			w.Errorf("another member withdraws it: %v", err)
		}
		w.ok(w.Withdraw(w.Context(), sharetest.Viewers["power"], out[0].ID))
		if !w.read("gas", out[0].ID).Revoked() {
			w.Error("it is not revoked")
		}
	})
}

// What names the giver is refused, and the rest is taken.
func TestNamesAreRefused(t *testing.T) {
	each(t, func(w world) {
		for _, word := range []string{"denryoku POWER", "mail from admin@power.example", "Ｐｏｗｅｒ．Ｅｘａｍｐｌｅ"} {
			bad := strings.Replace(tool, "Zq tool", word, 1)
			out := w.give("power", `[`+bad+`,`+note+`]`)
			if len(out) != 2 || out[0].Err == nil || out[1].Err != nil {
				w.Errorf("%s: %+v", word, out)
			}
		}
		for _, text := range []string{"", "{", "nonsense"} {
			out, err := w.Give(w.Context(), sharetest.Viewers["power"], text, policy.Amber, nil)
			if err == nil && (len(out) == 0 || out[0].Err == nil) {
				w.Errorf("%q is taken: %+v", text, out)
			}
		}
		if _, err := w.Give(w.Context(), sharetest.Viewers["power"], tool, policy.Red, nil); !fault.Is(err,
			fault.Invalid) {
			w.Errorf("RED: %v", err)
		}
		if _, err := w.Give(w.Context(), sharetest.Desk, tool, policy.Green, nil); !fault.Is(err, fault.Denied) {
			w.Errorf("the hub: %v", err)
		}
	})
}

func TestPages(t *testing.T) {
	each(t, func(w world) {
		h := sharetest.Console(w.T, func(site *web.Site, a *api.API) { w.pages(site); w.api(a) })
		before := sharetest.Page(w.T, h, "gas", "/pseudonym")
		hostile := strings.Replace(tool, "Zq tool", `<script>alert(1)</script>`, 1)
		code, body := sharetest.Ask(w.T, h, "power", http.MethodPost, "/pseudonym", url.Values{"objects": {hostile},
			"tlp": {"amber"}, "audience": {"community"}}, "")
		if code != http.StatusSeeOther {
			w.Fatalf("%d %.300s", code, body)
		}
		code, body = sharetest.Ask(w.T, h, "power", http.MethodPost, "/pseudonym", url.Values{"objects": {givers[:20]},
			"tlp": {"amber"}, "audience": {"community"}}, "")
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, "identity") {
			w.Errorf("%d: what was pasted is lost: %.300s", code, body)
		}
		for _, as := range []string{"power", "desk", "reader"} {
			for _, body := range sharetest.Page(w.T, h, as, "/pseudonym") {
				if strings.Contains(body, "alert(1)") != (as != "reader") {
					w.Errorf("%s: %v", as, as == "reader")
				}
			}
		}
		after := sharetest.Page(w.T, h, "gas", "/pseudonym")
		for lang := range before {
			if before[lang] != after[lang] {
				w.Error("another member's page shows it")
			}
		}
	})
}
