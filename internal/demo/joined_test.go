package demo

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/builtin"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/situation"
)

const (
	sprayID   = "5d3b1b7e-6a4f-4b0e-9a55-0c51b8e6f101"
	sprayBase = `title: A sign-in that failed
id: 5d3b1b7e-6a4f-4b0e-9a55-0c51b8e6f100
name: failed
author: B. Ase
license: MIT
logsource:
    product: windows
    service: security
detection:
    s:
        EventID: 4625
    condition: s
level: low
`
	sprayRule = `title: Many names fail
id: ` + sprayID + `
author: C. Orrelation
license: Apache-2.0
tags: [attack.credential-access, attack.t1110.003]
correlation:
    type: value_count
    rules: [failed]
    group-by: [Computer]
    timespan: 10m
    condition:
        field: TargetUserName
        gte: 5
level: high
`
)

// sprayDemo is a demo with a correlation only, and sign-ins that fail from an
// address under several names, of which no single one says anything.
func sprayDemo(t *testing.T, address string, names int) Config {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	at := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Second)
	for i := range names {
		fmt.Fprintf(&b,
			`{"EventID":4625,"Channel":"Security","Provider":"Microsoft-Windows-Security-Auditing","Hostname":"DC1","Computer":"DC1","@timestamp":%q,"TargetUserName":"user%d","TargetDomainName":"EXAMPLE","IpAddress":%q,"LogonType":3}`+"\n",
			at.Add(time.Duration(i)*20*time.Second).Format("2006-01-02T15:04:05.000Z"), i, address)
	}
	cfg := Config{Rules: []string{filepath.Join(dir, "rules")}, Events: []string{filepath.Join(dir, "events.jsonl")}}
	if err := cmp.Or(os.Mkdir(cfg.Rules[0], 0o700), os.WriteFile(filepath.Join(cfg.Rules[0], "spray.yml"),
		[]byte(sprayBase+"---\n"+sprayRule), 0o600), os.WriteFile(cfg.Events[0], []byte(b.String()),
		0o600)); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// An attack that only a correlation finds goes through the whole cycle. Where it shows
// nothing but its behaviour, the correlation is what the others are armed with and
// search their past for.
func TestDemoSharesCorrelations(t *testing.T) {
	t.Parallel()
	r := once(t, sprayDemo(t, "10.20.30.40", 12))
	if !r.OK || len(r.Indicators) != 1 || r.Indicators[0].Kind != "sigma" || len(r.Cases) != 1 {
		t.Fatalf("missing %q, findings %+v, cases %+v, indicators %+v", r.Missing, r.Findings, r.Cases, r.Indicators)
	}
	whole(t, r)
	traced := 0
	for _, h := range r.Hunted {
		if h.Hits > 0 {
			traced++
		}
	}
	past := 0
	for _, f := range r.Findings {
		if f.RuleID != sprayID || f.Author != "C. Orrelation" {
			t.Errorf("a finding of another rule: %+v", f)
		}
		if f.Retro {
			past++
		}
	}
	// The city kept its logs of two weeks ago; the power company has seen it live.
	if traced != 2 || past != 1 {
		t.Errorf("%d members with traces, %d findings of the past: %+v, %+v", traced, past, r.Hunted, r.Findings)
	}
}

// Our own rules ask for what a node knows of the accounts that sign in. Logs that
// were kept before are searched with the same knowledge.
func TestDemoSharesOurOwnCorrelation(t *testing.T) {
	t.Parallel()
	cfg := sprayDemo(t, "10.20.30.40", 12)
	spraying, err := fs.ReadFile(builtin.Files(), path.Join(builtin.Root, "password_spraying.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Rules[0], "spray.yml"), spraying, 0o600); err != nil {
		t.Fatal(err)
	}
	r := once(t, cfg)
	if !r.OK || len(r.Indicators) != 1 || r.Indicators[0].Name != "Password Spraying" ||
		!slices.ContainsFunc(r.Sightings, func(s ReportSighting) bool { return s.Retro }) {
		t.Fatalf("missing %q, findings %+v, indicators %+v, sightings %+v", r.Missing, r.Findings, r.Indicators,
			r.Sightings)
	}
	whole(t, r)
}

// Where the events that a correlation rests on hold a value of the attacker's, that
// is what is shared.
func TestDemoSharesValuesBelowCorrelations(t *testing.T) {
	t.Parallel()
	r := once(t, sprayDemo(t, "198.51.100.77", 12))
	if !r.OK || len(r.Indicators) != 1 || r.Indicators[0].Kind != string(event.IPv4) ||
		r.Indicators[0].Name != "198.51.100.77" {
		t.Fatalf("missing %q, findings %+v, indicators %+v", r.Missing, r.Findings, r.Indicators)
	}
	whole(t, r)
}

// Take one name away, and nothing is found.
func TestDemoBelowTheCorrelation(t *testing.T) {
	t.Parallel()
	r := once(t, sprayDemo(t, "10.20.30.40", 4))
	if r.OK || r.Missing != situation.Detected || len(r.Findings)+len(r.Indicators) > 0 {
		t.Errorf("missing %q, findings %+v, indicators %+v", r.Missing, r.Findings, r.Indicators)
	}
}
