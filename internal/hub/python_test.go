package hub

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
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

// taxii2-client and the stix2 library read a hub, and stix2-validator has nothing to say
// against what they get.
func TestTAXIIClients(t *testing.T) {
	w, url := served(t)
	w.want(200, "A", "POST", "/misp/events/add", `{"info":"An event","Tag":[{"name":"tlp:green"}],
		"Orgc":{"name":"Alpha","uuid":"7f885ea0-775f-4a80-875a-de981d21998d"},"Attribute":[
		{"type":"domain","value":"a.evil.example","to_ids":true},{"type":"text","value":"a note"},
		{"type":"ip-dst|port","value":"203.0.113.9|443"},{"type":"md5","value":"9e107d9d372bb6826bd81d3542a419d6"}],
		"Object":[{"name":"file","Attribute":[{"type":"filename","value":"x.exe","to_ids":true}]}]}`)
	if out := python(t, "taxii_client.py", url, w.tokens["C"]); !strings.HasPrefix(out, "ok") {
		t.Error(out)
	}
}

// Events of MISP's own tests become objects that stix2-validator takes.
func TestValidSTIXOfMISP(t *testing.T) {
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	names, err := filepath.Glob(filepath.Join(root, "misp", "events", "*event*.json"))
	if err != nil || len(names) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("real data is needed in CI")
		}
		t.Skip("real data is not here (set MENEKI_DATA_DIR)")
	}
	var files []string
	for i, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := misp.Read(f, misp.Limits{})
		_ = f.Close()
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		items, _ := misp.ToSTIX(list[0], misp.Options{})
		var objects []*stix.Object
		for _, it := range items {
			objects = append(objects, it.Object)
		}
		var b bytes.Buffer
		if err := stix.WriteBundle(&b, "", objects...); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(t.TempDir(), strconv.Itoa(i)+".json"))
		if err := os.WriteFile(files[i], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := python(t, "validate.py", files...); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
}
