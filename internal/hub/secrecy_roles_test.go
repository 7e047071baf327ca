package hub

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/decay"
)

var updateRoles = flag.Bool("update-roles", false, "write testdata/roles.txt anew; then read it")

// asking is one thing that can be asked of the hub, and a body that is in order.
type asking struct{ name, method, path, body string }

// askings are all operations of the API and all actions of the pages, each of
// something that does not exist: whoever is let through learns that it is not
// there (404), and nothing changes.
func askings(t *testing.T, w *world) (out []asking) {
	t.Helper()
	bodies := map[string]string{
		"invite-member": `{"name":"Alpha Power","sector":"power"}`, "join": `{"token":"x","public_key":"x"}`,
		"add-case-note": `{"text":"x"}`, "set-case-state": `{"state":"closed"}`,
		"mark-indicator": `{"tlp":"red"}`, "withdraw-indicator": "", "add-token": `{"name":"","role":"reader"}`,
		"revoke-token": "", "put-objects": `{"objects":[{}],"tlp":"green"}`,
		"make-group": `{"name":"","admits":"lead"}`, "invite-to-group": `{"name":"x"}`, "leave-group": "",
		"close-group": "", "answer-group-invitation": `{"accept":true}`,
		"report-false-positive": `{"object":"nothing","reason":"x"}`, "decide-false-positive": `{"state":"undone"}`,
		"set-contribution-rules": asJSON(t, credit.Default()), "set-decay-model": asJSON(t, decay.Default()),
		"give-pseudonymously": `{"objects":"{}","tlp":"green"}`,
		"ask-consent":         `{"object":"x","why":"x","tlp":"green","days":1}`, "answer-consent": `{"answer":"no"}`,
		"retry-set-aside": "", "retry-all-set-aside": "", "drop-set-aside": `{"reason":"x"}`,
	}
	paths := w.hub.console.API.OpenAPI().Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		if item.Get != nil {
			out = append(out, asking{"API " + item.Get.OperationID, http.MethodGet, path, ""})
		}
		for method, op := range map[string]string{http.MethodPost: id(item.Post), http.MethodPut: id(item.Put),
			http.MethodDelete: id(item.Delete), http.MethodPatch: id(item.Patch)} {
			if op == "" {
				continue
			}
			body, ok := bodies[op]
			if !ok {
				t.Errorf("operation %s is new: give it a body here", op)
			}
			out = append(out, asking{"API " + op, method, path, body})
		}
	}
	for _, p := range w.hub.console.Site.Paths() {
		out = append(out, asking{"page " + p, http.MethodGet, p, ""})
	}
	for _, p := range w.hub.console.Site.Actions() {
		if p != "/sign-out" { // it ends the session that asks
			out = append(out, asking{"action " + p, http.MethodPost, p, "role=reader"})
		}
	}
	slices.SortFunc(out, func(a, b asking) int { return strings.Compare(a.name, b.name) })
	return append(out, asking{"metrics", http.MethodGet, "/metrics", ""},
		asking{"openapi", http.MethodGet, "/openapi.json", ""})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Who may do what at a hub, as a table that can be read out in a meeting. A
// change of the code that changes it shows here, line by line.
func TestRolesTable(t *testing.T) {
	w := sharedWorld(t)
	people := []string{"", "reader of C", "analyst of C", "coordinator of C", "admin of C", "token of C",
		"admin token of C", "hub reader", "hub analyst", "hub coordinator", "hub admin"}
	var b strings.Builder
	b.WriteString(
		`# What a hub answers to whom, as HTTP status. Everything is asked about something that is not there, or with
# an empty form: 404, 422 and 409 mean that the asker was let through to learn that. 303 is an action that was done,
# or, for the public, the way to the sign-in page. This file is compared with the program by a test; it is written anew
# with: go test ./internal/hub -run TestRolesTable -update-roles

`)
	line := func(name string, cells []string) {
		fmt.Fprintf(&b, "%-44s", name)
		for _, c := range cells {
			fmt.Fprintf(&b, " %-12s", c)
		}
		b.WriteString("\n")
	}
	head := []string{"public", "C reader", "C analyst", "C coord.", "C admin", "C token", "C adm.token", "hub reader",
		"hub analyst", "hub coord.", "hub admin"}
	line("", head)
	for _, a := range askings(t, w) {
		cells := make([]string, len(people))
		for i, who := range people {
			rec := w.ask(who, a.method, hole.ReplaceAllString(a.path, "nothing"), a.body)
			if rec.Code >= 500 {
				t.Errorf("%s as %s: %d %.300s", a.name, who, rec.Code, rec.Body)
			}
			cells[i] = fmt.Sprint(rec.Code)
		}
		line(a.name, cells)
	}
	path := filepath.Join("testdata", "roles.txt")
	got := strings.ReplaceAll(b.String(), " \n", "\n")
	for strings.Contains(got, " \n") {
		got = strings.ReplaceAll(got, " \n", "\n")
	}
	if *updateRoles {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the table and the program differ (-table +program):\n%s", diff)
	}
}

// A request that another site makes a browser send is refused on every action
// and on every operation that changes something, whoever is signed in.
func TestOtherSitesAreRefused(t *testing.T) {
	w := sharedWorld(t)
	for _, a := range askings(t, w) {
		if a.method == http.MethodGet {
			continue
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "", "Origin",
			"https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}, {"Sec-Fetch-Site", "same-site"}} {
			rec := w.ask("hub admin", a.method, hole.ReplaceAllString(a.path, "nothing"), a.body, header...)
			if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "another site") {
				t.Errorf("%s from another site (%v): %d %.200s", a.name, header, rec.Code,
					url.QueryEscape(rec.Body.String()))
			}
		}
	}
}

func id(op *huma.Operation) string {
	if op == nil {
		return ""
	}
	return op.OperationID
}
