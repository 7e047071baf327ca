package hunt_test

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/wire"
)

// A shared indicator is matched from the moment it is armed, its past is
// hunted, and what both find are told as findings and sightings, not offered on.
func TestArmedAndHunted(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		old := n.Event("dns_query", detecttest.Start.Add(-24*time.Hour), map[string]any{"QueryName": "c2.evil.example"})
		n.Take(t, old)
		a, err := match.Read(detecttest.Indicator(t, "[domain-name:value = 'c2.evil.example']", "stix"))
		if err != nil {
			t.Fatal(err)
		}
		n.Engine.Arm(a)
		got, err := n.Hunt(t.Context(), a)
		if err != nil || got.Hits != 1 || got.Searched != 1 || !got.First.Equal(old.Time) {
			t.Fatalf("hunt: %+v, %v", got, err)
		}
		if _, err := n.Hunt(t.Context(), a); err != nil { // again, after a crash
			t.Fatal(err)
		}
		list := n.Findings(t)
		if len(list) != 1 || !list[0].Retro || list[0].Indicator != a.ID || list[0].Count != 1 ||
			list[0].Rule.Level != "high" {
			t.Fatalf("findings of the past: %+v", list)
		}
		n.Take(t, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": "c2.evil.example"}))
		list = n.Findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings, want one of the past and one live", len(list))
		}
		sightings := 0
		for _, o := range n.Queue.Offers {
			if o.Body.Kind() == wire.KindSighting {
				sightings++
			}
		}
		if sightings != 2 || len(n.Queue.Candidates()) != 0 {
			t.Errorf("%d sightings, candidates %v", sightings, n.Queue.Candidates())
		}
		// Expired or disarmed, it matches no more.
		n.Hand.Add(60 * 24 * time.Hour)
		n.Take(t, n.Event("dns_query", n.Clock(), map[string]any{"QueryName": "c2.evil.example"}))
		if k := len(n.Findings(t)); k != 2 {
			t.Errorf("%d findings after it expired", k)
		}
	})
}
