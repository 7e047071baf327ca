package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/share/credit/simulate"
)

func simulated(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), append([]string{"share", "simulate"}, args...), &o, &e)
	return code, o.String(), e.String()
}

func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	svg := filepath.Join(dir, "year.svg")
	code, en, errs := simulated(t, "--lang", "en", "--days", "60", "--svg", svg)
	if code != 0 || !strings.Contains(en, "Free riders") || !strings.Contains(en, "Pillar") {
		t.Errorf("%d %s %s", code, en, errs)
	}
	if _, again, _ := simulated(t, "--lang", "en", "--days", "60"); again != en {
		t.Error("the same is not the same again")
	}
	if _, ja, _ := simulated(t, "--lang", "ja", "--days", "60"); !strings.Contains(ja, "ただ乗り") {
		t.Errorf("%s", ja)
	}
	text, err := os.ReadFile(svg)
	if err != nil || xml.Unmarshal(text, new(struct{})) != nil || !bytes.Contains(text, []byte("Colluders")) ||
		!bytes.Contains(text, []byte("http://www.w3.org/2000/svg")) {
		t.Errorf("%v\n%s", err, text)
	}
	code, out, _ := simulated(t, "--json", "--days", "60")
	var o simulate.Outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil || code != 0 || len(o.Rows) != 6 ||
		len(o.Rows[0].Over) != len(o.Looks) {
		t.Errorf("%v %d %s", err, code, out)
	}
}

// What --example prints is a scenario, and what is wrong with one is said.
func TestSimulateScenario(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scenario.yaml")
	code, example, errs := simulated(t, "--example")
	if code != 0 || os.WriteFile(file, []byte(example), 0o600) != nil {
		t.Fatal(errs)
	}
	if code, out, errs := simulated(t, "--lang", "en", "--days", "60", file); code != 0 ||
		!strings.Contains(out, "Honest newcomers") {
		t.Errorf("%d %s", code, errs)
	}
	if err := os.WriteFile(file, []byte("quorum: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--rules", file}, {file}, {"--days", "3"}, {filepath.Join(file, "nothing")}} {
		code, _, errs := simulated(t, append(args, "--lang", "en")...)
		if code == 0 || !strings.Contains(errs, "error: ") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}
