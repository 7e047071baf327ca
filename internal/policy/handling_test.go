package policy

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite testdata/handling.txt; then read it")

// The world of the golden table: the thing belongs to the power company.
const (
	power  = "power" // owner, sector energy
	gas    = "gas"   // another member of the same sector
	city   = "city"  // another member, sector government
	school = "univ"  // another member, sector education; the one whom audiences name
	rescue = "g-7"   // a trust group of the power and the gas company
)

var people = []struct {
	name string
	v    Viewer
}{
	{"the public", Viewer{}},
	{"a user of no member", Viewer{User: "u0", Role: RoleReader}},
	{"city, a person", Viewer{User: "u1", Member: city, Sector: "government", Role: RoleAdmin}},
	{"city, a machine", Viewer{Member: city, Sector: "government", Machine: true}},
	{"gas, a person", Viewer{User: "u2", Member: gas, Sector: "energy", Groups: rescue, Role: RoleAnalyst}},
	{"gas, a machine", Viewer{Member: gas, Sector: "energy", Groups: rescue, Machine: true}},
	{"university, Ms Sato", Viewer{User: "sato", Member: school, Sector: "education", Role: RoleReader}},
	{"university, another person", Viewer{User: "u3", Member: school, Sector: "education", Role: RoleAdmin}},
	{"university, a machine", Viewer{Member: school, Sector: "education", Machine: true}},
	{"university, Ms Sato's API token", Viewer{User: "sato", Member: school, Sector: "education", Machine: true}},
	{"the owner, a person", Viewer{User: "u4", Member: power, Sector: "energy", Role: RoleReader}},
	{"the owner, a machine", Viewer{Member: power, Sector: "energy", Machine: true}},
	{"hub, a reader", Viewer{User: "u5", Hub: true, Role: RoleReader}},
	{"hub, a coordinator", Viewer{User: "u6", Hub: true, Coordinator: true, Role: RoleCoordinator}},
	{"hub, a machine", Viewer{Hub: true, Machine: true}},
}

var audiences = []struct {
	name string
	a    Audience
}{
	{"nobody", nil},
	{"the community", Audience{Community}},
	{"sector energy", Audience{ToSector("energy")}},
	{"the university", Audience{ToMember(school)}},
	{"a trust group of gas", Audience{ToGroup(rescue)}},
	{"the hub's desk", Audience{Coordinators}},
	{"Ms Sato", Audience{ToUser("sato")}},
}

var labels = []struct {
	name string
	t    TLP
}{
	{"CLEAR", Clear}, {"GREEN", Green}, {"AMBER", Amber}, {"AMBER+STRICT", AmberStrict}, {"RED", Red},
	{"(no label)", 0}, {"(unknown, 9)", 9}, {"(unknown, -1)", -1},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// The whole matrix, as a table that can be read out in a meeting. A change of
// the code that changes who sees what shows here, line by line.
func TestHandlingTable(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Who may see a thing, and whose machines may be sent it.
#
# The thing belongs to the power company (member "power", sector energy).
# see: the viewer may read it.
# get: the machines of the viewer's member may be sent it, to defend themselves with; - where the viewer has no member.
# This file is compared with the code by a test. It is written anew with: go test ./internal/policy -run TestHandlingTable -update

`)
	line := func(v, l, a, see, get string) {
		fmt.Fprintf(&b, "%-32s | %-13s | %-15s | %-3s | %s\n", v, l, a, see, get)
	}
	line("viewer", "label", "audience", "see", "get")
	for _, l := range labels {
		b.WriteString("\n")
		for _, a := range audiences {
			for _, p := range people {
				h := Handling{TLP: l.t, Owner: power, Audience: a.a}
				get := "-"
				if p.v.Member != "" {
					get = yes(MayReceive(p.v, h))
				}
				line(p.name, l.name, a.name, yes(MaySee(p.v, h)), get)
			}
		}
	}
	path := filepath.Join("testdata", "handling.txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("the table and the code differ (-table +code):\n%s", diff)
	}
}

var (
	memberGen = rapid.SampledFrom([]string{"", "m1", "m2", "m_", "m%", "m1,member:m2", "comm,unity"})
	userGen   = rapid.SampledFrom([]string{"", "u1", "u2", "u_"})
	sectorGen = rapid.SampledFrom([]string{"", "energy", "e,nergy", "gov"})
	groupGen  = rapid.SampledFrom([]string{"", "g1", "g2", "g,1", "g_"})
	groupsGen = rapid.SliceOfN(groupGen, 0, 3)
	tokenGen  = rapid.OneOf(
		rapid.SampledFrom([]string{Community, Coordinators, "", ",", "%", "comm,unity", "community,", "h,ub", "hub%",
			"user:", "member:", "sector:", "group:", "group:g1,group:g2", "member:m1,member:m2", "user:u1%", "x"}),
		rapid.Map(memberGen, ToMember), rapid.Map(userGen, ToUser), rapid.Map(sectorGen, ToSector),
		rapid.Map(groupGen, ToGroup), rapid.String())
	tlpGen = rapid.Map(rapid.IntRange(-2, 8), func(n int) TLP { return TLP(n) })
)

// drawViewer draws somebody who can sign in: a person is a member's or the hub's, and a
// coordinator the hub's.
func drawViewer(t *rapid.T) Viewer {
	v := Viewer{User: userGen.Draw(t, "user"), Member: memberGen.Draw(t, "member"),
		Sector: sectorGen.Draw(t, "sector"), Groups: GroupsOf(groupsGen.Draw(t, "groups")...),
		Hub:         rapid.Bool().Draw(t, "hub"),
		Coordinator: rapid.Bool().Draw(t, "coordinator"), Machine: rapid.Bool().Draw(t, "machine"),
		Role: rapid.SampledFrom(Roles()).Draw(t, "role")}
	v.Hub = v.Hub || v.Coordinator || v.User != "" && v.Member == ""
	return v
}

func drawHandling(t *rapid.T) Handling {
	return Handling{TLP: tlpGen.Draw(t, "tlp"), Owner: memberGen.Draw(t, "owner"), Audience: rapid.SliceOfN(tokenGen, 0,
		4).Draw(t, "audience")}
}

// A stricter label never shows a thing to more.
func TestStricterNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, h := drawViewer(t), drawHandling(t)
		stricter := h
		stricter.TLP = tlpGen.Draw(t, "stricter")
		if stricter.TLP.OrRed() < h.TLP.OrRed() {
			h, stricter = stricter, h
		}
		if MaySee(v, stricter) && !MaySee(v, h) {
			t.Fatalf("%+v sees %+v and not %+v", v, stricter, h)
		}
		if v.Member != "" && MayReceive(v, stricter) && !MayReceive(v, h) {
			t.Fatalf("%s gets %+v and not %+v", v.Member, stricter, h)
		}
	})
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, h := drawViewer(t), drawHandling(t)
		see := MaySee(v, h)
		red := h
		red.TLP = Red
		switch {
		case !h.TLP.Known() && see != MaySee(v, red):
			t.Fatal("an unknown label is not handled as RED")
		case MaySee(Viewer{}, h) != (h.TLP == Clear):
			t.Fatal("the public sees CLEAR and nothing else")
		case v.Machine && !h.TLP.Known() && see, v.Machine && h.TLP == Red && see:
			t.Fatal("a machine sees RED")
		case MayReceive(v, h) && (v.Member == "" || h.TLP.OrRed() == Red):
			t.Fatal("a machine gets RED, or nobody gets something")
		case v.Member != "" && !v.Machine && MayReceive(v, h) && !see:
			t.Fatal("machines get what their own people may not see")
		}
		reader, admin := v, v
		reader.Role, admin.Role = RoleReader, RoleAdmin
		if MaySee(reader, h) != MaySee(admin, h) {
			t.Fatal("a role decides what is seen")
		}
	})
}

// Nothing that is written into a token makes it name somebody whom it does not
// name letter by letter: not in memory, and not after the way through the store.
func TestTokensCannotWiden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, h := drawViewer(t), drawHandling(t)
		stored := h
		stored.Audience = ParseAudience(h.Audience.Column())
		if MaySee(v, stored) != MaySee(v, h) {
			t.Fatalf("%+v: %q is stored as %q", v, h.Audience, h.Audience.Column())
		}
		if again := stored.Audience.Column(); again != h.Audience.Column() {
			t.Fatalf("%q is stored as %q, then as %q", h.Audience, h.Audience.Column(), again)
		}
	})
	for _, a := range []Audience{{"comm,unity"}, {"community,"}, {",community,"}, {"member:m1,member:m2"},
		{"community%"}, {"%"}, {"commun_ty"}, {"Community"}, {" community"}, {"community\x00"}, {"\xffcommunity"},
		{"member:%"}, {"member:"}} {
		h := Handling{TLP: Amber, Owner: "m9", Audience: a}
		for _, stored := range []Audience{a, ParseAudience(a.Column())} {
			h.Audience = stored
			for _, m := range []string{"m1", "m2"} {
				if MaySee(Viewer{User: "u", Member: m, Sector: "energy"}, h) {
					t.Errorf("%q (stored %q) names %s", a, a.Column(), m)
				}
			}
		}
	}
	sly := Viewer{Member: "m1,member:m2", Sector: "energy", User: "u"}
	if MaySee(sly, Handling{TLP: Amber, Owner: "m9", Audience: Audience{"member:m1", "member:m2"}}) {
		t.Error("an id with a comma answers to two tokens")
	}
}

// What lost its label on the way is RED, not CLEAR.
func TestUnmarkedIsRed(t *testing.T) {
	for _, in := range []string{`{}`, `{"owner":"m1"}`, `{"tlp":""}`, `{"tlp":"PINK"}`, `{"tlp":"TLP:CLEAR "}`,
		`null`} {
		var h Handling
		if err := json.Unmarshal([]byte(in), &h); err != nil {
			t.Fatal(in, err)
		}
		if want := in == `{"tlp":"TLP:CLEAR "}`; MaySee(Viewer{}, h) != want {
			t.Errorf("%s is read as %v, and the public sees it: %v", in, h.TLP, !want)
		}
	}
	if got := FromMember(Handling{}, "m1").TLP; got != Red {
		t.Errorf("an unmarked thing of a member is %v", got)
	}
	if b, _ := json.Marshal(Handling{}); !strings.Contains(string(b), "TLP:RED") {
		t.Errorf("an unmarked thing is written as %s", b)
	}
	if got := Strictest(); got != Red {
		t.Errorf("no label at all is %v", got)
	}
}

func TestLabels(t *testing.T) {
	for in, want := range map[string]TLP{"clear": Clear, "TLP:WHITE": Clear, "tlp:green": Green, " Amber ": Amber,
		"TLP:AMBER+STRICT": AmberStrict, "amber-strict": AmberStrict, "amber_strict": AmberStrict, "RED": Red} {
		if got, ok := ParseTLP(in); got != want || !ok {
			t.Errorf("%q is %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "TLP:", "amber strict", "0", "ＲＥＤ", "TLP:TLP:CLEAR", "clear,red"} {
		if got, ok := ParseTLP(in); got != Red || ok {
			t.Errorf("%q is %v %v", in, got, ok)
		}
	}
	for _, l := range labels[:5] {
		if got, ok := ParseTLP(l.t.String()); got != l.t || !ok || l.t.String() != "TLP:"+l.name {
			t.Errorf("%v is written %s and read %v", l.t, l.t.String(), got)
		}
		if got, ok := ParseTLP(l.t.Slug()); got != l.t || !ok {
			t.Errorf("%s is read %v", l.t.Slug(), got)
		}
		for _, m := range labels {
			if got := Strictest(l.t, m.t); got != max(l.t, m.t.OrRed()) {
				t.Errorf("strictest of %s and %s is %v", l.name, m.name, got)
			}
		}
	}
}
