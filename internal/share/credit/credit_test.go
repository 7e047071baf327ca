package credit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/share/credit"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func days(n float64) time.Time { return now.Add(-time.Duration(n * 24 * float64(time.Hour))) }

// members are named h0, h1 and so on, in the order in which they joined.
func members(n int) (out []credit.Member) {
	for i := range n {
		out = append(out, credit.Member{ID: fmt.Sprint("h", i), Joined: days(1000 - float64(i))})
	}
	return out
}

func score(l credit.Ledger, r credit.Rules) map[string]credit.Account {
	return credit.Accounts(l, r, credit.Trusted(l, r, now), now)
}

func gift(object, giver string, ago float64) credit.Gift {
	return credit.Gift{Object: object, Giver: giver, At: days(ago)}
}

func seen(object, by string, ago float64) credit.Confirmation {
	return credit.Confirmation{Object: object, By: by, At: days(ago), InTime: true}
}

// What earns and what does not, one after the other.
func TestWhatCounts(t *testing.T) {
	base := credit.Ledger{Members: members(9), Gifts: []credit.Gift{gift("o", "h0", 0)},
		Confirmations: []credit.Confirmation{seen("o", "h1", 0), seen("o", "h2", 0)}}
	for _, c := range []struct {
		name string
		edit func(*credit.Ledger)
		want string
		kind credit.Kind
	}{
		{"two independent members saw it", func(*credit.Ledger) {}, "2.0", credit.Confirmed},
		{"one did", func(l *credit.Ledger) { l.Confirmations = l.Confirmations[:1] }, "0.0", credit.Unconfirmed},
		{"nobody did", func(l *credit.Ledger) { l.Confirmations = nil }, "0.0", credit.Unconfirmed},
		{"only in the past", func(l *credit.Ledger) {
			for i := range l.Confirmations {
				l.Confirmations[i].InTime = false
			}
		}, "1.0", credit.Confirmed},
		{"90 days ago", func(l *credit.Ledger) {
			for i := range l.Confirmations {
				l.Confirmations[i].At = days(90)
			}
		}, "1.0", credit.Confirmed},
		{"the giver itself does not count", func(l *credit.Ledger) { l.Confirmations[1].By = "h0" }, "0.0",
			credit.Unconfirmed},
		{"two of one group are one voice", func(l *credit.Ledger) { l.Members[1].Group, l.Members[2].Group = "g", "g" },
			"0.0", credit.Unconfirmed},
		{"a stranger's word is none", func(l *credit.Ledger) { l.Confirmations[1].By = "unheard-of" }, "0.0",
			credit.Unconfirmed},
		{"the last to join has no standing yet", func(l *credit.Ledger) { l.Confirmations[1].By = "h8" }, "0.0",
			credit.Unconfirmed},
		{"on a list of harmless values", func(l *credit.Ledger) { l.Gifts[0].Warned = true }, "0.0", credit.Harmless},
		{"somebody else gave the value before", func(l *credit.Ledger) {
			l.Gifts[0].Value = "evil.example"
			l.Gifts = append(l.Gifts, credit.Gift{Object: "p", Giver: "h3", Value: "evil.example", At: days(1)})
		}, "0.0", credit.Later},
		{"somebody else gave the value afterwards", func(l *credit.Ledger) {
			l.Gifts[0].Value = "evil.example"
			l.Gifts = append(l.Gifts, credit.Gift{Object: "a", Giver: "h3", Value: "evil.example", At: days(-0.1)})
		}, "2.0", credit.Confirmed},
		{"it was wrong", func(l *credit.Ledger) {
			l.Verdicts = []credit.Verdict{{Object: "o", By: "h3", At: now}}
		}, "0.0", credit.Mistaken},
		{"a repetition counts once", func(l *credit.Ledger) {
			l.Confirmations = append(l.Confirmations, seen("o", "h1", 0), seen("o", "h1", 3))
			l.Gifts = append(l.Gifts, gift("o", "h0", 0))
		}, "2.0", credit.Confirmed},
	} {
		l := credit.Ledger{Members: slices.Clone(base.Members), Gifts: slices.Clone(base.Gifts),
			Confirmations: slices.Clone(base.Confirmations)}
		c.edit(&l)
		a := score(l, credit.Default())["h0"]
		if a.Points.String() != c.want || len(a.Lines) != 1 || a.Lines[0].Kind != c.kind {
			t.Errorf("%s: %s points, %+v", c.name, a.Points, a.Lines)
		}
		for _, line := range a.Lines {
			if r := line.Reason(); r.EN == "" || r.JA == "" || strings.Contains(r.EN+r.JA, "{") {
				t.Errorf("%s: reason %+v", c.name, r)
			}
		}
	}
}

// A mistake takes from what was earned, and whoever found it gains.
func TestMistakesCost(t *testing.T) {
	l := credit.Ledger{Members: members(6), Gifts: []credit.Gift{gift("bad", "h0", 1)}}
	for i := range 4 {
		o := fmt.Sprint("o", i)
		l.Gifts = append(l.Gifts, gift(o, "h0", 1))
		for by := 1; by < 4; by++ {
			l.Confirmations = append(l.Confirmations, seen(o, fmt.Sprint("h", by), 0))
		}
	}
	before := score(l, credit.Default())
	l.Verdicts = []credit.Verdict{{Object: "bad", By: "h4", At: now}}
	after := score(l, credit.Default())
	if d := before["h0"].Points - after["h0"].Points; d != 3*credit.Point {
		t.Errorf("it cost %s", d)
	}
	if after["h4"].Points != credit.Point || after["h0"].Mistakes != 1 {
		t.Errorf("%+v", after)
	}
}

// honest draws a ledger of members that give, see and are wrong now and then. The founders are
// among them.
func honest(t *rapid.T) credit.Ledger {
	n := rapid.IntRange(3, 9).Draw(t, "members")
	l := credit.Ledger{Members: members(n)}
	who := rapid.IntRange(0, n-1)
	for i := range rapid.IntRange(0, 12).Draw(t, "gifts") {
		o, giver := fmt.Sprint("o", i), who.Draw(t, "giver")
		l.Gifts = append(l.Gifts, credit.Gift{Object: o, Giver: fmt.Sprint("h", giver),
			Value:  fmt.Sprint("v", rapid.IntRange(0, 15).Draw(t, "value")),
			At:     days(rapid.Float64Range(0, 400).Draw(t, "given")),
			Warned: rapid.IntRange(0, 9).Draw(t, "warned") == 0})
		for _, by := range rapid.SliceOfN(who, 0, 5).Draw(t, "seen") {
			c := seen(o, fmt.Sprint("h", by), rapid.Float64Range(0, 300).Draw(t, "at"))
			c.InTime = rapid.Bool().Draw(t, "in time")
			l.Confirmations = append(l.Confirmations, c)
		}
		if rapid.IntRange(0, 7).Draw(t, "wrong") == 0 {
			l.Verdicts = append(l.Verdicts, credit.Verdict{Object: o, By: fmt.Sprint("h", who.Draw(t, "by")), At: now})
		}
	}
	return l
}

// collude adds members that joined after the founders, with what they give, and what they say
// of one another and of anybody. What they give is of values of their own.
func collude(t *rapid.T, l credit.Ledger) (out credit.Ledger, clique []string) {
	out = credit.Ledger{Members: slices.Clone(l.Members), Gifts: slices.Clone(l.Gifts),
		Confirmations: slices.Clone(l.Confirmations), Verdicts: slices.Clone(l.Verdicts)}
	for i := range rapid.IntRange(1, 8).Draw(t, "colluders") {
		id := fmt.Sprint("c", i)
		clique = append(clique, id)
		out.Members = append(out.Members, credit.Member{ID: id, Joined: days(400 - float64(i))})
	}
	member := rapid.SampledFrom(clique)
	for i := range rapid.IntRange(0, 15).Draw(t, "fakes") {
		o := fmt.Sprint("fake", i)
		out.Gifts = append(out.Gifts, gift(o, member.Draw(t, "giver"), rapid.Float64Range(0, 300).Draw(t, "given")))
		for _, by := range rapid.SliceOfN(member, 0, 8).Draw(t, "by") {
			out.Confirmations = append(out.Confirmations, seen(o, by, 0))
		}
		if rapid.IntRange(0, 5).Draw(t, "sacrificed") == 0 {
			out.Verdicts = append(out.Verdicts, credit.Verdict{Object: o, By: member.Draw(t, "by"), At: now})
		}
	}
	for _, g := range l.Gifts {
		if rapid.Bool().Draw(t, "praised") {
			out.Confirmations = append(out.Confirmations, seen(g.Object, member.Draw(t, "by"), 0))
		}
	}
	return out, clique
}

// founded is the default with as few founders as there are honest members.
func founded(l credit.Ledger) credit.Rules {
	r := credit.Default()
	r.Founders = min(r.Founders, len(l.Members))
	return r
}

// However many collude, and whatever they say of one another and of others, they gain nothing,
// and nobody else's credit falls.
func TestCollusionGainsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := honest(t)
		r := founded(l)
		before := score(l, r)
		with, clique := collude(t, l)
		after := score(with, r)
		for _, id := range clique {
			if p := after[id].Points; p != 0 {
				t.Fatalf("%s of %v gained %s: %+v", id, clique, p, after[id].Lines)
			}
		}
		for id, a := range before {
			if after[id].Points < a.Points {
				t.Fatalf("%s fell from %d to %d", id, a.Points, after[id].Points)
			}
		}
	})
}

// A member that has earned its standing gains nothing by inventing others: their word is worth
// nothing, and theirs is what they have.
func TestInventedMembersAddNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := honest(t)
		r := founded(l)
		before := score(l, r)
		for i := range rapid.IntRange(1, 30).Draw(t, "invented") {
			id := fmt.Sprint("sybil", i)
			l.Members = append(l.Members, credit.Member{ID: id, Joined: days(1)})
			for _, g := range l.Gifts {
				l.Confirmations = append(l.Confirmations, seen(g.Object, id, 0))
			}
		}
		for id, a := range score(l, r) {
			if a.Points != before[id].Points {
				t.Fatalf("%s went from %d to %d", id, before[id].Points, a.Points)
			}
		}
	})
}

// Two founders who confirm each other and nobody else gain nothing, also where a third one
// now and then says the same: what they say for each other is damped to nothing.
func TestPairsGainNothing(t *testing.T) {
	l := credit.Ledger{Members: members(5)}
	for i := range 200 {
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		l.Gifts = append(l.Gifts, gift(a, "h0", 2), gift(b, "h1", 2))
		l.Confirmations = append(l.Confirmations, seen(a, "h1", 1), seen(b, "h0", 1))
	}
	for _, id := range []string{"h0", "h1"} {
		if p := score(l, credit.Default())[id].Points; p != 0 {
			t.Errorf("%s gained %s", id, p)
		}
	}
	l.Confirmations = append(l.Confirmations, seen("a0", "h2", 0))
	accounts := score(l, credit.Default())
	if p := accounts["h0"].Points; p != credit.Point { // what the third one said
		t.Errorf("h0 gained %s", p)
	}
}

// Giving more without being confirmed gains nothing, for whoever it is.
func TestVolumeGainsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := honest(t)
		r := founded(l)
		before := score(l, r)
		who := rapid.SampledFrom(l.Members).Draw(t, "who").ID
		for i := range rapid.IntRange(1, 300).Draw(t, "volume") {
			l.Gifts = append(l.Gifts, gift(fmt.Sprint("bulk", i), who, 0))
		}
		for id, a := range score(l, r) {
			if a.Points != before[id].Points {
				t.Fatalf("%s went from %d to %d", id, before[id].Points, a.Points)
			}
		}
	})
}

// The same things in another order are the same accounts, to the last line, and each account is
// the sum of its lines.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, _ := collude(t, honest(t))
		r := founded(l)
		want := score(l, r)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rnd.Shuffle(len(l.Members), func(i, j int) { l.Members[i], l.Members[j] = l.Members[j], l.Members[i] })
		rnd.Shuffle(len(l.Gifts), func(i, j int) { l.Gifts[i], l.Gifts[j] = l.Gifts[j], l.Gifts[i] })
		rnd.Shuffle(len(l.Verdicts), func(i, j int) { l.Verdicts[i], l.Verdicts[j] = l.Verdicts[j], l.Verdicts[i] })
		rnd.Shuffle(len(l.Confirmations), func(i, j int) {
			l.Confirmations[i], l.Confirmations[j] = l.Confirmations[j], l.Confirmations[i]
		})
		got := score(l, r)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		for id, a := range got {
			sum := credit.Points(0)
			for _, line := range a.Lines {
				sum += line.Points
			}
			if a.Points != max(sum, 0) {
				t.Fatalf("%s has %d, its lines %d", id, a.Points, sum)
			}
		}
	})
}

// A confirmation by a member of standing never takes credit away from whom it is for.
func TestConfirmationNeverCosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := honest(t)
		if len(l.Gifts) == 0 {
			return
		}
		r := founded(l)
		trust := credit.Trusted(l, r, now)
		before := credit.Accounts(l, r, trust, now)
		g := rapid.SampledFrom(l.Gifts).Draw(t, "gift")
		l.Confirmations = append(l.Confirmations, seen(g.Object, rapid.SampledFrom(l.Members).Draw(t, "by").ID, 0))
		after := credit.Accounts(l, r, trust, now)
		// Each of the words is rounded down by less than a millionth.
		if after[g.Giver].Points+credit.Points(len(l.Confirmations)) < before[g.Giver].Points {
			t.Fatalf("%s fell from %d to %d", g.Giver, before[g.Giver].Points, after[g.Giver].Points)
		}
	})
}

func TestRulesAreRead(t *testing.T) {
	r, err := credit.Parse([]byte("quorum: 3\ntiers:\n  - {name: All, ja: 全員, points: 0, queries: 5, depth: 1}\n"))
	if err != nil || r.Quorum != 3 || r.HalfLifeDays != 90 || len(r.Tiers) != 1 || r.Tiers[0].Text().JA != "全員" {
		t.Errorf("%+v %v", r, err)
	}
	again, err := credit.Parse([]byte(credit.Default().YAML()))
	if diff := cmp.Diff(credit.Default(), again); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if r, err = credit.Parse(nil); err != nil || r.Quorum != 2 {
		t.Errorf("empty: %v", err)
	}
	for text, word := range map[string]string{
		"quorum: 1": "quorum", "quorums: 3": "quorums", "late: .nan": "late", "tiers: []": "tiers", "quorum: [": "line",
		"tiers: [{name: A, points: 5, queries: 1}]":             "first tier",
		"tiers: [{name: A, queries: 1}, {name: B, queries: 1}]": "tiers[1].points",
		"tiers: [{name: A, queries: 1, delay_hours: 1000}]":     "tiers[0].delay_hours",
		"close: 0": "close", "repeat: 1": "repeat", `{"half_life_days": 0}`: "half_life_days",
	} {
		if _, err := credit.Parse([]byte(text)); err == nil || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(credit.Default().YAML()))
	f.Add([]byte("tiers: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := credit.Parse(text)
		if v := r.Validate(); v != nil {
			t.Errorf("%q gives rules that are not valid: %v (%v)", text, v, err)
		}
		if _, err := credit.Parse([]byte(r.YAML())); err != nil {
			t.Errorf("%q: its own YAML is refused: %v", text, err)
		}
	})
}

// What must not wait goes to everyone at once, whatever a community decides.
func TestFloor(t *testing.T) {
	for _, c := range []struct {
		kind, level string
		labels      []string
		want        bool
	}{
		{"indicator", "low", nil, true}, {"report", "low", nil, false}, {"report", "critical", nil, true},
		{"report", "", []string{"x", "safety"}, true}, {"malware", "high", []string{"sector-wide"}, true},
		{"malware", "high", []string{"safety-first"}, false},
	} {
		if got := credit.Floor(c.kind, c.level, c.labels); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
