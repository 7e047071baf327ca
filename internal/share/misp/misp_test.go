package misp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/stix"
)

var options = misp.Options{Excluded: misp.Excluded(exclusion.CommunityAssets{Domains: []string{"member.example"}}, nil)}

func read(t testing.TB, text string) *misp.Event {
	t.Helper()
	list, notes, err := misp.Read(strings.NewReader(text), misp.Limits{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d events, %v %v", len(list), notes, err)
	}
	return list[0]
}

const eventUUID = "1f0b3a52-77f1-4c12-9a8e-0c2f6d1e9b01"

// with is an event with attributes, each as type=value, all for detection.
func with(t testing.TB, head string, attributes ...string) *misp.Event {
	t.Helper()
	var list []map[string]any
	for i, a := range attributes {
		typ, value, _ := strings.Cut(a, "=")
		list = append(list, map[string]any{"uuid": fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1), "type": typ,
			"value": value, "to_ids": true, "timestamp": "1790000000", "category": "Other"})
	}
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, `{"Event":{"uuid":"`+eventUUID+`","info":"Test","date":"2026-09-01","timestamp":"1790000000"`+
		head+`,"Attribute":`+string(raw)+`}}`)
}

// find returns the object that an attribute became.
func find(t testing.TB, items []misp.Item, attribute string) *stix.Object {
	t.Helper()
	for _, it := range items {
		if slices.Contains(misp.CarrierIDs(attribute), it.Object.ID()) {
			return it.Object
		}
	}
	t.Fatalf("nothing of %s", attribute)
	return nil
}

func TestValues(t *testing.T) {
	// What an attribute for detection becomes: the pattern, or the type of the object.
	for _, c := range [][2]string{
		{"ip-dst=203.0.113.9", "[ipv4-addr:value = '203.0.113.9']"},
		{"ip-src=2001:DB8:0::0:7", "[ipv6-addr:value = '2001:db8::7']"},
		{"ip-dst=::ffff:203.0.113.9", "[ipv4-addr:value = '203.0.113.9']"},
		{"ip-dst=203.0.113.9/32", "[ipv4-addr:value = '203.0.113.9']"},
		{"ip-dst=203.0.113.64/26", "[ipv4-addr:value = '203.0.113.64/26']"},
		{"ip-dst=203.0.113.70/26", "x-misp-attribute"},
		{"ip-dst=203.0.113.9/", "x-misp-attribute"},
		{"ip-dst=203.0.113.1-203.0.113.9", "x-misp-attribute"},
		{"ip-dst=203.0.113.009", "x-misp-attribute"},
		{"ip-dst=fe80::2%eth1", "x-misp-attribute"},
		{"ip-dst|port=[2001:db8::8]|443", "[ipv6-addr:value = '2001:db8::8']"},
		{"ip-dst|port=203.0.113.9|99999", "x-misp-attribute"},
		{"hostname|port=c2.evil.example:8443", "[domain-name:value = 'c2.evil.example']"},
		{"domain=Evil.Example.", "[domain-name:value = 'evil.example']"},
		{"domain=悪い.example", "[domain-name:value = 'xn--n8j107l.example']"},
		{"domain|ip=evil.example|203.0.113.9",
			"[domain-name:value = 'evil.example' OR ipv4-addr:value = '203.0.113.9']"},
		{"url=hxxp://evil[.]example/a'b", `[url:value = 'http://evil.example/a\'b']`},
		{"url=/only/a/path", "x-misp-attribute"},
		{"email-src=A@Evil.Example", "[email-addr:value = 'a@evil.example']"},
		{"md5=9E107D9D372BB6826BD81D3542A419D6", "[file:hashes.MD5 = '9e107d9d372bb6826bd81d3542a419d6']"},
		{"md5=9e107d9d", "x-misp-attribute"},
		{"filename|sha1=C:\\x\\y|z.exe|a9993e364706816aba3e25717850c26c9cd0d89d",
			"[file:hashes.'SHA-1' = 'a9993e364706816aba3e25717850c26c9cd0d89d']"},
		{"malware-sample=invoice.exe|9e107d9d372bb6826bd81d3542a419d6",
			"[file:hashes.MD5 = '9e107d9d372bb6826bd81d3542a419d6']"},
		{"malware-sample=only-a-name.scr", "[file:name = 'only-a-name.scr']"},
		{"filename=C:\\Temp\\履歴書.docx.exe", "[file:name = '履歴書.docx.exe']"},
		{"mutex=Global\\m'x", `[mutex:name = 'Global\\m\'x']`},
		{"regkey=HKLM\\Software\\Run", `[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Software\\Run']`},
		{"AS=AS64500", "[autonomous-system:number = 64500]"},
		{"vulnerability=cve-2026-1234", "vulnerability"},
		{"yara=rule x { condition: true }", "rule x { condition: true }"},
		{"sigma=title: T\nlogsource: {}", "title: T\nlogsource: {}"},
		{"stix2-pattern=[file:name = 'x']", "[file:name = 'x']"},
		{"stix2-pattern=[file:name", "x-misp-attribute"},
		{"jarm-fingerprint=27d40d40d29d40d1dc42d43d00041d", "x-misp-attribute"},
		// What says nothing is a fact, and no indicator.
		{"ip-dst=127.0.0.1", "observed-data"}, {"ip-dst=0.0.0.0", "observed-data"},
		{"ip-dst=192.168.7.7", "observed-data"}, {"ip-dst=10.0.0.0/8", "observed-data"},
		{"ip-dst=ff02::1", "observed-data"}, {"ip-dst=0.0.0.0/0", "observed-data"},
		{"domain=co.jp", "observed-data"}, {"domain=www.member.example", "observed-data"},
		{"domain=intranet", "x-misp-attribute"}, {"filename=SVCHOST.exe", "observed-data"},
		{"md5=d41d8cd98f00b204e9800998ecf8427e", "observed-data"}, {"ssdeep=3::", "observed-data"},
		{"text=x", "x-misp-attribute"}, {"counter=1", "x-misp-attribute"},
		{"filename|sha256=a|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "observed-data"},
	} {
		e := with(t, "", c[0])
		items, notes := misp.ToSTIX(e, options)
		o := find(t, items, "00000000-0000-4000-8000-000000000001")
		got := o.Type()
		if o.Type() == "indicator" {
			got = o.Text("pattern")
		}
		if got != c[1] {
			t.Errorf("%s is %s, want %s (%v)", c[0], got, c[1], notes)
		}
		if _, off := o.Raw(misp.PropOff); off && len(notes) == 0 {
			t.Errorf("%s does not act, and nothing is said", c[0])
		}
		back := misp.ToMISP(items[0].Object, objects(items[1:]), time.Time{})
		if len(back.Attributes) != 1 || back.Attributes[0].Value() != e.Attributes[0].Value() {
			t.Errorf("%s came back as %+v", c[0], back.Attributes)
		} else if _, off := o.Raw(misp.PropOff); off && back.Attributes[0].Detect() {
			t.Errorf("%s came back for detection", c[0])
		}
	}
}

func objects(items []misp.Item) (out []*stix.Object) {
	for _, it := range items {
		out = append(out, it.Object)
	}
	return out
}

func TestHandling(t *testing.T) {
	groups := func(id string) (policy.Audience, bool) {
		return policy.Audience{"member:b"}, id == "8f8b2f6c-2a71-4f5d-8f0e-0a7d6b1c2d3e"
	}
	community := policy.Audience{policy.Community}
	const group = `,"distribution":"4","SharingGroup":{"uuid":"8f8b2f6c-2a71-4f5d-8f0e-0a7d6b1c2d3e"}`
	tag := func(names ...string) string { return `,"Tag":[{"name":"` + strings.Join(names, `"},{"name":"`) + `"}]` }
	for _, c := range []struct {
		head string
		want policy.Handling
	}{
		{"", policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":"0"`, policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":1`, policy.Handling{TLP: policy.Amber, Audience: community}},
		{`,"distribution":"2"`, policy.Handling{TLP: policy.Green}},
		{`,"distribution":"3"`, policy.Handling{TLP: policy.Green}},
		{`,"distribution":"9"`, policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":"x"` + tag("tlp:clear"), policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":"3"` + tag("tlp:white"), policy.Handling{TLP: policy.Clear}},
		{`,"distribution":"2"` + tag("tlp:clear"), policy.Handling{TLP: policy.Green}},
		{`,"distribution":"0"` + tag("tlp:clear"), policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":"3"` + tag("tlp:amber"), policy.Handling{TLP: policy.Amber, Audience: community}},
		{`,"distribution":"3"` + tag("TLP:AMBER+STRICT"), policy.Handling{TLP: policy.AmberStrict}},
		{`,"distribution":"3"` + tag("tlp:red", "tlp:green"), policy.Handling{TLP: policy.Red}},
		{`,"distribution":"3"` + tag("tlp:ex:chr"), policy.Handling{TLP: policy.Red}},
		{tag("tlp:green"), policy.Handling{TLP: policy.Green}},
		{tag("tlp:amber"), policy.Handling{TLP: policy.Amber}},
		{tag("tlp:clear"), policy.Handling{TLP: policy.Clear}},
		{group, policy.Handling{TLP: policy.Amber, Audience: policy.Audience{"member:b"}}},
		{group + tag("tlp:red"), policy.Handling{TLP: policy.Red}},
		{`,"distribution":"4","SharingGroup":{"uuid":"` + eventUUID + `"}`, policy.Handling{TLP: policy.AmberStrict}},
	} {
		if got := with(t, c.head).Handling(groups); !cmp.Equal(got, c.want) {
			t.Errorf("%s is %v %v, want %v %v", c.head, got.TLP, got.Audience, c.want.TLP, c.want.Audience)
		}
	}
}

// A part says what it says beside the event, and never makes it wider.
func TestPartsInherit(t *testing.T) {
	e := read(t, `{"info":"x","uuid":"`+eventUUID+`","distribution":"3","Tag":[{"name":"tlp:green"},
		{"name":"admiralty-scale:information-credibility=\"2\""}],"Attribute":[
		{"uuid":"00000000-0000-4000-8000-000000000001","type":"domain","value":"a.evil.example","to_ids":true},
		{"uuid":"00000000-0000-4000-8000-000000000002","type":"domain","value":"b.evil.example","to_ids":true,
		 "Tag":[{"name":"tlp:clear"}],"distribution":"5"},
		{"uuid":"00000000-0000-4000-8000-000000000003","type":"domain","value":"c.evil.example","to_ids":true,
		 "Tag":[{"name":"tlp:red"},{"name":"業種:電力=\"x\""}]},
		{"uuid":"00000000-0000-4000-8000-000000000004","type":"domain","value":"d.evil.example","to_ids":true,
		 "distribution":"0"}]}`)
	items, _ := misp.ToSTIX(e, options)
	for id, want := range map[string]policy.TLP{"1": policy.Green, "2": policy.Green, "3": policy.Red,
		"4": policy.AmberStrict} {
		o := find(t, items, "00000000-0000-4000-8000-00000000000"+id)
		i := slices.IndexFunc(items, func(it misp.Item) bool { return it.Object == o })
		if items[i].Handling.TLP != want {
			t.Errorf("attribute %s is %v, want %v", id, items[i].Handling.TLP, want)
		}
		if name, _, _ := stix.StrictestTLP(o.ObjectMarkingRefs()); name != want.String() {
			t.Errorf("attribute %s is marked %s", id, name)
		}
		if !slices.Contains(o.Labels(), "tlp:green") {
			t.Errorf("attribute %s has the labels %q", id, o.Labels())
		}
		if n, _ := o.Confidence(); n != 70 {
			t.Errorf("attribute %s has confidence %d", id, n)
		}
		hidden := want > policy.Green
		if slices.Contains(items[0].Object.Strings("object_refs"), o.ID()) == hidden {
			t.Errorf("the report names attribute %s: %v", id, !hidden)
		}
	}
}

// What comes from MISP comes back the same: events of MISP's own tests.
func TestRealEvents(t *testing.T) {
	for _, pattern := range []string{"events/*event*.json", "events/japanese*.json", "events/sighting*.json",
		"stix-pairs/*collection_[12].json"} {
		files, err := filepath.Glob(dataFile(t, "misp", "LICENSE.md")[:len(dataFile(t, "misp", "LICENSE.md"))-10] + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%v %v", files, err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			list, _, err := misp.Read(strings.NewReader(string(raw)), misp.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, e := range list {
				sameAgain(t, filepath.Base(name), e)
			}
		}
	}
}

func sameAgain(t *testing.T, name string, e *misp.Event) {
	t.Helper()
	items, _ := misp.ToSTIX(e, options)
	for _, it := range items {
		for _, wrong := range stix.Validate(it.Object) {
			t.Errorf("%s: %v", name, wrong)
		}
	}
	back := misp.ToMISP(items[0].Object, objects(items[1:]), time.Time{})
	a, b := e.All(), back.All()
	if len(a) != len(b) {
		t.Fatalf("%s: %d attributes, %d came back", name, len(a), len(b))
	}
	for i := range a {
		if a[i].UUID() != b[i].UUID() || a[i].Value() != b[i].Value() || a[i].Type() != b[i].Type() ||
			!reflect.DeepEqual(a[i].Tags(), b[i].Tags()) || len(a[i].Sightings) != len(b[i].Sightings) {
			t.Errorf("%s: %v came back as %v", name, a[i].Fields, b[i].Fields)
		}
	}
	if e.UUID() != back.UUID() || e.Text("info") != back.Text("info") || !slices.Equal(e.Tags(), back.Tags()) ||
		e.Text("timestamp") != back.Text("timestamp") || len(e.Objects) != len(back.Objects) {
		t.Errorf("%s: the event came back as %v", name, back.Fields)
	}
	again, _ := misp.ToSTIX(back, options)
	if c := misp.Update(items, again, time.Unix(2e9, 0), true); len(c.Put)+len(c.Remark) > 0 {
		t.Errorf("%s: what came back is another: %s", name, c.Put[0].Object.Bytes())
	}
}

// dataFile finds a file of the real data that lives beside the repository. It skips the
// test where the data is not there; in CI that is a failure.
func dataFile(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data is needed in CI: %v", err)
		}
		t.Skipf("real data is not here (set MENEKI_DATA_DIR): %v", err)
	}
	return path
}

func TestGalaxies(t *testing.T) {
	e := with(t, `,"Tag":[{"name":"misp-galaxy:mitre-attack-pattern=\"PowerShell - T1059.001\""},
		{"name":"kill-chain:Command and Control"},{"name":"a,b"},{"name":""},{"name":"type:\"unclosed"}],
		"Galaxy":[{"type":"threat-actor","uuid":"b7a2f0d8-8f30-4b1c-8f0a-6f1b7f6c2a11","GalaxyCluster":[
		{"uuid":"b7a2f0d8-8f30-4b1c-8f0a-6f1b7f6c2a12","value":"Night Bear","tag_name":"x","meta":{"synonyms":["夜の熊"]}}]},
		{"type":"mitre-intrusion-set","GalaxyCluster":[{"uuid":"b7a2f0d8-8f30-4b1c-8f0a-6f1b7f6c2a12",
		"value":"NIGHT BEAR - G9999"}]},{"type":"our-own","name":"Own","GalaxyCluster":[{"value":"Thing"}]}]`,
		"domain=evil.example")
	items, _ := misp.ToSTIX(e, options)
	types := map[string]*stix.Object{}
	for _, it := range items {
		types[it.Object.Type()] = it.Object
	}
	if o := types["attack-pattern"]; o == nil || o.Text("external_references[0].external_id") != "T1059.001" ||
		o.Text("name") != "PowerShell" {
		t.Errorf("the technique is %v", o)
	}
	if o := types["threat-actor"]; o == nil || !slices.Equal(o.Strings("aliases"), []string{"夜の熊"}) {
		t.Errorf("the actor is %v", o)
	}
	if types["intrusion-set"] == nil {
		t.Error("no intrusion set")
	}
	if o := types["indicator"]; o.Text("kill_chain_phases[0].phase_name") != "command-and-control" {
		t.Errorf("the phase is lost: %s", o.Bytes())
	}
	back := misp.ToMISP(items[0].Object, objects(items[1:]), time.Time{})
	if want := e.Tags(); !slices.Equal(back.Tags(), want) || len(want) != 4 {
		t.Errorf("tags %q, want %q", back.Tags(), want)
	}
	if !strings.Contains(fmt.Sprint(back.Fields["Galaxy"]), "Thing") {
		t.Error("a galaxy that is not known is lost")
	}
}

// Objects that did not come from MISP are shown as well as MISP can.
func TestFromOtherSTIX(t *testing.T) {
	at := stix.TimestampOf(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
	amber, _ := stix.TLPMarkingID("TLP:AMBER")
	c := func(id string) stix.Common {
		return stix.Common{ID: id, Created: at, ObjectMarkingRefs: []string{amber}}
	}
	const same = "2b1c7a9e-3f58-4a3b-9d6a-7c2e5f1a8b40"
	build := func(v interface{ Object() (*stix.Object, error) }) *stix.Object {
		t.Helper()
		o, err := v.Object()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	parts := []*stix.Object{
		build(stix.Indicator{Common: c("indicator--" + same), Pattern: "[domain-name:value = 'a.example' OR " +
			"ipv4-addr:value = '203.0.113.5']", PatternType: "stix", PatternVersion: "2.1", ValidFrom: at}),
		build(stix.Indicator{Common: c(""), Pattern: "[file:size > 5 AND file:name = 'x']", PatternType: "stix",
			PatternVersion: "2.1", ValidFrom: at}),
		build(stix.Indicator{Common: c(""), Pattern: "[url:value = 'http://over.example/']", PatternType: "stix",
			PatternVersion: "2.1", ValidFrom: at, ValidUntil: stix.TimestampOf(at.Time().Add(time.Hour))}),
		build(stix.Vulnerability{Common: c("vulnerability--" + same), Name: "CVE-2026-9"}),
		build(stix.File{Name: "f.exe", Hashes: map[string]string{"MD5": "9e107d9d372bb6826bd81d3542a419d6"}}),
		build(stix.AttackPattern{Common: stix.Common{Created: at, ExternalReferences: []stix.ExternalReference{
			{SourceName: "mitre-attack", ExternalID: "T1566"}}}, Name: "Phishing"}),
		build(stix.Note{Common: c(""), Content: "A note.", ObjectRefs: []string{"indicator--" + same}}),
	}
	r := build(stix.Report{Common: c("report--" + eventUUID), Name: "From elsewhere", Published: at,
		ObjectRefs: []string{parts[0].ID()}})
	e := misp.ToMISP(r, parts, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	var got []string
	uuids := map[string]bool{}
	for _, a := range e.Attributes {
		got = append(got, fmt.Sprintf("%s=%s %v", a.Type(), a.Value(), a.Detect()))
		uuids[a.UUID()] = true
	}
	want := []string{"domain=a.example true", "ip-dst=203.0.113.5 true",
		"stix2-pattern=[file:size > 5 AND file:name = 'x'] true", "url=http://over.example/ false",
		"vulnerability=CVE-2026-9 false", "md5=9e107d9d372bb6826bd81d3542a419d6 false", "filename=f.exe false"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(uuids) != len(want) {
		t.Errorf("two attributes have one uuid: %v", uuids)
	}
	if len(e.Reports) != 1 || !slices.Contains(e.Tags(), `misp-galaxy:mitre-attack-pattern="Phishing - T1566"`) ||
		!slices.Contains(e.Tags(), "tlp:amber") {
		t.Errorf("%d reports, tags %q", len(e.Reports), e.Tags())
	}
}

// What is written says no more than it may be handled as.
func TestWrittenAsItIsHandled(t *testing.T) {
	e := with(t, `,"distribution":"3","Tag":[{"name":"tlp:green"},{"name":"x"}]`)
	m := e.JSON(misp.View{Handling: policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}}})
	back := read(t, string(must(json.Marshal(m))))
	if !slices.Equal(back.Tags(), []string{"x", "tlp:amber"}) || back.Text("distribution") != "1" {
		t.Errorf("%q, distribution %s", back.Tags(), back.Text("distribution"))
	}
	m = e.JSON(misp.View{Handling: policy.Handling{TLP: policy.Clear}})
	back = read(t, string(must(json.Marshal(m))))
	if !slices.Equal(back.Tags(), []string{"tlp:green", "x"}) || back.Text("distribution") != "3" {
		t.Errorf("%q, distribution %s", back.Tags(), back.Text("distribution"))
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
