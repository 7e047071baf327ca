package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
)

// A person at a node searches its past by hand.
func TestHuntByHand(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power", "--no-builtin-rules")
	write(t, filepath.Join(n.watch, "dns.json"), append(dnsLine(1, "later.example"), dnsLine(0, "early.example")...))
	hunt := func(more ...string) (out, errText string, code int) {
		t.Helper()
		return run(t, h.env, append([]string{"hunt", "--data", n.data}, more...)...)
	}
	await.Until(t, 20*time.Second, func() string {
		if out, errText, _ := hunt("early.example"); !strings.Contains(out, "early.example") {
			return fmt.Sprintf("not found: %s%s", out, errText)
		}
		return ""
	})
	rule := filepath.Join(t.TempDir(), "r.yml")
	write(t, rule,
		[]byte("title: By the program\nid: 77777777-7777-4777-8777-000000000001\nlevel: low\n"+
			"logsource: {product: windows, category: dns_query}\n"+
			"detection:\n  s: {Image|endswith: '\\a.exe', QueryName|startswith: later}\n  condition: s\n"))
	out, errText, code := hunt("hxxps://early[.]example/", "early[.]example", "--rule", rule)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.Contains(lines[0], "05:00:00.000Z  WS0  -  early.example  ") ||
		!strings.Contains(lines[0], "dns.json:2") ||
		!strings.Contains(lines[1], "[low] By the program: ") || !strings.Contains(errText, "2 hits in 2 events") {
		t.Errorf("exit %d\n%s%s", code, out, errText)
	}
	if out, _, code := hunt("--json", "--from", "2026-11-22", "--to", "2026-11-22T05:00:01Z", "early.example",
		"later.example"); code != 0 || strings.Count(out, "\n") != 1 ||
		!strings.Contains(out, `"value":{"type":"domain-name","value":"early.example"}`) {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, c := range []struct{ args, want string }{
		{"", "nothing to search for"},
		{"cmd.exe", "not searched for cmd.exe"},
		{"early.example --from yesterday", "--from yesterday is no time"},
		{"--rule " + filepath.Join(n.data, "none.yml"), "cannot read"},
		{"--data " + t.TempDir() + " early.example", "there is no node"},
	} {
		if out, errText, code := hunt(strings.Fields(c.args)...); code == 0 || out != "" ||
			!strings.Contains(errText, c.want) {
			t.Errorf("%s: exit %d\n%s%s", c.args, code, out, errText)
		}
	}
}
