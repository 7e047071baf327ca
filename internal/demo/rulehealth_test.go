package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// The whole cycle: nodes send their counts, by a person's decision or by
// themselves; the hub pools them once a day; the node shows what came of it; and
// a node that keeps them sends nothing.
func TestRuleCountsGoRound(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := Open(ctx, Config{Listen: "127.0.0.1:0", Lang: i18n.EN, TLP: policy.Amber})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	done, stop := make(chan error, 1), context.CancelFunc(nil)
	run, stop := context.WithCancel(ctx)
	settled := make(chan bool, 1)
	go func() { done <- d.Run(run, func(Report) bool { settled <- true; return true }) }()
	defer func() { stop(); <-done }()
	select {
	case <-settled:
	case <-ctx.Done():
		t.Fatal("the demo did not come to rest")
	}
	get := func(base, path string) string {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v %.300s", path, res.Status, err, body)
		}
		return string(body)
	}
	reports := func() (out []string) {
		err := d.Hub.DB().Read(ctx, store.System("test"), func(tx *store.Tx) (err error) {
			out, err = store.Query[string](tx, `SELECT DISTINCT r.member FROM rule_reports r WHERE SCOPE(r)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, m := range d.members {
		if err := m.node.RuleHealth().Maintenance()["send-rule-counts"](ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := reports(); len(got) != 0 {
		t.Fatalf("counts are sent by default: %v", got)
	}
	rule := d.rules.Rules[0].Key()
	var want []string
	for i, m := range d.members {
		way := []rulehealth.Mode{rulehealth.ModeAsk, rulehealth.ModeAuto, rulehealth.ModeAuto}[i]
		if err := m.node.RuleHealth().SetMode(ctx, way); err != nil {
			t.Fatal(err)
		}
		if _, err := m.node.RuleHealth().ReportFalseAlarm(ctx, m.node.Home(), rule, "", "test"); err != nil {
			t.Fatal(err)
		}
		send := m.node.RuleHealth().Send
		if way == rulehealth.ModeAuto {
			send = m.node.RuleHealth().Maintenance()["send-rule-counts"]
		}
		if err := send(ctx); err != nil {
			t.Fatal(err)
		}
		want = append(want, m.id)
	}
	slices.Sort(want)
	await.Until(t, 20*time.Second, func() string {
		got := reports()
		if slices.Sort(got); slices.Equal(got, want) {
			return ""
		}
		return fmt.Sprintf("the hub has counts of %v, want %v", got, want)
	})
	if err := d.Hub.Pool().Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if today := fmt.Sprint(d.Hub.Clock()().Unix() / 86400); today != setting(t, d.Hub.DB()) {
		t.Fatalf("today is %s and the edition of %s", today, setting(t, d.Hub.DB()))
	}
	n := d.members[2].node
	if body := get(n.URL(), "/outgoing?state=all&kind=rule-health"); !strings.Contains(body, "rule-counts-") {
		t.Error("what was sent is not among the node's outgoing messages")
	}
	// The edition of the day may have been made before the counts came; a later one holds them.
	if err := d.Hub.DB().SetSetting(ctx, "detect.rule-pool.day", "0"); err != nil {
		t.Fatal(err)
	}
	if err := d.Hub.Pool().Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.RuleHealth().Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if body := get(n.URL(), "/rules/"+rule); !strings.Contains(body, "3 members") {
		t.Error("the node does not show what the community says")
	}
	if body := get(d.Hub.URL(), "/rules"); !strings.Contains(body, rule) {
		t.Error("the hub does not show the figure")
	}
	for name, h := range map[string]string{"hub": d.Hub.URL(), "node": n.URL()} {
		for _, path := range []string{"/coverage", "/coverage?lang=ja", "/coverage/layer.json", "/coverage/T1059.001",
			"/api/v1/coverage"} {
			if body := get(h, path); !strings.Contains(body, "T1059") {
				t.Errorf("%s %s does not know T1059", name, path)
			}
		}
	}
}

func setting(t *testing.T, db *store.DB) string {
	t.Helper()
	v, _, err := db.Setting(t.Context(), "detect.rule-pool.day")
	if err != nil {
		t.Fatal(err)
	}
	return v
}
