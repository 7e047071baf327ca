package objects

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

const hubIdentity = "identity--00000000-0000-4000-8000-00000000000a"

// directory is three members.
type directory struct{}

var names = map[string]string{"power": "Sakura Power " + strings.Repeat("very long name ", 4), "gas": "Gas",
	"city": "City"}

func (directory) Name(_ context.Context, id string) string { return names[id] }

func (directory) Sector(_ context.Context, id string) string {
	return map[string]string{"power": "power", "gas": "gas", "city": "local-government"}[id]
}

func (d directory) Node(ctx context.Context, id string) policy.Viewer {
	return identity.Member{ID: id, Sector: d.Sector(ctx, id)}.Node()
}

func (d directory) Active(ctx context.Context) (out []identity.Member, err error) {
	for _, id := range []string{"city", "gas", "power"} {
		out = append(out, identity.Member{ID: id, Name: names[id], Sector: d.Sector(ctx, id), Joined: sharetest.Start})
	}
	return out, nil
}

// desk is a hub with pages over a store of objects.
type desk struct {
	*testing.T
	http.Handler
	p *pages
}

func openDesk(t *testing.T) desk {
	t.Helper()
	now, _ := clock.Fixed(sharetest.Start)
	db := storetest.SQLite(t, storetest.With(object.Migration(), Migration()), storetest.Clock(now))
	if err := db.SetSetting(t.Context(), indicator.SettingIdentity, hubIdentity); err != nil {
		t.Fatal(err)
	}
	p := newPages(Config{DB: db, Objects: object.New(db), Members: directory{},
		Own: func(context.Context) (exclusion.CommunityAssets, error) {
			return exclusion.CommunityAssets{Domains: []string{"sakura-power.example"},
				Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}, nil
		}})
	h := sharetest.Console(t, func(s *web.Site, a *api.API) {
		p.addTo(s)
		p.api(a)
	}, Templates())
	return desk{t, h, p}
}

// put keeps objects of an owner.
func (d desk) put(owner string, tlp policy.TLP, audience policy.Audience, raw ...string) {
	d.Helper()
	var items []object.Item
	for _, r := range raw {
		o, err := stix.Parse([]byte(r))
		if err != nil {
			d.Fatal(err)
		}
		items = append(items, object.Item{Object: o, Source: "test",
			Handling: policy.Handling{TLP: tlp, Owner: owner, Audience: audience}})
	}
	err := d.p.DB.Write(d.Context(), store.System("test"), func(tx *store.Tx) error {
		out, err := d.p.Objects.Put(tx, items)
		for _, o := range out {
			if o.Err != nil {
				d.Error(o.Err)
			}
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
}

// id is the id of an object of a type with a number.
func id(typ string, n int) string { return fmt.Sprintf("%s--00000000-0000-4000-8000-%012d", typ, n) }

// sdo is a domain object with a number.
func sdo(typ string, n int, more string) string {
	return fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":%q,"created_by_ref":%q,`+
		`"created":"2026-11-20T00:00:00.000Z",`+
		`"modified":"2026-11-20T00:00:00.000Z"%s}`, typ, id(typ, n), hubIdentity, more)
}

// sample is a report of one member with all that belongs to it, and secrets of another.
func (d desk) sample() {
	d.put("power", policy.Amber, policy.Audience{policy.Community},
		sdo("indicator", 1, `,"name":"evil.example.net","pattern":"[domain-name:value = 'evil.example.net']",`+
			`"pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z","confidence":80,"labels":["標的型"]`),
		sdo("malware", 2, `,"name":"KomoriLoader","is_family":true,"aliases":["Komori"]`),
		sdo("attack-pattern", 3, `,"name":"Spearphishing","external_references":[{"source_name":"mitre-attack",`+
			`"external_id":"T1566.001"}]`),
		sdo("relationship", 4, `,"relationship_type":"indicates","source_ref":"`+id("indicator", 1)+`","target_ref":"`+
			id("malware", 2)+`"`),
		sdo("report", 5, `,"name":"電力会社を狙う攻撃","description":"通信先は http://evil.example.net/a です。","published":`+
			`"2026-11-20T00:00:00Z","object_refs":["`+id("indicator", 1)+`","`+id("malware",
			2)+`","`+id("attack-pattern", 3)+
			`","`+id("malware", 6)+`"]`))
	d.put("gas", policy.Red, nil, sdo("malware", 6, `,"name":"ZqSecret","is_family":false`),
		sdo("note", 7, `,"content":"zq-note","object_refs":["`+id("malware", 2)+`"]`))
	d.put("", policy.Green, nil, sdo("note", 8, `,"content":"seen on 192.0.2.1 too","object_refs":["`+id("malware",
		2)+`"]`),
		sdo("opinion", 9, `,"opinion":"agree","explanation":"we saw it","object_refs":["`+id("malware", 2)+`"]`))
	d.put("city", policy.Green, nil, sdo("indicator", 20, `,"name":"again","pattern":"[domain-name:value = `+
		`'evil.example.net']","pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z","labels":["PAP:RED"]`))
	h := sharetest.Hostile
	d.put("city", policy.Green, nil, sdo("x-custom", 10,
		`,"name":`+mustJSON(h)+`,"description":`+mustJSON("# "+h+"\n[x](javascript:alert(1))")+
			`,"x_thing":{"a":`+mustJSON(h)+`},"labels":[`+mustJSON(h)+`]`))
}

func mustJSON(s string) string {
	b, err := jsonText(s)
	if err != nil {
		panic(err)
	}
	return b
}

// pagesOf are the addresses that everybody asks for.
func pagesOf() []string {
	out := []string{"/objects", "/reports", "/objects/lookup", "/objects?q=komori", "/objects?q=電力",
		"/objects?q=evil.example.net",
		"/objects?q=zqsecret", "/objects?type=malware", "/objects?tlp=amber",
		"/objects?label=標的型", "/objects?technique=T1566",
		"/objects?sort=-new", "/objects?since=24h", "/objects?from=us"}
	for typ, n := range map[string]int{"indicator": 1, "malware": 2, "attack-pattern": 3, "relationship": 4,
		"report": 5,
		"note":   8, "opinion": 9, "x-custom": 10} {
		out = append(out, "/objects/"+id(typ, n), "/objects/"+id(typ, n)+"?hops=2")
	}
	return out
}

func TestPages(t *testing.T) {
	d := openDesk(t)
	for _, who := range []string{"desk", "power", "guest"} { // nothing is there
		for _, path := range []string{"/objects", "/reports", "/objects/lookup"} {
			sharetest.Page(t, d, who, path)
		}
	}
	d.sample()
	for _, who := range []string{"desk", "reader", "power", "gas", "city", "guest"} {
		for _, path := range pagesOf() {
			page := sharetest.Page(t, d, who, path)
			if who != "gas" && !strings.Contains(path, "zq") && strings.Contains(strings.ToLower(page["en"]), "zq") {
				t.Errorf("%s is shown a secret by %s", who, path)
			}
			if strings.Contains(strings.ReplaceAll(page["en"], "data-copy", ""), "http://evil") &&
				!strings.Contains(path, id("report", 5)) {
				t.Errorf("%s: a value is not defanged on %s", who, path)
			}
		}
	}
	report := sharetest.Page(t, d, "gas", "/objects/"+id("report", 5))["en"]
	for _, want := range []string{"hxxp://evil[.]example[.]net/a", "KomoriLoader", "T1566.001",
		"it is addressed to the whole community",
		"What it is about"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not show %q", want)
		}
	}
	if strings.Contains(report, "Sakura") || strings.Contains(report, "Came from") {
		t.Error("the report shows another member who gave it")
	}
	if own := sharetest.Page(t, d, "power", "/objects/"+id("report", 5))["en"]; !strings.Contains(own,
		"your organisation gave it") ||
		strings.Contains(own, ">Gas<") || !strings.Contains(own, "every member of the community") {
		t.Error("the giver does not see who gets it, or sees other members")
	}
	if hub := sharetest.Page(t, d, "desk", "/objects/"+id("report", 5))["en"]; !strings.Contains(hub, "Sakura Power") ||
		!strings.Contains(hub, "3 members") {
		t.Error("the hub does not see who gave it and who gets it")
	}
	malware := sharetest.Page(t, d, "city", "/objects/"+id("malware", 2))["en"]
	for _, want := range []string{"seen on 192[.]0[.]2[.]1 too", "we saw it", "agrees", "evil[.]example[.]net",
		"indicates"} {
		if !strings.Contains(malware, want) {
			t.Errorf("the malware does not show %q", want)
		}
	}
	if same := sharetest.Page(t, d, "gas", "/objects/"+id("indicator", 20))["en"]; !strings.Contains(same,
		"about the same value") ||
		!strings.Contains(same, "What you may do with it") || !strings.Contains(same, "PAP:RED") {
		t.Error("no correlation by value, or not what may be done with it")
	}
	if code, _ := sharetest.Get(t, d, "power", "/objects/"+id("malware", 6)); code != http.StatusNotFound {
		t.Errorf("another's secret: %d", code)
	}
	if as := sharetest.Page(t, d, "desk", "/objects/"+id("report", 5)+"?as=city")["en"]; !strings.Contains(as,
		"As City sees it") {
		t.Error("no preview as a member")
	}
	if code, _ := sharetest.Get(t, d, "power", "/objects/"+id("report", 5)+"?as=city"); code != http.StatusNotFound {
		t.Errorf("a member previews as another: %d", code)
	}
}

// Two worlds that differ in what one may not see look the same on every page.
func TestTwoWorlds(t *testing.T) {
	one, two := openDesk(t), openDesk(t)
	one.sample()
	two.sample()
	two.put("gas", policy.Red, nil, sdo("indicator", 30,
		`,"name":"zq","pattern":"[domain-name:value = 'evil.example.net']",`+
			`"pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z"`), sdo("report", 31,
		`,"name":"zq Komori 電力","published":"2026-11-20T00:00:00Z","object_refs":["`+id("malware", 2)+`"]`),
		sdo("relationship", 32, `,"relationship_type":"uses","source_ref":"`+id("malware", 2)+`","target_ref":"`+
			id("attack-pattern", 3)+`"`))
	two.put("gas", policy.Amber, policy.Audience{policy.ToMember("city")}, sdo("opinion", 33,
		`,"opinion":"disagree","object_refs":["`+id("malware", 2)+`"]`))
	values := url.Values{"values": {"evil.example.net\nkomori.example.org"}}
	for _, who := range []string{"power", "guest"} {
		for _, path := range append(pagesOf(), "/objects?format=csv", "/objects?format=json",
			"/objects/"+id("malware", 2)+"/stix?near=1",
			"/objects/"+id("indicator", 30), "/objects?q="+id("indicator",
				30), "/api/v1/objects", "/api/v1/objects?q=komori",
			"/api/v1/objects/"+id("malware", 2), "/api/v1/objects/"+id("report", 31)) {
			c1, a := sharetest.Get(t, one, who, path)
			c2, b := sharetest.Get(t, two, who, path)
			if c1 != c2 || drawn(a) != drawn(b) {
				t.Errorf("%s can tell the worlds apart by %s: %d %d\n%s", who, path, c1, c2,
					cmp.Diff(strings.Split(drawn(a), "\n"), strings.Split(drawn(b), "\n")))
			}
		}
		_, a := sharetest.Ask(t, one, who, "POST", "/objects/lookup", values, "")
		_, b := sharetest.Ask(t, two, who, "POST", "/objects/lookup", values, "")
		if drawn(a) != drawn(b) {
			t.Errorf("%s can tell the worlds apart by a pasted list", who)
		}
		if who == "guest" {
			continue
		}
		text := url.Values{"text": {"Komori, ZqSecret and zq at evil.example.net"}}
		x, _ := one.action(who, "/share/new", text)
		y, _ := two.action(who, "/share/new", text)
		if a, b := sharetest.Page(t, one, who, x), sharetest.Page(t, two, who, y); drawn(a["en"]) != drawn(b["en"]) {
			t.Errorf("%s can tell the worlds apart by a draft:\n%s", who,
				cmp.Diff(strings.Split(drawn(a["en"]), "\n"), strings.Split(drawn(b["en"]), "\n")))
		}
	}
}
