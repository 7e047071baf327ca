package builtin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	sato = "S-1-5-21-1004336348-1177238915-682003330-1104"
	day  = 24 * time.Hour
)

// fixture is what a node does with an event, in small.
type fixture struct {
	t         *testing.T
	set       *sigma.Set
	resolver  *principal.Resolver
	baselines *principal.Baselines
	engine    *correlate.Engine
	n         int
	told      []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	set, err := sigma.Load(Files(), Root)
	if err != nil || len(set.Refused)+len(set.Warnings) > 0 {
		t.Fatal(err, set.Refused, set.Warnings)
	}
	resolver := principal.New(principal.Options{})
	if got, err := resolver.Import(strings.NewReader("sid,domain,user,upn\n"+sato+",EXAMPLE,sato,sato@example.jp\n"),
		""); err != nil || got.BadN > 0 {
		t.Fatal(err, got)
	}
	places, err := principal.ReadPlaces(strings.NewReader("network,lat,lon\n203.0.113.0/24,35.68,139.76\n" +
		"198.51.100.0/24,51.5,-0.12\n"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := correlate.New(set, correlate.Config{Resolve: resolver.ResolveField})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, set: set, resolver: resolver, baselines: principal.NewBaselines(resolver, places, 0),
		engine: engine}
}

func (d *fixture) see(at time.Duration, ev event.Event) {
	d.n++
	ev.Time, ev.ID = noon.Add(at), fmt.Sprint(d.n)
	d.resolver.Learn(&ev)
	d.baselines.Annotate(&ev)
	for m := range d.set.Match(&ev) {
		if m.Rule.Level != sigma.Informational {
			d.told = append(d.told, m.Rule.Title)
		}
		d.tell(d.engine.Add(correlate.Match{Rule: m.Rule, Time: ev.Time, Event: ev.ID, Fields: &ev}))
	}
}

func (d *fixture) tell(alerts []*correlate.Alert) {
	for _, a := range alerts {
		d.told = append(d.told, a.Rule.Title)
	}
}

func (d *fixture) expect(want ...string) {
	d.t.Helper()
	d.tell(d.engine.Flush())
	slices.Sort(d.told)
	slices.Sort(want)
	if diff := cmp.Diff(want, d.told); diff != "" {
		d.t.Error(diff)
	}
}

func security(id int, fields ...string) event.Event {
	f := map[string]any{"EventID": int64(id), "Computer": "dc1.example.jp"}
	for i := 0; i < len(fields); i += 2 {
		f[fields[i]] = fields[i+1]
	}
	return event.Event{Product: "windows", Service: "security", Fields: f}
}

func entra(user, ip string, code float64) event.Event {
	return event.Event{Product: "azure", Service: "signinlogs",
		Fields: map[string]any{"userPrincipalName": user, "ipAddress": ip, "status": map[string]any{"errorCode": code}}}
}

func ssh(host, word, user, ip string) event.Event {
	return event.Event{Product: "linux", Host: host,
		Fields: map[string]any{"message": fmt.Sprintf("%s password for %s from %s port 50022 ssh2", word, user, ip)}}
}

// The flight is seen although one end of it is a Windows logon by SID and the
// other a sign-in to a cloud by mail address.
func TestImpossibleTravel(t *testing.T) {
	d := newFixture(t)
	d.see(0, security(4624, "TargetUserSid", sato, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato", "LogonType",
		"10", "IpAddress", "203.0.113.5"))
	d.see(time.Hour, entra("sato@example.jp", "198.51.100.7", 0))
	d.see(20*time.Hour, entra("sato@example.jp", "203.0.113.5", 0)) // flew home
	d.see(21*time.Hour, entra("abe@example.jp", "198.51.100.7", 0))
	d.expect("Sign-In From Two Places That Are Too Far Apart")
}

func TestDormantAccount(t *testing.T) {
	d := newFixture(t)
	d.see(0, entra("sato@example.jp", "203.0.113.5", 0))
	d.see(59*day, entra("sato@example.jp", "203.0.113.5", 0))
	d.see(100*day, entra("sato@example.jp", "203.0.113.5", 50126)) // failed: still asleep
	d.see(120*day, security(4624, "TargetUserSid", sato, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato",
		"LogonType", "10", "IpAddress", "203.0.113.5"))
	d.expect("Dormant Account Awakened")
}

// Ten accounts over three kinds of systems; sato's three names count once.
func TestPasswordSpraying(t *testing.T) {
	for _, c := range []struct {
		accounts int
		every    time.Duration
		want     []string
	}{{9, time.Second, nil}, {10, time.Second, []string{"Password Spraying"}}, {10, 2 * time.Minute, nil},
		{25, time.Second, []string{"Password Spraying"}}} {
		d := newFixture(t)
		d.see(0, security(4625, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato", "IpAddress", "203.0.113.5"))
		d.see(0, entra("sato@example.jp", "203.0.113.5", 50126))
		d.see(0, ssh("web1", "Failed", "sato", "203.0.113.5"))
		for i := 1; i < c.accounts; i++ {
			at := time.Duration(i) * c.every
			switch i % 3 {
			case 0:
				d.see(at, security(4625, "TargetDomainName", "EXAMPLE", "TargetUserName", fmt.Sprint("u", i),
					"IpAddress", "203.0.113.5"))
			case 1:
				d.see(at, entra(fmt.Sprintf("u%d@example.jp", i), "203.0.113.5", 50126))
			case 2:
				d.see(at, ssh("web1", "Failed", fmt.Sprint("invalid user u", i), "203.0.113.5"))
			}
			d.see(at, entra(fmt.Sprintf("v%d@example.jp", i), fmt.Sprintf("198.51.100.%d", i),
				50126)) // others, each from its own machine
		}
		d.expect(c.want...)
	}
}

func TestNewAdminNewDevice(t *testing.T) {
	for _, admin := range []string{"S-1-5-32-544", "S-1-5-21-1-2-3-512", "S-1-5-21-1-2-3-513"} {
		d := newFixture(t)
		for i := range 10 {
			d.see(time.Duration(i)*day, entra("sato@example.jp", "203.0.113.5", 0))
		}
		d.see(10*day, security(4728, "MemberSid", sato, "TargetSid", admin))
		d.see(10*day+time.Hour, entra("sato@example.jp", "203.0.113.99", 0))
		d.see(10*day+2*time.Hour, entra("abe@example.jp", "203.0.113.98", 0))
		if strings.HasSuffix(admin, "513") { // Domain Users
			d.expect()
			continue
		}
		d.expect("New Administrator on a New Machine")
	}
}

// From a client to srv1 and from srv1, known by its address from DHCP, to srv2.
func TestLateralChain(t *testing.T) {
	d := newFixture(t)
	hop := func(at time.Duration, from, to string) {
		d.see(at, security(4624, "TargetUserSid", sato, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato",
			"LogonType", "3", "IpAddress", from, "Computer", to))
	}
	d.resolver.AddLease(principal.Machine("10.0.0.11"), principal.Machine("srv1.example.jp"), noon.Add(-time.Hour),
		10*time.Hour)
	hop(0, "10.0.0.5", "srv1.example.jp")
	hop(10*time.Minute, "10.0.0.11", "srv2.example.jp")
	hop(2*time.Hour, "10.0.0.11", "srv3.example.jp") // too late to be the same chain
	hop(3*time.Hour, "10.0.0.11", "srv1.example.jp") // to itself
	d.expect("Chain of Sign-Ins From Machine to Machine")
}
