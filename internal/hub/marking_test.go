package hub

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/job"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// The store finds by itself which tables carry a handling. This list is read by
// people: a new table comes into it, and a new exception needs a reason that holds.
func TestMarkedTables(t *testing.T) {
	hub, err := OpenStore(t.Context(), Config{Data: t.TempDir(), DB: filepath.Join(t.TempDir(), "hub.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Close() })
	node := storetest.SQLite(t, storetest.With(slices.Concat([]store.Migration{job.Migration(), identity.Migration()},
		detect.Migrations(), []store.Migration{indicator.Migration(), release.Migration()})...))
	both := []string{"findings", "objects", "rule_basis", "rule_pool", "rule_reports"}
	for _, c := range []struct {
		role       string
		db         *store.DB
		guarded    []string
		exceptions []string
	}{
		{"hub", hub, append([]string{"assessment", "candidates", "cycle_subject", "case_entry", "case_finding",
			"cases", "digest", "relevance_profile", "relevance_query", "contribution_basis",
			"contribution_edition", "contribution_gift", "contribution_mark", "contribution_seen",
			"sightings", "stix_object", "stix_object_old",
			"consent", "consultation", "pseudonym_object", "trust_group"}, both...), nil},
		{"node", node, both, []string{"outgoing"}}, // the node's own list, which only the member reads
	} {
		slices.Sort(c.guarded)
		if d := cmp.Diff(c.guarded, c.db.Guarded()); d != "" {
			t.Errorf("%s: guarded, want -, got +:\n%s", c.role, d)
		}
		if d := cmp.Diff(c.exceptions, slices.Sorted(maps.Keys(c.db.Unguarded()))); d != "" {
			t.Errorf("%s: exceptions, want -, got +:\n%s", c.role, d)
		}
	}
}
