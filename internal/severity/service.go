package severity

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Migration is severity's part of the hub's schema.
func Migration() store.Migration { return store.Migration{Name: "severity", FS: files} }

// Outlook says where it goes in the next six hours.
type Outlook string

// The outlooks.
const (
	NoOutlook Outlook = ""
	Improving Outlook = "improving"
	Stable    Outlook = "stable"
	Worsening Outlook = "worsening"
)

// Name is the outlook as people read it.
func (o Outlook) Name() i18n.Text {
	switch o {
	case Improving:
		return i18n.T("improving in the next 6 hours", "今後 6 時間で改善の見込み")
	case Stable:
		return i18n.T("stable for the next 6 hours", "今後 6 時間は横ばいの見込み")
	case Worsening:
		return i18n.T("worsening in the next 6 hours", "今後 6 時間で悪化の見込み")
	}
	return i18n.T("no outlook given", "見通しなし")
}

// Name is the confidence as people read it.
func (c Confidence) Name() i18n.Text {
	switch c {
	case Known:
		return i18n.T("known", "確認済み")
	case Estimated:
		return i18n.T("estimated", "推定")
	}
	return i18n.T("unknown", "不明")
}

// Assessment is how bad one case is on one scale. It never changes: a new one
// supersedes it.
type Assessment struct {
	ID           string  `db:"id"            json:"id"`
	Case         string  `db:"case_id"       json:"case"`
	Realm        string  `db:"realm"         json:"realm"`
	Scale        string  `db:"scale"         json:"scale"`
	ScaleVersion int     `db:"scale_version" json:"scale_version"`
	ScaleHash    string  `db:"scale_hash"    json:"scale_hash"`
	Rev          int     `db:"rev"           json:"rev"` // from 1, for each case and scale
	Inputs       []Input `db:"inputs,json"   json:"inputs"`
	Lowest       int     `db:"lowest"        json:"lowest"`
	Likely       int     `db:"likely"        json:"likely"`
	Highest      int     `db:"highest"       json:"highest"`
	Score        float64 `db:"score"         json:"score"` // of the likely result
	Ask          string  `db:"ask"           json:"ask,omitempty"`
	Outlook      Outlook `db:"outlook"       json:"outlook,omitempty"`
	By           string  `db:"by_user"       json:"by"` // user id, or FirstBy
	// written by meneki itself; whose each input is, the input says
	Automatic  bool            `db:"automatic"     json:"automatic"`
	At         time.Time       `db:"at"            json:"at"`
	Supersedes string          `db:"supersedes"    json:"supersedes,omitempty"`
	Handling   policy.Handling `db:",handling"     json:"handling"`
}

const columns = "a.id, a.case_id, a.realm, a.scale, a.scale_version, a.scale_hash, a.rev, a.inputs, a.lowest, " +
	"a.likely, a.highest, a.score, a.ask, a.outlook, a.by_user, a.automatic, a.at, a.supersedes, a.tlp, " +
	"a.owner, a.audience"

// Service assesses cases. It is safe for concurrent use.
type Service struct {
	db     *store.DB
	clock  clock.Clock
	scales []*Scale
}

// New returns a Service with the scales that meneki ships.
func New(db *store.DB, c clock.Clock) *Service {
	scales, err := load(files)
	if err != nil {
		panic(err) // the scales are part of the program; a test proves them
	}
	if c == nil {
		c = clock.System
	}
	return &Service{db: db, clock: c, scales: scales}
}

// Scales lists the scales, by id.
func (s *Service) Scales() []*Scale { return slices.Clone(s.scales) }

// Scale finds a scale.
func (s *Service) Scale(id string) (*Scale, error) {
	for _, sc := range s.scales {
		if sc.ID == id {
			return sc, nil
		}
	}
	return nil, fault.New(fault.NotFound, i18n.T("there is no severity scale {0}", "深刻度の尺度 {0} はありません").With(id))
}

// OnCaseChanged makes or renews the automatic assessment of a case on the lead
// scale. What a person has assessed stands: the automatic inputs only fill the
// axes that the person left unknown. Nothing new is written where nothing
// changed. The case's marking is carried to all its assessments. The case is assessed
// as it is now: by the time the message is handled it may have grown.
func (s *Service) OnCaseChanged(tx *store.Tx, ev msg.CaseChanged) error {
	scale, err := s.Scale(Lead)
	if err != nil {
		return err
	}
	c, err := casework.Get(tx, ev.Case)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	h := handling(c)
	if _, err := tx.Exec(`UPDATE assessment SET tlp = $1, owner = $2, audience = $3 WHERE case_id = $4
		AND SCOPE(assessment)`,
		h.TLP, h.Owner, h.Audience, c.ID); err != nil {
		return err
	}
	last, err := latest(tx, Lead, c.ID)
	if err != nil {
		return err
	}
	inputs, outlook := First(c), NoOutlook
	if prev, ok := last[c.ID]; ok {
		inputs, outlook = merge(inputs, prev.Inputs), prev.Outlook
		if same(inputs, prev.Inputs) && prev.ScaleHash == scale.Hash {
			return nil
		}
	}
	_, err = s.write(tx, scale, c, last[c.ID], inputs, outlook, FirstBy)
	return err
}

// handling is how the assessments of a case are marked: like the case.
func handling(c casework.Case) policy.Handling {
	h := c.Handling
	h.TLP = h.TLP.OrRed()
	return h
}

// merge keeps what a person has assessed.
func merge(automatic, before []Input) []Input {
	out := slices.Clone(automatic)
	for i, in := range out {
		for _, b := range before {
			if b.Axis == in.Axis && b.By != FirstBy && b.Confidence != Unknown {
				out[i] = b
			}
		}
	}
	return out
}

func same(a, b []Input) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// Assess writes a person's assessment. The caller has checked that v may assess
// (role analyst or more); a case that v may not see is not found. Axes without
// an input are unknown. The inputs are signed with v's user id.
func (s *Service) Assess(
	ctx context.Context,
	v policy.Viewer,
	caseID, scaleID string,
	inputs []Input,
	outlook Outlook,
) (Assessment, error) {
	scale, err := s.Scale(scaleID)
	if err != nil {
		return Assessment{}, err
	}
	if !slices.Contains([]Outlook{NoOutlook, Improving, Stable, Worsening}, outlook) {
		return Assessment{}, fault.New(
			fault.Invalid,
			i18n.T("the outlook is improving, stable or worsening", "見通しは improving、stable、worsening のいずれかです"),
		)
	}
	if v.User == "" || v.Machine {
		return Assessment{}, fault.New(fault.Denied, i18n.T("only a person can assess", "評価は人が行ってください"))
	}
	inputs = slices.Clone(inputs)
	for i := range inputs {
		inputs[i].By = v.User
	}
	if _, err := scale.Evaluate(inputs); err != nil {
		return Assessment{}, err
	}
	var out Assessment
	err = s.db.Write(ctx, store.System("severity: assess"), func(tx *store.Tx) error {
		c, err := casework.Get(tx, caseID)
		if fault.Is(err, fault.NotFound) || err == nil && !policy.MaySee(v, handling(c)) {
			return noCase()
		}
		if err != nil {
			return err
		}
		last, err := latest(tx, scaleID, c.ID)
		if err != nil {
			return err
		}
		out, err = s.write(tx, scale, c, last[c.ID], inputs, outlook, v.User)
		return err
	})
	return out, err
}

func noCase() error {
	return fault.New(fault.NotFound, i18n.T("there is no such case", "該当する事案はありません"))
}

// write adds an assessment and, on the lead scale, announces it.
func (s *Service) write(
	tx *store.Tx,
	scale *Scale,
	c casework.Case,
	prev Assessment,
	inputs []Input,
	outlook Outlook,
	by string,
) (Assessment, error) {
	r, err := scale.Evaluate(inputs)
	if err != nil {
		return Assessment{}, err
	}
	a := Assessment{
		ID:           clock.NewID(),
		Case:         c.ID,
		Realm:        c.Realm,
		Scale:        scale.ID,
		ScaleVersion: scale.Version,
		ScaleHash:    scale.Hash,
		Rev:          prev.Rev + 1,
		Inputs:       inputs,
		Lowest:       r.Lowest,
		Likely:       r.Likely,
		Highest:      r.Highest,
		Score:        r.LikelyScore,
		Ask:          r.Ask,
		Outlook:      outlook,
		By:           by,
		Automatic:    by == FirstBy,
		At:           s.clock().UTC().Truncate(time.Microsecond),
		Supersedes:   prev.ID,
		Handling:     handling(c),
	}
	if a.Inputs == nil {
		a.Inputs = []Input{}
	}
	if err := store.Insert(tx, "assessment", []Assessment{a}); err != nil {
		return Assessment{}, err
	}
	if scale.ID != Lead {
		return a, nil
	}
	return a, tx.Emit(
		msg.TopicAssessed,
		a.ID,
		msg.Assessed{
			Case:   c.ID,
			Scale:  a.Scale,
			Rev:    a.Rev,
			Lowest: a.Lowest,
			Likely: a.Likely,
			Most:   a.Highest,
			At:     a.At,
		},
	)
}

// Latest gives the newest assessment of each case on the lead scale, as far as
// the scope may see it; a case without one is not in the map.
func (s *Service) Latest(
	ctx context.Context,
	scope store.Scope,
	cases ...string,
) (out map[string]Assessment, err error) {
	err = s.db.Read(ctx, scope, func(tx *store.Tx) error {
		out, err = latest(tx, Lead, cases...)
		return err
	})
	return out, err
}

func latest(tx *store.Tx, scale string, cases ...string) (map[string]Assessment, error) {
	out := map[string]Assessment{}
	for part := range slices.Chunk(cases, 500) {
		in, args := store.List(2, part)
		rows, err := store.Query[Assessment](
			tx,
			`SELECT `+columns+` FROM assessment a WHERE a.scale = $1 AND a.case_id IN `+in+` AND SCOPE(a)
AND a.rev = (SELECT max(b.rev) FROM assessment b WHERE b.case_id = a.case_id AND b.scale = a.scale AND SCOPE(b))`,
			append([]any{scale}, args...)...)
		if err != nil {
			return nil, err
		}
		for _, a := range rows {
			out[a.Case] = a
		}
	}
	return out, nil
}

// OfCase lists all assessments of a case that the scope may see, on all scales,
// the newest first.
func (s *Service) OfCase(ctx context.Context, scope store.Scope, caseID string) (out []Assessment, err error) {
	err = s.db.Read(ctx, scope, func(tx *store.Tx) error {
		out, err = ofCase(tx, caseID)
		return err
	})
	return out, err
}

func ofCase(tx *store.Tx, caseID string) ([]Assessment, error) {
	return store.Query[Assessment](
		tx,
		`SELECT `+columns+` FROM assessment a WHERE a.case_id = $1 AND SCOPE(a)
			ORDER BY a.at DESC, a.rev DESC, a.scale`,
		caseID,
	)
}
