package release

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

func rank(level string) int { return slices.Index(levels, level) }

func openQueue(t *testing.T, db *store.DB, r Policy) *Outgoing {
	t.Helper()
	g := New(db, r, func() string { return "power" }, rank)
	if err := g.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

func eachNode(t *testing.T, body func(t *testing.T, db *store.DB)) {
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, body, storetest.With(finding.Migration(), indicator.Migration(), Migration()),
		storetest.Clock(now))
}

func give(t *testing.T, db *store.DB, g *Outgoing, id, level string, body wire.Body, origin ...policy.TLP) {
	t.Helper()
	kind := body.Kind()
	o := msg.Offer{ID: id, Level: level, Title: string(kind) + " " + id, Handling: g.Handling(kind), Body: body}
	for _, tlp := range origin {
		o.Origin = &tlp
	}
	err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		return g.Offer(tx, o)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func queued(t *testing.T, db *store.DB) map[string]Message {
	t.Helper()
	out := map[string]Message{}
	err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
		p, err := List(tx, list.Ask{Values: map[string]string{"state": "all"}, Limit: 100})
		for _, l := range p.Rows {
			out[string(l.Kind)+"/"+l.ID] = l
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPresets(t *testing.T) {
	kinds := []wire.Kind{wire.KindFinding, wire.KindCandidate, wire.KindSighting, wire.KindReceipt}
	tests := []struct {
		name, level string
		want        []string // state by kind; "" stays
		details     bool
	}{
		{"cautious", "high", []string{StateReady, StateWaiting, StateReady, StateReady}, false},
		{
			"cautious", "low", []string{"", StateWaiting, StateReady, StateReady}, false,
		}, // candidates of low findings are not offered at all: Wants
		{"open", "high", []string{StateReady, StateReady, StateReady, StateReady}, true},
		{"open", "informational", []string{"", StateReady, StateReady, StateReady}, true},
		{"manual", "high", []string{StateWaiting, StateWaiting, StateWaiting, StateReady}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.level, func(t *testing.T) {
			eachNode(t, func(t *testing.T, db *store.DB) {
				rules, err := Preset(tt.name)
				if err != nil {
					t.Fatal(err)
				}
				if err := rules.Validate(); err != nil {
					t.Fatal(err)
				}
				g := openQueue(t, db, rules)
				for i, kind := range kinds {
					body := map[wire.Kind]wire.Body{wire.KindFinding: sharetest.Finding(tt.level),
						wire.KindCandidate: wire.Candidate{ID: "x"},
						wire.KindSighting:  wire.Sighting{ID: "x"}, wire.KindReceipt: wire.Receipt{
							ID: "x", State: wire.Hunted, Searched: 10, Hits: 31337,
						}}[kind]
					give(t, db, g, fmt.Sprint("m", i), tt.level, body)
				}
				got := queued(t, db)
				for i, kind := range kinds {
					if s := got[fmt.Sprintf("%s/m%d", kind, i)].State; s != tt.want[i] {
						t.Errorf("%s is %q, want %q", kind, s, tt.want[i])
					}
				}
				// What a search of the past found is what the sighting that waits would say.
				if r := got["receipt/m3"].Body; strings.Contains(r, "31337") != (rules.Sightings == Auto) ||
					strings.Contains(r, "undisclosed") == (rules.Sightings == Auto) {
					t.Errorf("sightings leave %s, and the receipt is %s", rules.Sightings, r)
				}
				if f, ok := got["finding/m0"]; ok {
					for _, secret := range []string{"SCADA-7", "tanaka", "hunter2"} {
						if strings.Contains(f.Body, secret) != tt.details {
							t.Errorf("details are %v, and %q in %s", tt.details, secret, f.Body)
						}
					}
					if strings.Contains(f.Body, sharetest.Evil) != tt.details {
						t.Errorf("details are %v, and the value in %s", tt.details, f.Body)
					}
				}
			})
		})
	}
	if _, err := Preset("reckless"); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown preset: %v", err)
	}
	g := &Outgoing{rank: rank, member: func() string { return "power" }}
	r := Cautious()
	g.policy.Store(&r)
	if g.OffersCandidates("low") || !g.OffersCandidates("medium") || !g.OffersCandidates("critical") {
		t.Error("cautious offers nothing of findings below medium")
	}
}

// A pseudonym tells one machine from another, is the same every time, also
// after a restart, and differs from node to node.
func TestPseudonyms(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openQueue(t, db, Cautious())
		a := redacted(g, sharetest.Finding("high"))
		other := sharetest.Finding("high")
		other.Host = "SCADA-8"
		if a.Host == redacted(g, other).Host || !isPseudonym(a.Host) {
			t.Errorf("host %q", a.Host)
		}
		if again := redacted(openQueue(t, db, Cautious()), sharetest.Finding("high")).Host; again != a.Host {
			t.Errorf("%q after a restart, %q before", again, a.Host)
		}
		elsewhere := openQueue(t, storetest.SQLite(t, storetest.With(indicator.Migration(), Migration())), Cautious())
		if same := redacted(elsewhere, sharetest.Finding("high")).Host; same == a.Host {
			t.Error("two nodes give the same pseudonym")
		}
	})
}

func TestDecide(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		g := openQueue(t, db, Manual())
		give(t, db, g, "f1", "high", sharetest.Finding("high"))
		red := policy.Red
		if err := g.Decide(ctx, wire.KindFinding, "f1", true, &red, "Sato"); err != nil {
			t.Fatal(err)
		}
		l := queued(t, db)["finding/f1"]
		var body wire.Finding
		if err := json.Unmarshal([]byte(l.Body), &body); err != nil {
			t.Fatal(err)
		}
		if l.State != StateReady || l.By != "Sato" || l.Handling.TLP != policy.Red || body.Handling.TLP != policy.Red {
			t.Errorf("after sending: %+v", l)
		}
		// It can be taken back until it is sent, and what was held stays held when it grows.
		if err := g.Decide(ctx, wire.KindFinding, "f1", false, nil, "Sato"); err != nil {
			t.Fatal(err)
		}
		give(t, db, g, "f1", "high", sharetest.Finding("high"))
		if s := queued(t, db)["finding/f1"].State; s != StateHeld {
			t.Errorf("held, and %s after it grew", s)
		}
		if err := g.Decide(ctx, wire.KindFinding, "f1", true, nil, "Sato"); err != nil {
			t.Fatal(err)
		}
		if more, err := sender(db, g, accept).round(ctx); err != nil || !more {
			t.Fatal(more, err)
		}
		if err := g.Decide(ctx, wire.KindFinding, "f1", false, nil, "Sato"); !fault.Is(err, fault.Conflict) {
			t.Errorf("after it was sent: %v", err)
		}
		if err := g.Decide(ctx, wire.KindFinding, "none", true, nil, "Sato"); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown: %v", err)
		}
		// The label that a person chose holds when the finding grows and leaves again.
		give(t, db, g, "f1", "high", sharetest.Finding("high"))
		l = queued(t, db)["finding/f1"]
		if err := json.Unmarshal([]byte(l.Body), &body); err != nil {
			t.Fatal(err)
		}
		if l.State != StateReady || l.Handling.TLP != policy.Red || body.Handling.TLP != policy.Red {
			t.Errorf("grown: %s, marked %s, and %s in the message", l.State, l.Handling.TLP, body.Handling.TLP)
		}
	})
}

func TestPolicyLasts(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		if err := openQueue(t, db, Cautious()).SetPolicy(t.Context(), Open()); err != nil {
			t.Fatal(err)
		}
		if got := openQueue(t, db, Cautious()).Policy(); !equal(got, Open()) {
			t.Errorf("after a restart: %+v", got)
		}
	})
	for name, spoil := range map[string]func(*Policy){
		"way":      func(r *Policy) { r.Findings = "perhaps" },
		"level":    func(r *Policy) { r.CandidateLevel = "huge" },
		"label":    func(r *Policy) { r.FindingTLP = 0 },
		"audience": func(r *Policy) { r.Audience = policy.Audience{"everyone,hub"} },
		"person":   func(r *Policy) { r.Audience = policy.Audience{"user:1"} },
		"nobody":   func(r *Policy) { r.Audience = policy.Audience{"sector:"} },
		"sector":   func(r *Policy) { r.Audience = policy.Audience{"sector:castles"} },
	} {
		r := Open()
		spoil(&r)
		if err := r.Validate(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// line is the hub as a sender sees it.
type line func(ctx context.Context, topic string, body []byte) ([]byte, error)

func (l line) Request(ctx context.Context, topic string, body []byte) ([]byte, error) {
	return l(ctx, topic, body)
}

func sender(db *store.DB, g *Outgoing, l line) *Sender {
	return NewSender(db, g, l, slog.New(slog.DiscardHandler), nil)
}

// accept is a hub that takes everything.
func accept(_ context.Context, _ string, body []byte) ([]byte, error) {
	var b wire.Batch
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	return json.Marshal(wire.BatchReply{Results: make([]wire.Result, len(b.Items))})
}

func TestSender(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		g := openQueue(t, db, Open())
		give(t, db, g, "f1", "high", sharetest.Finding("high"))
		give(t, db, g, "f2", "high", sharetest.Finding("high"))
		state := func(id string) Message { return queued(t, db)["finding/"+id] }

		away := sender(db, g, func(context.Context, string, []byte) ([]byte, error) {
			return nil, fault.New(fault.Unavailable, i18n.T("no hub", "ハブなし"))
		})
		if more, err := away.round(ctx); more || !fault.Is(err, fault.Unavailable) {
			t.Errorf("without a hub: %v, %v", more, err)
		}
		for name, reply := range map[string]string{"short": `{"results":[{}]}`, "broken": `{`} {
			odd := sender(db, g, func(context.Context, string, []byte) ([]byte, error) { return []byte(reply), nil })
			if _, err := odd.round(ctx); !fault.Is(err, fault.Unavailable) {
				t.Errorf("an answer that is %s: %v", name, err)
			}
		}
		if state("f1").State != StateReady || state("f2").State != StateReady {
			t.Fatal("what the hub has not acknowledged must stay ready")
		}

		// One grows while it is on the wire, the other is refused.
		busy := sender(db, g, func(_ context.Context, topic string, body []byte) ([]byte, error) {
			var b wire.Batch
			if err := json.Unmarshal(body, &b); err != nil || topic != wire.TopicBatch || len(b.Items) != 2 {
				t.Errorf("sent %s on %s: %v", body, topic, err)
			}
			give(t, db, g, "f1", "high", sharetest.Finding("high"))
			out := wire.BatchReply{Results: make([]wire.Result, 2)}
			for i, l := range b.Items {
				if l.ID == "f2" {
					out.Results[i] = wire.Result{
						Problem: "invalid", Reason: reason.Plain("the finding has no valid count"),
					}
				}
			}
			return json.Marshal(out)
		})
		if _, err := busy.round(ctx); err != nil {
			t.Fatal(err)
		}
		if l := state("f1"); l.State != StateReady {
			t.Errorf("grown on the way, and now %s: its growth would be lost", l.State)
		}
		if l := state("f2"); l.State != StateFailed || !strings.Contains(l.Reason, "no valid count") {
			t.Errorf("refused: %+v", l)
		}
		if more, err := sender(db, g, accept).round(ctx); err != nil || !more {
			t.Fatal(more, err)
		}
		if l := state("f1"); l.State != StateSent || !l.Sent.Equal(sharetest.Start) {
			t.Errorf("sent: %+v", l)
		}
		if more, err := sender(db, g, accept).round(ctx); err != nil || more {
			t.Errorf("nothing is left, and %v, %v", more, err)
		}
	})
}

// A batch is bounded, and a message that is greater than the bound goes alone.
func TestBatches(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openQueue(t, db, Open())
		for i := range 3 {
			f := sharetest.Finding("high")
			f.Matched = []wire.FieldValue{{Field: "x", Value: strings.Repeat("x", 3<<19)}}
			give(t, db, g, fmt.Sprint("f", i), "high", f)
		}
		var sizes []int
		c := sender(db, g, func(ctx context.Context, topic string, body []byte) ([]byte, error) {
			sizes = append(sizes, len(body))
			return accept(ctx, topic, body)
		})
		for range 5 {
			if more, err := c.round(t.Context()); err != nil || !more {
				break
			}
		}
		if len(sizes) != 3 {
			t.Errorf("sent in %d batches: %v", len(sizes), sizes)
		}
	})
}

// Only the messages of package wire leave, and only as values: a pointer to one
// carries the same fields past every rule that looks for the value.
func TestOutgoingRefusesPointers(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		g := openQueue(t, db, Cautious())
		finding := sharetest.Finding("high")
		for _, body := range []wire.Body{
			nil, &finding, &wire.Candidate{ID: "x"}, &wire.Sighting{ID: "x"}, &wire.Receipt{ID: "x"},
			&wire.RuleHealth{ID: "x"},
		} {
			err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
				return g.Offer(
					tx,
					msg.Offer{
						ID: "x", Level: "high", Title: "x", Handling: policy.Handling{TLP: policy.Clear}, Body: body,
					},
				)
			})
			if !fault.Is(err, fault.Internal) {
				t.Errorf("a %T: %v", body, err)
			}
		}
		if got := queued(t, db); len(got) != 0 {
			t.Errorf("%d messages leave", len(got))
		}
	})
}

// redacted is a finding as the policy lets it leave.
func redacted(q *Outgoing, f wire.Finding) wire.Finding {
	return q.Policy().redact(f, q.pseudonym)
}
