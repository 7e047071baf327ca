package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// open is a policy that forbids nothing.
func open() map[string]any {
	return map[string]any{"id": "01bc4353-4829-4d55-8d52-0ab7e0790df9", "name": "Exchange among energy companies",
		"iep_version": "2.0", "tlp": "white", "permitted_actions": "externally-visible-direct-actions",
		"attribution": "may", "encrypt_in_transit": "may", "affected_party_notifications": "may",
		"unmodified_resale": "may"}
}

func iep(t testing.TB, doc map[string]any) IEP {
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return ReadIEP(b)
}

func TestIEPStatements(t *testing.T) {
	at := func(name string, value any) Decision {
		doc := open()
		doc[name] = value
		return iep(t, doc).Decision("m1", Audience{Community}, someday)
	}
	for value, want := range map[string]TLP{"white": Clear, "green": Green, "amber": Amber, "red": Red, "RED": Red,
		"TLP:GREEN": Green, "clear": Clear, "amber+strict": AmberStrict, "amber-strict": Red, "ex:chr": Red, "": Red} {
		if d := at("tlp", value); d.Handling.TLP != want || d.Handling.Owner != "m1" {
			t.Errorf("tlp %q: %+v", value, d.Handling)
		}
	}
	for value, want := range map[string]PAP{"none": Hold, "contact-for-instruction": Hold,
		"CONTACT FOR INSTRUCTION": Hold, "internally-visible-actions": PAPRed,
		"externally-visible-indirect-actions": PAPAmber, "EXTERNALLY_VISIBLE_DIRECT_ACTIONS": PAPGreen,
		"whatever": Hold} {
		if d := at("permitted_actions", value); d.PAP != want {
			t.Errorf("permitted_actions %q: %d", value, d.PAP)
		}
	}
	for value, want := range map[string]Attribution{"may": MayAttribute, "MUST": MustAttribute,
		"must not": MustNotAttribute, "perhaps": MustNotAttribute} {
		if d := at("attribution", value); d.Attribution != want {
			t.Errorf("attribution %q: %d", value, d.Attribution)
		}
	}
	if d := at("encrypt_in_transit", "must"); !d.Encrypt {
		t.Error("encrypt_in_transit")
	}
	if d := at("affected_party_notifications", "must-not"); !d.NoNotice {
		t.Error("affected_party_notifications")
	}
	if d := at("unmodified_resale", "must-not"); !d.NoResale {
		t.Error("unmodified_resale")
	}
	d := iep(t, open()).Decision("m1", nil, someday)
	if d.Handling.TLP != Clear || d.PAP != PAPGreen || d.Attribution != 0 || d.Encrypt || d.NoNotice || d.NoResale ||
		len(iep(t, open()).Problems) > 0 {
		t.Errorf("a policy that forbids nothing is %+v", d)
	}
}

// Whatever is left out of a policy, is not known or is added to it makes it stricter.
func TestIEPFailsClosed(t *testing.T) {
	base := iep(t, open()).Decision("m1", nil, someday)
	check := func(name string, p IEP) {
		t.Helper()
		d := p.Decision("m1", nil, someday)
		if len(p.Problems) == 0 {
			t.Errorf("%s: nothing is said", name)
		}
		if sum := Combine(base, d); sum.PAP != d.PAP || sum.Handling.TLP != d.Handling.TLP ||
			sum.Attribution != d.Attribution || d.PAP == base.PAP && d.Handling.TLP == base.Handling.TLP &&
			d.Attribution == base.Attribution && d.Encrypt == base.Encrypt && d.NoNotice == base.NoNotice &&
			d.NoResale == base.NoResale {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for _, s := range iepStatements {
		for _, v := range []any{nil, "", "unknown", 1, true, []string{"may"}, map[string]any{}} {
			doc := open()
			doc[s.name] = v
			if v == nil {
				delete(doc, s.name)
			}
			check(fmt.Sprint(s.name, " = ", v), iep(t, doc))
		}
	}
	for name, change := range map[string]map[string]any{
		"a member that nobody knows": {"geographic_limits": "jp"}, "another version": {"iep_version": "3.0"},
		"a time that is none": {"end_date": "tomorrow"}, "an end before its start": {"start_date": "2026-02-01",
			"end_date": "2026-01-01"}, "a long text": {"description": strings.Repeat("あ", 4000)},
		"a name that is none": {"name": []int{1}},
	} {
		doc := open()
		maps.Copy(doc, change)
		check(name, iep(t, doc))
	}
	for _, raw := range []string{"", "null", "[]", "{", `"red"`, strings.Repeat(" ", maxIEP) + "{}"} {
		check("the document "+raw[:min(len(raw), 9)], ReadIEP([]byte(raw)))
	}
}

func TestIEPInTime(t *testing.T) {
	doc := open()
	doc["start_date"], doc["end_date"] = "2026-06-01T00:00:00Z", "2026-07-01T09:00:00+09:00"
	p := iep(t, doc)
	end := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]TLP{end.AddDate(0, -2, 0): Red, end.Add(-time.Second): Clear, end: Red,
		end.AddDate(1, 0, 0): Red} {
		d := p.Decision("m1", nil, at)
		if d.Handling.TLP != want || !d.Until.Equal(end) {
			t.Errorf("at %v: %v until %v", at, d.Handling.TLP, d.Until)
		}
		if at.Before(end) {
			if d := d.At(end); d.Handling.TLP != Red || d.PAP != Hold {
				t.Errorf("when it has ended: %+v", d)
			}
		}
	}
}

// What is written as IEP is never wider when it is read: where IEP has no word, a stricter
// one is taken.
func TestIEPOfNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecision(t)
		d.Until = time.Time{}
		p := ReadIEP(IEPOf(d, "x", "y"))
		got := p.Decision(d.Handling.Owner, d.Handling.Audience, someday)
		sum := Combine(d, got)
		if len(p.Problems) > 0 || got.Handling.TLP < d.Handling.TLP.OrRed() || got.PAP < d.PAP.orHold() ||
			sum.Attribution != got.Attribution || sum.Encrypt != got.Encrypt || sum.NoNotice != got.NoNotice ||
			sum.NoResale != got.NoResale {
			t.Fatalf("%+v is written and read as %+v (%v)", d, got, p.Problems)
		}
		strict := d.Handling.TLP == AmberStrict
		if got.Handling.TLP != d.Handling.TLP.OrRed() && !strict {
			t.Fatalf("%v became %v", d.Handling.TLP, got.Handling.TLP)
		}
	})
}

// A policy is read whatever it is, and never panics.
func FuzzReadIEP(f *testing.F) {
	b, _ := json.Marshal(open())
	for _, s := range [][]byte{b, []byte(`{}`), []byte(`{"tlp":"red","start_date":"2026"}`), []byte(`[1]`)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := ReadIEP(b)
		d := p.Decision("m1", Audience{Community}, someday)
		if len(p.Problems) == 0 && !json.Valid(b) {
			t.Fatalf("%q is a policy without problems", b)
		}
		if d.Handling.Owner != "m1" || !d.Handling.TLP.Known() {
			t.Fatalf("%+v", d)
		}
	})
}
