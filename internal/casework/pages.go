package casework

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// PageConfig says what the cases' pages and operations stand on. A source that
// is nil leaves its part out. Sources are called from many goroutines.
type PageConfig struct {
	DB    *store.DB
	Cases *Service
	Clock clock.Clock
	// Name gives what a member is called; empty if it is not known. It is asked
	// for the hub's people, and for a party about itself.
	Name func(ctx context.Context, member string) string
	// Sector gives a member's sector slug, for previews of what it sees.
	Sector func(ctx context.Context, member string) string
	// Judgements gives the assessments of a case on all scales that the viewer
	// may see, the newest first.
	Judgements func(ctx context.Context, v policy.Viewer, caseID string) ([]Judgement, error)
	// Scale is the scale that people judge on.
	Scale Scale
	// Judge writes a person's judgement on Scale.
	Judge func(ctx context.Context, v policy.Viewer, caseID string, inputs []AxisInput, outlook string) error
	// Indicators gives what came out of a case, as far as the viewer may see it.
	Indicators func(ctx context.Context, v policy.Viewer, caseID string) ([]IndicatorLine, error)

	site *web.Site // set by Pages
}

// Scale is what a severity is judged on.
type Scale struct {
	ID       string
	Name     i18n.Text
	Note     i18n.Text // whose reading it is
	Axes     []Axis
	Outlooks []AxisOption // where it goes; may be empty
}

// Axis is one thing that is judged.
type Axis struct {
	ID      string
	Name    i18n.Text
	Options []AxisOption // from least to most
}

// AxisOption is one answer.
type AxisOption struct {
	ID    string
	Name  i18n.Text
	Means i18n.Text // how to tell; may be empty
}

// Confidences of an AxisInput.
const (
	sureKnown     = "known"
	sureEstimated = "estimated"
	sureUnknown   = "unknown"
)

// AxisInput is a person's answer on an axis. The value is empty if it is unknown.
type AxisInput struct{ Axis, Confidence, Value string }

// Judgement is one assessment of a case.
type Judgement struct {
	Scale                   string // id
	ScaleName               i18n.Text
	Likely, Lowest, Highest int
	Level                   i18n.Text // the likely level in words
	Action                  i18n.Text // who does what now, as the scale says
	Ask                     i18n.Text // the axis to find out about next; empty if all are known
	Outlook                 i18n.Text
	OutlookID               string
	By                      string // a person's name
	Automatic               bool
	At                      time.Time
	Inputs                  []JudgedAxis
}

// JudgedAxis is what was judged on one axis.
type JudgedAxis struct {
	AxisInput
	Name, Answer i18n.Text
	Why          i18n.Text
}

// IndicatorLine is an indicator that came out of a case.
type IndicatorLine struct {
	ID, Name, Kind string
	Value          string // an attacker chose it
	Finding        string // what it was taken out of
	Made           time.Time
	Until          time.Time
	Withdrawn      bool
	Handling       policy.Handling
	Entitled       int // members that it is addressed to; told to the hub's people only
	Armed, Hunted  int
	Sightings      int
}

// Pages adds /cases and a page for each case.
func Pages(site *web.Site, c PageConfig) {
	c.site = site
	site.Templates(Templates())
	site.Page("/cases", policy.RoleReader, c.listPage)
	site.Page("/cases/{number}", policy.RoleReader, c.page)
	site.Action("/cases/{number}/note", policy.RoleReader, c.noteAction)
	site.Action("/cases/{number}/state", policy.RoleAnalyst, c.stateAction)
	site.Action("/cases/{number}/judge", policy.RoleAnalyst, c.judgeAction)
}

// file is a case as one viewer may know it.
type file struct {
	Case
	party      bool // the viewer is one of the organisations, not the hub
	parts      []Part
	entries    []Entry
	judgements []Judgement
	indicators []IndicatorLine
	panels     web.Panels
	names      map[string]string
}

// load reads a case for a viewer. A party gets its own parts and entries and
// what the hub says to it; nothing that names or counts the others.
func (c PageConfig) load(ctx context.Context, v policy.Viewer, number string) (f file, err error) {
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if f.Case, err = Get(tx, number); err != nil {
			return err
		}
		if f.parts, err = Parts(tx, f.ID); err != nil {
			return err
		}
		f.entries, err = Timeline(tx, f.ID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return f, fault.New(fault.NotFound, i18n.T("there is no such case, or it is not there for you", "事案が存在しないか、閲覧できません"))
	}
	if err != nil {
		return f, err
	}
	if !v.Hub {
		f.narrow(v)
	}
	if c.Judgements != nil {
		if f.judgements, err = c.Judgements(ctx, v, f.ID); err != nil {
			return f, err
		}
		if j, ok := f.lead(c.Scale.ID); ok { // read after the case: number and words are of one judgement
			f.Severity, f.Lowest, f.Highest = j.Likely, j.Lowest, j.Highest
		}
	}
	if c.Indicators != nil {
		if f.indicators, err = c.Indicators(ctx, v, f.ID); err != nil {
			return f, err
		}
		if f.indicators == nil {
			f.indicators = []IndicatorLine{} // there is a place for them, and none in it
		}
		if f.party {
			for i := range f.indicators {
				f.indicators[i].Entitled, f.indicators[i].Armed, f.indicators[i].Hunted, f.indicators[i].Sightings = 0, 0, 0, 0
			}
		}
	}
	if c.site != nil {
		if f.panels, err = c.site.Load(ctx, "case", v, f.ID); err != nil {
			return f, err
		}
	}
	f.names = map[string]string{}
	for _, p := range f.parts {
		f.names[p.Member] = c.name(ctx, p.Member)
	}
	for _, e := range f.entries {
		if _, ok := f.names[e.Member]; e.Member != "" && !ok {
			f.names[e.Member] = c.name(ctx, e.Member)
		}
	}
	return f, nil
}

// name gives what a member is called, or its id.
func (c PageConfig) name(ctx context.Context, member string) string {
	if c.Name != nil {
		if n := c.Name(ctx, member); n != "" {
			return n
		}
	}
	return member
}

// narrow leaves of a case what a party may know: its own parts and entries, and
// the hub's entries that are addressed to it, without the counts in them.
func (f *file) narrow(v policy.Viewer) {
	f.party = true
	own := ownParts(v, f.parts)
	f.parts = own
	entries := f.entries[:0:0]
	for _, e := range f.entries {
		if e.Member != "" && e.Member != v.Member {
			continue
		}
		switch e.Kind {
		case "opened", "finding":
			// Whether it opened the case or came to it would tell that there were
			// others before: both read the same.
			i := slices.IndexFunc(own, func(p Part) bool { return p.Finding == e.Subject })
			if i < 0 {
				continue
			}
			e.Kind, e.Class, e.Member, e.Handling = "finding", Victim, v.Member, own[i].Handling
			e.Says, e.Args = saysOwnFinding, []string{own[i].Title}
		case "indicator":
			e.Says, e.Args = saysMadeIndicator, nil
		case "severity":
			// What the hub told before this party came is about others.
			if len(own) > 0 && e.At.Before(own[0].At) {
				continue
			}
		}
		entries = append(entries, e)
	}
	f.entries = entries
	f.Case = f.Case.forParty(own)
}

// forParty is the case as the organisation behind the parts sees it.
func (c Case) forParty(own []Part) Case {
	c.Members, c.Findings, c.Sectors, c.Tactics, c.Words = 0, len(own), nil, nil, ""
	c.Opened, c.Updated, c.Sensed, c.Level = time.Time{}, time.Time{}, time.Time{}, ""
	if len(own) > 0 {
		c.Title, c.Opened, c.Level = own[0].Title, own[0].At, own[0].Level
		c.Updated = own[len(own)-1].At
	} else {
		c.Title = c.Number
	}
	// Whom a case is addressed to is whose it is.
	c.Handling = policy.Handling{TLP: c.Handling.TLP}
	return c
}

// noteAction writes a note into a case.
func (c PageConfig) noteAction(r *web.Request) (string, error) {
	number := r.PathValue("number")
	form := web.FormOf(r)
	err := c.note(r.Context(), r.Viewer, number, r.Value("text"), r.Value("for") == "parties")
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		form.Wrong("text", fault.TextOf(err))
		return c.again(r, number, form)
	}
	if err != nil {
		return "", err
	}
	r.Flash(i18n.T("The note is in the case.", "記録を追加しました。"))
	return web.Path("/cases/{0}", number) + "#timeline", nil
}

// note writes a note for the hub's people, or for the parties as well. What a
// party writes is for itself and the hub. To the parties it is the hub that
// speaks, so a reader does not.
func (c PageConfig) note(ctx context.Context, v policy.Viewer, number, text string, parties bool) error {
	f, err := c.brief(ctx, v, number)
	if err != nil {
		return err
	}
	h := policy.Handling{TLP: policy.AmberStrict}
	if parties && v.Hub {
		if !mayAct(v) {
			return fault.New(fault.Denied, i18n.T("what the parties read takes an analyst", "当事者に見せる記録は分析担当者以上が書けます"))
		}
		h.TLP, h.Audience = f.Handling.TLP, f.Handling.Audience
	}
	return c.Cases.Note(ctx, v, f.ID, text, h)
}

// brief reads the case's own row for a viewer.
func (c PageConfig) brief(ctx context.Context, v policy.Viewer, number string) (out Case, err error) {
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		out, err = Get(tx, number)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, i18n.T("there is no such case, or it is not there for you", "事案が存在しないか、閲覧できません"))
	}
	return out, err
}

func (c PageConfig) stateAction(r *web.Request) (string, error) {
	number := r.PathValue("number")
	if err := c.move(r.Context(), r.Viewer, number, State(r.Value("state"))); err != nil {
		return "", err
	}
	r.Flash(i18n.T("{0} is {1} now.", "{0} を「{1}」にしました。").With(number, State(r.Value("state")).Name()))
	return web.Path("/cases/{0}", number), nil
}

// move changes the state of a case: the hub's analysts do.
func (c PageConfig) move(ctx context.Context, v policy.Viewer, number string, to State) error {
	if err := atHub(v); err != nil {
		return err
	}
	if err := api.Need(v, policy.RoleAnalyst); err != nil {
		return err
	}
	f, err := c.brief(ctx, v, number)
	if err != nil {
		return err
	}
	return c.Cases.SetState(ctx, v, f.ID, to)
}

func atHub(v policy.Viewer) error {
	if v.Hub {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("the hub does this; write it a note", "この操作はハブが行います。記録欄からハブへ伝えてください"))
}

func (c PageConfig) judgeAction(r *web.Request) (string, error) {
	if err := atHub(r.Viewer); err != nil {
		return "", err
	}
	if c.Judge == nil {
		return "", fault.New(fault.Unsupported, i18n.T("severity is not judged here", "ここでは深刻度を評価しません"))
	}
	number := r.PathValue("number")
	f, err := c.brief(r.Context(), r.Viewer, number)
	if err != nil {
		return "", err
	}
	var inputs []AxisInput
	for _, a := range c.Scale.Axes {
		in := AxisInput{Axis: a.ID, Confidence: sureUnknown}
		if v := r.Value("axis." + a.ID); v != "" {
			in.Value, in.Confidence = v, sureKnown
			if r.Value("sure."+a.ID) == sureEstimated {
				in.Confidence = sureEstimated
			}
		}
		inputs = append(inputs, in)
	}
	if err := c.Judge(r.Context(), r.Viewer, f.ID, inputs, r.Value("outlook")); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		form := web.FormOf(r)
		form.Wrong("outlook", fault.TextOf(err))
		return c.again(r, number, form)
	}
	r.Flash(i18n.T("The judgement is kept. It replaces the one before and cannot be changed; judge again to correct it.", "評価を保存しました。以前の評価に代わり、書き換えはできません。訂正するときは再度評価してください。"))
	return web.Path("/cases/{0}", number), nil
}

// again shows the case once more with what is wrong in a form.
func (c PageConfig) again(r *web.Request, number string, form *web.Form) (string, error) {
	f, err := c.load(r.Context(), r.Viewer, number)
	if err != nil {
		return "", err
	}
	return "", web.Again(c.caseView(r, f, form), form.Err())
}

// How long the hub gives itself, from the opening of a case, until a person has
// narrowed its severity: where it may be major, and otherwise. Contained cases
// wait a week before somebody decides to close them.
const (
	judgeSoon    = time.Hour
	judgeLater   = 4 * time.Hour
	containIn    = 24 * time.Hour
	closeIn      = 7 * 24 * time.Hour
	majorFromNow = 3
)

// NextStep is what the hub has to do with a case next, and by when; nothing for
// a closed one.
func (c Case) NextStep() (what i18n.Text, by time.Time) {
	switch {
	case c.State == Closed:
		return i18n.Text{}, time.Time{}
	case c.State == Contained:
		return i18n.T("Decide whether it is over", "終結を判断"), c.Updated.Add(closeIn)
	case c.Severity < 0 || c.Lowest != c.Highest:
		if c.Highest >= majorFromNow || c.Severity < 0 {
			return i18n.T("Ask what is unknown and judge the severity", "不明点を確認し深刻度を評価"), c.Opened.Add(judgeSoon)
		}
		return i18n.T("Ask what is unknown and judge the severity", "不明点を確認し深刻度を評価"), c.Opened.Add(judgeLater)
	}
	return i18n.T("Confirm with the parties that it is contained", "当事者に封じ込めを確認"), c.Opened.Add(containIn)
}

// quoted is how a search is said back.
func quoted(s string) string { return "“" + strings.TrimSpace(s) + "”" }
