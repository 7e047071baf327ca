package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
)

// A person searches a running node's past through its control socket; nothing is written.
func TestHuntThroughTheControlSocket(t *testing.T) {
	p := openPair(t, func(c *Config) { c.Control = true })
	p.openControl(t)
	at := time.Now().UTC().Truncate(time.Second)
	list := []*event.Event{
		dnsEvent(1, at, "one.example"),
		dnsEvent(2, at.Add(time.Second), "two.example"),
		dnsEvent(3, at.Add(2*time.Second), "two.example"),
	}
	list[2].Fields["QueryResults"] = "203.0.113.77;"
	if err := p.node.Take(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	const rule = `title: Odd name
id: 77777777-7777-4777-8777-000000000001
level: high
author: A
logsource: {product: windows, category: dns_query}
detection:
  s: {QueryName|startswith: 'one'}
  condition: s
`
	o := hunt.Request{
		Values:   []event.Observable{{Type: event.Domain, Value: "two.example"}},
		Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		Rules: []hunt.RuleFile{
			{Name: "r.yml", Text: rule},
			{Name: "bad.yml", Text: strings.Replace(rule, "startswith", "soundslike", 1)},
		},
	}
	ask := func(o hunt.Request, most int) (got []hunt.Hit, out hunt.Answer, err error) {
		out, err = hunt.Ask(
			t.Context(),
			p.node.cfg.Data,
			o,
			func(int64, int64) {},
			func(h hunt.Hit) bool { got = append(got, h); return len(got) != most },
		)
		return got, out, err
	}
	got, out, err := ask(o, 0)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, h := range got {
		what := h.Network
		switch {
		case h.Rule != nil:
			what = h.Rule.Title + " by " + h.Rule.Author
		case h.Network == "":
			what = h.Value.Value
		}
		said = append(said, h.Time.Sub(at).String()+" "+h.Host+" "+what+" "+h.Event.ID[len(h.Event.ID)-1:])
	}
	slices.Sort(said)
	want := []string{
		"0s ws1 Odd name by A 1", "1s ws1 two.example 2", "2s ws1 203.0.113.0/24 3", "2s ws1 two.example 3",
	}
	if !slices.Equal(said, want) {
		t.Errorf("found %q, want %q", said, want)
	}
	if out.Hits != 4 || out.Searched != 3 || out.Stopped || len(out.Refused) != 1 ||
		!strings.Contains(out.Refused[0].EN, "bad.yml:") ||
		!strings.Contains(out.Refused[0].EN, "soundslike") {
		t.Errorf("%+v", out)
	}
	if list := p.findings(t); len(list) != 0 {
		t.Errorf("it wrote findings: %+v", list)
	}
	if got, out, err := ask(o, 1); err != nil || len(got) != 1 || !out.Stopped {
		t.Errorf("ended by its asker: %d, %+v, %v", len(got), out, err)
	}
	o.Limit = 2
	if got, out, err := ask(o, 0); err != nil || len(got) != 2 || !out.Stopped {
		t.Errorf("at its limit: %d, %+v, %v", len(got), out, err)
	}
	if _, _, err := ask(hunt.Request{Rules: o.Rules[1:]}, 0); !fault.Is(err, fault.Unsupported) ||
		!strings.Contains(fault.TextOf(err).EN, "soundslike") {
		t.Errorf("no rule that can be used: %v", err)
	}
	if _, err := hunt.Ask(t.Context(), t.TempDir(), o, nil, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("no node: %v", err)
	}
}
