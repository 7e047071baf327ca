// The laws of the house, as tests, so that nobody has to remember them. They
// look at what is there: a package that does not exist yet breaks no law.
package meneki_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// libraries are the public packages at the root. They import nothing of ours but
// one another.
var libraries = []string{"stix", "taxii", "sigma", "evtx"}

// spine are the packages under internal/ that every capability stands on.
var spine = []string{
	"event", "msg", "wire", "store", "object", "bus", "queue", "history", "policy", "identity", "job", "ledger",
	"fault", "i18n", "reason", "svg", "web", "api", "search", "list", "clock", "role", "await", "fetch",
}

// roles compose capabilities into a program, and may use everything.
var roles = []string{"hub", "node", "demo", "cli", "backup"}

// uses is who may use whom among capabilities: by their Go packages, in the
// caller's own transaction. It is small, and has no cycle. A capability that is
// not a key here uses none; all others meet in messages (package msg) and in
// interfaces that the caller declares.
var uses = map[string][]string{
	"severity":  {"casework"},
	"share":     {"casework", "detect"},
	"situation": {"casework", "detect", "share"},
}

// layer says what a folder is: "library", "spine", "capability" with its name,
// "role", or "" for cmd, bench and the root's tests.
func layer(folder string) (kind, name string) {
	parts := strings.Split(folder, "/")
	if slices.Contains(libraries, parts[0]) {
		return "library", parts[0]
	}
	if parts[0] != "internal" || len(parts) < 2 {
		return "", parts[0]
	}
	switch name = parts[1]; {
	case slices.Contains(roles, name):
		return "role", name
	case slices.Contains(spine, name):
		return "spine", name
	}
	return "capability", name
}

// Laws 1 and 2: who may import whom.
func TestLayers(t *testing.T) {
	for _, f := range source(t) {
		kind, name := layer(f.pkg)
		for _, path := range f.imports() {
			folder, mine := ours(path)
			if !mine {
				continue
			}
			toKind, toName := layer(folder)
			bad := ""
			switch kind {
			case "library":
				if toKind != "library" {
					bad = "a library at the root imports nothing of ours but other such libraries"
				}
			case "spine":
				if toKind != "library" && toKind != "spine" {
					bad = "the spine imports no capability and nothing that composes them"
				}
			case "capability":
				if toKind == "capability" && toName != name && !slices.Contains(uses[name], toName) {
					bad = "this is not in the table of who may use whom; capabilities meet in messages of " +
						"internal/msg and in interfaces of the caller"
				}
				if toKind == "role" || toKind == "" {
					bad = "a capability does not know who composes it"
				}
			}
			if bad != "" {
				t.Errorf("%s imports %s: %s", f.path, folder, bad)
			}
		}
	}
}

// sides are the packages of a capability that only a hub or only a node uses.
var sides = []struct{ hub, node []string }{
	{[]string{"internal/share/publish", "internal/share/feed"},
		[]string{"internal/share/release", "internal/share/inbox"}},
}

// Law 1, inside of a capability: what a hub does and what a node does are apart.
func TestSides(t *testing.T) {
	for _, f := range source(t) {
		for _, s := range sides {
			for _, path := range f.imports() {
				to, ours := ours(path)
				if ours && (slices.Contains(s.hub, f.pkg) && slices.Contains(s.node, to) ||
					slices.Contains(s.node, f.pkg) && slices.Contains(s.hub, to)) {
					t.Errorf("%s imports %s: one is the hub's and the other the node's", f.path, to)
				}
			}
		}
	}
}

// Law 1: the table of who may use whom has no cycle, names nobody who is not there, and
// allows nothing that nobody does.
func TestUses(t *testing.T) {
	there, done := map[string]bool{}, map[[2]string]bool{}
	for _, f := range source(t) {
		kind, name := layer(f.pkg)
		if kind != "capability" {
			continue
		}
		there[name] = true
		for _, path := range f.imports() {
			if folder, mine := ours(path); mine {
				_, other := layer(folder)
				done[[2]string{name, other}] = true
			}
		}
	}
	for name, list := range uses {
		for _, other := range list {
			if !done[[2]string{name, other}] {
				t.Errorf("%s may use %s and does not: take it out of the table", name, other)
			}
		}
	}
	state := map[string]int{} // 1 while it is looked at, 2 when done
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if !there[name] {
			t.Errorf("%s is in the table of who may use whom and is no capability", name)
		}
		switch path = append(path, name); state[name] {
		case 1:
			t.Errorf("who may use whom goes in a circle: %s", strings.Join(path, " -> "))
		case 0:
			state[name] = 1
			for _, other := range uses[name] {
				visit(other, path)
			}
			state[name] = 2
		}
	}
	for name := range uses {
		visit(name, nil)
	}
}

// makesViewers are the packages that may say who a member's viewer is, with the reason.
var makesViewers = map[string]string{
	"internal/identity":      "it turns a cookie, a token and a member into a viewer",
	"internal/policy":        "it declares the viewer",
	"internal/node":          "the people of a node are its member's, which the hub tells it of",
	"internal/object":        "whoever gave an object is asked for as its owner alone",
	"internal/share/feeds":   "a peer is nobody's member: it may see what is for all of the community",
	"internal/share/publish": "whoever offered an indicator is asked for as its owner alone",
}

// Law 7: a viewer of a member has all that decides what it may see, its sector and its
// groups. So it is made where these are known.
func TestViewersAreIdentitys(t *testing.T) {
	for _, f := range program(t) {
		local := f.nameOf("github.com/meneki/meneki/internal/policy")
		if _, ok := makesViewers[f.pkg]; ok || local == "" || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Viewer" {
				return true
			}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if id, ok := kv.Key.(*ast.Ident); ok && id.Name == "Member" {
					t.Errorf("%s: a member's viewer is made here: take it from identity.Nodes or "+
						"identity.Member.Node, or list the package in makesViewers with a reason", at(n))
				}
			}
			return true
		})
	}
}

// Law 3: every package says what it is for, and none is a drawer.
func TestPackages(t *testing.T) {
	docs := map[string]string{}
	names := map[string]string{}
	for _, f := range source(t) {
		if f.test || f.pkg == "." {
			continue
		}
		names[f.pkg] = f.syntax.Name.Name
		if f.syntax.Doc != nil {
			docs[f.pkg] += f.syntax.Doc.Text()
		} else if _, ok := docs[f.pkg]; !ok {
			docs[f.pkg] = ""
		}
	}
	for pkg, doc := range docs {
		first := "Package " + names[pkg] + " "
		if names[pkg] == "main" {
			first = "Command "
		}
		switch {
		case !strings.HasPrefix(doc, first):
			t.Errorf("%s: the doc comment must start with %q", pkg, first)
		case len(doc) < 80:
			t.Errorf("%s: the doc comment does not say what the package is for: %q", pkg, doc)
		}
		base := pkg[strings.LastIndex(pkg, "/")+1:]
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "pkg", "misc", "shared", "base",
			"lib"}, base) {
			t.Errorf("%s: a package is named after what it knows, not %q", pkg, base)
		}
	}
}

// longFiles may have more than maxLines lines. It is empty, and stays so.
var longFiles = map[string]string{}

const maxLines = 500

// Law 4: a file is one noun.
func TestFileLength(t *testing.T) {
	for _, f := range source(t) {
		if _, ok := longFiles[f.path]; !ok && f.lines >= maxLines {
			t.Errorf("%s has %d lines, at most %d are good to read: split it by noun", f.path, f.lines, maxLines)
		}
	}
}

// tellsTime are the files that may ask the machine for the time, with the reason.
var tellsTime = map[string]string{
	"internal/clock/clock.go":    "it is the one clock",
	"internal/await/await.go":    "tests wait by the machine's own clock, for what is outside of them",
	"internal/history/search.go": "it measures how long a search took, and decides nothing",
	"internal/event/follow/follow.go": "it keeps its looks apart by the machine's own steady clock; event times " +
		"come from the Clock",
	"internal/event/listen/conn.go": "deadlines of sockets are the machine's",
	"internal/bus/server_log.go": "it bounds how often the embedded server repeats itself in the log, " +
		"and decides nothing",
}

// Law 5: one clock.
func TestOneClock(t *testing.T) {
	for _, f := range program(t) {
		if _, ok := tellsTime[f.path]; ok || within(f.pkg, "cmd") {
			continue
		}
		f.uses("time", func(name string, n ast.Node) {
			if name == "Now" || name == "Since" || name == "Until" {
				t.Errorf("%s: time.%s outside of internal/clock: take a clock.Clock, or list the file in tellsTime "+
					"with a reason", at(n), name)
			}
		})
	}
}

// sleeps are the tests that may still sleep, with the reason. It only shrinks.
var sleeps = map[string]string{
	"internal/await/await.go": "it is how a test waits for what is outside of it",
}

// Law 6: a test waits for a condition, in a bubble of testing/synctest or with package await.
func TestNoSleep(t *testing.T) {
	for _, f := range source(t) {
		if _, ok := sleeps[f.path]; ok || !f.test && f.pkg != "internal/await" {
			continue
		}
		bubble := f.nameOf("testing/synctest") != "" // there a sleep takes no time
		f.uses("time", func(name string, n ast.Node) {
			if name == "Sleep" && !bubble {
				t.Errorf("%s: time.Sleep in a test: wait for a condition, with synctest or internal/await", at(n))
			}
		})
	}
}

// Law 5: SQL is spoken in one place. Capabilities write SQL text; the store runs it.
func TestOneStore(t *testing.T) {
	for _, f := range program(t) {
		if within(f.pkg, "internal/store") {
			continue
		}
		for _, path := range f.imports() {
			if within(path, "database/sql") || within(path, "modernc.org/sqlite") ||
				within(path, "github.com/jackc/pgx/v5") {
				t.Errorf("%s imports %s: only internal/store opens, reads and writes the database", f.path, path)
			}
		}
	}
}

// Law 5: people are spoken to by cmd and cli, everything else returns or logs.
func TestOnePrinter(t *testing.T) {
	for _, f := range program(t) {
		if within(f.pkg, "cmd") || within(f.pkg, "internal/cli") || within(f.pkg, "internal/demo") {
			continue
		}
		f.uses("fmt", func(name string, n ast.Node) {
			if name == "Print" || name == "Printf" || name == "Println" {
				t.Errorf("%s: fmt.%s outside of cmd and internal/cli", at(n), name)
			}
		})
		f.uses("os", func(name string, n ast.Node) {
			if name == "Exit" {
				t.Errorf("%s: os.Exit outside of cmd and internal/cli", at(n))
			}
		})
	}
}

// Nothing happens behind the reader's back: no init, no package state.
func TestNoHiddenState(t *testing.T) {
	for _, f := range program(t) {
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: func init: wire it in internal/hub or internal/node, where it can be seen", at(d))
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && holdsState(f, v) {
						t.Errorf("%s: package variable %s holds state: put it into a value that is passed", at(v),
							v.Names[0].Name)
					}
				}
			}
		}
	}
}

// holdsState reports whether a package variable is made to change: a lock, an
// atomic, a concurrent map or pool.
func holdsState(f goFile, v *ast.ValueSpec) bool {
	exprs := append([]ast.Expr{v.Type}, v.Values...)
	for _, e := range exprs {
		if lit, ok := e.(*ast.CompositeLit); ok {
			e = lit.Type
		}
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		if index, ok := e.(*ast.IndexExpr); ok {
			e = index.X
		}
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if x, ok := sel.X.(*ast.Ident); ok && (x.Name == f.nameOf("sync") || x.Name == f.nameOf("sync/atomic")) &&
			x.Name != "" {
			return true
		}
	}
	return false
}

// unwanted are imports with something better in the house.
var unwanted = map[string]string{
	"math/rand":                   "use math/rand/v2 for what need not be secret, crypto/rand for what must be",
	"log":                         "use log/slog",
	"io/ioutil":                   "use io and os",
	"github.com/pkg/errors":       "use fmt.Errorf with %w, and fault at the edges",
	"github.com/stretchr":         "use testing and go-cmp",
	"github.com/sirupsen":         "use log/slog",
	"C":                           "meneki is built with CGO_ENABLED=0",
	"unsafe":                      "no speed here is worth a crash on foreign bytes",
	"expvar":                      "metrics are Prometheus's",
	"net/http/pprof":              "it registers itself on a global mux",
	"crypto/md5":                  "list the file in weakHashes with a reason, or use crypto/sha256",
	"crypto/sha1":                 "list the file in weakHashes with a reason, or use crypto/sha256",
	"github.com/mattn/go-sqlite3": "it needs cgo",
}

// weakHashes are the files that may compute MD5 or SHA-1, with the reason.
var weakHashes = map[string]string{
	"internal/share/misp/feed.go": "hashes.csv of MISP's feeds lists values by their MD5",
}

func TestUnwantedImports(t *testing.T) {
	for _, f := range source(t) {
		for _, path := range f.imports() {
			for prefix, instead := range unwanted {
				if path != prefix && !(strings.HasPrefix(prefix, "github.com/") && within(path, prefix)) {
					continue
				}
				if _, ok := weakHashes[f.path]; ok && strings.HasPrefix(prefix, "crypto/") {
					continue
				}
				t.Errorf("%s imports %s: %s", f.path, path, instead)
			}
		}
	}
}

// What is not done is not hidden in the code: it is said in CHANGELOG, in
// docs/strategy.md or in an issue.
func TestNoLooseEnds(t *testing.T) {
	for _, f := range source(t) {
		if f.pkg == "." {
			continue // this file names what it looks for
		}
		for _, group := range f.syntax.Comments {
			for _, c := range group.List {
				for _, word := range []string{"TODO", "FIXME", "XXX", "HACK"} {
					if strings.Contains(c.Text, word) {
						t.Errorf("%s: %s in a comment", at(c), word)
					}
				}
			}
		}
	}
}

func TestChangelog(t *testing.T) {
	if text := read(t, "CHANGELOG.md"); !strings.Contains(text, "\n## [Unreleased]\n") {
		t.Error("CHANGELOG.md has no heading ## [Unreleased]")
	}
}
