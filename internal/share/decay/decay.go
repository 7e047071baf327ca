// Package decay says how much an indicator is still worth: a score that falls from the
// confidence of who gave it to nothing over a lifetime, along the polynomial of MISP's decay
// models (Mokaddem, Wagener, Dulaunoy, Iklody, "Taxonomy driven indicator scoring in MISP threat
// intelligence platforms", arXiv 1902.03914):
//
//	score(t) = base * (1 - (t / lifetime)^(1 / speed))
//
// A sighting begins the time anew. Several sources of one thing each have a curve of their
// own, of their own confidence and time; the score is that of the strongest, and none is
// lost in an average. It is pure.
package decay

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Model is what a community decided on the worth of indicators.
type Model struct {
	// Threshold is the score under which an indicator ends.
	Threshold float64 `yaml:"threshold" json:"threshold"`
	// Automatic has the hub end indicators under the threshold, and keep those longer that are seen.
	Automatic bool `yaml:"automatic" json:"automatic"`
	// Kinds are the curves by type of observable, and "sigma" for rules; "other" is for the rest.
	Kinds map[string]Curve `yaml:"kinds" json:"kinds"`
}

// Curve is how the score of one kind falls.
type Curve struct {
	LifetimeDays float64 `yaml:"lifetime_days" json:"lifetime_days"`
	// Speed is the exponent's inverse: 1 falls evenly, more falls early, less stays up long.
	Speed float64 `yaml:"speed" json:"speed"`
}

// Other is the kind of everything that has no curve of its own.
const Other = "other"

// Default is the model of a community that has decided nothing yet: addresses change hands
// within weeks, hashes and behaviours do not.
func Default() Model {
	return Model{Threshold: 10, Automatic: true, Kinds: map[string]Curve{
		"ipv4-addr": {35, 1}, "ipv6-addr": {35, 1}, "domain-name": {105, 1}, "url": {105, 1}, "email-addr": {210, 1},
		"MD5": {425, 1}, "SHA-1": {425, 1}, "SHA-256": {425, 1}, "sigma": {425, 1}, Other: {105, 1},
	}}
}

const (
	maxText  = 64 << 10
	maxKinds = 100
)

// Parse reads a model as YAML or JSON. What is left out is as in Default; a key that is not
// known is an error.
func Parse(text []byte) (Model, error) {
	m := Default()
	if len(text) > maxText {
		return m, fault.New(fault.TooLarge, i18n.T("the model is longer than {0} KiB",
			"モデルが {0} KiB を超えています").With(maxText>>10))
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return Default(), fault.Wrap(fault.Invalid, i18n.T("the model cannot be read: {0}",
			"モデルを読み取れません：{0}").With(err), err)
	}
	if err := m.Validate(); err != nil {
		return Default(), err
	}
	return m, nil
}

// YAML writes the model as Parse reads it.
func (m Model) YAML() string {
	b, err := yaml.Marshal(m)
	if err != nil { // plain data
		return ""
	}
	return string(b)
}

// Validate refuses a model that means nothing, and says why.
func (m Model) Validate() error {
	bad := func(key string, from, to any) error {
		return fault.New(fault.Invalid, i18n.T("{0} must be from {1} to {2}",
			"{0} は {1} から {2} の間で指定してください").With(key, from, to))
	}
	in := func(v, from, to float64) bool { return v >= from && v <= to }
	if !in(m.Threshold, 0, 100) {
		return bad("threshold", 0, 100)
	}
	if _, ok := m.Kinds[Other]; !ok || len(m.Kinds) > maxKinds {
		return fault.New(fault.Invalid, i18n.T("kinds: a curve for {0} is missing, or there are more than {1}",
			"kinds：{0} の曲線がないか、{1} 種類を超えています").With(Other, maxKinds))
	}
	for k, c := range m.Kinds {
		switch {
		case len(k) > 100:
			return bad("kinds", 0, 100)
		case !in(c.LifetimeDays, 0.1, 36500):
			return bad("kinds."+k+".lifetime_days", 0.1, 36500)
		case !in(c.Speed, 0.05, 20):
			return bad("kinds."+k+".speed", 0.05, 20)
		}
	}
	return nil
}

// Of returns the curve of a kind.
func (m Model) Of(kind string) Curve {
	if c, ok := m.Kinds[kind]; ok {
		return c
	}
	return m.Kinds[Other]
}

func (c Curve) lifetime() time.Duration {
	return time.Duration(c.LifetimeDays * 24 * float64(time.Hour))
}

// At returns what is left of a base after an age; all of it before it began.
func (c Curve) At(base float64, age time.Duration) float64 {
	if age <= 0 {
		return base
	}
	return max(base*(1-math.Pow(float64(age)/float64(c.lifetime()), 1/c.Speed)), 0)
}

// Until returns after which age a base falls to a threshold; 0 if it is not above it.
func (c Curve) Until(base, threshold float64) time.Duration {
	if base <= threshold || base <= 0 {
		return 0
	}
	return time.Duration(float64(c.lifetime()) * math.Pow(1-threshold/base, c.Speed))
}

// Source is one who says that a value is worth looking for.
type Source struct {
	Name       string
	Confidence int // 0 to 100; what it says itself
	At         time.Time
}

// Thing is an indicator with who says so, and when it was seen.
type Thing struct {
	Kind    string
	Sources []Source
	Seen    []time.Time
}

// Part is one source's share of a score.
type Part struct {
	Source
	From  time.Time // when its time began: when it said so, or the last sighting after that
	Score float64
	Ends  time.Time // when its score falls under the threshold
}

// State is what a thing is worth at a time.
type State struct {
	Score float64
	Ends  time.Time // when the last of the sources falls under the threshold
	Parts []Part    // the strongest first
}

// At returns what a thing is worth at a time. Sightings after it are not known yet.
func (m Model) At(t Thing, now time.Time) State {
	c := m.Of(t.Kind)
	var s State
	for _, src := range t.Sources {
		if src.At.After(now) {
			continue
		}
		p := Part{Source: src, From: src.At}
		for _, at := range t.Seen {
			if at.After(p.From) && !at.After(now) {
				p.From = at
			}
		}
		base := float64(min(max(src.Confidence, 0), 100))
		p.Score = c.At(base, now.Sub(p.From))
		p.Ends = p.From.Add(c.Until(base, m.Threshold))
		if s.Score = max(s.Score, p.Score); p.Ends.After(s.Ends) {
			s.Ends = p.Ends
		}
		s.Parts = append(s.Parts, p)
	}
	slices.SortStableFunc(s.Parts, func(a, b Part) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return s
}
