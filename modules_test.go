package meneki_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// requires reads the direct requirements out of go.mod.
func requires(t *testing.T) []string {
	t.Helper()
	var out []string
	block := false
	for line := range strings.Lines(read(t, "go.mod")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "require (":
			block = true
			continue
		case line == ")":
			block = false
			continue
		case strings.HasPrefix(line, "require "):
			line = strings.TrimPrefix(line, "require ")
		case !block:
			continue
		}
		if path, _, ok := strings.Cut(line, " "); ok && !strings.HasSuffix(line, "// indirect") {
			out = append(out, path)
		}
	}
	return out
}

// Law 4: only approved modules are imported, and each approved one is used.
func TestModules(t *testing.T) {
	approved := map[string]bool{} // module -> imported
	for _, row := range table(t, "modules.txt", 3) {
		if _, twice := approved[row[0]]; twice {
			t.Errorf("modules.txt lists %s twice", row[0])
		}
		approved[row[0]] = false
	}
	direct := requires(t)
	for _, m := range direct {
		if _, ok := approved[m]; !ok {
			t.Errorf("go.mod requires %s, which modules.txt does not approve", m)
		}
	}
	for _, f := range source(t) {
		for _, path := range f.imports() {
			if _, mine := ours(path); mine || !strings.Contains(strings.Split(path, "/")[0], ".") {
				continue
			}
			found := ""
			for m := range approved {
				if within(path, m) && len(m) > len(found) {
					found = m
				}
			}
			if found == "" {
				t.Errorf("%s imports %s, which modules.txt does not approve", f.path, path)
				continue
			}
			approved[found] = true
		}
	}
	for m, used := range approved {
		switch {
		case !slices.Contains(direct, m):
			t.Errorf("modules.txt approves %s, which go.mod does not require", m)
		case !used:
			t.Errorf("nothing imports %s: take it out of go.mod and modules.txt", m)
		}
	}
}

// Without cgo, no package that we build on is left without files.
func TestNoCgo(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-e", "-f", "{{with .Error}}{{.Pos}}: {{.Err}}{{end}}", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "build constraints exclude all Go files") {
			t.Errorf("needs cgo: %s", strings.TrimSpace(line))
		}
	}
}
