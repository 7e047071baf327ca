package credit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Rules is what a community decided on credit. They are written as YAML or JSON.
type Rules struct {
	// HalfLifeDays is after how many days a confirmation or a mistake counts half.
	HalfLifeDays float64 `yaml:"half_life_days" json:"half_life_days"`
	// Quorum is how many independent members must confirm an object before it earns anything.
	Quorum int `yaml:"quorum" json:"quorum"`
	// Late is what a confirmation out of the past counts beside one in time.
	Late float64 `yaml:"late" json:"late"`
	// Repeat is what each further confirmation of one member for the same other counts of the
	// one before: all together at most 1/(1-Repeat).
	Repeat float64 `yaml:"repeat" json:"repeat"`
	// Close is how much two members may confirm mostly each other before their word for each
	// other is damped: the geometric mean of the shares that each has of the other's
	// confirmations. From twice as much on it counts nothing.
	Close float64 `yaml:"close" json:"close"`
	// Mistake is what an upheld mistake costs who gave it.
	Mistake float64 `yaml:"mistake" json:"mistake"`
	// Correction is what who found it earns.
	Correction float64 `yaml:"correction" json:"correction"`
	// Anchors are the members whose word counts in full. Where there are none, they are the
	// Founders that joined first.
	Anchors  []string `yaml:"anchors,omitempty" json:"anchors,omitempty"`
	Founders int      `yaml:"founders" json:"founders"`
	// Proven is how many points, confirmed by anchors alone, make a member's word count half.
	Proven float64 `yaml:"proven" json:"proven"`
	// MinAgeDays is how long a member that is no anchor must have belonged before its word counts.
	MinAgeDays float64 `yaml:"min_age_days" json:"min_age_days"`
	// Groups are members that speak with one voice, such as companies of one owner.
	Groups [][]string `yaml:"groups,omitempty" json:"groups,omitempty"`
	// Tiers are what credit buys, the lowest first.
	Tiers []Tier `yaml:"tiers" json:"tiers"`
}

// Tier is what members have from a number of points on. Whatever a community decides, a
// tier delays no indicator, and nothing that is urgent (see Floor).
type Tier struct {
	Name    string  `yaml:"name" json:"name"`
	JA      string  `yaml:"ja,omitempty" json:"ja,omitempty"` // its Japanese name; empty: Name
	Points  float64 `yaml:"points" json:"points"`
	Queries int     `yaml:"queries" json:"queries"`         // standing queries that a member may have
	Depth   int     `yaml:"depth" json:"depth"`             // related objects that are told with each
	Delay   float64 `yaml:"delay_hours" json:"delay_hours"` // how much later related objects are told
}

// Text returns the tier's name.
func (t Tier) Text() i18n.Text {
	if t.JA == "" {
		return i18n.Same(t.Name)
	}
	return i18n.Text{EN: t.Name, JA: t.JA}
}

// Wait returns how much later related objects are told.
func (t Tier) Wait() time.Duration { return time.Duration(t.Delay * float64(time.Hour)) }

// Default returns the rules of a community that has decided nothing yet.
func Default() Rules {
	return Rules{HalfLifeDays: 90, Quorum: 2, Late: 0.5, Repeat: 0.8, Close: 0.25, Mistake: 3, Correction: 1,
		Founders: 8, Proven: 3, MinAgeDays: 30, Tiers: []Tier{
			{Name: "Member", JA: "一般", Points: 0, Queries: 10, Depth: 3, Delay: 24},
			{Name: "Contributor", JA: "貢献", Points: 5, Queries: 50, Depth: 10, Delay: 1},
			{Name: "Pillar", JA: "中核", Points: 10, Queries: 200, Depth: 30, Delay: 0},
		}}
}

// Bounds of what is read.
const (
	maxText   = 256 << 10
	maxTiers  = 20
	maxNamed  = 10_000
	maxDelayH = 24 * 7
)

// Parse reads rules as YAML or JSON. What is left out is as in Default; a key that is not
// known is an error, so that no rule is half understood.
func Parse(text []byte) (Rules, error) {
	r := Default()
	if len(text) > maxText {
		return r, fault.New(fault.TooLarge, i18n.T("the rules are longer than {0} KiB",
			"規則が {0} KiB を超えています").With(maxText>>10))
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&r); err != nil && !errors.Is(err, io.EOF) {
		return Default(), fault.Wrap(fault.Invalid, i18n.T("the rules cannot be read: {0}",
			"規則を読み取れません：{0}").With(err), err)
	}
	if err := r.Validate(); err != nil {
		return Default(), err
	}
	return r, nil
}

// YAML writes the rules as Parse reads them.
func (r Rules) YAML() string {
	b, err := yaml.Marshal(r)
	if err != nil { // plain data
		return ""
	}
	return string(b)
}

// Validate refuses rules that mean nothing, and says which.
func (r Rules) Validate() error {
	bad := func(key string, from, to any) error {
		return fault.New(fault.Invalid, i18n.T("{0} must be from {1} to {2}",
			"{0} は {1} から {2} の間で指定してください").With(key, from, to))
	}
	in := func(v, from, to float64) bool { return v >= from && v <= to && !math.IsNaN(v) }
	switch {
	case !in(r.HalfLifeDays, 1, 3650):
		return bad("half_life_days", 1, 3650)
	case r.Quorum < 2 || r.Quorum > 100: // of one, two who confirm each other would gain
		return bad("quorum", 2, 100)
	case !in(r.Late, 0, 1):
		return bad("late", 0, 1)
	case !in(r.Repeat, 0, 0.98):
		return bad("repeat", 0, 0.98)
	case !in(r.Close, 0.01, 1):
		return bad("close", 0.01, 1)
	case !in(r.Mistake, 0, 1000):
		return bad("mistake", 0, 1000)
	case !in(r.Correction, 0, 1000):
		return bad("correction", 0, 1000)
	case r.Founders < 0 || r.Founders > maxNamed:
		return bad("founders", 0, maxNamed)
	case !in(r.Proven, 0.1, 100_000):
		return bad("proven", 0.1, 100_000)
	case !in(r.MinAgeDays, 0, 3650):
		return bad("min_age_days", 0, 3650)
	case len(r.Anchors) > maxNamed || len(r.Groups) > maxNamed:
		return bad("anchors, groups", 0, maxNamed)
	case len(r.Tiers) < 1 || len(r.Tiers) > maxTiers:
		return bad("tiers", 1, maxTiers)
	}
	for i, t := range r.Tiers {
		key := func(name string) string { return fmt.Sprintf("tiers[%d].%s", i, name) }
		switch {
		case t.Name == "" || len(t.Name) > 60 || len(t.JA) > 60:
			return fault.New(fault.Invalid, i18n.T("{0}: a tier has a name of at most {1} bytes",
				"{0}：階層には {1} バイト以内の名前が必要です").With(key("name"), 60))
		case i == 0 && t.Points != 0:
			return fault.New(fault.Invalid, i18n.T("the first tier is for everybody: its points are 0",
				"最初の階層は全員のものです。points は 0 にしてください"))
		case !in(t.Points, 0, 1e9) || i > 0 && t.Points <= r.Tiers[i-1].Points:
			return fault.New(fault.Invalid, i18n.T("{0} must be more than that of the tier before",
				"{0} は前の階層より大きくしてください").With(key("points")))
		case t.Queries < 1 || t.Queries > 10_000:
			return bad(key("queries"), 1, 10_000)
		case t.Depth < 0 || t.Depth > 1000:
			return bad(key("depth"), 0, 1000)
		case !in(t.Delay, 0, maxDelayH):
			return bad(key("delay_hours"), 0, maxDelayH)
		}
	}
	return nil
}

// Faded returns what is left at a time of points that were earned at another.
func (r Rules) Faded(p Points, at, now time.Time) Points {
	return Points(float64(p) * r.left(now.Sub(at)))
}

// left is what is left of something after a time.
func (r Rules) left(age time.Duration) float64 {
	return math.Exp2(-max(age.Hours()/24, 0) / r.HalfLifeDays)
}

// Tier returns the tier that points are enough for.
func (r Rules) Tier(p Points) Tier {
	out := r.Tiers[0]
	for _, t := range r.Tiers {
		if p.Float() >= t.Points {
			out = t
		}
	}
	return out
}

// Next returns the tier after that of p; ok is false for the highest.
func (r Rules) Next(p Points) (Tier, bool) {
	i := slices.IndexFunc(r.Tiers, func(t Tier) bool { return p.Float() < t.Points })
	if i < 0 {
		return Tier{}, false
	}
	return r.Tiers[i], true
}

// Urgent are the labels of what a tier never delays.
var urgent = []string{"urgent", "safety", "life", "sector-wide"}

// Floor reports whether something goes to everyone at once, whatever their tier: indicators
// of any kind, what is of the highest level, and what is labelled as protecting life or a
// whole sector.
func Floor(stixType, level string, labels []string) bool {
	return stixType == "indicator" || level == "critical" ||
		slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(urgent, l) })
}
