package consent

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
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// world is a hub with an object that the power company gave to the hub's people alone.
type world struct {
	*testing.T
	*Service
	hand *clock.Hand
	id   string
}

type members struct{}

func (members) Name(_ context.Context, id string) string  { return "Name of " + id }
func (members) Sector(_ context.Context, _ string) string { return "" }
func (members) Active(context.Context) ([]identity.Member, error) {
	at := sharetest.Start
	return []identity.Member{{ID: "power", Joined: at}, {ID: "gas", Joined: at}, {ID: "city", Joined: at}}, nil
}

var toAll = policy.Audience{policy.Community}

func each(t *testing.T, body func(w world)) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := world{T: t, hand: hand, Service: New(Config{DB: db, Objects: object.New(db), Members: members{},
			Notify: func() {}})}
		o, err := stix.Parse([]byte(`{"type":"campaign","spec_version":"2.1","created":"2026-01-01T00:00:00.000Z",` +
			`"modified":"2026-01-01T00:00:00.000Z","id":"campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",` +
			`"name":"Zq <script>alert(1)</script>","object_marking_refs":[` +
			`"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]}`))
		w.ok(err)
		w.id = o.ID()
		w.ok(db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			out, err := w.Objects.Put(tx, []object.Item{{Object: o, Handling: between("power")}})
			if err == nil {
				err = out[0].Err
			}
			return err
		}))
		body(w)
	}, storetest.With(identity.Migration(), groups.Migration(), indicator.Migration(), object.Migration(),
		Migration()), storetest.Clock(now))
}

func (w world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) fails(err error, k fault.Kind) {
	w.Helper()
	if !fault.Is(err, k) {
		w.Errorf("got %v (%v), want %v", err, fault.KindOf(err), k)
	}
}

func (w world) sees(as string) (saw policy.Handling, ok bool) {
	w.Helper()
	err := w.DB.Read(w.Context(), store.As(sharetest.Viewers[as]), func(tx *store.Tx) error {
		o, err := object.Get(tx, event.Live, w.id)
		saw = o.Handling
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		w.Fatal(err)
	}
	return saw, err == nil
}

func (w world) ask() string {
	w.Helper()
	id, err := w.Ask(w.Context(), sharetest.Desk, Request{Object: w.id, Why: "gas sees the same", TLP: policy.Amber,
		Audience: toAll, Days: 3})
	w.ok(err)
	return id
}

func (w world) state(id string) (st State) {
	w.Helper()
	w.ok(w.DB.Read(w.Context(), store.System("test"), func(tx *store.Tx) error {
		c, err := Get(tx, id)
		st = c.At(tx.Now())
		return err
	}))
	return st
}

// Nobody sees more before the giver said yes; with the yes those see it who were named; and
// a consent that is withdrawn takes it from them, and says so.
func TestAskAnswerWithdraw(t *testing.T) {
	each(t, func(w world) {
		ctx, power, gas := w.Context(), sharetest.Viewers["power"], sharetest.Viewers["gas"]
		id := w.ask()
		_, err := w.Ask(ctx, sharetest.Desk, Request{Object: w.id, Why: "again", TLP: policy.Green, Days: 1})
		w.fails(err, fault.Conflict)
		_, err = w.Ask(ctx, power, Request{Object: w.id, Why: "x", TLP: policy.Green, Days: 1})
		w.fails(err, fault.Denied)
		_, err = w.Ask(ctx, sharetest.Desk, Request{Object: "campaign--1", Why: "x", TLP: policy.Green, Days: 1})
		w.fails(err, fault.NotFound)
		for _, bad := range []Request{{Object: w.id, TLP: policy.Green, Days: 1}, {Object: w.id, Why: "x", Days: 1},
			{Object: w.id, Why: "x", TLP: policy.Green}, {Object: w.id, Why: "x", TLP: policy.Green, Days: 31},
			{Object: w.id, Why: "x", TLP: policy.Amber, Audience: policy.Audience{"everybody"}, Days: 1}} {
			_, err := w.Ask(ctx, sharetest.Desk, bad)
			w.fails(err, fault.Invalid)
		}
		w.fails(w.Answer(ctx, gas, id, Answer{Yes: true}), fault.NotFound)
		w.fails(w.Answer(ctx, sharetest.Desk, id, Answer{Yes: true}), fault.Denied)
		w.fails(w.Answer(ctx, sharetest.Viewers["guest"], id, Answer{Yes: true}), fault.Denied)
		w.fails(w.Withdraw(ctx, power, id, ""), fault.Conflict)
		if _, ok := w.sees("gas"); ok {
			w.Error("it is seen before the giver said yes")
		}
		w.ok(w.Answer(ctx, power, id, Answer{Yes: true, Note: "fine"}))
		h, ok := w.sees("gas")
		if !ok || h.TLP != policy.Amber || h.Owner != "power" || w.state(id) != Granted {
			w.Errorf("after the yes: %v %+v %s", ok, h, w.state(id))
		}
		w.fails(w.Answer(ctx, power, id, Answer{}), fault.Conflict)
		var at object.Place
		w.ok(w.DB.Read(ctx, store.As(policy.Node("gas", "energy", "")), func(tx *store.Tx) error {
			_, place, _, err := w.Objects.Changes(tx, object.Place{}, 10)
			at = place
			return err
		}))
		w.fails(w.Withdraw(ctx, gas, id, ""), fault.NotFound)
		w.ok(w.Withdraw(ctx, power, id, "not any more"))
		if _, ok := w.sees("gas"); ok || w.state(id) != Withdrawn {
			w.Error("it is seen after the consent was withdrawn")
		}
		if h, ok := w.sees("desk"); !ok || h.TLP != policy.AmberStrict {
			w.Errorf("the hub: %+v", h)
		}
		w.ok(w.DB.Read(ctx, store.As(policy.Node("gas", "energy", "")), func(tx *store.Tx) error {
			list, _, _, err := w.Objects.Changes(tx, at, 10)
			if len(list) != 1 || list[0].ID != w.id || !list[0].Recall {
				w.Errorf("who had it is told %+v", list)
			}
			return err
		}))
	})
}

func TestOtherAnswers(t *testing.T) {
	each(t, func(w world) {
		ctx, power := w.Context(), sharetest.Viewers["power"]
		id := w.ask()
		w.ok(w.Answer(ctx, power, id, Answer{Note: "no"}))
		if _, ok := w.sees("gas"); ok || w.state(id) != Refused {
			w.Error("a no is none")
		}
		id = w.ask()
		w.hand.Add(3 * 24 * time.Hour)
		if w.state(id) != Lapsed {
			w.Errorf("silence is %s", w.state(id))
		}
		w.fails(w.Answer(ctx, power, id, Answer{Yes: true}), fault.Conflict)
		w.fails(w.Retract(ctx, sharetest.Desk, id), fault.Conflict)
		id = w.ask()
		w.ok(w.Retract(ctx, sharetest.Desk, id))
		w.fails(w.Answer(ctx, power, id, Answer{Yes: true}), fault.Conflict)
		id = w.ask()
		less := policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember("gas")}}
		w.ok(w.Answer(ctx, power, id, Answer{Yes: true, Instead: &less}))
		if h, ok := w.sees("gas"); !ok || h.TLP != policy.AmberStrict {
			w.Errorf("yes to less: %v %+v", ok, h)
		}
		if _, ok := w.sees("city"); ok {
			w.Error("yes to less is yes to all")
		}
		// What was marked anew since it was asked is not what the giver looked at.
		id = w.ask()
		w.ok(w.DB.Write(ctx, store.System("test"), func(tx *store.Tx) error {
			return w.Objects.SetHandling(tx, event.Live, w.id, "power", policy.Handling{TLP: policy.AmberStrict})
		}))
		w.fails(w.Answer(ctx, power, id, Answer{Yes: true}), fault.Conflict)
	})
}

func TestConsultation(t *testing.T) {
	each(t, func(w world) {
		ctx, power := w.Context(), sharetest.Viewers["power"]
		_, err := w.Consult(ctx, sharetest.Desk, "t", "x", "")
		w.fails(err, fault.Denied)
		_, err = w.Consult(ctx, power, "t", " ", "")
		w.fails(err, fault.Invalid)
		_, err = w.Consult(ctx, sharetest.Viewers["gas"], "t", "x", w.id)
		w.fails(err, fault.NotFound) // what it may not see it cannot name
		id, err := w.Consult(ctx, power, "Zq question", "Is this known?", w.id)
		w.ok(err)
		w.fails(w.Say(ctx, sharetest.Viewers["gas"], id, "hello", false), fault.NotFound)
		w.fails(w.Say(ctx, sharetest.Viewers["reader"], id, "hello", false), fault.Denied)
		w.ok(w.Say(ctx, sharetest.Desk, id, "It is, see the case", false))
		w.ok(w.Say(ctx, power, id, "Thank you", true))
		w.fails(w.Say(ctx, power, id, "and", false), fault.Gone)
		w.ok(w.DB.Read(ctx, store.As(sharetest.Desk), func(tx *store.Tx) error {
			_, words, err := Consulted(tx, id)
			if len(words) != 2 || words[0].Member != "" || words[1].Member != "power" {
				w.Errorf("%+v", words)
			}
			return err
		}))
	})
}

// What is between a member and the hub makes no difference to another member.
func TestPages(t *testing.T) {
	each(t, func(w world) {
		h := sharetest.Console(w.T, func(site *web.Site, a *api.API) { w.pages(site); w.api(a) })
		before := sharetest.Page(w.T, h, "gas", "/consultations")
		id := w.ask()
		code, _ := sharetest.Ask(w.T, h, "power", http.MethodPost, "/consultations", url.Values{
			"title": {"Zq " + sharetest.Hostile}, "text": {sharetest.Hostile}}, "")
		if code != http.StatusSeeOther {
			w.Fatal(code)
		}
		after := sharetest.Page(w.T, h, "gas", "/consultations")
		for lang := range before {
			if before[lang] != after[lang] {
				w.Errorf("another member's page shows it (%s)", lang)
			}
		}
		var consult string
		w.ok(w.DB.Read(w.Context(), store.System("test"), func(tx *store.Tx) error {
			list, err := Consultations(tx)
			consult = list[0].ID
			return err
		}))
		for _, path := range []string{"/consents/" + id, "/consultations/" + consult} {
			for as, want := range map[string]int{"power": 200, "desk": 200, "gas": 404, "reader": 200} {
				if code, _ := sharetest.Get(w.T, h, as, path); code != want {
					w.Errorf("%s for %s: %d", path, as, code)
				} else if want == 200 {
					sharetest.Page(w.T, h, as, path)
				}
			}
		}
		for as, want := range map[string]string{"power": id, "desk": id, "gas": "none"} {
			_, body := sharetest.Get(w.T, h, as, "/api/v1/consents")
			if strings.Contains(body, id) != (want == id) {
				w.Errorf("the API for %s: %s", as, body)
			}
		}
		code, body := sharetest.Ask(w.T, h, "power", http.MethodPost, "/consents/"+id, url.Values{"answer": {""}}, "")
		if code != http.StatusUnprocessableEntity {
			w.Errorf("no answer: %d %.200s", code, body)
		}
		code, _ = sharetest.Ask(w.T, h, "power", http.MethodPost, "/consents/"+id, url.Values{"answer": {"changed"},
			"tlp": {"amber"}, "audience": {"member:city community"}}, "")
		if code != http.StatusSeeOther || w.state(id) != Granted {
			w.Errorf("yes, but: %d %s", code, w.state(id))
		}
		sharetest.Page(w.T, h, "power", "/consents/"+id)
		part, err := w.panel(w.Context(), web.Subject{ID: w.id, Viewer: sharetest.Desk})
		w.ok(err)
		if part.Data == nil {
			w.Error("the hub has no panel")
		}
		if part, err := w.panel(w.Context(), web.Subject{ID: w.id, Viewer: sharetest.Viewers["city"]}); err != nil ||
			part.Data != nil {
			w.Errorf("another member has a panel: %+v %v", part, err)
		}
	})
}
