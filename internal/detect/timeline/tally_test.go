package timeline

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
)

func TestTally(t *testing.T) {
	_, list := sample(t)
	var y Tally
	for _, m := range append(list, list[0]) {
		y.Add(m)
	}
	if y.Matches != 4 || y.NoTime != 1 || y.Levels != (Counts{0, 2, 0, 1, 0, 1}) || !y.First.Equal(list[0].Time) ||
		!y.Last.Equal(list[1].Time) {
		t.Errorf("%+v", y)
	}
	names := func(list []*Count) (s string) {
		for _, c := range list {
			s += fmt.Sprintf("%s=%d ", c.Name, c.Matches)
		}
		return s
	}
	for got, want := range map[string]string{
		names(y.Rules()):      `Shell "quoted" <b>=2 Anything at all=1 No level told=1 `,
		names(y.Hosts()):      "PC1=2 ホスト2=1 =1 ",
		names(y.Techniques()): "T1059.001=2 T1021=1 ",
		names(y.Tactics()):    "attack.execution=2 attack.lateral-movement=1 ",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if y.Rules()[0].Hosts() != 1 {
		t.Error("hosts of a rule")
	}
}

func TestTallyBounded(t *testing.T) {
	_, list := sample(t)
	var y Tally
	m := *list[0]
	for i := range maxHosts + 10 {
		m.Host = fmt.Sprint(i)
		y.Add(&m)
	}
	if len(y.hosts) != maxHosts || y.OtherHosts != 10 || y.Rules()[0].Hosts() != maxRuleHosts ||
		y.Matches != maxHosts+10 {
		t.Errorf("%d hosts, %d others, %d of the rule", len(y.hosts), y.OtherHosts, y.Rules()[0].Hosts())
	}
}

func TestTechnique(t *testing.T) {
	for tag, want := range map[string]string{"attack.t1059": "T1059", "ATTACK.T1059.001": "T1059.001",
		"attack.execution": "", "attack.t10": "", "attack.t1059.x": "", "t1059": "", "attack.s0002": "",
		"attack.t10590.1": ""} {
		if got := Technique(tag); got != want && !(tag == "attack.t10590.1" && got == "") {
			t.Errorf("%s: %q", tag, got)
		}
	}
	if name, phase, ok := Tactic("attack.Lateral_Movement"); !ok || phase != "lateral-movement" || name.JA != "水平展開" {
		t.Errorf("%v %q %v", name, phase, ok)
	}
	if _, _, ok := Tactic("attack.t1059"); ok {
		t.Error("a technique is no tactic")
	}
}

// Whatever the times, no match is lost from the picture, it has few bars, and
// memory is bounded.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histogram
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 9*3600), time.FixedZone("", -34200)}).
			Draw(t, "zone")
		list := rapid.SliceOfN(rapid.Int64Range(-62135596799, 253402300799), 1, 200).Draw(t, "times")
		if rapid.Bool().Draw(t, "near") {
			for i := range list {
				list[i] = 1.7e9 + list[i]%100_000
			}
		}
		var want Counts
		for i, s := range list {
			h.Add(time.Unix(s, 0), i%len(Levels))
			want[i%len(Levels)]++
		}
		bars, width := h.Buckets(56, zone)
		if len(bars) == 0 || len(bars) > 56 || width <= 0 {
			t.Fatalf("%d bars of %v", len(bars), width)
		}
		var got Counts
		for i, b := range bars {
			if i > 0 && b.From.Sub(bars[i-1].From) != width {
				t.Fatalf("bar %d begins %v after the one before", i, b.From.Sub(bars[i-1].From))
			}
			for k, n := range b.Levels {
				got[k] += n
			}
		}
		if got != want {
			t.Fatalf("%v of %v", got, want)
		}
	})
	var h Histogram
	for i := range 3 * maxBuckets {
		h.Add(time.Unix(int64(i)*7, 0), 0)
	}
	if len(h.count) > maxBuckets {
		t.Errorf("%d buckets", len(h.count))
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000",
		-100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if got := levelNames[levelIndex("high")].In(i18n.JA); got != "高" {
		t.Error(got)
	}
}
