package finding_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

func TestNodePages(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		h := console(t, n.DB)
		detecttest.Page(t, h, "owner", "/findings")
		ev := n.Beacon("198.51.100.7")
		ev.Host, ev.User, ev.From.Name = detecttest.Hostile, detecttest.Hostile, detecttest.Hostile
		ev.Fields["DestinationHostname"] = "mail.power.example.jp"
		n.Take(t, ev)
		n.Take(t, n.Event("process_creation", detecttest.Start, map[string]any{"Image": `C:\x\whoami.exe`}))
		list := n.Findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings", len(list))
		}
		detecttest.Page(t, h, "owner", "/findings")
		all := ""
		for _, f := range list {
			all += detecttest.Page(t, h, "owner", "/findings/"+f.ID)["en"]
		}
		for _, want := range []string{
			"198[.]51[.]100[.]7", "own domain", "Where to look", "the behaviour itself is what others can match",
			"never gets them",
		} {
			if !strings.Contains(all, want) {
				t.Errorf("the findings lack %q", want)
			}
		}
	})
}

// console serves the pages of findings to an detecttest.Analyst of the node.
func console(t *testing.T, db *store.DB) http.Handler {
	t.Helper()
	auth := func(*http.Request) (policy.Viewer, error) { return detecttest.Analyst, nil }
	now, _ := clock.Fixed(detecttest.Start.Add(time.Minute))
	site := web.New(
		web.Config{
			Clock: now, Auth: auth,
			Nav: []web.NavItem{
				{Key: "findings", Path: "/findings", Text: i18n.T("Findings", "検知"), Icon: "findings"},
			},
		},
	)
	finding.Pages(site, finding.PageConfig{DB: db})
	return site.Handler()
}
