package hub

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// answerOf reads an answer's JSON.
func answerOf(t *testing.T, a *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &m); err != nil {
		t.Fatalf("%v: %.300s", err, a.Body)
	}
	return m
}

// MISP's clients sign in as they do with MISP, and errors have its form.
func TestMISPSignInAndErrors(t *testing.T) {
	w := sharedWorld(t)
	w.token("reader token of C", "C", policy.RoleReader)
	key := w.tokens["token of C"]
	for _, header := range [][]string{{"Authorization", key}, {"Authorization", "Bearer " + key}, {"X-MISP-AUTH", key},
		{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+key))}} {
		m := answerOf(t, w.want(http.StatusOK, "", "GET", "/misp/users/view/me.json", "", header...))
		if org, _ := m["Organisation"].(map[string]any); org["name"] != "Charlie University" {
			t.Errorf("%v: %v", header, m)
		}
	}
	for _, c := range []struct {
		status                  int
		who, method, path, body string
	}{
		{403, "", "GET", "/misp/events/index", ""},
		{404, "token of C", "GET", "/misp/events/view/5a1d2c74-31a8-4c0e-9d0b-0d8e6a2f1c09", ""},
		{404, "token of C", "GET", "/misp/events/view/12", ""},
		{404, "token of C", "GET", "/misp/events/view/..%2f..", ""},
		{404, "token of C", "GET", "/misp/no/such", ""},
		{405, "token of C", "GET", "/misp/events/add", ""},
		{400, "token of C", "POST", "/misp/events/restSearch", `{"nothing":1}`},
		{400, "token of C", "POST", "/misp/events/restSearch", `{"timestamp":"yesterday"}`},
		{400, "token of C", "POST", "/misp/events/restSearch", `{"returnFormat":"openioc"}`},
		{400, "token of C", "POST", "/misp/events/add", `{`},
		{400, "token of C", "POST", "/misp/events/add", `{"Event":` + strings.Repeat(`{"a":`, 60) + `1` +
			strings.Repeat(`}`, 60) + `}`},
		{403, "token of C", "POST", "/misp/events/add", `{"info":"","Attribute":[]}`},
		{403, "reader token of C", "POST", "/misp/events/add", `{"info":"x"}`},
		{403, "admin of C", "POST", "/misp/events/add", `{"info":"x"}`}, // a session is used by any page
	} {
		m := answerOf(t, w.want(c.status, c.who, c.method, c.path, c.body))
		if name, _ := m["name"].(string); name == "" || m["url"] == "" || m["message"] == "" {
			t.Errorf("%s %s: %v", c.method, c.path, m)
		}
	}
}

// What is read page by page, and what is pulled by time, misses nothing.
func TestMISPPullMissesNothing(t *testing.T) {
	w := sharedWorld(t).fork(t, secrecyNow.Add(time.Hour))
	stamps := func() map[string]string {
		out := map[string]string{}
		a := w.want(http.StatusOK, "token of C", "POST", "/misp/events/index", `{"minimal":1}`)
		var list []struct{ UUID, Timestamp string }
		w.ok(json.Unmarshal(a.Body.Bytes(), &list))
		for _, e := range list {
			out[e.UUID] = e.Timestamp
		}
		return out
	}
	strict := policy.Handling{TLP: policy.Green}
	add := func(id string) {
		c := candidate(id, "f-a1", id+".example", strict)
		w.send("A", "candidate", c)
	}
	add("first-in-the-second")
	early := stamps()
	add("second-in-the-second") // after a pull in the same second
	w.hand.Add(time.Minute)
	late := stamps()
	if len(late) != 1 {
		t.Fatalf("%v", late)
	}
	for id, at := range late {
		if at <= early[id] {
			t.Errorf("who pulled at %s does not pull again: %s", early[id], at)
		}
		e := w.want(http.StatusOK, "token of C", "GET", "/misp/events/view/"+id, "").Body.String()
		for _, v := range []string{"shared.evil.example", "first-in-the-second.example",
			"second-in-the-second.example"} {
			if !strings.Contains(e, v) {
				t.Errorf("the day is without %s", v)
			}
		}
		if m := w.want(http.StatusOK, "token of C", "GET", "/misp/events/manifest",
			"").Body.String(); !strings.Contains(m,
			id) {
			t.Errorf("the manifest is without %s", id)
		}
		if got := w.want(http.StatusOK, "token of C", "POST", "/misp/events/restSearch",
			`{"timestamp":"2m","metadata":1}`).Body.String(); !strings.Contains(got, id) {
			t.Errorf("nothing new within two minutes: %.200s", got)
		}
	}
}
