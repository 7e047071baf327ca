package match

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/stix"
)

// What a pattern asks for decides how it is matched, or why it is not.
func TestReadPattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"[ipv4-addr:value = '192.0.2.1' OR file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427F']": "values 2",
		"[ipv4-addr:value = '192.0.2.0/24' OR ipv6-addr:value ISSUBSET '2001:db8::/32']":          "networks 2",
		"[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR domain-name:value = 'Evil.example']":         "values 1 networks 1",
		"[domain-name:value LIKE '%.evil.example']":                                               "pattern 1",
		"[file:name = 'a.exe' AND file:hashes.'SHA-1' = 'AA']":                                    "invalid",
		"[process:command_line MATCHES 'mimi(katz)?']":                                            "pattern 1",
		"[process:command_line MATCHES 'a(?=b)']":                                                 "cannot be matched in full",
		"[a:b = 'c'] AND [ipv4-addr:value = '192.0.2.1']":                                         "no event tells this",
		"[software:name = 'x']":                                                             "no event tells this",
		"[process:pid = '4']":                                                               "it is never a string",
		"[process:command_line = 4]":                                                        "it is never a number",
		"[network-traffic:src_ref = 'x']":                                                   "it is no value",
		"[url:value ISSUBSET '10.0.0.0/8']":                                                 "it is no address",
		"[domain-name:value LIKE '%.Evil.example']":                                         "it is compared in lower case",
		"[domain-name:value MATCHES '\\\\.Evil\\\\.example$']":                              "it is compared in lower case",
		"[domain-name:value MATCHES '^\\\\W']":                                              "pattern 1",
		"[url:value LIKE 'https://%/Admin.php']":                                            "pattern 1",
		"[windows-registry-key:key LIKE 'HKLM\\\\%']":                                       "in full",
		"[network-traffic:dst_ref.value = '192.0.2.0/24']":                                  "cannot be a value of it",
		"[domain-name:value = 'localhost' AND domain-name:value = 'x']":                     "cannot be a value of it",
		"[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'x']":                      "no bound on the time",
		"([ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'x']) WITHIN 300 SECONDS": "pattern 3",
		"[file:name = 'x'] REPEATS 5 TIMES WITHIN 60 SECONDS":                               "pattern 3",
		"[file:name = 'x'] START t'2026-01-01T00:00:00Z' STOP t'2027-01-01T00:00:00Z'":      "pattern 3",
		"[ipv4-addr:value IN ()]":                                                           "asks for nothing",
		"[ipv4-addr:value = '192.0.2.1'":                                                    "not valid",
	} {
		a, err := Read(detecttest.PatternIndicator(t, 1, pattern))
		got := ""
		switch {
		case err != nil:
			got = fault.TextOf(err).EN
			if k := fault.KindOf(err); k != fault.Unsupported && k != fault.Invalid {
				t.Errorf("%s: %v is of kind %v", pattern, err, k)
			}
		case a.Pattern != nil:
			got = fmt.Sprintf("pattern %d", a.Pattern.Level())
		default:
			if len(a.Values) > 0 {
				got = fmt.Sprintf("values %d ", len(a.Values))
			}
			if len(a.Networks) > 0 {
				got += fmt.Sprintf("networks %d", len(a.Networks))
			}
		}
		if want == "invalid" {
			want = "not valid"
		}
		if got = strings.TrimSpace(got); got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

// Many patterns cost an event that meets none of them next to nothing: only those
// whose prefilters it passes are looked at.
func TestPatternBookNarrows(t *testing.T) {
	var list []*Armed
	for i := range 1000 {
		text := fmt.Sprintf(
			"[process:command_line LIKE '%%payload-%04x%%' AND process:name = 'a%d.exe']", i*7919%65536, i,
		)
		if i%2 == 0 {
			text = fmt.Sprintf(
				"[process:command_line MATCHES 'tool%04x[a-z]+' OR url:value = 'https://h%d.example/']", i*7919%65536,
				i,
			)
		}
		a, err := Read(detecttest.PatternIndicator(t, i, text))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &a)
	}
	b := NewPatterns(list)
	n := &detecttest.Events{}
	ev := n.Event(
		"process_creation", detecttest.Start,
		map[string]any{
			"Image":       `C:\Windows\System32\cmd.exe`,
			"CommandLine": `"C:\Program Files\Microsoft Office\winword.exe" https://www.example.com/ tool payload`,
			"User":        "x",
		},
	)
	if got := b.Candidates(seenOf(ev)); len(got) > 20 {
		t.Errorf("%d of 1000 patterns are looked at", len(got))
	}
	hit := n.Event(
		"process_creation", detecttest.Start,
		map[string]any{"Image": `C:\a1.exe`, "CommandLine": "x Payload-1EEF payload-1eef"},
	)
	found := ""
	b.match(hit, func(*Armed) bool { return true }, func(h Hit) { found += h.Indicator })
	if found != list[1].ID {
		t.Errorf("found %q, want %q", found, list[1].ID)
	}
}

func seenOf(ev *event.Event) stix.Observation { return observed.Of(ev) }

func BenchmarkPatterns(b *testing.B) {
	var list []*Armed
	for i := range 1000 {
		a := Armed{ID: fmt.Sprint(i)}
		var err error
		if a, err = a.reads(
			fmt.Sprintf(
				"[process:command_line LIKE '%%payload-%04x%%' OR url:value = 'https://h%d.example/']", i*7919%65536,
				i,
			),
		); err != nil {
			b.Fatal(err)
		}
		list = append(list, &a)
	}
	book := NewPatterns(list)
	ev := (&detecttest.Events{}).Event(
		"process_creation",
		detecttest.Start,
		map[string]any{
			"Image":             `C:\Windows\System32\cmd.exe`,
			"CommandLine":       `"C:\Program Files\Microsoft Office\winword.exe" https://www.example.com/ tool payload`,
			"User":              "x",
			"ParentImage":       `C:\Windows\explorer.exe`,
			"ParentCommandLine": `C:\Windows\explorer.exe`,
			"ProcessId":         "1",
			"Hashes":            "MD5=d41d8cd98f00b204e9800998ecf8427a",
			"CurrentDirectory":  `C:\`,
			"IntegrityLevel":    "High",
		},
	)
	b.ReportAllocs()
	for b.Loop() {
		book.match(ev, func(*Armed) bool { return true }, func(Hit) {})
	}
}
