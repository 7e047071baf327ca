// Package severity assesses how bad a case is, on one or more scales. A scale is
// versioned data; an assessment is immutable and pins the scale it was made
// with. What is not known yet is not guessed: every result is an interval
// (lowest, likely, highest), found by filling what is unknown with the least
// and the most it can be.
package severity

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

//go:embed scales sql templates
var files embed.FS

// Lead is the scale that a case's own severity is told on.
const Lead = "jp-nisc-2018"

// Shape is how a scale makes one figure of its axes. Both shapes are monotone:
// no axis that rises makes the result fall.
type Shape string

// The shapes.
const (
	Max  Shape = "max"  // the highest axis counts
	Mean Shape = "mean" // the weighted mean, scaled so that all lowest is 0 and all highest is 100
)

// Scale is one version of a scale.
type Scale struct {
	ID        string    `json:"id"`
	Version   int       `json:"version"`
	Shape     Shape     `json:"shape"`
	Names     i18n.Text `json:"names"`
	Publisher i18n.Text `json:"publisher"`
	Source    string    `json:"source"`
	Note      i18n.Text `json:"note"` // whose reading it is, and what it does not do
	Axes      []Axis    `json:"axes"`
	Levels    []Level   `json:"levels"` // ascending

	// Hash is SHA-256 over the scale's file, in hexadecimal.
	Hash string `json:"-"`
}

// Axis is one thing that is assessed.
type Axis struct {
	ID      string    `json:"id"`
	Names   i18n.Text `json:"names"`
	Weight  float64   `json:"weight"`
	Options []Option  `json:"options"` // by value, ascending
	// Unknown is the option that the scale's publisher lets count where nothing
	// is known; empty is the lowest.
	Unknown string `json:"unknown,omitempty"`
}

// Option is one answer on an axis.
type Option struct {
	ID    string    `json:"id"`
	Value float64   `json:"value"`
	Names i18n.Text `json:"names"`
	Means i18n.Text `json:"means"` // how to tell; may be empty
}

// Level is one step of the result.
type Level struct {
	Level  int       `json:"level"`
	At     float64   `json:"at"` // the score it begins at
	Names  i18n.Text `json:"names"`
	Action i18n.Text `json:"action"` // who does what now
}

// Axis finds an axis.
func (s *Scale) Axis(id string) (Axis, bool) {
	i := slices.IndexFunc(s.Axes, func(a Axis) bool { return a.ID == id })
	if i < 0 {
		return Axis{}, false
	}
	return s.Axes[i], true
}

// Level finds a level; a number outside the scale gives the nearest.
func (s *Scale) Level(n int) Level {
	return s.Levels[min(max(n-s.Levels[0].Level, 0), len(s.Levels)-1)]
}

// Option finds an option.
func (a Axis) Option(id string) (Option, bool) {
	i := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == id })
	if i < 0 {
		return Option{}, false
	}
	return a.Options[i], true
}

func (a Axis) least() Option { return a.Options[0] }
func (a Axis) most() Option  { return a.Options[len(a.Options)-1] }

// load reads the scales that meneki ships.
func load(fsys fs.FS) ([]*Scale, error) {
	names, err := fs.Glob(fsys, "scales/*.json")
	if err != nil {
		return nil, err
	}
	var out []*Scale
	for _, n := range names {
		raw, err := fs.ReadFile(fsys, n)
		if err != nil {
			return nil, err
		}
		s, err := parseScale(raw)
		if err != nil {
			return nil, fmt.Errorf("severity: %s: %w", n, err)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Scale) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// parseScale reads and proves one scale: what it says must be whole, in both
// languages, and its order must be right, because the interval rests on it.
func parseScale(raw []byte) (*Scale, error) {
	raw = []byte(strings.ReplaceAll(string(raw), "\r\n", "\n"))
	var s Scale
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	s.Hash = hex.EncodeToString(sum[:])
	if s.ID == "" || s.Version < 1 || s.Shape != Max && s.Shape != Mean || len(s.Axes) == 0 || len(s.Levels) < 2 {
		return nil, fmt.Errorf("id, version, shape, axes or levels are missing")
	}
	texts := []i18n.Text{s.Names, s.Publisher, s.Note}
	seen := map[string]bool{}
	for _, a := range s.Axes {
		if seen[a.ID] || a.ID == "" || a.Weight <= 0 || len(a.Options) < 2 {
			return nil, fmt.Errorf("axis %q is doubled or not whole", a.ID)
		}
		seen[a.ID] = true
		texts = append(texts, a.Names)
		if _, ok := a.Option(a.Unknown); a.Unknown != "" && !ok {
			return nil, fmt.Errorf("axis %q has no option %q", a.ID, a.Unknown)
		}
		ids := map[string]bool{}
		for i, o := range a.Options {
			if o.ID == "" || ids[o.ID] || i > 0 && o.Value < a.Options[i-1].Value {
				return nil, fmt.Errorf("axis %q: option %q is doubled or out of order", a.ID, o.ID)
			}
			ids[o.ID] = true
			texts = append(texts, o.Names)
			if !o.Means.Zero() {
				texts = append(texts, o.Means)
			}
		}
		if a.least().Value == a.most().Value {
			return nil, fmt.Errorf("axis %q cannot differ", a.ID)
		}
	}
	for i, l := range s.Levels {
		if i > 0 && (l.At <= s.Levels[i-1].At || l.Level != s.Levels[i-1].Level+1) {
			return nil, fmt.Errorf("level %d is out of order", l.Level)
		}
		texts = append(texts, l.Names, l.Action)
	}
	for _, t := range texts {
		if t.EN == "" || t.JA == "" {
			return nil, fmt.Errorf("a text is missing in one language: %q %q", t.EN, t.JA)
		}
	}
	return &s, nil
}
