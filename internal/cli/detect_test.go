package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/timeline"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

func TestProgressLine(t *testing.T) {
	p := timeline.Progress{Total: 2_000_000_000, Bytes: 500_000_000, Events: 1_000_000, Matches: 1234,
		Now: "logs/セキュリティ.evtx"}
	got := progressLine(p, 10*time.Second, 120, i18n.EN)
	if want := "[████░░░░░░░░░░░░]  25 %  0:30 left  1,234 matches  100,000 events/s  500.0 MB/2.0 GB " +
		" logs/セキュリティ.evtx"; got != want {
		t.Errorf("%q", got)
	}
	if got := progressLine(p, 10*time.Second, 120, i18n.JA); !strings.Contains(got,
		"残り 0:30  一致 1,234 件  100,000 事象/秒") {
		t.Errorf("%q", got)
	}
	// Never wider than the screen, whatever is in the name and in either language.
	p.Now = "\x1b[31m" + strings.Repeat("日本語", 50)
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		for _, total := range []int64{0, p.Total} {
			p.Total = total
			for width := 20; width < 200; width++ {
				if got := progressLine(p, time.Hour+time.Minute, width, l); columns(got) > width ||
					strings.ContainsRune(got, 0x1b) {
					t.Fatalf("%d cells of %d: %q", columns(got), width, got)
				}
			}
		}
	}
	if got := progressLine(timeline.Progress{Total: 10, Bytes: 30}, time.Millisecond, 80,
		i18n.EN); !strings.Contains(got, "100 %") || strings.Contains(got, "left") {
		t.Errorf("%q", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_234_567: "1.2 MB",
		7_000_000_000_000: "7.0 TB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if got := short(3725 * time.Second); got != "1:02:05" {
		t.Error(got)
	}
}

func TestTimeOf(t *testing.T) {
	tokyo, err := zoneOf("--zone", "Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in    string
		whole bool
		want  string
	}{
		{"2026-01-02", false, "2026-01-01T15:00:00Z"},
		{"2026-01-02", true, "2026-01-02T15:00:00Z"},
		{"2026/01/02 09:30", true, "2026-01-02T00:30:00Z"},
		{"2026-01-02T09:30:15", false, "2026-01-02T00:30:15Z"},
		{"2026-01-02T09:30:15.25Z", false, "2026-01-02T09:30:15.25Z"},
		{"2026-01-02 09:30:15+01:00", false, "2026-01-02T08:30:15Z"},
	} {
		got, err := timeOf("--from", c.in, tokyo, c.whole)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: %v %v", c.in, got.UTC(), err)
		}
	}
	for _, bad := range []string{"x", "2026-13-01", "09:30", "2026-01-02 25:00"} {
		if _, err := timeOf("--from", bad, tokyo, false); !fault.Is(err, fault.Invalid) || fault.HintOf(err).Zero() {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for in, want := range map[string]string{"+09:00": "+09:00", "-03:30": "-03:30", "utc": "+00:00", "Z": "+00:00",
		"America/New_York": "-05:00"} {
		z, err := zoneOf("--zone", in)
		if err != nil || time.Date(2026, 1, 1, 0, 0, 0, 0, z).Format("-07:00") != want {
			t.Errorf("%s: %v %v", in, z, err)
		}
	}
}

func TestFormatByName(t *testing.T) {
	for _, c := range []struct{ format, output, want string }{
		{"", "", "terminal"}, {"", "a.JSONL", "jsonl"}, {"", "a.csv", "csv"}, {"", "a.htm", "html"},
		{"", "b.json", "stix"}, {"", "x.log", "terminal"},
		{"csv", "x.html", "csv"}, {"timesketch", "x.jsonl", "timesketch"}, {"timesketch", "x.csv", "timesketch-csv"},
		{"HTML", "", "html"},
	} {
		if got, err := (&detectCmd{Format: c.format, Output: c.output}).format(); err != nil || got != c.want {
			t.Errorf("%+v: %s %v", c, got, err)
		}
	}
}

// Ctrl-C ends a run that waits for more; it says so, and what was found stays.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	rule := "title: One\nlogsource:\n    product: windows\ndetection:\n    s:\n        EventID: 1\n    condition: s\n"
	if err := os.WriteFile(filepath.Join(dir, "r.yml"), []byte(rule), 0o600); err != nil {
		t.Fatal(err)
	}
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	old := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = old }()
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	code := make(chan int)
	go func() {
		code <- Main(ctx, []string{"--lang", "en", "detect", "--rules", dir, "--format", "jsonl", "--stats", "-"},
			&out, &errs)
	}()
	// More than a pipe holds: when it is written, the reading has begun.
	if _, err := feed.WriteString(`{"EventID":1,"Channel":"Security","Computer":"PC1"}` + strings.Repeat("\n",
		1<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := <-code; got != 1 {
		t.Errorf("exit code %d\n%s", got, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if !strings.Contains(errs.String(), "error: interrupted: this is what was found until then") ||
		!strings.Contains(lines[len(lines)-1], `"interrupted":true`) {
		t.Errorf("%s", errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n > 1 {
		t.Errorf("%d lines", n)
	}
}
