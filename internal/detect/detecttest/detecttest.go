// Package detecttest has what the tests of detect and of its rooms share: a few
// rules, a hostile text, and clients for pages and for the API that look for what
// no page may hold.
package detecttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/sigma"
)

// The ids of the rules in RulesText.
const (
	RuleA     = "11111111-1111-4111-8111-111111111111"
	RuleB     = "22222222-2222-4222-8222-222222222222"
	RuleNoise = "33333333-3333-4333-8333-333333333333"
)

// Analyst is an analyst of the member power.
var Analyst = policy.Viewer{User: "u1", Name: "Sato", Member: "power", Role: policy.RoleAnalyst}

// RulesText is a file of three rules.
const RulesText = `title: Suspicious beacon
id: 11111111-1111-4111-8111-111111111111
author: A. Author
license: DRL 1.1
level: high
tags: [attack.command-and-control, attack.t1071.001]
logsource: {product: windows, category: network_connection}
detection:
  sel: {Initiated: 'true', Image|endswith: '\bad.exe'}
  condition: sel
---
title: Recon with whoami
id: 22222222-2222-4222-8222-222222222222
level: medium
logsource: {product: windows, category: process_creation}
detection:
  sel: {Image|endswith: '\whoami.exe'}
  condition: sel
---
title: Noise
id: 33333333-3333-4333-8333-333333333333
level: low
logsource: {product: windows, category: dns_query}
detection:
  sel: {QueryName|contains: noise}
  condition: sel
`

// Rules parses a file of rules.
func Rules(t *testing.T, text string) *sigma.Set {
	t.Helper()
	list, err := sigma.Parse("test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sigma.NewSet(list)
}

// Hostile is what an attacker writes where we show it.
const Hostile = `"><script>alert(1)</script>{{.}}` + "\u202Egpj.exe {0} ${x} <img src=x onerror=alert(1)> 標的"

// Get fetches a path as one of the viewers that the handler knows by the header As.
func Get(t *testing.T, h http.Handler, as, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("As", as)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

var (
	visibleText = regexp.MustCompile(`(?s)<(script|style|pre|code|svg)\b.*?</(script|style|pre|code|svg)>|<[^>]*>`)
	exactCopies = regexp.MustCompile(`data-(copy|key)="[^"]*"`) // for the clipboard, as it is
	cells       = regexp.MustCompile(`(?s)<(td|dd|th|p|li)\b.*?</(td|dd|th|p|li)>`)
	openHole    = regexp.MustCompile(`%!|<no value>|ZgotmplZ`)
)

// Page fetches a page in both languages and looks for what no page may hold.
func Page(t *testing.T, h http.Handler, as, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, lang := range []string{"ja", "en"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		code, body := Get(t, h, as, path+sep+"lang="+lang)
		if code != http.StatusOK {
			t.Fatalf("%s in %s: %d\n%s", path, lang, code, visibleText.ReplaceAllString(body, " "))
		}
		for _, bad := range []string{"<script>alert", "<img src=x"} {
			if i := strings.Index(body, bad); i >= 0 {
				t.Errorf("%s in %s holds %q: …%s…", path, lang, bad, body[max(0, i-120):i+40])
			}
		}
		for _, cell := range cells.FindAllString(exactCopies.ReplaceAllString(body, ""), -1) {
			if strings.Contains(cell, "\u202E") {
				t.Errorf("%s in %s turns the text around: %s", path, lang, cell)
			}
		}
		if m := openHole.FindString(body); m != "" {
			t.Errorf("%s in %s holds %q", path, lang, m)
		}
		if dir := os.Getenv("MENEKI_TEST_PAGES"); dir != "" { // to look at them
			name := strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(t.Name()+path) + "." + lang + ".html"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
				t.Error(err)
			}
		}
		out[lang] = body
	}
	return out
}

// Send makes a request with a body, which is JSON if it looks so and a form if not.
func Send(t *testing.T, h http.Handler, as, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://node.example"+path, strings.NewReader(body))
	r.Header.Set("As", as)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(body, "{") {
		kind = "application/json"
	}
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// JSON returns s as JSON.
func JSON(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// RuleText returns a Sigma rule for events of Windows.
func RuleText(id int, category, detection string) string {
	return fmt.Sprintf("title: rule %d\nid: 77777777-7777-4777-8777-%012d\n"+
		"logsource:\n  product: windows\n  category: %s\ndetection:\n  s:\n    %s\n  condition: s\n",
		id, id, category, detection)
}

// Indicator returns a STIX indicator of a kind of pattern.
func Indicator(t testing.TB, pattern, kind string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": "indicator", "spec_version": "2.1",
		"id":      "indicator--7f4a9d3e-4f0a-4c5e-8f6a-1f2b3c4d5e6f",
		"created": "2026-11-22T04:00:00.000Z", "modified": "2026-11-22T04:00:00.000Z", "name": "shared",
		"pattern": pattern, "pattern_type": kind,
		"valid_from": "2026-11-22T04:00:00Z", "valid_until": "2026-12-22T04:00:00Z", "labels": []string{"level:high"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// PatternIndicator returns one of many STIX indicators with a STIX pattern.
func PatternIndicator(t *testing.T, n int, pattern string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": "indicator", "spec_version": "2.1",
		"id":      fmt.Sprintf("indicator--11111111-1111-4111-8111-%012d", n),
		"created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z", "name": "I", "pattern": pattern,
		"pattern_type": "stix",
		"valid_from":   "2026-01-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Start is when tests begin.
var Start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// Events makes events of a Windows machine, each with an id of its own.
type Events struct{ Seq int }

// Event returns an event of a category.
func (e *Events) Event(category string, at time.Time, fields map[string]any) *event.Event {
	e.Seq++
	raw, _ := json.Marshal(fields)
	return &event.Event{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", e.Seq), Time: at, Seen: at,
		From:    event.Source{Sensor: "file", Name: "a.json", Record: int64(e.Seq)},
		Product: "windows", Categories: []string{category}, Host: "ws1", User: "tanaka", Fields: fields, Raw: raw}
}
