package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/taxii"
)

// share runs meneki share.
func share(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(context.Background(), append([]string{"--lang", "en", "share"}, args...), &o, &e)
	return o.String(), e.String(), code
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestShareConvert(t *testing.T) {
	in := file(t, "list.csv", "種別,値,備考\nドメイン,a[.]example,x\nIPアドレス,127.0.0.1,LAN\nIPアドレス,198.51.100.77/26,\n")
	out, errs, code := share(t, "convert", in, "--to", "rpz", "--zone", "z.example")
	if code != 0 || !strings.Contains(out, "a.example CNAME .") || strings.Contains(out, "127.0.0.1") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	for _, want := range []string{"list.csv:3: kept as an observation", "list.csv:4: refused", "198.51.100.64/26"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in %s", want, errs)
		}
	}
	now := []string{"--now", "2026-12-01T00:00:00Z"}
	one, _, _ := share(t, append([]string{"convert", in, "--tlp", "green"}, now...)...)
	two, _, _ := share(t, append([]string{"convert", in, "--tlp", "green"}, now...)...)
	trim := func(s string) string { return s[strings.Index(s, `"objects"`):] } // the id of the bundle is drawn
	if trim(one) != trim(two) || !strings.Contains(one, "marking-definition--bab4a63c") {
		t.Errorf("%s\n%s", one, two)
	}
	if _, errs, code := share(t, "validate", file(t, "out.json", one)); code != 0 {
		t.Errorf("what is written is wrong: %s", errs)
	}
	event, _, code := share(t, "convert", in, "--to", "misp", "--tlp", "clear")
	if code != 0 || !strings.Contains(event, `"a.example"`) {
		t.Errorf("%s", event)
	}
	back, errs, _ := share(t, "convert", file(t, "event.json", event), "--to", "text")
	if !strings.Contains(back, "a.example") {
		t.Errorf("%s %s", back, errs)
	}
	if out, _, code := share(t, "convert", in, "--strict"); code == 0 || out != "" {
		t.Errorf("%d %s", code, out)
	}
	if _, errs, code := share(t, "convert", in, "--to", "nothing"); code != 2 && code != 65 || !strings.Contains(errs,
		"suricata") {
		t.Errorf("%d %s", code, errs)
	}
	red := file(t, "red.csv", "value,tlp\nred.example,red\nok.example,green\n")
	for _, to := range []string{"stix", "text", "csv"} {
		if out, errs, _ := share(t, "convert", red, "--to", to); strings.Contains(out, "red.example") ||
			!strings.Contains(errs, "TLP:RED") {
			t.Errorf("%s: %s %s", to, out, errs)
		}
		if out, _, _ := share(t, "convert", red, "--to", to, "--include-red"); !strings.Contains(out, "red.example") {
			t.Errorf("%s: %s", to, out)
		}
	}
}

func TestShareValidate(t *testing.T) {
	bad := file(t, "bad.json", `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[`+"\n"+
		`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001","created":"2026-01-01",`+
		`"modified":"2026-01-01T00:00:00Z","pattern":"x","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}]}`)
	out, _, code := share(t, "validate", bad)
	if code != 65 || !strings.Contains(out, "bad.json:2: indicator--00000000-0000-4000-8000-000000000001 created: ") {
		t.Errorf("%d %s", code, out)
	}
	out, _, _ = share(t, "validate", "--json", bad)
	var got struct{ Objects, Wrong int }
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Objects != 1 || got.Wrong == 0 {
		t.Errorf("%s %v", out, err)
	}
}

// What is pushed is pulled again, once; a state of something else is not gone on with.
func TestSharePushAndPull(t *testing.T) {
	m := taxii.NewMemory(clock.System)
	m.AddRoot("api", taxii.Root{Title: "x"}, taxii.Collection{ID: "91a7b528-80eb-42ed-a74d-c6fbd5a26116", Title: "C",
		CanRead:  true,
		CanWrite: true, MediaTypes: []string{taxii.MediaSTIX}})
	server, err := taxii.NewServer(taxii.Config{Backend: m, Key: bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	here := []string{"--allow", "127.0.0.0/8", "--plain"}
	in := file(t, "list.txt", "a.example\nb.example\n")
	if _, errs, code := share(t, "push", in, "--to", srv.URL+"/taxii2/"); code == 0 || !strings.Contains(errs,
		"--plain") &&
		!strings.Contains(errs, "https") {
		t.Errorf("%d %s", code, errs)
	}
	out, errs, code := share(t, append([]string{"push", in, "--to", srv.URL + "/taxii2/"}, here...)...)
	if code != 0 || !strings.Contains(out, "2 objects sent: 2 taken, 0 refused") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	state := filepath.Join(t.TempDir(), "state.json")
	pull := func(more ...string) (string, string, int) {
		return share(t, append(append([]string{"pull", srv.URL + "/taxii2/", "--to", "text", "--state", state},
			here...), more...)...)
	}
	if out, errs, code := pull(); code != 0 || !strings.Contains(out, "a.example") || !strings.Contains(out,
		"b.example") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if out, errs, code := pull(); code != 0 || strings.Contains(out, "example") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if err := os.WriteFile(state, []byte(`{"root":"https://other.example/"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := pull(); code == 0 || !strings.Contains(errs, "not the state of this collection") {
		t.Errorf("%d %s", code, errs)
	}
}

// The help and the document name every form there is.
func TestFormsAreNamed(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "share.md"))
	if err != nil {
		t.Fatal(err)
	}
	help, _, _ := share(t, "convert", "--help")
	help = strings.Join(strings.Fields(help), " ")
	for _, x := range convert.Targets() {
		if !strings.Contains(help, x.Name) || !strings.Contains(string(doc), fmt.Sprintf("| `%s` |", x.Name)) {
			t.Errorf("the form %s is not named", x.Name)
		}
	}
	for _, x := range feed.Formats() {
		if !strings.Contains(help, string(x)) || !strings.Contains(string(doc), fmt.Sprintf("| `%s` |", x)) {
			t.Errorf("the format %s is not named", x)
		}
	}
}
