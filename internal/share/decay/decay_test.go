package decay_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/decay"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// The formula, by hand: base * (1 - (t/life)^(1/speed)).
func TestCurve(t *testing.T) {
	for _, c := range []struct {
		life, speed, base float64
		age               time.Duration
		want              float64
	}{
		{100, 1, 80, 0, 80}, {100, 1, 80, -day, 80}, {100, 1, 80, 25 * day, 60}, {100, 1, 80, 100 * day, 0},
		{100, 1, 80, 200 * day, 0}, {100, 2, 80, 25 * day, 40}, {100, 0.5, 80, 50 * day, 60}, {100, 1, 0, day, 0},
	} {
		curve := decay.Curve{LifetimeDays: c.life, Speed: c.speed}
		if got := curve.At(c.base, c.age); !near(got, c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Until is where the curve meets the threshold, and the curve never rises.
func TestUntilIsTheInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := decay.Curve{LifetimeDays: rapid.Float64Range(1, 1000).Draw(t, "life"),
			Speed: rapid.Float64Range(0.2, 5).Draw(t, "speed")}
		base, threshold := rapid.Float64Range(1, 100).Draw(t, "base"), rapid.Float64Range(0, 100).Draw(t, "threshold")
		end := c.Until(base, threshold)
		if base <= threshold {
			if end != 0 {
				t.Fatal("it ends later than at once")
			}
			return
		}
		if got := c.At(base, end); math.Abs(got-threshold) > 0.01 {
			t.Fatalf("at its end it is %v, not %v", got, threshold)
		}
		a := time.Duration(rapid.Int64Range(0, int64(2000*day)).Draw(t, "a"))
		b := a + time.Duration(rapid.Int64Range(0, int64(1000*day)).Draw(t, "more"))
		if c.At(base, b) > c.At(base, a) {
			t.Fatal("it rises")
		}
	})
}

// Each source keeps its own confidence and time; a sighting begins all of them anew.
func TestSources(t *testing.T) {
	m := decay.Model{Threshold: 20, Kinds: map[string]decay.Curve{decay.Other: {LifetimeDays: 100, Speed: 1}}}
	thing := decay.Thing{Kind: "x", Sources: []decay.Source{{Name: "weak", Confidence: 40, At: now.Add(-10 * day)},
		{Name: "old", Confidence: 90, At: now.Add(-80 * day)}, {Name: "later", Confidence: 100, At: now.Add(day)}}}
	s := m.At(thing, now)
	if len(s.Parts) != 2 || !near(s.Parts[0].Score, 36) || s.Parts[0].Name != "weak" || !near(s.Parts[1].Score, 18) ||
		!near(s.Score, 36) || !s.Ends.Equal(now.Add(40*day)) {
		t.Errorf("%+v", s)
	}
	thing.Seen = []time.Time{now.Add(-20 * day), now.Add(-50 * day), now.Add(5 * day)}
	if s = m.At(thing, now); !near(s.Score, 72) || s.Parts[0].Name != "old" || !near(s.Parts[1].Score, 36) {
		t.Errorf("seen: %+v", s)
	}
	if s := m.At(decay.Thing{}, now); s.Score != 0 || !s.Ends.IsZero() {
		t.Errorf("nobody says so: %+v", s)
	}
}

func TestPicture(t *testing.T) {
	m := decay.Default()
	p := m.Picture(decay.Thing{Kind: "ipv4-addr", Sources: []decay.Source{{Name: "A", Confidence: 75,
		At: now.Add(-7 * day)}, {Name: "B", Confidence: 30, At: now}}}, now)
	if len(p.Series) != 2 || p.Mark == 0 || len(p.Steps) != len(p.Series[0].Values) || !near(p.Series[0].Values[0],
		75) {
		t.Errorf("%+v", p)
	}
	if !near(p.Series[1].Values[0], 0) || p.Bound.At != 10 {
		t.Errorf("before it was said it is worth nothing: %v", p.Series[1].Values[:3])
	}
	for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
		if s := string(p.SVG(l)); !strings.Contains(s, "<svg") || strings.Contains(s, "NaN") {
			t.Errorf("%s", s)
		}
	}
	if p := m.Picture(decay.Thing{}, now); p.Text.EN == "" || len(p.Steps) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestModelsAreRead(t *testing.T) {
	m, err := decay.Parse([]byte(decay.Default().YAML()))
	if diff := cmp.Diff(decay.Default(), m); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	m, err = decay.Parse([]byte("threshold: 30\nautomatic: false\nkinds: {url: {lifetime_days: 7, speed: 2}}"))
	if err != nil || m.Of("url").LifetimeDays != 7 || m.Of("unheard-of") != m.Of(decay.Other) || m.Automatic {
		t.Errorf("%+v %v", m, err)
	}
	for text, word := range map[string]string{"threshold: 101": "threshold", "x: 1": "x",
		"kinds: {url: {lifetime_days: 0, speed: 1}}": "lifetime_days", "kinds: {url: {lifetime_days: 1}}": "speed",
		"threshold: .nan": "threshold", "kinds: [": "line"} {
		if _, err := decay.Parse([]byte(text)); err == nil || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(decay.Default().YAML()))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, _ := decay.Parse(text)
		if err := m.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
