package detect

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// A correlation is looked after as a rule is: its results are counted by day, it can
// be put in quarantine and marked as a false alarm, on its page, in the list of all
// and in what may be told; one that only feeds others is in none of them.
func TestCorrelationHealth(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.engine.SetRules(ruleSet(t, correlationText(t)))
		n.correlate(t, t.TempDir())
		c := n.countHealth(t)
		h := n.rulePages(c)
		many := correlationID(1) // three beacons within ten minutes
		times, again := 0, false
		beacons := func() {
			t.Helper()
			at := detecttest.Start.Add(time.Duration(times) * 3 * time.Hour)
			times++
			for i := range 3 {
				n.take(
					t,
					n.event(
						"network_connection", at,
						map[string]any{
							"Initiated": "true", "Image": `C:\Users\x\bad.exe`,
							"DestinationIp": fmt.Sprint("198.51.100.", i),
						},
					),
				)
			}
			n.hand.Add(3 * time.Hour)
			if again {
				n.correlator.Enqueue(n.correlator.Tick())
				pending := n.correlator.Pending()
				if len(pending) == 0 {
					t.Fatal("nothing is pending")
				}
				for range 3 { // as when it cannot be written at first
					if err := n.recorder.Settle(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					n.correlator.Enqueue(pending)
				}
			}
			for range 2 {
				if err := n.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		found := func() (sum int) {
			for _, f := range n.findings(t) {
				if f.Rule.ID == many {
					sum += f.Count
				}
			}
			return sum
		}
		act := func(what, body string) {
			t.Helper()
			if code, text := detecttest.Send(t, h, "analyst", "POST", "/rules/"+many+"/"+what, body); code != 303 {
				t.Fatalf("%s: %d\n%s", what, code, text)
			}
		}
		beacons()
		if got := nodetest.Hits(t, n.db, many); found() != 1 || len(got) != 1 || got[0].Live != 1 {
			t.Fatalf("%d found, hits %+v", found(), got)
		}
		act("quarantine", "")
		again = true
		beacons()
		again = false
		sum := rulehealth.HitSum{}
		for _, d := range nodetest.Hits(t, n.db, many) {
			sum.Live, sum.Muted = sum.Live+d.Live, sum.Muted+d.Muted
		}
		if found() != 1 || sum.Live != 1 || sum.Muted != 1 || !c.Quarantined()[many].Active() {
			t.Errorf("in quarantine: %d found, %+v, held %+v", found(), sum, c.Quarantined())
		}
		one := detecttest.Page(t, h, "analyst", "/rules/"+many)
		for lang, words := range map[string][]string{
			"en": {"2 hits in 90 days", "In quarantine", "Release the rule"}, "ja": {"90日間に 2 件の検知", "隔離中"},
		} {
			for _, w := range words {
				if !strings.Contains(one[lang], w) {
					t.Errorf("its page does not say %q in %s", w, lang)
				}
			}
		}
		act("release", "")
		beacons()
		if found() != 2 {
			t.Errorf("released: %d found", found())
		}
		act("false", url.Values{"reason": {"a backup"}}.Encode())
		if one := detecttest.Page(t, h, "analyst", "/rules/"+many)["en"]; !strings.Contains(one, "a backup") {
			t.Error("its page does not say why it was a false alarm")
		}
		if code, text := detecttest.Send(
			t, h, "analyst", "POST", "/rules/"+many+"/false", "",
		); code != 422 && code != 400 || !strings.Contains(text, "Beacons") {
			t.Errorf("no reason: %d", code)
		}
		code, csv := detecttest.Get(t, h, "reader", "/rules/health?format=csv&lang=en")
		if code != 200 || !strings.Contains(csv, many+",Beacons,high,true,false,2,0,1,1,") ||
			strings.Contains(csv, correlationID(6)) {
			t.Errorf("%d\n%s", code, csv)
		}
		rep, err := c.Report(t.Context())
		told := func(r wire.RuleTally) bool { return r.Rule == many && r.Hits == 2 && r.False }
		if err != nil || !slices.ContainsFunc(rep.Rules, told) {
			t.Errorf("%+v, %v", rep.Rules, err)
		}
		err = n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
			list, err := coverage.LoadedRules(c)(tx, detecttest.Start.Add(-24*time.Hour))
			if i := slices.IndexFunc(
				list, func(r coverage.Rule) bool { return r.ID == many },
			); i < 0 || list[i].Hits != 3 || !slices.Contains(list[i].Tags, "attack.stealth") {
				t.Errorf("coverage: %+v", list)
			}
			for _, r := range list {
				if r.Correlation && r.Product != "windows" {
					t.Errorf("%s is for %q", r.Title, r.Product)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
