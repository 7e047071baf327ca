package object_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// report is an object with text.
func report(n, minute int, name, description string, more ...string) *stix.Object {
	return parse(fmt.Sprintf(`{"type":"report","spec_version":"2.1","id":"report--00000000-0000-4000-8000-%012d",`+
		`"created_by_ref":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:%02d:00.000Z","name":%q,`+
		`"description":%q,"published":"2026-01-01T00:00:00Z","object_refs":["%s"]%s}`,
		n, identity, minute, name, description, identity, strings.Join(more, "")))
}

// found searches as a scope and returns the numbers of what is found.
func (h house) found(s store.Scope, q object.Search) (out []string) {
	h.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	err := h.db.Read(h.Context(), s, func(tx *store.Tx) error {
		list, err := h.s.Find(tx, q)
		for _, o := range list {
			typ, id, _ := strings.Cut(o.ID, "--")
			out = append(out, typ[:1]+strings.TrimLeft(id[24:], "0"))
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

var everybody = store.System("test")

func TestFindWords(t *testing.T) {
	each(t, func(h house) {
		h.put("a", policy.Green, nil,
			report(1, 0, "電力会社を狙う標的型攻撃", "ＥＭＯＴＥＴ と Cobalt Strike を使用。通信先は evil.example.jp。",
				`,"labels":["標的型","Campaign:Kite"],"external_references":[{"source_name":"mitre-attack",`+
					`"external_id":"T1566.001"}]`),
			report(2, 0, "Phishing against towns", "Nothing of Cobalt, and a strike. CVE-2026-12345",
				`,"aliases":["Fancy Lynx"]`),
			indicator(3, 0), report(4, 0, "<b>bold</b> 'quoted' \"words\" NOT (NEAR) * ^ -x :", "電 力"))
		for query, want := range map[string]string{
			"":                                     "r4 i3 r2 r1",
			"標的型":                                  "r1",
			"的型攻":                                  "r1",
			"電力":                                   "r1",
			"電":                                    "r4 r1",
			"emotet":                               "r1",
			"ｅｍｏｔ":                                 "r1",
			"cobalt strike":                        "r2 r1",
			"cobalt.strike":                        "r1",
			"evil.example":                         "r1",
			"CVE-2026-12345":                       "r2",
			"fancy lyn":                            "r2",
			"lynx fancy 標的":                        "",
			"bold quoted":                          "r4",
			"NOT NEAR":                             "r4",
			`"words" OR *`:                         "", // OR is a word
			"***":                                  "",
			"198.51.100.4":                         "i3",
			"198[.]51[.]100[.]4":                   "i3",
			"T1566.001":                            "r1",
			"strik":                                "r2 r1",
			"trike":                                "",
			"00000000-0000-4000-8000-000000000002": "r2",
			"report--00000000-0000-4000-8000-000000000001":  "r1",
			"REPORT--00000000-0000-4000-8000-000000000001":  "r1",
			"malware--00000000-0000-4000-8000-000000000001": "",
			"\ue000s1": "", "' | '": "", "'": "", `\`: "",
		} {
			if got := strings.Join(h.found(everybody, object.Search{Text: query}), " "); got != want {
				t.Errorf("%q finds %q, want %q", query, got, want)
			}
		}
		a, b := "a", "b"
		no := false
		for i, c := range []struct {
			q    object.Search
			want string
		}{
			{object.Search{Label: "campaign:kite"}, "r1"},
			{object.Search{Label: "campaign"}, ""},
			{object.Search{Technique: "T1566"}, "r1"},
			{object.Search{Technique: "t1566.001", Text: "電力"}, "r1"},
			{object.Search{Technique: "T1566.002"}, ""},
			{object.Search{Owner: &a}, "r4 i3 r2 r1"},
			{object.Search{Owner: &b}, ""},
			{object.Search{Types: []string{"indicator"}}, "i3"},
			{object.Search{Types: []string{"report"}, Oldest: true}, "r1 r2 r4"},
			{object.Search{TLP: policy.Green}, "r4 i3 r2 r1"},
			{object.Search{TLP: policy.Clear}, ""},
			{object.Search{From: start.Add(time.Hour)}, ""},
			{object.Search{To: start.Add(time.Hour), Text: "cobalt"}, "r2 r1"},
			{object.Search{Realm: "exercise-1"}, ""},
			{object.Search{Revoked: &no, Limit: 2}, "r4 i3"},
		} {
			if got := strings.Join(h.found(everybody, c.q), " "); got != c.want {
				t.Errorf("%d: %q, want %q", i, got, c.want)
			}
		}
	})
}

// The index follows what becomes of an object: new versions, markings, deletions.
func TestFindFollows(t *testing.T) {
	each(t, func(h house) {
		other := store.As(policy.Viewer{User: "u", Member: "b", Role: policy.RoleReader})
		h.put("a", policy.Green, nil, report(1, 0, "first words", ""), report(2, 0, "second", ""))
		h.put("a", policy.Green, nil, report(1, 5, "other words", ""))
		h.put("a", policy.Green, nil, report(2, 9, "latest", ""), report(2, 7, "between", ""))
		expect := func(s store.Scope, query, want string) {
			t.Helper()
			if got := strings.Join(h.found(s, object.Search{Text: query}), " "); got != want {
				t.Errorf("%q finds %q, want %q", query, got, want)
			}
		}
		expect(everybody, "first", "")
		expect(everybody, "words", "r1")
		expect(other, "other", "r1")
		expect(other, "latest", "r2")
		expect(other, "between", "")
		id := report(1, 0, "", "").ID()
		h.write(func(tx *store.Tx) error {
			return h.s.SetHandling(tx, "live", id, "a", policy.Handling{TLP: policy.AmberStrict})
		})
		expect(everybody, "other", "r1")
		expect(other, "other", "")
		h.write(func(tx *store.Tx) error { return h.s.Delete(tx, "live", id, "a") })
		expect(everybody, "other", "")
		h.write(func(tx *store.Tx) error {
			return h.s.DeleteVersions(tx, "live", report(2, 0, "", "").ID(), "a",
				func(_ object.Object, _, last bool) bool { return last })
		})
		expect(other, "latest", "")
		expect(other, "between", "r2")
		n := 0
		h.write(func(tx *store.Tx) (err error) {
			n, err = store.One[int](tx, `SELECT count(*) FROM object_text`)
			return err
		})
		if n != 1 {
			t.Errorf("%d rows of text are left for one object", n)
		}
	})
}

// However objects are given and marked, each viewer finds those that policy shows, page by
// page, with words and without.
func TestFindIsWhatPolicySays(t *testing.T) {
	each(t, func(h house) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			realm := fmt.Sprint("r", n)
			viewers := []policy.Viewer{
				{User: "u", Member: "a", Sector: "power", Role: policy.RoleReader},
				{User: "v", Member: "b", Role: policy.RoleReader}, {Member: "b", Machine: true},
				{User: "h", Hub: true, Role: policy.RoleReader},
				{User: "c", Hub: true, Coordinator: true, Role: policy.RoleCoordinator}, {},
			}
			var all []policy.Handling
			h.write(func(tx *store.Tx) error {
				for i := range rapid.IntRange(1, 12).Draw(rt, "objects") {
					hd := policy.Handling{TLP: policy.TLP(rapid.IntRange(1, 5).Draw(rt, "tlp")),
						Owner: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "owner"),
						Audience: rapid.SampledFrom([]policy.Audience{nil, {"community"}, {"member:b"}, {"hub"},
							{"sector:power"}, {"user:v"}}).Draw(rt, "audience")}
					all = append(all, hd)
					if _, err := h.s.Put(tx, []object.Item{{Object: report(i+1, 0, "needle 針", ""), Handling: hd,
						Realm: realm}}); err != nil {
						return err
					}
				}
				return nil
			})
			for _, v := range viewers {
				var want []string
				for i, hd := range slices.Backward(all) {
					if policy.MaySee(v, hd) {
						want = append(want, fmt.Sprint("r", i+1))
					}
				}
				for _, text := range []string{"", "need", "針", "need 針"} {
					q := object.Search{Realm: realm, Text: text, Limit: rapid.IntRange(1, 5).Draw(rt, "limit")}
					var got []string
					for {
						err := h.db.Read(h.Context(), store.As(v), func(tx *store.Tx) error {
							list, err := h.s.Find(tx, q)
							for _, o := range list {
								got = append(got, "r"+strings.TrimLeft(o.ID[len("report--")+24:], "0"))
								q.After = o.Seq
							}
							if len(list) < q.Limit {
								q.Limit = 0
							}
							return err
						})
						if err != nil {
							rt.Fatal(err)
						}
						if q.Limit == 0 {
							break
						}
					}
					if d := cmp.Diff(want, got); d != "" {
						rt.Fatalf("%+v %q: %s", v, text, d)
					}
				}
			}
		})
	})
}

// Whatever is typed is a search, and never an error of the engine.
func FuzzFind(f *testing.F) {
	f.Add(`"a" OR (b`)
	f.Add("電力 *")
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range object.Tokens(text) {
			if strings.ContainsAny(w, "'\"\\ *:&|!()<>\x00") {
				t.Errorf("%q has the word %q", text, w)
			}
		}
	})
}
