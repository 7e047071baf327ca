package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
)

// dnsLine is a record of Sysmon: a machine asked for a name.
func dnsLine(n int, name string) []byte {
	return fmt.Appendf(nil,
		`{"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","EventID":22,"Computer":"WS%d","UtcTime":"2026-11-22 05:00:%02d.000","QueryName":%q,"Image":"C:\\Users\\x\\a.exe"}`+"\n", n, n, name)
}

// A list that is imported beside a running node is matched at once and its past
// is searched; a marked list's findings stay at the node; what is removed or
// expired finds nothing any more; all of it survives kill -9.
func TestIndicatorsBesideANode(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power", "--share", "open", "--no-builtin-rules")
	indicators := func(verb string, more ...string) string {
		t.Helper()
		out, errText, code := run(t, h.env, append([]string{"indicators", verb, "--data", n.data}, more...)...)
		if code != 0 {
			t.Fatalf("indicators %s: exit %d\n%s%s", verb, code, out, errText)
		}
		return out
	}
	list := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, []byte(text))
		return path
	}
	nd := db(t, filepath.Join(n.data, "node.db"))
	found := func(title string, retro bool) func() string {
		return func() string {
			if number(t, nd, `SELECT count(*) FROM findings WHERE title = $1 AND retro = $2`, title, retro) == 0 {
				return fmt.Sprintf("no finding %q, retro=%t\n%s", title, retro, n.err.String())
			}
			return ""
		}
	}
	line := 0
	see := func(names ...string) {
		var b []byte
		for _, name := range names {
			line++
			b = append(b, dnsLine(line, name)...)
		}
		write(t, filepath.Join(n.watch, fmt.Sprintf("dns%d.json", line)), b)
	}

	// Something was seen before the list came.
	see("early.example", "harmless.example")
	await.Until(t, 20*time.Second, func() string {
		if number(t, nd, `SELECT count(*) FROM file_position`) == 0 {
			return "the first file was not read"
		}
		return ""
	})
	out := indicators("import", "--source", "Green", "--tlp", "green",
		list("green.txt", "early.example\ngreen.example\n"))
	if !strings.Contains(out,
		"The past was searched for 2 values and 0 networks, trees, prefixes and names: 1 of 2 events hit.") {
		t.Errorf("%s", out)
	}
	await.Until(t, 5*time.Second, found("early.example (Green)", true))
	indicators("import", "--source", "Red", list("red.txt", "red.example\nearly.example\n"))
	await.Until(t, 5*time.Second, found("early.example (Red)", true))
	indicators("import", "--source", "Short", "--tlp", "green", "--for", "1s", list("short.txt", "short.example\n"))
	indicators("import", "--source", "Gone", "--tlp", "green", list("gone.txt", "gone.example\n"))
	indicators("remove", "--source", "Gone")

	n.kill()
	await.Pace(1100 * time.Millisecond) // --for 1s
	if out := indicators("check", "red.example", "short.example"); !strings.Contains(out,
		"red.example  Red  TLP:RED") || !strings.Contains(out, "short.example  not on the watchlist") {
		t.Errorf("beside a killed node:\n%s", out)
	}
	n.up(t)
	see("red.example", "short.example", "gone.example", "green.example")
	await.Until(t, 20*time.Second, found("green.example (Green)", false))
	await.Until(t, 5*time.Second, found("red.example (Red)", false))

	// At the hub: what GREEN found, live and past; of RED nothing, in no form.
	hd := db(t, h.state)
	await.Until(t, 20*time.Second, func() string {
		if k := number(t, hd, `SELECT count(*) FROM findings
			WHERE title IN ('green.example (Green)', 'early.example (Green)')`); k != 2 {
			return fmt.Sprintf("the hub has %d findings of the green list", k)
		}
		return ""
	})
	if k := number(t, hd, `SELECT count(*) FROM findings WHERE replace(body, 'Red', '') <> body
		OR replace(body, 'red.example', '') <> body OR replace(body, '"list"', '') <> body`); k != 0 {
		t.Errorf("%d findings at the hub tell of the red list", k)
	}
	if k := number(t, nd, `SELECT count(*) FROM outgoing WHERE replace(body, 'Red', '') <> body
		OR replace(body, 'red.example', '') <> body OR replace(title, 'red.example', '') <> title`); k != 0 {
		t.Errorf("%d messages on the node's desk tell of the red list", k)
	}
	if k := number(t, nd, `SELECT count(*) FROM findings WHERE replace(words, 'short.example', '') <> words
		OR replace(words, 'gone.example', '') <> words`); k != 0 {
		t.Errorf("%d findings of what is expired or removed", k)
	}
	if out := indicators("list"); !strings.Contains(out, "3 sources, 5 entries") {
		t.Errorf("%s", out)
	}
}
