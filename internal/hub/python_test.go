package hub

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// python runs a script of testdata/python with the Python of MENEKI_PYTHON, which has
// the libraries that .ci/run installs. It skips the test where that is not set; in CI
// that is a failure.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	interpreter := os.Getenv("MENEKI_PYTHON")
	if interpreter == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("MENEKI_PYTHON is needed in CI: a Python with pymisp, taxii2-client, stix2 and stix2-validator")
		}
		t.Skip("set MENEKI_PYTHON to a Python with pymisp, taxii2-client, stix2 and stix2-validator")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, append([]string{"-W", "ignore",
		filepath.Join("testdata", "python", script)}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// served is a world of two members with a hub on a port.
func served(t *testing.T) (*world, string) {
	t.Helper()
	c := &cast{map[string]string{}, map[string]wire.JoinReply{}, map[string][]byte{}, map[string]string{},
		map[string]string{}, map[string]string{}}
	w := openWorld(t, filepath.Join(t.TempDir(), "hub"), time.Now().UTC().Truncate(time.Second), c)
	w.join("Alpha Power", "power")
	w.join("Charlie University", "university")
	w.members["A"], w.members["C"] = w.members["Alpha Power"], w.members["Charlie University"]
	w.token("A", "A", policy.RoleAnalyst)
	w.token("C", "C", policy.RoleAnalyst)
	w.send("A", wire.KindFinding, w.finding("f-1", "A", "rule-1", policy.Handling{TLP: policy.AmberStrict}, nil))
	w.send("A", wire.KindCandidate, candidate("c-1", "f-1", "cycle.evil.example", policy.Handling{TLP: policy.Green}))
	s := httptest.NewServer(w.handler)
	t.Cleanup(s.Close)
	return w, s.URL
}

// PyMISP, as it is published, works against a hub.
func TestPyMISP(t *testing.T) {
	w, url := served(t)
	if out := python(t, "pymisp_client.py", url, w.tokens["A"], w.tokens["C"]); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}
