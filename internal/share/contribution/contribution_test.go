package contribution_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/contribution"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

// town is a hub's contributions, with members that joined in the order of their names.
type town struct {
	t     *testing.T
	db    *store.DB
	s     *contribution.Service
	names []string
	n     int
}

func (c *town) Name(_ context.Context, id string) string        { return strings.ToUpper(id) }
func (c *town) Sector(context.Context, string) string           { return "energy" }
func (c *town) Node(_ context.Context, id string) policy.Viewer { return policy.Node(id, "energy", "") }
func (c *town) reached(_ context.Context, _ store.Scope, ids []string) (map[string]publish.Reach, error) {
	out := map[string]publish.Reach{}
	for _, id := range ids {
		out[id] = publish.Reach{Got: 3, Armed: 2}
	}
	return out, nil
}

func (c *town) Active(context.Context) (out []identity.Member, err error) {
	for i, id := range c.names {
		out = append(out, identity.Member{ID: id, Name: strings.ToUpper(id),
			Joined: sharetest.Start.AddDate(0, 0, i-1000)})
	}
	return out, nil
}

var everyone = []string{"power", "gas", "city", "m3", "m4", "m5", "m6"}

// each runs a test on both engines.
func each(t *testing.T, body func(*town)) {
	t.Helper()
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &town{t: t, db: db, names: everyone}
		c.s = contribution.New(contribution.Config{DB: db, Members: c, Notify: func() {}, Reached: c.reached})
		body(c)
	}, storetest.Clock(now), storetest.With(indicator.Migration(), contribution.Migration()))
}

func (c *town) write(fn func(tx *store.Tx) error) {
	c.t.Helper()
	if err := c.db.Write(c.t.Context(), store.System("test"), fn); err != nil {
		c.t.Fatal(err)
	}
}

var green = policy.Handling{TLP: policy.Green}

// gives has a member give a value.
func (c *town) gives(member, value string, h policy.Handling) string {
	c.t.Helper()
	c.n++
	h.Owner = member
	i := indicator.Indicator{ID: fmt.Sprintf("indicator--%08d-0000-4000-8000-000000000000", c.n), Realm: event.Live,
		Name: value, Kind: string(event.Domain), Value: value,
		Made:     sharetest.Start.Add(time.Duration(c.n-100) * time.Second),
		Modified: sharetest.Start, State: "active", Level: "high", Handling: h}
	c.write(func(tx *store.Tx) error {
		if err := i.Save(tx); err != nil {
			return err
		}
		return c.s.OnIndicator(tx, msg.IndicatorChanged{Indicator: i.ID, Made: true, Handling: h})
	})
	return i.ID
}

// sees has members say that they saw something.
func (c *town) sees(object string, h policy.Handling, members ...string) {
	c.t.Helper()
	for _, m := range members {
		c.n++
		h.Owner = m
		s := msg.Sighting{Member: m, Sighting: wire.Sighting{ID: fmt.Sprint("s", c.n), Indicator: object,
			Realm: event.Live,
			Count: 1, At: sharetest.Start, Handling: h}}
		c.write(func(tx *store.Tx) error { return c.s.OnSighting(tx, s) })
	}
}

func person(member string) policy.Viewer {
	return policy.Viewer{User: "u", Name: "Person", Member: member, Sector: "energy", Role: policy.RoleAnalyst}
}

func (c *town) account(v policy.Viewer, member string) contribution.Account {
	c.t.Helper()
	a, err := c.s.Account(c.t.Context(), v, member)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *town) is(v policy.Viewer, member, points string) {
	c.t.Helper()
	if a := c.account(v, member); a.Points.String() != points {
		c.t.Errorf("%s has %s points for %s, want %s: %+v", member, a.Points, v.Name, points, a.Gave)
	}
}

func (c *town) renew() {
	c.t.Helper()
	if err := c.s.Renew(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// What others let a member know counts for it at once, and each line says why.
func TestOpenSightingsCount(t *testing.T) {
	each(t, func(c *town) {
		o := c.gives("power", "evil.example", green)
		c.is(person("power"), "power", "0.0")
		c.sees(o, green, "gas", "gas", "city", "power")
		c.is(person("power"), "power", "2.0")
		g := c.account(person("power"), "power").Gave[0]
		if g.Seen != 2 || g.Line.Kind != credit.Confirmed || g.Object != o {
			c.t.Errorf("%+v", g)
		}
		again := c.gives("gas", "evil.example", green)
		c.sees(again, green, "city", "m3")
		if g := c.account(person("gas"), "gas").Gave[0]; g.Line.Kind != credit.Later {
			c.t.Errorf("the second to give it: %+v", g)
		}
	})
}

// That another member gave a value before, so that one may not know it, makes no difference.
func TestUnseenGiftsMakeNoDifference(t *testing.T) {
	each(t, func(c *town) {
		c.gives("gas", "evil.example", policy.Handling{TLP: policy.AmberStrict})
		c.sees(c.gives("power", "evil.example", green), green, "city", "m3")
		c.is(person("power"), "power", "2.0")
	})
}

// What members keep to themselves is told only of three and more, and changes only with three.
func TestKeptSightings(t *testing.T) {
	each(t, func(c *town) {
		strict := policy.Handling{TLP: policy.AmberStrict}
		o := c.gives("power", "evil.example", green)
		c.sees(o, strict, "gas", "city")
		c.renew()
		c.is(person("power"), "power", "0.0")
		c.is(sharetest.Desk, "power", "2.0")
		if g := c.account(person("power"), "power").Gave[0]; g.Seen != 0 {
			c.t.Errorf("%+v", g)
		}
		c.sees(o, strict, "m3")
		c.is(person("power"), "power", "0.0") // before the next edition
		c.tomorrow()
		a := c.account(person("power"), "power")
		if a.Points.String() != "3.0" || a.Kept != a.Points || a.Gave[0].Seen != 3 {
			c.t.Errorf("%s %+v", a.Points, a)
		}
		c.sees(o, strict, "m4", "m5")
		c.tomorrow()
		if b := c.account(person("power"), "power"); b.Points > a.Points || b.Gave[0].Seen != 3 {
			c.t.Errorf("two more showed: %s %+v", b.Points, b.Gave)
		}
		c.sees(o, strict, "m6")
		c.tomorrow()
		if b := c.account(person("power"), "power"); b.Points <= a.Points || b.Gave[0].Seen != 6 {
			c.t.Errorf("three more did not show: %s %+v", b.Points, b.Gave)
		}
		// Others are not told at all.
		if a := c.account(person("gas"), "power"); a.Points != 0 || a.Kept != 0 {
			c.t.Errorf("%+v", a)
		}
	})
}

// tomorrow makes the next edition, as if a day had passed.
func (c *town) tomorrow() {
	c.t.Helper()
	c.write(func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE setting SET value = '' WHERE key = 'contribution.edition'`)
		return err
	})
	c.renew()
}

// A report costs nothing until it is upheld; then the giver learns that it was wrong, and not by whom.
func TestReports(t *testing.T) {
	each(t, func(c *town) {
		ctx := c.t.Context()
		o := c.gives("power", "shop.example", green)
		c.sees(c.gives("power", "evil.example", green), green, "gas", "city", "m3", "m4")
		if _, err := c.s.Report(ctx, person("power"), o, "ours"); !fault.Is(err, fault.Conflict) {
			c.t.Errorf("of its own: %v", err)
		}
		if _, err := c.s.Report(ctx, person("city"), "indicator--unknown", "x"); !fault.Is(err, fault.NotFound) {
			c.t.Errorf("of what is not there: %v", err)
		}
		secret := c.gives("gas", "secret.example", policy.Handling{TLP: policy.AmberStrict})
		if _, err := c.s.Report(ctx, person("city"), secret, "x"); !fault.Is(err, fault.NotFound) {
			c.t.Errorf("of what it may not see: %v", err)
		}
		reader := person("city")
		reader.Role = policy.RoleReader
		if _, err := c.s.Report(ctx, reader, o, "x"); !fault.Is(err, fault.Denied) {
			c.t.Errorf("by a reader: %v", err)
		}
		m, err := c.s.Report(ctx, person("city"), o, "it is our own web shop")
		if err != nil {
			c.t.Fatal(err)
		}
		c.is(person("power"), "power", "4.0")
		if list := c.marks(person("power"), o); len(list) != 0 {
			c.t.Errorf("the giver is told of a report: %+v", list)
		}
		for _, v := range []policy.Viewer{person("city"), person("power"), {Hub: true, Role: policy.RoleAnalyst}} {
			if err := c.s.Decide(ctx, v, m.ID, contribution.Upheld); err == nil {
				c.t.Errorf("%+v upholds it", v)
			}
		}
		c.ok(c.s.Decide(ctx, sharetest.Desk, m.ID, contribution.Upheld))
		c.is(person("power"), "power", "1.0")
		c.is(person("city"), "city", "1.0")
		list := c.marks(person("power"), o)
		if len(list) != 1 || list[0].Member+list[0].By+list[0].Reason != "" || list[0].State != contribution.Upheld {
			c.t.Errorf("the giver is told %+v", list)
		}
		if err := c.s.Decide(ctx, sharetest.Desk, m.ID, contribution.Declined); !fault.Is(err, fault.Conflict) {
			c.t.Errorf("decided twice: %v", err)
		}
		c.ok(c.s.Decide(ctx, sharetest.Desk, m.ID, contribution.Open))
		c.is(person("power"), "power", "4.0")
		if list := c.marks(person("power"), o); len(list) != 0 {
			c.t.Errorf("it was reopened: %+v", list)
		}
		c.ok(c.s.Decide(ctx, person("city"), m.ID, contribution.Undone))
		if list := c.marks(sharetest.Desk, o); len(list) != 0 {
			c.t.Errorf("it was taken back: %+v", list)
		}
	})
}

func (c *town) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *town) marks(v policy.Viewer, object string) (out []contribution.Mark) {
	c.t.Helper()
	c.ok(c.db.Read(c.t.Context(), store.As(v), func(tx *store.Tx) (err error) {
		out, err = contribution.Marks(tx, object)
		return err
	}))
	return out
}

// The picture of the community names nobody and lets nobody be picked out.
func TestPicture(t *testing.T) {
	each(t, func(c *town) {
		for i, m := range everyone[:2] {
			c.sees(c.gives(m, fmt.Sprint("evil", i, ".example"), green), green, everyone[2:]...)
		}
		c.renew()
		p, err := c.s.Community(c.t.Context())
		if err != nil || p == nil || p.Members != 7 {
			c.t.Fatalf("%+v %v", p, err)
		}
		for _, tier := range p.Tiers {
			if tier.Members > 0 && p.Members-tier.Members < 3 || tier.Members == 1 || tier.Members == 2 {
				c.t.Errorf("%+v", p.Tiers)
			}
		}
		c.names = everyone[:3]
		c.write(func(tx *store.Tx) error {
			_, err := tx.Exec(`DELETE FROM setting WHERE key LIKE 'contribution.%'`)
			return err
		})
		c.renew()
		if p, err := c.s.Community(c.t.Context()); err != nil || p != nil {
			c.t.Errorf("of three members: %+v %v", p, err)
		}
	})
}

// A tier is that of what the member itself may know.
func TestTier(t *testing.T) {
	each(t, func(c *town) {
		c.sees(c.gives("power", "a.example", green), policy.Handling{TLP: policy.AmberStrict}, everyone...)
		tier := func() string {
			t, err := c.s.Tier(c.t.Context(), "power")
			c.ok(err)
			return t.Name
		}
		if tier() != "Member" {
			c.t.Error("a tier tells of sightings that are kept")
		}
		c.sees(c.gives("power", "b.example", green), green, everyone...)
		if tier() != "Contributor" {
			c.t.Errorf("it is %s", tier())
		}
		r := credit.Default()
		r.Tiers[1].Points = 100
		r.Tiers[2].Points = 200
		if err := c.s.SetRules(c.t.Context(), person("power"), r); !fault.Is(err, fault.Denied) {
			c.t.Errorf("a member changes the rules: %v", err)
		}
		c.ok(c.s.SetRules(c.t.Context(), sharetest.Desk, r))
		if tier() != "Member" {
			c.t.Errorf("under other rules it is %s", tier())
		}
	})
}
