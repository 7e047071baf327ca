// Package consent is how a member asks the hub's analysts, and how the hub asks whoever
// gave something before others see it. Nobody but its giver widens who may see a thing: the
// hub says to whom it would go and why, the giver's coordinators see exactly that and say
// yes, no, or yes to less, and silence is no. A consent can be withdrawn; then the thing is
// marked as before, and those who had it are told to forget it.
package consent

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the tables of consultations and consents.
func Migration() store.Migration { return store.Migration{Name: "consent", FS: files} }

// Templates are their pages.
func Templates() fs.FS { return files }

// Indicators marks indicators, as the publisher of a hub does.
type Indicators interface {
	SetMarking(ctx context.Context, v policy.Viewer, id string, tlp policy.TLP, audience policy.Audience) error
}

// Members is the community, as a directory of package identity has it.
type Members interface {
	identity.Names
	Active(ctx context.Context) ([]identity.Member, error)
}

// Config is what a Service stands on.
type Config struct {
	DB         *store.DB
	Objects    *object.Store
	Indicators Indicators
	Members    Members
	Notify     func() // called after something changed that a page shows
}

// Service keeps the consultations and consents of a hub. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

// State is where a request for consent stands.
type State string

// The states.
const (
	Asked     State = "asked"
	Granted   State = "granted"
	Refused   State = "refused"
	Lapsed    State = "lapsed"    // nobody answered in time, which is a no
	Withdrawn State = "withdrawn" // it was granted, and is not any more
	Retracted State = "retracted" // the hub does not ask any more
)

// Consent is a request for consent, with its answer.
type Consent struct {
	ID       string          `db:"id"`
	Object   string          `db:"object"`
	Why      string          `db:"why"`
	Had      policy.Handling `db:"had,json"`
	Asks     policy.Handling `db:"asked,json"`
	Gave     policy.Handling `db:"granted,json"`
	Person   string          `db:"person"`
	Made     time.Time       `db:"made"`
	Deadline time.Time       `db:"deadline"`
	State    State           `db:"state"`
	Answerer string          `db:"answerer"`
	Answered time.Time       `db:"answered"`
	Note     string          `db:"note"`
	Handling policy.Handling `db:",handling"`
}

// Giver is the member that is asked.
func (c Consent) Giver() string { return c.Handling.Owner }

// At returns the state at a time.
func (c Consent) At(now time.Time) State {
	if c.State == Asked && !now.Before(c.Deadline) {
		return Lapsed
	}
	return c.State
}

const consentColumns = "c.id, c.object, c.why, c.had, c.asked, c.granted, c.person, c.made, c.deadline, c.state, " +
	"c.answerer, c.answered, c.note, c.tlp, c.owner, c.audience"

// Bounds of what is written.
const (
	maxText     = 4000
	maxDays     = 30
	maxOpen     = 500 // requests that a giver has to answer
	maxConsults = 200 // open consultations of a member
)

// between is the handling of what is between a member and the hub's people.
func between(member string) policy.Handling {
	return policy.Handling{TLP: policy.AmberStrict, Owner: member}
}

func denied(who i18n.Text) error { return fault.New(fault.Denied, who) }

// Consents returns what the hub asked that the scope of tx may see, the latest first: of one
// object, or of all if it is empty.
func Consents(tx *store.Tx, object string) ([]Consent, error) {
	return store.Query[Consent](tx, `SELECT `+consentColumns+` FROM consent c WHERE ($1 = '' OR c.object = $1)
		AND SCOPE(c) ORDER BY c.made DESC, c.id LIMIT 500`, object)
}

// Get returns one request that the scope of tx may see, or fault.NotFound.
func Get(tx *store.Tx, id string) (Consent, error) {
	c, err := store.One[Consent](tx, `SELECT `+consentColumns+` FROM consent c WHERE c.id = $1 AND SCOPE(c)`, id)
	if fault.Is(err, fault.NotFound) {
		return c, fault.New(fault.NotFound, i18n.T("there is no such request, or it is not there for you",
			"依頼が存在しないか、閲覧できません"))
	}
	return c, err
}

// Request is what the hub asks for.
type Request struct {
	Object   string
	Why      string
	TLP      policy.TLP
	Audience policy.Audience
	Days     int // until silence is no
}

// Ask asks whoever gave an object whether it may be marked more widely. The hub's analysts
// ask.
func (s *Service) Ask(ctx context.Context, v policy.Viewer, r Request) (id string, err error) {
	if !v.Hub || !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return "", denied(i18n.T("the hub's analysts do this", "この操作はハブの分析担当者が行います"))
	}
	r.Why = strings.TrimSpace(strings.ToValidUTF8(r.Why, "\uFFFD"))
	switch {
	case r.Why == "" || len([]rune(r.Why)) > maxText:
		return "", fault.New(fault.Invalid, i18n.T("say why, in at most {0} characters: the giver decides by it",
			"理由を {0} 文字以内で入力してください。提供元の判断材料になります").With(maxText))
	case r.Days < 1 || r.Days > maxDays:
		return "", fault.New(fault.Invalid, i18n.T("the deadline is 1 to {0} days away", "期限は 1 日から {0} 日です").
			With(maxDays))
	case !r.TLP.Known():
		return "", fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
	}
	if err := marking.Check(r.Audience); err != nil {
		return "", err
	}
	id = clock.RandomID()
	err = s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		t, err := find(tx, r.Object)
		if err != nil {
			return err
		}
		if t.Handling.Owner == "" {
			return fault.New(fault.Conflict, i18n.T("it is the hub's own: mark it as you see fit",
				"ハブ自身の情報です。同意は不要で、そのまま区分を変更できます"))
		}
		list, err := Consents(tx, "")
		if err != nil {
			return err
		}
		open, now := 0, tx.Now()
		for _, c := range list {
			if c.Giver() == t.Handling.Owner && c.At(now) == Asked {
				if open++; c.Object == r.Object {
					return fault.New(fault.Conflict, i18n.T("its giver is asked already; wait for the answer",
						"既に提供元に依頼中です。回答をお待ちください"))
				}
			}
		}
		if open >= maxOpen {
			return fault.New(fault.TooLarge, i18n.T("its giver has {0} requests to answer already",
				"この提供元には未回答の依頼が既に {0} 件あります").With(maxOpen))
		}
		asks := policy.Handling{TLP: r.TLP, Owner: t.Handling.Owner, Audience: r.Audience}
		return store.Insert(tx, "consent", []Consent{{ID: id, Object: r.Object, Why: r.Why, Had: t.Handling, Asks: asks,
			Person: v.Name, Made: now, Deadline: now.AddDate(0, 0, r.Days), State: Asked,
			Handling: between(t.Handling.Owner)}})
	})
	if err == nil {
		s.Notify()
	}
	return id, err
}

// Answer is what a giver says.
type Answer struct {
	Yes  bool
	Note string
	// What is granted, if it is less than what was asked; nil grants that.
	Instead *policy.Handling
}

// mayAnswer allows the giver's coordinators.
func mayAnswer(v policy.Viewer, c Consent) error {
	if v.Member != "" && v.Member == c.Giver() && identity.AtLeast(v.Role, policy.RoleCoordinator) {
		return nil
	}
	return denied(i18n.T("a coordinator of the organisation that gave it answers",
		"回答するのは、提供元の調整担当者です"))
}

// Answer answers a request for who gave the object. A yes marks the object at once, as its
// owner would. It is refused if the object was marked otherwise since it was asked: what
// the giver looked at is not what would come.
func (s *Service) Answer(ctx context.Context, v policy.Viewer, id string, a Answer) error {
	c, t, err := s.open(ctx, v, id)
	if err != nil {
		return err
	}
	if err := mayAnswer(v, c); err != nil {
		return err
	}
	if c.At(s.DB.Now()) != Asked {
		return fault.New(fault.Conflict, i18n.T("this request is not open any more", "この依頼は受付を終了しています"))
	}
	if a.Note = strings.TrimSpace(strings.ToValidUTF8(a.Note, "\uFFFD")); len([]rune(a.Note)) > maxText {
		return fault.New(fault.Invalid, i18n.T("at most {0} characters",
			"{0} 文字以内で入力してください").With(maxText))
	}
	to, state := c.Asks, Refused
	if a.Yes {
		if state = Granted; a.Instead != nil {
			to = *a.Instead
			if err := marking.Check(to.Audience); err != nil {
				return err
			}
		}
		to.Owner = c.Giver()
		if !same(t.Handling, c.Had) {
			return changed()
		}
		if err := s.mark(ctx, v, t, to); err != nil {
			return err
		}
	} else {
		to = c.Had
	}
	return s.settle(ctx, c, state, v, to, a.Note)
}

func changed() error {
	return fault.New(fault.Conflict, i18n.T("its marking was changed since this was asked; the hub has to ask again",
		"依頼後に取扱区分が変更されています。ハブからの再依頼が必要です"))
}

// same reports whether two handlings disclose to the same.
func same(a, b policy.Handling) bool {
	return a.TLP == b.TLP && a.Owner == b.Owner && a.Audience.Column() == b.Audience.Column()
}

// Withdraw takes a consent back: the object is marked as it was before.
func (s *Service) Withdraw(ctx context.Context, v policy.Viewer, id, note string) error {
	c, t, err := s.open(ctx, v, id)
	if err != nil {
		return err
	}
	if err := mayAnswer(v, c); err != nil {
		return err
	}
	if c.State != Granted {
		return fault.New(fault.Conflict, i18n.T("there is no consent to withdraw", "撤回できる同意がありません"))
	}
	if same(t.Handling, c.Gave) { // else it was marked anew since then, by its owner or more strictly
		if err := s.mark(ctx, v, t, c.Had); err != nil {
			return err
		}
	}
	return s.settle(ctx, c, Withdrawn, v, c.Had, note)
}

// Retract takes a request back that was not answered yet. The hub's analysts do.
func (s *Service) Retract(ctx context.Context, v policy.Viewer, id string) error {
	if !v.Hub || !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return denied(i18n.T("the hub's analysts do this", "この操作はハブの分析担当者が行います"))
	}
	c, _, err := s.open(ctx, v, id)
	if err != nil {
		return err
	}
	if c.At(s.DB.Now()) != Asked {
		return fault.New(fault.Conflict, i18n.T("this request is not open any more", "この依頼は受付を終了しています"))
	}
	return s.settle(ctx, c, Retracted, v, c.Had, "")
}

// open returns a request that v may see, with its object as it is now; an object that is
// gone is one without a body.
func (s *Service) open(ctx context.Context, v policy.Viewer, id string) (c Consent, t Thing, err error) {
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if c, err = Get(tx, id); err != nil {
			return err
		}
		if t, err = find(tx, c.Object); fault.Is(err, fault.NotFound) {
			t, err = Thing{ID: c.Object, Title: c.Object}, nil
		}
		return err
	})
	return c, t, err
}

// settle writes down how a request ended, if nobody else did meanwhile.
func (s *Service) settle(ctx context.Context, c Consent, to State, v policy.Viewer, h policy.Handling,
	note string) error {
	err := s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		now, err := Get(tx, c.ID)
		if err != nil {
			return err
		}
		if now.State != c.State {
			return fault.New(fault.Conflict, i18n.T("somebody else answered meanwhile",
				"ほかの担当者が先に回答しました"))
		}
		now.State, now.Gave, now.Answerer, now.Answered, now.Note = to, h, v.Name, tx.Now(), note
		if _, err := tx.Exec(`DELETE FROM consent WHERE id = $1 AND SCOPE(consent)`, c.ID); err != nil {
			return err
		}
		return store.Insert(tx, "consent", []Consent{now})
	})
	if err == nil {
		s.Notify()
	}
	return err
}

// Reached is how many members' nodes a handling lets have a thing.
func (s *Service) Reached(ctx context.Context, h policy.Handling) (n int, err error) {
	list, err := s.Members.Active(ctx)
	for _, m := range list {
		if policy.MayReceive(m.Node(), h) {
			n++
		}
	}
	return n, err
}

// groupNames are the names of the groups that v may address something to, by id, and of
// those that a request names: whoever is asked has to know for whom.
func (s *Service) groupNames(ctx context.Context, v policy.Viewer, named ...policy.Audience) (map[string]string,
	error) {
	out := map[string]string{}
	err := s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		list, err := groups.Own(tx, v)
		for _, g := range list {
			out[g.ID] = g.Name
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, s.DB.Read(ctx, store.System("consent: groups that are asked for"), func(tx *store.Tx) error {
		for _, t := range slices.Concat(named...) {
			id, ok := strings.CutPrefix(t, policy.ToGroup(""))
			if !ok {
				continue
			}
			g, err := groups.Get(tx, id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil {
				out[id] = g.Name
			}
		}
		return nil
	})
}

// waiting are the requests that v's organisation has to answer.
func waiting(list []Consent, v policy.Viewer, now time.Time) []Consent {
	return slices.DeleteFunc(slices.Clone(list), func(c Consent) bool {
		return v.Member == "" || c.Giver() != v.Member || c.At(now) != Asked
	})
}
