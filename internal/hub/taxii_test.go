package hub

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/taxii"
)

// What members offer is a TAXII collection for everybody's tools, as far as its marking
// lets them have it, as soon as it is an indicator.
func TestIndicatorsOverTAXII(t *testing.T) {
	w := sharedWorld(t).fork(t, secrecyNow.Add(time.Hour))
	const objects = "/taxii2/api/collections/shared/objects/"
	shared := w.indicatorOf("c-a1")
	reads := func(who, path string, header ...string) (ids []string) {
		t.Helper()
		a := w.want(http.StatusOK, who, "GET", path, "", header...)
		if got := a.Header().Get("Content-Type"); got != taxii.MediaType {
			t.Errorf("%s is %s", path, got)
		}
		var e struct{ Objects []struct{ ID string } }
		if err := json.Unmarshal(a.Body.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		for _, o := range e.Objects {
			ids = append(ids, o.ID)
		}
		return ids
	}
	basic := func(password string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+password))}
	}
	if got := reads("token of C", objects); !slices.Contains(got, shared) {
		t.Errorf("%v is without %s", got, shared)
	}
	if got := reads("", objects, basic(w.tokens["token of C"])...); !slices.Contains(got, shared) {
		t.Errorf("with HTTP Basic: %v is without %s", got, shared)
	}
	if got := reads("token of C", objects+shared+"/"); !slices.Equal(got, []string{shared}) {
		t.Errorf("%v", got)
	}
	for _, header := range [][]string{nil, basic("mnk_nonsense"), {"Authorization", "Bearer x"}} {
		a := w.want(http.StatusUnauthorized, "", "GET", objects, "", header...)
		if !strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Basic ") ||
			a.Header().Get("Content-Type") != taxii.MediaType {
			t.Errorf("%v: %v", header, a.Header())
		}
	}
	w.want(http.StatusForbidden, "token of C", "POST", objects, `{"objects":[{}]}`, "Content-Type", taxii.MediaType)

	strict := policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember(w.members["B"])}}
	w.send("A", wire.KindCandidate, candidate("c-taxii", "f-a1", "for-b.example", strict))
	secret := w.indicatorOf("c-taxii")
	if got := reads("token of C", objects); slices.Contains(got, secret) {
		t.Errorf("C sees what is for B: %v", got)
	}
	w.want(http.StatusNotFound, "token of C", "GET", objects+secret+"/", "")
	owner := policy.Viewer{Member: w.members["A"], User: "u", Role: policy.RoleAnalyst}
	w.ok(w.hub.publisher.SetMarking(t.Context(), owner, shared, policy.AmberStrict, nil))
	w.pump()
	if got := reads("token of C", objects+"?match[version]=all"); slices.Contains(got, shared) {
		t.Errorf("C still sees %s, which is A's alone now: %v", shared, got)
	}
}

// What a member's tool adds is its own, goes as far as its markings let it and no further
// than to the hub without one; and that somebody else holds an id that the member may not
// know makes no difference.
func TestContributionOverTAXII(t *testing.T) {
	w := sharedWorld(t).fork(t, secrecyNow.Add(time.Hour))
	w.token("reader token of C", "C", policy.RoleReader)
	strict := policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember(w.members["B"])}}
	w.send("A", wire.KindCandidate, candidate("c-taxii", "f-a1", "for-b.example", strict))
	hidden := w.indicatorOf("c-taxii")
	const path = "/taxii2/api/collections/contribute/objects/"
	body := func(id, marking, more string) string {
		if marking != "" {
			more += `,"object_marking_refs":["` + marking + `"]`
		}
		return `{"type":"indicator","spec_version":"2.1","id":"` + id + `","created":"2026-11-01T00:00:00.000Z",` +
			`"modified":"2026-11-01T00:00:00.000Z","pattern":"[domain-name:value = 'x.example.net']",` +
			`"pattern_type":"stix","valid_from":"2026-11-01T00:00:00Z"` + more + `}`
	}
	n := 0
	add := func(raw string) (st taxii.Status) {
		t.Helper()
		a := w.want(http.StatusAccepted, "token of C", "POST", path, `{"objects":[`+raw+`]}`, "Content-Type",
			taxii.MediaType, "Accept", taxii.MediaType)
		if err := json.Unmarshal(a.Body.Bytes(), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	city := policy.Node(w.members["B"], "local-government", "")
	for _, c := range []struct {
		marking string
		tlp     policy.TLP
		city    bool
	}{
		{"", policy.Amber, false},
		{"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", policy.Clear, true},
		{"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", policy.Green, true},
		{"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", policy.Amber, true},
		{"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", policy.AmberStrict, false},
		{"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", policy.Red, false},
		{"marking-definition--00000000-0000-4000-8000-000000000000", policy.Red, false}, // defined nowhere
	} {
		n++
		id := fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", n)
		if st := add(body(id, c.marking, "")); st.SuccessCount != 1 {
			t.Errorf("%s: %+v", c.marking, st)
		}
		var o object.Object
		w.ok(w.hub.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			o, err = object.Get(tx, "live", id)
			return err
		}))
		if o.Handling.TLP != c.tlp || o.Handling.Owner != w.members["C"] || policy.MaySee(city, o.Handling) != c.city {
			t.Errorf("%s: %+v", c.marking, o.Handling)
		}
	}
	known := w.indicatorOf("c-a1")
	for id, taken := range map[string]int{hidden: 1, "indicator--00000000-0000-4000-8000-0000000000ff": 1, known: 0} {
		st := add(body(id, "", ""))
		if st.SuccessCount != taken || taken == 0 && !strings.Contains(st.Failures[0].Message, "another organisation") {
			t.Errorf("%s: %+v", id, st)
		}
	}
	for what, raw := range map[string]string{"too large": body("indicator--00000000-0000-4000-8000-0000000000fe", "",
		`,"description":"`+strings.Repeat("x", 1<<20)+`"`), "not valid": `{"type":"indicator","id":"x"}`} {
		if st := add(raw); st.FailureCount != 1 || st.Failures[0].Message == "" {
			t.Errorf("%s: %+v", what, st)
		}
	}
	w.want(http.StatusNotFound, "reader token of C", "POST", path, `{"objects":[{}]}`, "Content-Type", taxii.MediaType)
}
