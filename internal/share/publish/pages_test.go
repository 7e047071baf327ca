package publish

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

func hubConsole(t *testing.T, h *hub) http.Handler {
	c := pages{Publisher: h.Publisher}
	panel := fstest.MapFS{"templates/panel.html": {Data: []byte(`{{define "test/panel"}}<p>{{show .}}</p>{{end}}`)}}
	return sharetest.Console(t, func(s *web.Site, a *api.API) {
		s.AddPanels(web.Panel{Page: "indicator", Slots: map[string]string{"main": "test/panel"},
			Load: func(_ context.Context, about web.Subject) (web.Part, error) {
				return web.Part{Data: "another capability about it"}, nil
			}})
		c.addTo(s)
		c.api(a)
	}, Templates(), panel)
}

// shared makes a hub with three indicators, of which one member found the first in its past.
func shared(t *testing.T, h *hub) (value, rule, secret indicator.Indicator) {
	t.Helper()
	h.inCase(t, "f1", "case-1")
	parties := policy.Handling{TLP: policy.AmberStrict, Audience: policy.Audience{policy.ToMember("power")}}
	h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		return store.Insert(tx, "cases", []casework.Case{{ID: "case-1", Number: "MNK-2026-0001", State: casework.Open,
			Realm: event.Live, Handling: parties}})
	}))
	h.must(t,
		h.offer(t, "power", sharetest.Candidate("c1", "f1", &event.Observable{Type: event.URL,
			Value: "http://evil.example.net/x"}, sharetest.Amber(policy.Community))))
	bad := sharetest.Candidate("c2", "f1", nil, sharetest.Amber(policy.Community))
	bad.Rule.Title, bad.Rule.Author, bad.Rule.ID = sharetest.Hostile, sharetest.Hostile, "rule-2"
	bad.Sigma = "title: x # " + sharetest.Hostile + "\n"
	h.must(t, h.offer(t, "power", bad))
	h.must(t, h.offer(t, "power", sharetest.Candidate("c3", "f1", sharetest.Domain("secret.example.net"),
		policy.Handling{TLP: policy.Red})))
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
	h.must(t, h.receipt(t, "gas", wire.Receipt{Object: value.ID, Modified: value.Modified, State: wire.Hunted,
		At: sharetest.Start, Searched: 5000, Hits: 3}))
	h.must(t, h.receipt(t, "gas", wire.Receipt{Object: value.ID, Modified: value.Modified, State: wire.Armed,
		At: sharetest.Start}))
	h.must(t, h.receipt(t, "city", wire.Receipt{Object: rule.ID, Modified: rule.Modified, State: wire.Refused,
		At: sharetest.Start, Reason: reason.Plain(sharetest.Hostile)}))
	b, _ := json.Marshal(wire.Sighting{ID: "s1", Indicator: value.ID, Realm: event.Live, Count: 3,
		First: sharetest.Start, Last: sharetest.Start, Retro: true, At: sharetest.Start,
		Handling: policy.Handling{TLP: policy.Green}})
	h.must(t, h.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		return h.ReceiveSighting(tx, "gas", b)
	}))
	return value, rule, secret
}

func TestHubPages(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		c := hubConsole(t, h)
		if body := sharetest.Page(t, c, "desk", "/indicators")["ja"]; !strings.Contains(body, "指標はまだありません") {
			t.Error("an empty list does not say what would be here")
		}
		value, rule, secret := shared(t, h)
		for _, as := range []string{"desk", "reader", "power", "gas", "city"} {
			for _, path := range []string{"/indicators", "/indicators?kind=sigma&state=active&q=x",
				"/indicators?q=" + url.QueryEscape(sharetest.Hostile), "/indicators/" + value.ID,
				"/indicators/" + rule.ID} {
				sharetest.Page(t, c, as, path)
			}
			if code, _ := sharetest.Get(t, c, as, "/indicators/"+secret.ID); (code == 200) != (as == "power") {
				t.Errorf("%s gets %d for an indicator that is RED", as, code)
			}
			if code, _ := sharetest.Get(t, c, as, "/indicators/"+secret.ID+"/stix"); (code == 200) != (as == "power") {
				t.Errorf("%s gets %d for the object of one that is RED", as, code)
			}
		}
		body := sharetest.Page(t, c, "desk", "/indicators/"+value.ID)["en"]
		for _, want := range []string{"hxxp://evil[.]example[.]net", "1 of 3 members armed, 1 with traces", "Denryoku",
			"MNK-2026-0001", "Withdraw from all members", "not disclosed to the other members", "5,000",
			"another capability about it"} {
			if !strings.Contains(body, want) {
				t.Errorf("the coordinator's page lacks %q", want)
			}
		}
		if body := sharetest.Page(t, c, "reader", "/indicators/"+value.ID)["en"]; strings.Contains(body,
			"Withdraw from all members") {
			t.Error("a reader is offered to withdraw")
		}
		// Another member sees how many are armed, and nothing of who and of what they saw.
		for _, path := range []string{"/indicators", "/indicators/" + value.ID, "/indicators?format=csv",
			"/indicators?format=json", "/api/v1/indicators", "/api/v1/indicators/" + value.ID} {
			_, body := sharetest.Get(t, c, "city", path)
			for _, name := range []string{"Denryoku", "Gasu", `"gas"`, `"power"`, "5000", "5,000"} {
				if strings.Contains(body, name) {
					t.Errorf("%s tells another member %q", path, name)
				}
			}
		}
		if body := sharetest.Page(t, c, "city", "/indicators/"+value.ID)["en"]; !strings.Contains(body,
			"Members armed: 1") {
			t.Error("a member does not see how many are armed")
		}
		// The member that saw it sees its own.
		if body := sharetest.Page(t, c, "gas", "/indicators/"+value.ID)["en"]; !strings.Contains(body,
			"found 3 traces") {
			t.Error("a member does not see its own progress")
		}
		if code, body := sharetest.Get(t, c, "city", "/indicators/"+value.ID+"/stix"); code != 200 ||
			!json.Valid([]byte(body)) {
			t.Errorf("STIX: %d %s", code, body)
		}
		if code, body := sharetest.Get(t, c, "desk", "/indicators?format=csv"); code != 200 ||
			!strings.Contains(body, "http://evil.example.net/x") {
			t.Errorf("CSV: %d %s", code, body)
		}
	})
}

func TestHubActions(t *testing.T) {
	eachHub(t, func(t *testing.T, h *hub) {
		c := hubConsole(t, h)
		value, rule, _ := shared(t, h)
		post := func(as, path string, form url.Values) (int, string) {
			return sharetest.Ask(t, c, as, http.MethodPost, path+"?lang=en", form, "")
		}
		mark := "/indicators/" + value.ID + "/marking"
		if code, body := post("desk", mark, url.Values{"tlp": {"clear"}}); code != 422 ||
			!strings.Contains(body, "only the organisation it came from may widen") {
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
		if code, body := post("desk", end, url.Values{"confirm": {"yes"}}); code != 422 ||
			!strings.Contains(body, "cannot be taken back") {
			t.Errorf("without the word: %d", code)
		}
		if code, _ := post("desk", end, url.Values{"confirm": {" 取り下げ "}}); code != 303 {
			t.Errorf("withdraw: %d", code)
		}
		if body := sharetest.Page(t, c, "desk", "/indicators/"+rule.ID)["en"]; strings.Contains(body,
			"Withdraw from all members") || !strings.Contains(body, "withdrawn") {
			t.Error("the page does not say that it is withdrawn")
		}
		// The same by API.
		path := "/api/v1/indicators/" + value.ID
		if code, body := sharetest.Get(t, c, "desk", path); code != 200 || !strings.Contains(body, `"progress":[`) ||
			!strings.Contains(body, `"stix":{`) {
			t.Errorf("%d %s", code, body)
		}
		if code, body := sharetest.Ask(t, c, "desk", "POST", path+"/marking", nil, `{"tlp":"clear"}`); code != 403 {
			t.Errorf("widening by API: %d %s", code, body)
		}
		if code, body := sharetest.Ask(t, c, "desk", "POST", path+"/marking", nil,
			`{"tlp":"amber","audience":["everyone, hub"]}`); code != 422 && code != 400 {
			t.Errorf("a broken audience: %d %s", code, body)
		}
		if code, body := sharetest.Ask(t, c, "desk", "POST", path+"/marking", nil, `{"tlp":"amber"}`); code != 204 {
			t.Errorf("stricter by API: %d %s", code, body)
		}
		if code, body := sharetest.Ask(t, c, "desk", "POST", path+"/withdraw", nil, ""); code != 204 {
			t.Errorf("withdraw by API: %d %s", code, body)
		}
		if code, _ := sharetest.Ask(t, c, "desk", "POST", path+"/withdraw", nil, ""); code != 409 {
			t.Errorf("twice: %d", code)
		}
		if _, spec := sharetest.Get(t, c, "desk", "/openapi.json"); api.Check([]byte(spec)) != nil {
			t.Error(api.Check([]byte(spec)))
		}
	})
}
