package demo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
)

// Report is what came of the demo: the one object that --json prints.
type Report struct {
	OK      bool   `json:"ok"`
	Missing string `json:"missing,omitempty"` // the first step that did not come

	Events     int64 `json:"events"`      // read by the first member's sensor
	BadRecords int64 `json:"bad_records"` // not readable, each named in the log
	// of no kind that is read, such as captures; the log names them from level info
	LeftOut    int64            `json:"files_left_out"`
	Rules      int              `json:"rules"`
	Refused    int              `json:"rules_refused"`
	Steps      []ReportStep     `json:"steps"` // in order of time
	Findings   []ReportFinding  `json:"findings"`
	Kept       int64            `json:"findings_kept"` // found at the first member, and below what its policy lets out
	Cases      []ReportCase     `json:"cases"`
	Indicators []ReportInd      `json:"indicators"`
	Armed      []ReportReceipt  `json:"armed"`
	Hunted     []ReportReceipt  `json:"hunted"`
	Sightings  []ReportSighting `json:"sightings"`
	Waiting    []ReportWaiting  `json:"waiting"` // for a person, by member

	// TimeToImmunity is from the first malicious event until every connected
	// member was armed against the case's first indicator and had searched its
	// own past for it; null if that did not come.
	TimeToImmunity *float64 `json:"time_to_immunity_ms"`
	// Settled is the same for every indicator of the run.
	Settled *float64 `json:"settled_ms"`
}

// ReportStep is one step of the cycle. MS counts from the first malicious event.
type ReportStep struct {
	Name    string  `json:"name"`
	Member  string  `json:"member,omitempty"`
	MS      float64 `json:"ms"`
	Case    string  `json:"case"`
	Subject string  `json:"subject,omitempty"`
	N       int64   `json:"n,omitempty"`
}

// ReportFinding is one finding that reached the hub.
type ReportFinding struct {
	ID      string `json:"id"`
	RuleID  string `json:"rule_id"`
	Title   string `json:"title"`
	Level   string `json:"level"`
	Author  string `json:"author,omitempty"`
	License string `json:"license,omitempty"`
	Member  string `json:"member"`
	Count   int    `json:"count"`
	Retro   bool   `json:"retro"`
}

// ReportCase is one case.
type ReportCase struct {
	Number   string   `json:"number"`
	Title    string   `json:"title"`
	Lowest   int      `json:"severity_lowest"`
	Likely   int      `json:"severity"`
	Highest  int      `json:"severity_highest"`
	Members  []string `json:"members"`
	Findings int      `json:"findings"`
}

// ReportInd is one indicator.
type ReportInd struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Name       string    `json:"name"`
	Value      string    `json:"value"`
	TLP        string    `json:"tlp"`
	Confidence int       `json:"confidence"`
	ValidUntil time.Time `json:"valid_until"`
	Entitled   []string  `json:"entitled"`
}

// ReportReceipt is one member's receipt for one indicator.
type ReportReceipt struct {
	Member      string  `json:"member"`
	Indicator   string  `json:"indicator"`
	MS          float64 `json:"ms"`
	Hits        int64   `json:"hits,omitempty"`
	Undisclosed bool    `json:"undisclosed,omitempty"` // the member does not say what it found
}

// ReportSighting is one sighting.
type ReportSighting struct {
	Member    string `json:"member"`
	Indicator string `json:"indicator"`
	Count     int    `json:"count"`
	Retro     bool   `json:"retro"`
}

// ReportWaiting is what waits for a person at a member.
type ReportWaiting struct {
	Member string `json:"member"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
}

// Report reads the outcome out of the hub's state. Nothing in it is kept by the
// demo itself: what it says is what the hub knows.
func (d *Demo) Report(ctx context.Context) (Report, error) {
	r := Report{Rules: len(d.rules.Rules), Refused: len(d.rules.Refused), Steps: []ReportStep{},
		Findings: []ReportFinding{}, Cases: []ReportCase{}, Indicators: []ReportInd{},
		Armed: []ReportReceipt{}, Hunted: []ReportReceipt{}, Sightings: []ReportSighting{}, Waiting: []ReportWaiting{}}
	d.mu.Lock()
	r.Events, r.BadRecords, r.LeftOut = d.report.Events, d.report.BadN, d.report.SkipN
	d.mu.Unlock()
	var cycles []situation.Cycle
	err := d.Hub.DB().Read(ctx, store.System("demo: report"), func(tx *store.Tx) error {
		var err error
		if cycles, err = situation.Latest(tx, 1000); err != nil {
			return err
		}
		if err := d.findings(tx, &r); err != nil {
			return err
		}
		if err := d.cases(tx, &r); err != nil {
			return err
		}
		return d.indicators(tx, &r)
	})
	if err != nil {
		return r, err
	}
	d.steps(&r, cycles)
	if err := d.waiting(ctx, &r); err != nil {
		return r, err
	}
	if err := d.kept(ctx, &r); err != nil {
		return r, err
	}
	r.Missing = d.missing(r)
	r.OK = r.Missing == ""
	return r, nil
}

func (d *Demo) name(member string) string {
	for _, m := range d.members {
		if m.id == member {
			return m.name.In(d.cfg.Lang)
		}
	}
	return member
}

func (d *Demo) findings(tx *store.Tx, r *Report) error {
	page, err := finding.List(tx, list.Ask{Limit: list.DownloadRows})
	for _, f := range slices.Backward(page.Rows) {
		r.Findings = append(r.Findings, ReportFinding{f.ID, f.Rule.ID, f.Rule.Title, f.Rule.Level, f.Rule.Author,
			f.Rule.License, d.name(f.Member), f.Count, f.Retro})
	}
	return err
}

func (d *Demo) cases(tx *store.Tx, r *Report) error {
	page, err := casework.List(tx, list.Ask{Values: map[string]string{"state": "all"}, Limit: 1000})
	if err != nil {
		return err
	}
	slices.SortFunc(page.Rows, func(a, b casework.Case) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	for _, c := range page.Rows {
		rc := ReportCase{Number: c.Number, Title: c.Title, Lowest: c.Lowest, Likely: c.Severity, Highest: c.Highest,
			Findings: c.Findings}
		parts, err := casework.Parts(tx, c.ID)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if n := d.name(p.Member); !slices.Contains(rc.Members, n) {
				rc.Members = append(rc.Members, n)
			}
		}
		r.Cases = append(r.Cases, rc)
	}
	return nil
}

func (d *Demo) indicators(tx *store.Tx, r *Report) error {
	page, err := indicator.List(tx, list.Ask{Limit: 10_000})
	if err != nil {
		return err
	}
	slices.Reverse(page.Rows)
	for _, o := range page.Rows {
		ri := ReportInd{ID: o.ID, Kind: o.Kind, Name: o.Name, Value: o.Value, TLP: o.Handling.TLP.String(),
			Confidence: o.Confidence, ValidUntil: o.ValidUntil, Entitled: []string{}}
		for _, m := range d.members {
			if policy.MayReceive(policy.Node(m.id, m.sector, ""), o.Handling) {
				ri.Entitled = append(ri.Entitled, d.name(m.id))
			}
		}
		seen, err := publish.SightingsOf(tx, o.ID)
		if err != nil {
			return err
		}
		for _, s := range seen {
			r.Sightings = append(r.Sightings, ReportSighting{d.name(s.Member), o.ID, s.Count, s.Retro})
		}
		r.Indicators = append(r.Indicators, ri)
	}
	return nil
}

// steps lays all cycles on one time line that starts at the first malicious event.
func (d *Demo) steps(r *Report, cycles []situation.Cycle) {
	if len(cycles) == 0 {
		return
	}
	first := slices.MinFunc(cycles, func(a, b situation.Cycle) int { return a.Sensed.Compare(b.Sensed) })
	ms := func(t time.Time) float64 { return float64(t.Sub(first.Sensed).Microseconds()) / 1000 }
	settled, all := 0.0, true
	for _, c := range cycles {
		for _, s := range c.Steps {
			if !slices.Contains(situation.Steps(), s.Name) && s.Name != situation.Refused {
				continue
			}
			r.Steps = append(r.Steps, ReportStep{s.Name, d.named(s.Member), ms(s.At), c.Number, s.Subject, s.N})
			switch s.Name {
			case situation.Armed:
				r.Armed = append(r.Armed, ReportReceipt{Member: d.name(s.Member), Indicator: s.Subject, MS: ms(s.At)})
			case situation.Hunted:
				r.Hunted = append(r.Hunted, ReportReceipt{Member: d.name(s.Member), Indicator: s.Subject, MS: ms(s.At),
					Hits: max(s.N, 0), Undisclosed: s.N == situation.Undisclosed})
			}
		}
		for _, id := range c.Indicators() {
			im := c.Immunity(id)
			all = all && im.Done
			settled = max(settled, float64((im.Time+c.Sensed.Sub(first.Sensed)).Microseconds())/1000)
		}
	}
	slices.SortStableFunc(r.Steps, func(a, b ReportStep) int { return cmp.Compare(a.MS, b.MS) })
	if im := first.Immunity(""); im.Done && im.Connected > 1 {
		v := float64(im.Time.Microseconds()) / 1000
		r.TimeToImmunity = &v
		if all {
			r.Settled = &settled
		}
	}
}

func (d *Demo) named(member string) string {
	if member == "" {
		return ""
	}
	return d.name(member)
}

func (d *Demo) waiting(ctx context.Context, r *Report) error {
	for _, m := range d.members {
		err := m.node.DB().Read(ctx, store.System("demo: waiting"), func(tx *store.Tx) error {
			page, err := release.List(tx, list.Ask{Limit: 1000})
			for _, l := range page.Rows {
				r.Waiting = append(r.Waiting, ReportWaiting{d.name(m.id), string(l.Kind), l.Title})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// kept counts what the first member found and does not send to the hub.
func (d *Demo) kept(ctx context.Context, r *Report) error {
	return d.members[0].node.DB().Read(ctx, store.System("demo: kept"), func(tx *store.Tx) error {
		all, err := finding.Count(tx)
		told := slices.DeleteFunc(slices.Clone(r.Findings), func(f ReportFinding) bool {
			return f.Member != d.name(d.members[0].id)
		})
		r.Kept = max(0, all-int64(len(told)))
		return err
	})
}

// missing names the first step of the cycle that did not come; "" if all came.
// Armed and hunted mean another member than the one that was attacked.
func (d *Demo) missing(r Report) string {
	first := d.members[0].name.In(d.cfg.Lang)
	other := func(list []ReportReceipt) bool {
		return slices.ContainsFunc(list, func(x ReportReceipt) bool { return x.Member != first })
	}
	came := func(name string) bool {
		return slices.ContainsFunc(r.Steps, func(s ReportStep) bool { return s.Name == name })
	}
	traced := slices.ContainsFunc(r.Sightings, func(s ReportSighting) bool { return s.Retro && s.Member != first })
	switch {
	case len(r.Findings) == 0 && r.Kept == 0:
		return situation.Detected
	case len(r.Cases) == 0:
		return situation.Opened
	case !came(situation.Assessed):
		return situation.Assessed
	case len(r.Indicators) == 0:
		return situation.Indicator
	case !came(situation.Pushed):
		return situation.Pushed
	case !other(r.Armed):
		return situation.Armed
	case !other(r.Hunted) || r.TimeToImmunity == nil:
		return situation.Hunted
	case !traced && len(d.cfg.Past) == 0:
		return situation.Sighted
	}
	return ""
}
