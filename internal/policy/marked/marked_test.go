package marked

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

var (
	now  = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	home = policy.Handling{TLP: policy.Amber, Owner: "m1", Audience: policy.Audience{policy.Community}}
)

const base = `"type":"identity","spec_version":"2.1","id":"identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",` +
	`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"x"`

func object(t testing.TB, more string) *stix.Object {
	o, err := stix.Parse([]byte("{" + base + more + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// definition returns a marking definition by a short name.
func definition(t testing.TB, n int, more string) *stix.Object {
	o, err := stix.Parse(fmt.Appendf(nil, `{"type":"marking-definition","spec_version":"2.1","id":"%s",`+
		`"created":"2026-01-01T00:00:00.000Z",%s}`, ref(n), more))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func ref(n int) string {
	return fmt.Sprintf("marking-definition--8e2e2d2b-17d4-4cbf-938f-98ee46b3c%03d", n)
}

const (
	clearTLP = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	white    = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
	amber    = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
	strict   = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
)

func refs(ids ...string) string { return `,"object_marking_refs":["` + strings.Join(ids, `","`) + `"]` }

func TestOf(t *testing.T) {
	iep := func(tlp, actions string) string {
		return `"definition_type":"iep","definition":{"iep":{"name":"p","iep_version":"2.0","tlp":"` + tlp +
			`","permitted_actions":"` + actions + `","attribution":"must-not","encrypt_in_transit":"must",` +
			`"affected_party_notifications":"may","unmodified_resale":"may","end_date":"2027-01-01T00:00:00Z"}}`
	}
	defs := Among([]*stix.Object{
		definition(t, 1, `"definition_type":"statement","definition":{"statement":"Copyright 2026, Example K.K."}`),
		definition(t, 2, `"definition_type":"statement","definition":{"statement":"PAP:RED"}`),
		definition(t, 3, `"name":"PAP:AMBER","definition_type":"PAP","definition":{"PAP":"PAP:AMBER"}`),
		definition(t, 4, `"definition_type":"pap","definition":{"pap":"green"}`),
		definition(t, 5, iep("green", "externally-visible-indirect-actions")),
		definition(t, 6, `"definition_type":"tlp","definition":{"tlp":"white"}`),
		definition(t, 7, `"definition_type":"statement","definition":{"statement":"関係者限り"}`),
		definition(t, 8, `"definition_type":"acs","definition":{"x":"y"}`),
		definition(t, 9, `"definition_type":"statement","definition":{"statement":"TLP:GREEN"}`),
		definition(t, 10, `"definition_type":"pap","definition":{"pap":"mauve"}`),
		definition(t, 11, `"name":"p","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88e":`+
			`{"extension_type":"property-extension","iep":{"tlp":"white"}}}`),
		object(t, ""), nil,
	})
	granular := func(id string) string {
		return `,"granular_markings":[{"selectors":["name"],"marking_ref":"` + id +
			`"},{"selectors":["name"],"lang":"en"}]`
	}
	for _, c := range []struct {
		name, more string
		tlp        policy.TLP
		pap        policy.PAP
	}{
		{"nothing", "", policy.Amber, 0},
		{"CLEAR", refs(clearTLP), policy.Clear, 0},
		{"TLP 1 and 2 mixed", refs(white, strict), policy.AmberStrict, 0},
		{"a part is stricter", refs(clearTLP) + granular(strict), policy.AmberStrict, 0},
		{"a part alone", granular(amber), policy.Amber, 0},
		{"a part with what is not known", refs(clearTLP) + granular(ref(99)), policy.Red, policy.Hold},
		{"not defined", refs(clearTLP, ref(99)), policy.Red, policy.Hold},
		{"a copyright", refs(clearTLP, ref(1)), policy.Clear, 0},
		{"a copyright alone", refs(ref(1)), policy.Amber, 0},
		{"a statement that restricts", refs(clearTLP, ref(7)), policy.Red, policy.Hold},
		{"a statement that is a label", refs(ref(9)), policy.Green, 0},
		{"PAP in a statement", refs(clearTLP, ref(2)), policy.Clear, policy.PAPRed},
		{"PAP of OpenCTI", refs(ref(3)), policy.Amber, policy.PAPAmber},
		{"PAP alone", refs(clearTLP, ref(4)), policy.Clear, policy.PAPGreen},
		{"PAP twice", refs(clearTLP, ref(4), ref(3)), policy.Clear, policy.PAPAmber},
		{"PAP that is none", refs(clearTLP, ref(10)), policy.Red, policy.Hold},
		{"IEP", refs(clearTLP, ref(5)), policy.Green, policy.PAPAmber},
		{"IEP in an extension, with holes", refs(clearTLP, ref(11)), policy.Clear, policy.Hold},
		{"a TLP of one's own", refs(ref(6)), policy.Red, policy.Hold},
		{"another kind", refs(ref(8)), policy.Red, policy.Hold},
		{"labels", `,"labels":["tlp:Green","PAP:AMBER","x","tlp","pap","tlp-watch"]`, policy.Green, policy.PAPAmber},
		{"labels that contradict", `,"labels":["tlp:clear","TLP:AMBER+STRICT"]`, policy.AmberStrict, 0},
		{"labels that are none", `,"labels":["tlp:clear","tlp:ex:chr"]`, policy.Red, policy.Hold},
		{"a label of IEP", `,"labels":["tlp:clear","iep2-policy:tlp_policy=\"red\""]`, policy.Red, policy.Hold},
		{"a label and a marking", refs(clearTLP) + `,"labels":["tlp:amber"]`, policy.Amber, 0},
	} {
		d := Of(object(t, c.more), defs, home, now)
		if d.Handling.TLP != c.tlp || d.PAP != c.pap || d.Handling.Owner != "m1" {
			t.Errorf("%s: %v %d %q, want %v %d (%v)", c.name, d.Handling.TLP, d.PAP, d.Handling.Owner, c.tlp, c.pap,
				d.Why)
		}
		for _, w := range d.Why {
			if w.EN == "" || w.JA == "" {
				t.Errorf("%s: a reason says nothing in one language: %+v", c.name, w)
			}
		}
	}
	d := Of(object(t, refs(clearTLP, ref(5), ref(1))), defs, home, now)
	if d.Attribution != policy.MustNotAttribute || !d.Encrypt || d.NoNotice || d.Until.Year() != 2027 ||
		len(d.Terms) != 1 || len(d.Why) != 2 {
		t.Errorf("%+v", d)
	}
	if d := Of(object(t, refs(clearTLP, ref(5))), defs, home, now.AddDate(1, 0, 0)); d.Handling.TLP != policy.Red {
		t.Errorf("a policy that has ended: %v", d.Handling.TLP)
	}
	if d := Of(object(t, refs(ref(1))), nil, home, now); d.Handling.TLP != policy.Red {
		t.Errorf("without definitions: %v", d.Handling.TLP)
	}
	if d := Of(object(t, refs(ref(1))), First(nil, Among(nil), defs), home, now); d.Handling.TLP != policy.Amber {
		t.Errorf("in several places: %v", d.Handling.TLP)
	}
}

// Whatever is added to an object's markings, it is for no more than before.
func TestMoreMarkingsNeverWiden(t *testing.T) {
	var defs []*stix.Object
	ids := []string{clearTLP, white, amber, strict, ref(99)}
	for i, text := range []string{"Copyright", "PAP:RED", "TLP:GREEN", "do not share"} {
		defs = append(defs, definition(t, i+1,
			`"definition_type":"statement","definition":{"statement":"`+text+`"}`))
		ids = append(ids, ref(i+1))
	}
	of := func(ids ...string) policy.Decision { return Of(object(t, refs(ids...)), Among(defs), home, now) }
	for _, a := range ids {
		for _, b := range ids {
			da, dab := of(a), of(a, b)
			if a == ref(1) || a == ref(2) {
				continue // says nothing of who may see it: a label takes the place of what is unmarked
			}
			if dab.Handling.TLP < da.Handling.TLP || dab.PAP < da.PAP {
				t.Errorf("%s and %s: %+v, and %s alone %+v", a, b, dab, a, da)
			}
		}
	}
}

func TestLabel(t *testing.T) {
	for tag, want := range map[string]policy.TLP{"tlp:amber": policy.Amber, "TLP:CLEAR": policy.Clear,
		"PAP:RED": policy.Clear, "pap:mauve": policy.Red, "tlp:unclear": policy.Red} {
		if d, ok := Label(tag, "m1", nil); !ok || d.Handling.TLP != want {
			t.Errorf("%s: %v %v", tag, d.Handling.TLP, ok)
		}
	}
	for _, tag := range []string{"", "x", "tlp", "malware:LockBit", "misp:tlp:red", ":", "RED"} {
		if _, ok := Label(tag, "m1", nil); ok {
			t.Errorf("%q is a label of handling", tag)
		}
	}
}

// An object is read whatever its markings are, and what is not TLP alone never makes it
// wider than what is unmarked.
func FuzzOf(f *testing.F) {
	f.Add(`"object_marking_refs":["`+ref(1)+`"]`, `"definition_type":"statement","definition":{"statement":"PAP:RED"}`)
	f.Add(`"labels":["tlp:red"],"granular_markings":[1,{"marking_ref":"`+ref(1)+`"}]`, `"extensions":{"a":{"iep":[]}}`)
	f.Add(`"labels":["tlp:"]`, `"definition_type":"iep","definition":{"iep":{"tlp":1}}`)
	f.Fuzz(func(t *testing.T, more, def string) {
		o, err := stix.Parse([]byte("{" + base + "," + more + "}"))
		if err != nil {
			return
		}
		var list []*stix.Object
		if d, err := stix.Parse([]byte(`{"type":"marking-definition","id":"` + ref(1) + `",` + def + "}")); err == nil {
			list = append(list, d)
		}
		d := Of(o, Among(list), home, now)
		if !d.Handling.TLP.Known() || d.Handling.Owner != "m1" {
			t.Fatalf("%+v", d)
		}
		if len(o.ObjectMarkingRefs()) == 0 && len(o.Labels()) == 0 && d.Handling.TLP < home.TLP {
			if _, ok := o.Raw("granular_markings"); !ok {
				t.Fatalf("an unmarked object is %v", d.Handling.TLP)
			}
		}
	})
}
