// Package expiry applies, at a hub, what a community decided on the worth of indicators
// (package decay): indicators that fall under the threshold end, those that are seen hold
// longer. Each step is kept with its reason, shown on the indicator's page, and undone by a
// person with one click; what a person undid is left alone from then on.
package expiry

import (
	"context"
	"embed"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/decay"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the tables of what was done automatically.
func Migration() store.Migration { return store.Migration{Name: "decay", FS: files} }

// Setter changes until when an indicator holds; a publish.Publisher is one.
type Setter interface {
	SetUntil(ctx context.Context, v policy.Viewer, id string, until time.Time) error
}

// Config is what a Service stands on.
type Config struct {
	DB     *store.DB
	Setter Setter
	Names  identity.Names
	Log    *slog.Logger
	Notify func()
}

// Service ends indicators that have faded. It is safe for concurrent use.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

const settingModel = "decay.model"

// Model returns the model in force: what was adopted, or else the default.
func (s *Service) Model(ctx context.Context) (decay.Model, error) {
	text, _, err := s.DB.Setting(ctx, settingModel)
	if err != nil || text == "" {
		return decay.Default(), err
	}
	return decay.Parse([]byte(text))
}

// SetModel adopts a model; it is for the hub's coordinators.
func (s *Service) SetModel(ctx context.Context, v policy.Viewer, m decay.Model) error {
	if err := decides(v); err != nil {
		return err
	}
	if err := m.Validate(); err != nil {
		return err
	}
	return s.DB.SetSetting(ctx, settingModel, m.YAML())
}

func decides(v policy.Viewer) error {
	if v.Hub && identity.AtLeast(v.Role, policy.RoleCoordinator) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
}

// Step is one thing that was done automatically.
type Step struct {
	ID     string    `db:"id"`
	Object string    `db:"object"`
	At     time.Time `db:"at"`
	Why    Why       `db:"why"`
	Score  int       `db:"score"`
	Was    time.Time `db:"was"`
	Until  time.Time `db:"until"`
	Undone time.Time `db:"undone"` // zero if it stands
	By     string    `db:"by_user"`
}

// Why is why a step was taken.
type Why string

// The reasons.
const (
	Faded Why = "faded" // its score fell under the threshold
	Seen  Why = "seen"  // it was seen again
)

// Text says what was done and why.
func (s Step) Text() i18n.Text {
	if s.Why == Seen {
		return i18n.T("kept longer: it was seen again (score {0})", "期限を延長：再び観測された（スコア {0}）").With(s.Score)
	}
	return i18n.T("ended: its score fell to {0}, under the threshold", "失効：スコアが {0} まで下がり、しきい値を下回った").With(s.Score)
}

const stepColumns = "t.id, t.object, t.at, t.why, t.score, t.was, t.until, t.undone, t.by_user"

// machine is the hub itself, as who changes an indicator.
func machine() policy.Viewer {
	return policy.Viewer{User: "decay", Name: "meneki", Hub: true, Coordinator: true, Role: policy.RoleCoordinator}
}

// fewest is how many members must have seen an indicator without letting others know before
// that has it hold longer: that it does tells everybody who has it.
const fewest = 3

// refreshes returns the times at which an indicator counts as seen: when a member said so to
// the community, and when the third of those that did not.
func refreshes(seen []publish.Seen) (out []time.Time) {
	var quiet []publish.Seen
	for _, s := range seen {
		if s.Handling.TLP == policy.Clear || s.Handling.TLP == policy.Green ||
			s.Handling.TLP == policy.Amber && slices.Contains(s.Handling.Audience, policy.Community) {
			out = append(out, s.At)
		} else {
			quiet = append(quiet, s)
		}
	}
	slices.SortFunc(quiet, func(a, b publish.Seen) int { return a.At.Compare(b.At) })
	members := map[string]bool{}
	for _, s := range quiet {
		if members[s.Member] = true; len(members) == fewest {
			out = append(out, s.At)
			clear(members)
		}
	}
	return out
}

// thing returns an indicator as decay has it: of the offers and the times that are given.
func thing(i indicator.Indicator, offers []decay.Source, seen []time.Time) decay.Thing {
	t := decay.Thing{Kind: i.Kind, Sources: offers, Seen: seen}
	if len(t.Sources) == 0 {
		t.Sources = []decay.Source{{Name: "STIX", Confidence: i.Confidence, At: i.Made}}
	}
	return t
}

func sources(offers []publish.Offer, name func(publish.Offer, int) string) (out []decay.Source) {
	for n, o := range offers {
		out = append(out, decay.Source{Name: name(o, n), Confidence: o.Confidence, At: o.At})
	}
	return out
}

// least is by how much an end must move before a new version is worth it.
const least = 24 * time.Hour

// page is how many indicators are looked at in one transaction.
const page = 500

// Run ends what has faded and keeps longer what was seen, if the community wants that.
func (s *Service) Run(ctx context.Context) error {
	m, err := s.Model(ctx)
	if err != nil || !m.Automatic {
		return err
	}
	after := ""
	for {
		var steps []Step
		n := 0
		err := s.DB.Read(ctx, store.System("decay: the worth of what is in force"), func(tx *store.Tx) error {
			list, err := publish.InForce(tx, after, page)
			if err != nil {
				return err
			}
			if n = len(list); n > 0 {
				after = list[n-1].ID
			}
			steps, err = due(tx, m, list)
			return err
		})
		if err != nil {
			return err
		}
		for _, step := range steps {
			if err := s.take(ctx, step); err != nil {
				return err
			}
		}
		if n < page {
			return nil
		}
	}
}

// due returns the steps that are to be taken with indicators.
func due(tx *store.Tx, m decay.Model, list []indicator.Indicator) (out []Step, err error) {
	for _, i := range list {
		kept, err := store.Query[string](tx, `SELECT k.object FROM decay_kept k WHERE k.object = $1`, i.ID)
		if err != nil {
			return nil, err
		}
		if len(kept) > 0 {
			continue
		}
		offers, err := publish.OffersOf(tx, i.ID)
		if err != nil {
			return nil, err
		}
		seen, err := publish.SightingsOf(tx, i.ID)
		if err != nil {
			return nil, err
		}
		named := func(o publish.Offer, _ int) string { return o.Member }
		state := m.At(thing(i, sources(offers, named), refreshes(seen)), tx.Now())
		step := Step{ID: clock.NewID(), Object: i.ID, At: tx.Now(), Score: int(state.Score), Was: i.ValidUntil}
		switch {
		case state.Score < m.Threshold:
			step.Why, step.Until = Faded, tx.Now()
		case state.Ends.After(i.ValidUntil.Add(least)) && len(refreshes(seen)) > 0:
			step.Why, step.Until = Seen, state.Ends
		default:
			continue
		}
		out = append(out, step)
	}
	return out, nil
}

// take takes a step and notes it. An indicator that is not there for the hub any more, or was
// withdrawn meanwhile, is left alone.
func (s *Service) take(ctx context.Context, step Step) error {
	err := s.Setter.SetUntil(ctx, machine(), step.Object, step.Until)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Log.Info("an indicator's end was changed by its score", slog.String("indicator", step.Object),
		slog.String("why", string(step.Why)), slog.Time("until", step.Until))
	return s.DB.Write(ctx, store.System("decay: a step"), func(tx *store.Tx) error {
		tx.AfterCommitOnce(s, s.Notify)
		return store.Insert(tx, "decay_step", []Step{step})
	})
}

// Undo takes a step back, and leaves the indicator alone from then on.
func (s *Service) Undo(ctx context.Context, v policy.Viewer, id string) (object string, err error) {
	if err := decides(v); err != nil {
		return "", err
	}
	var step Step
	err = s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		if step, err = store.One[Step](tx, `SELECT `+stepColumns+` FROM decay_step t WHERE t.id = $1`, id); err != nil {
			return err
		}
		_, err := indicator.Get(tx, step.Object) // it may not be there for v
		return err
	})
	if err != nil {
		return "", err
	}
	if !step.Undone.IsZero() {
		return "", fault.New(fault.Conflict, i18n.T("it was undone already", "既に元に戻されています"))
	}
	if err := s.Setter.SetUntil(ctx, v, step.Object, step.Was); err != nil {
		return "", err
	}
	return step.Object, s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		tx.AfterCommitOnce(s, s.Notify)
		if _, err := tx.Exec(`UPDATE decay_step SET undone = $1, by_user = $2 WHERE id = $3`, tx.Now(), v.Name,
			id); err != nil {
			return err
		}
		return keep(tx, step.Object, true)
	})
}

// Keep leaves an indicator alone, or has it fade again.
func (s *Service) Keep(ctx context.Context, v policy.Viewer, object string, alone bool) error {
	if err := decides(v); err != nil {
		return err
	}
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		if _, err := indicator.Get(tx, object); err != nil {
			return err
		}
		tx.AfterCommitOnce(s, s.Notify)
		return keep(tx, object, alone)
	})
}

func keep(tx *store.Tx, object string, alone bool) error {
	if !alone {
		_, err := tx.Exec(`DELETE FROM decay_kept WHERE object = $1`, object)
		return err
	}
	_, err := tx.Exec(`INSERT INTO decay_kept (object, at) VALUES ($1, $2) ON CONFLICT (object) DO NOTHING`, object,
		tx.Now())
	return err
}
