package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/situation"
)

func TestPad(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"ab", 4, "ab  "}, {"みどり市", 10, "みどり市  "}, {"みどり市", 5, "みど…"}, {"みどり市", 6, "みど… "}, {"abcdef", 4, "abc…"},
		{"", 2, "  "},
	} {
		if got := pad(c.in, c.n); got != c.want || columns(got) != c.n {
			t.Errorf("pad(%q, %d) = %q of %d cells, want %q", c.in, c.n, got, columns(got), c.want)
		}
	}
}

// What an attacker writes into an event does not reach the terminal as a command.
func TestNothingForeignReachesTheTerminal(t *testing.T) {
	evil := "a\x1b]0;owned\x07\u202eb\u009bc\nd"
	r := demo.Report{Findings: []demo.ReportFinding{{Title: evil, Level: "high", Author: evil, Member: "m"}},
		Cases:      []demo.ReportCase{{Number: "N", Title: evil}},
		Indicators: []demo.ReportInd{{Name: evil, Kind: "k"}},
		Waiting:    []demo.ReportWaiting{{Member: "m", Kind: "k", Title: evil}}}
	var out bytes.Buffer
	printReport(&out, r, i18n.EN, false)
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e\u009b") || strings.Contains(out.String(), "c\nd") {
		t.Errorf("%q", out.String())
	}
}

func TestLongListsAreCut(t *testing.T) {
	var r demo.Report
	for range 40 {
		r.Findings = append(r.Findings, demo.ReportFinding{Title: "x"})
	}
	var out bytes.Buffer
	printReport(&out, r, i18n.JA, false)
	if !strings.Contains(out.String(), "ほか 28 件") {
		t.Error(out.String())
	}
}

// The trace in a member's past is shown, whichever indicator it is of.
func TestTracesOfOtherIndicatorsAreShown(t *testing.T) {
	r := demo.Report{Indicators: []demo.ReportInd{{ID: "i1", Name: "one.example"}, {ID: "i2", Name: "two.example"}},
		Steps: []demo.ReportStep{
			{Name: situation.Indicator, Subject: "i1", N: 2}, {Name: situation.Indicator, Subject: "i2", N: 2},
			{Name: situation.Sighted, Member: "Saw both", Subject: "i2", N: 5},
			{Name: situation.Sighted, Member: "Saw both", Subject: "i1", N: 4},
			{Name: situation.Sighted, Member: "Saw two", Subject: "i2", N: 3}}}
	var out bytes.Buffer
	printReport(&out, r, i18n.EN, false)
	for want, times := range map[string]int{"4 traces\n": 1, "5 traces": 0, "3 traces of “two.example”\n": 1} {
		if strings.Count(out.String(), want) != times {
			t.Errorf("%q not %d times in\n%s", want, times, out.String())
		}
	}
}

func TestDashed(t *testing.T) {
	for in, want := range map[string]string{"Data": "data", "CaseLevel": "case-level", "DB": "db",
		"SyslogTLS": "syslog-tls", "OTLP": "otlp", "OwnDomain": "own-domain"} {
		if got := dashed(in); got != want {
			t.Errorf("dashed(%s) = %s, want %s", in, got, want)
		}
	}
}

// Every kind of fault is told on one line, with what to do and its exit code.
func TestFail(t *testing.T) {
	for _, k := range fault.Kinds() {
		for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			var out bytes.Buffer
			s := &session{err: &out, lang: l}
			code := s.fail(fault.New(k, k.Title()).WithHint(i18n.T("do this", "こうしてください")))
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if code != k.Exit() || code == 0 || lines[0] != "error: "+k.Title().In(l) ||
				!strings.HasPrefix(lines[1], "hint: ") {
				t.Errorf("%v %s: exit code %d\n%s", k, l, code, out.String())
			}
		}
	}
}

func TestCommands(t *testing.T) {
	for _, want := range []string{"demo", "hub", "node", "member invite", "rules check", "backup", "restore"} {
		if !slices.Contains(Commands(), want) {
			t.Errorf("no command %q in %q", want, Commands())
		}
	}
}
