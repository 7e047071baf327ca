package hub

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
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
