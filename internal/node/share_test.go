package node

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/taxii"
)

// What one member's tool adds over TAXII at the hub is at another member's node and its
// tools, armed where it can be matched; what is revoked is armed no more.
func TestObjectsGoRound(t *testing.T) {
	p := openPair(t, func(*Config) {})
	giver, _, err := p.hub.People().Invite(t.Context(), identity.Operator("test"),
		identity.NewMember{Name: "Giver", Sector: "gas"})
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := p.hub.People().AddToken(t.Context(), identity.Operator("test"),
		identity.NewToken{Name: "tool", Member: giver.ID, Role: policy.RoleAnalyst})
	if err != nil {
		t.Fatal(err)
	}
	console := httptest.NewServer(p.node.Handler())
	defer console.Close()
	ask := func(base, method, path, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", taxii.MediaType)
		r.Header.Set("Content-Type", taxii.MediaType)
		if base == p.hub.URL() {
			r.SetBasicAuth("tool", token)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		got, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %d %s %v", method, path, a.StatusCode, got, err)
		}
		return string(got)
	}
	const (
		id    = "indicator--00000000-0000-4000-8000-0000000000aa"
		green = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
	)
	add := func(version, more string) {
		t.Helper()
		body := `{"objects":[{"type":"indicator","spec_version":"2.1","id":"` + id + `",` +
			`"created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:0` + version + `.000Z",` +
			`"pattern":"[domain-name:value = 'tool.evil.example.net']","pattern_type":"stix",` +
			`"valid_from":"2026-11-01T00:00:00Z","object_marking_refs":["` + green + `"]` + more + `},` +
			`{"type":"malware","spec_version":"2.1","id":"malware--00000000-0000-4000-8000-00000000000` + version + `",` +
			`"created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z","is_family":false,"name":"x"}]}`
		var st taxii.Status
		if err := json.Unmarshal([]byte(ask(p.hub.URL(), http.MethodPost, "/taxii2/api/collections/contribute/objects/",
			body)), &st); err != nil || st.SuccessCount != 2 {
			t.Fatalf("%+v %v", st, err)
		}
	}
	receipts := func(state wire.State) func() bool {
		return func() bool {
			var n int64
			err := p.hub.DB().Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
				n, err = store.One[int64](tx, `SELECT count(*) FROM progress WHERE object = $1 AND state = $2`, id,
					string(state))
				return err
			})
			return err == nil && n == 1
		}
	}
	add("1", "")
	await.True(t, 20*time.Second, "it was not hunted for", receipts(wire.Hunted))
	if got := ask(console.URL, http.MethodGet, "/taxii2/api/collections/shared/objects/", ""); !strings.Contains(got,
		"tool.evil.example.net") || strings.Contains(got, "malware--") {
		t.Errorf("the node's tools get %s", got)
	}
	if strings.Contains(ask(console.URL, http.MethodGet, "/taxii2/api/collections/", ""), "contribute") {
		t.Error("the node takes objects")
	}
	add("2", `,"revoked":true`)
	await.True(t, 20*time.Second, "it was not disarmed", receipts(wire.Disarmed))
	if _, armed := p.node.Counts(); armed != 0 {
		t.Errorf("%d are armed", armed)
	}
}
