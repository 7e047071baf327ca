package expiry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/decay"
	"github.com/meneki/meneki/internal/share/decay/expiry"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

const day = 24 * time.Hour

// desk is a hub's decay, with the ends that it set.
type desk struct {
	t    *testing.T
	db   *store.DB
	hand *clock.Hand
	s    *expiry.Service
	ends map[string]time.Time
	n    int
}

func (d *desk) Name(_ context.Context, id string) string { return "Name of " + id }
func (d *desk) Sector(context.Context, string) string    { return "" }
func (d *desk) SetUntil(ctx context.Context, v policy.Viewer, id string, until time.Time) error {
	d.ends[id] = until
	return d.db.Write(ctx, store.As(v), func(tx *store.Tx) error {
		i, err := indicator.Get(tx, id)
		if err != nil {
			return err
		}
		i.ValidUntil = until
		return i.Save(tx)
	})
}

func each(t *testing.T, body func(*desk)) {
	t.Helper()
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hand.Add(sharetest.Start.Sub(db.Now()))
		d := &desk{t: t, db: db, hand: hand, ends: map[string]time.Time{}}
		d.s = expiry.New(expiry.Config{DB: db, Setter: d, Names: d, Log: slog.New(slog.DiscardHandler),
			Notify: func() {}})
		body(d)
	}, storetest.Clock(now), storetest.With(indicator.Migration(), publish.Migration(), expiry.Migration()))
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) write(fn func(tx *store.Tx) error) {
	d.t.Helper()
	d.ok(d.db.Write(d.t.Context(), store.System("test"), fn))
}

// has makes an indicator of a domain that a member offered with a level.
func (d *desk) has(value, level string) string {
	d.t.Helper()
	d.n++
	h := policy.Handling{TLP: policy.Green, Owner: "power"}
	id := fmt.Sprintf("indicator--%08d-0000-4000-8000-000000000000", d.n)
	c := sharetest.Candidate(fmt.Sprint("c", d.n), "f", sharetest.Domain(value), h)
	c.Member, c.Rule.Level = "power", level
	body, err := json.Marshal(c)
	d.ok(err)
	d.write(func(tx *store.Tx) error {
		if _, err := tx.Exec(`INSERT INTO candidates (id, finding, member, body, object, at, tlp, owner, audience)
			VALUES ($1,'f','power',$2,$3,$4,$5,'power','')`, c.ID, string(body), id, tx.Now(), int(h.TLP)); err != nil {
			return err
		}
		return indicator.Indicator{ID: id, Realm: event.Live, Name: value, Kind: string(event.Domain), Value: value,
			Made: tx.Now(), Modified: tx.Now(), ValidUntil: tx.Now().Add(90 * day), Confidence: 75, State: "active",
			Level: level, Handling: h}.Save(tx)
	})
	return id
}

func (d *desk) seen(object string, h policy.Handling, members ...string) {
	d.t.Helper()
	for _, m := range members {
		d.n++
		d.write(func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO sightings (id, object, member, count, first, last, retro, at, tlp, owner,
				audience) VALUES ($1,$2,$3,1,$4,$4,FALSE,$4,$5,$3,$6)`, fmt.Sprint("s", d.n), object, m, tx.Now(),
				int(h.TLP), h.Audience.Column())
			return err
		})
	}
}

func (d *desk) run() {
	d.t.Helper()
	d.ok(d.s.Run(d.t.Context()))
}

// What fades ends, what is seen holds longer, and what a person undid is left alone.
func TestRun(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		weak, strong := d.has("weak.example", "informational"), d.has("strong.example", "high")
		d.run()
		if len(d.ends) != 0 {
			d.t.Errorf("something was done at once: %v", d.ends)
		}
		d.hand.Add(40 * day) // 15 points fall to 9.3, 75 to 46
		d.run()
		if len(d.ends) != 1 || !d.ends[weak].Equal(d.db.Now()) {
			d.t.Fatalf("%v", d.ends)
		}
		d.seen(strong, policy.Handling{TLP: policy.AmberStrict}, "city", "gas")
		d.run()
		if _, ok := d.ends[strong]; ok {
			d.t.Error("two members that keep it to themselves had it hold longer")
		}
		d.seen(strong, policy.Handling{TLP: policy.AmberStrict}, "water")
		d.run()
		if end := d.ends[strong]; end.Sub(d.db.Now()) < 90*day || end.Sub(d.db.Now()) > 92*day {
			d.t.Errorf("it ends %s", end)
		}
		steps := d.steps()
		if len(steps) != 2 {
			d.t.Fatalf("%+v", steps)
		}
		for _, s := range steps {
			if x := s.Text(); x.EN == "" || x.JA == "" {
				d.t.Errorf("%+v", s)
			}
			if _, err := d.s.Undo(ctx, sharetest.Viewers["power"], s.ID); !fault.Is(err, fault.Denied) {
				d.t.Errorf("a member undoes it: %v", err)
			}
			if s.Object == weak {
				_, err := d.s.Undo(ctx, sharetest.Desk, s.ID)
				d.ok(err)
				if !d.ends[weak].Equal(s.Was) {
					d.t.Errorf("it ends %s, not %s", d.ends[weak], s.Was)
				}
				if _, err := d.s.Undo(ctx, sharetest.Desk, s.ID); !fault.Is(err, fault.Conflict) {
					d.t.Errorf("undone twice: %v", err)
				}
			}
		}
		d.run()
		if len(d.steps()) != 2 {
			d.t.Error("it was done again though a person had undone it")
		}
		d.ok(d.s.Keep(ctx, sharetest.Desk, weak, false))
		d.run()
		if len(d.steps()) != 3 {
			d.t.Error("it is left alone for ever")
		}
	})
}

func (d *desk) steps() (out []expiry.Step) {
	d.t.Helper()
	d.write(func(tx *store.Tx) (err error) {
		out, err = store.Query[expiry.Step](tx, `SELECT t.id, t.object, t.at, t.why, t.score, t.was, t.until, t.undone,
			t.by_user FROM decay_step t ORDER BY t.at, t.id`)
		return err
	})
	return out
}

// A community that does not want it is only shown the scores.
func TestNotAutomatic(t *testing.T) {
	each(t, func(d *desk) {
		m := decay.Default()
		m.Automatic = false
		if err := d.s.SetModel(d.t.Context(), sharetest.Viewers["gas"], m); !fault.Is(err, fault.Denied) {
			d.t.Errorf("a member changes the model: %v", err)
		}
		d.ok(d.s.SetModel(d.t.Context(), sharetest.Desk, m))
		d.has("weak.example", "informational")
		d.hand.Add(80 * day)
		d.run()
		if len(d.ends) != 0 {
			d.t.Errorf("%v", d.ends)
		}
	})
}

// The panel has the curve for the hub's people with who says so, for members without.
func TestPanelAndPages(t *testing.T) {
	each(t, func(d *desk) {
		t := d.t
		id := d.has("evil.example", "high")
		m := expiry.Module(d.s)
		h := sharetest.Console(t, func(site *web.Site, a *api.API) {
			site.AddPanels(m.Panels...)
			m.Pages(site)
			m.API(a)
			site.Page("/indicators/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) {
				about := web.Subject{ID: r.PathValue("id"), Viewer: r.Viewer, Request: r}
				panels, err := site.Load(r.Context(), "indicator", about)
				return &web.View{Template: "test/panels", Data: panels}, err
			})
		}, panelTemplates())
		hub := sharetest.Page(t, h, "desk", "/indicators/"+id)
		member := sharetest.Page(t, h, "city", "/indicators/"+id)
		for _, w := range []string{"Its score is 75; unless it is seen again it ends in 91 days", "Name of power"} {
			if !strings.Contains(hub["en"], w) {
				t.Errorf("no %q in %.3000s", w, hub["en"])
			}
		}
		if strings.Contains(member["en"], "Name of power") || !strings.Contains(member["ja"], "スコア 75") {
			t.Errorf("a member sees %.3000s", member["ja"])
		}
		page := sharetest.Page(t, h, "city", "/indicators/decay")
		if !strings.Contains(page["ja"], "寿命") || strings.Contains(page["en"], "Adopt") {
			t.Errorf("%.2000s", page["ja"])
		}
		model := decay.Default()
		model.Threshold = 80
		for as, want := range map[string]int{"gas": 403, "desk": 303} {
			code, _ := sharetest.Ask(t, h, as, http.MethodPost, "/indicators/decay",
				url.Values{"model": {model.YAML()}}, "")
			if code != want {
				t.Errorf("%s: %d", as, code)
			}
		}
		if p := sharetest.Page(t, h, "desk", "/indicators/"+id)["en"]; !strings.Contains(p,
			"under the threshold of 80") {
			t.Errorf("%.2000s", p)
		}
		code, body := sharetest.Ask(t, h, "desk", http.MethodPost, "/indicators/decay", url.Values{"model": {"x: 1"}},
			"")
		if code != http.StatusUnprocessableEntity {
			t.Errorf("%d %.500s", code, body)
		}
	})
}
