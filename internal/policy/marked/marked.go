// Package marked reads how a STIX object is to be handled from its markings: TLP 1 and 2.0,
// PAP, FIRST IEP and statements, of the whole object and of parts of it. What they ask for
// together is one policy.Decision. It fails closed: a marking that is not there, or not
// understood, makes the object RED.
package marked

import (
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// Definitions returns a marking definition by its id; nil if it is not there. The fixed
// ones of TLP are known without it.
type Definitions func(id string) *stix.Object

// Among returns the definitions that are among some objects, such as those of a bundle.
func Among(list []*stix.Object) Definitions {
	found := map[string]*stix.Object{}
	for _, o := range list {
		if o != nil && o.Type() == "marking-definition" {
			found[o.ID()] = o
		}
	}
	return func(id string) *stix.Object { return found[id] }
}

// First looks in several places, one after another. A place may be nil.
func First(places ...Definitions) Definitions {
	return func(id string) *stix.Object {
		for _, p := range places {
			if p == nil {
				continue
			}
			if o := p(id); o != nil {
				return o
			}
		}
		return nil
	}
}

// Of returns how an object is to be handled. Where no marking says who may see it, it is
// handled as unmarked, which also has its owner, and the audience that AMBER is disclosed
// to. The granular markings count for the whole: what is for fewer in a part of it is for
// fewer. See stix.Redact for a copy without that part.
func Of(o *stix.Object, defs Definitions, unmarked policy.Handling, now time.Time) policy.Decision {
	r := reader{defs: defs, unmarked: unmarked, now: now}
	ids := o.ObjectMarkingRefs()
	ids = append(ids, granular(o)...)
	slices.Sort(ids)
	var list []policy.Decision
	for _, id := range slices.Compact(ids) {
		list = append(list, r.marking(id))
	}
	for _, l := range o.Labels() {
		if d, ok := r.label(l); ok {
			list = append(list, d)
		}
	}
	d := r.open()
	for _, other := range list {
		d = policy.Combine(d, other)
	}
	if !r.said {
		d = policy.Combine(d, policy.Decision{Handling: unmarked})
	}
	return d
}

// Label returns what a tag alone asks for, such as tlp:amber and PAP:RED; ok is false if
// it is none of handling. A tag that is of handling and not known, such as tlp:ex:chr, asks
// for the most restrictive.
func Label(tag string, owner string, audience policy.Audience) (d policy.Decision, ok bool) {
	r := reader{unmarked: policy.Handling{Owner: owner, Audience: audience}}
	return r.label(tag)
}

// granular are the ids of the markings of parts.
func granular(o *stix.Object) (ids []string) {
	list, _ := o.Get("granular_markings")
	parts, _ := list.([]any)
	for _, p := range parts {
		part, _ := p.(map[string]any)
		if id, ok := part["marking_ref"].(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// reader reads the markings of one object.
type reader struct {
	defs     Definitions
	unmarked policy.Handling
	now      time.Time
	said     bool // a marking says who may see the object
}

// open is a decision that forbids nothing.
func (r *reader) open() policy.Decision {
	return policy.Decision{Handling: policy.Handling{TLP: policy.Clear, Owner: r.unmarked.Owner,
		Audience: r.unmarked.Audience}}
}

func (r *reader) tlp(t policy.TLP, why i18n.Text) policy.Decision {
	r.said = true
	d := r.open()
	d.Handling.TLP, d.Why = t.OrRed(), []i18n.Text{why}
	return d
}

func (r *reader) pap(p policy.PAP, why i18n.Text) policy.Decision {
	d := r.open()
	d.PAP, d.Why = p, []i18n.Text{why}
	return d
}

// unknown is what is asked for by something that is not understood.
func (r *reader) unknown(why i18n.Text) policy.Decision {
	r.said = true
	d := policy.MostRestrictive(r.unmarked.Owner)
	d.Handling.Audience, d.Why = r.unmarked.Audience, []i18n.Text{why}
	return d
}

// label reads a tag.
func (r *reader) label(tag string) (policy.Decision, bool) {
	text := clip(strings.TrimSpace(tag))
	kind, _, _ := strings.Cut(text, ":")
	switch strings.ToLower(kind) {
	case "tlp":
		if t, ok := policy.ParseTLP(text); ok && strings.Contains(text, ":") {
			return r.tlp(t, i18n.T("label {0}", "ラベル {0}").With(text)), true
		}
	case "pap":
		if p, ok := policy.ParsePAP(text); ok && strings.Contains(text, ":") {
			return r.pap(p, i18n.T("label {0}", "ラベル {0}").With(text)), true
		}
	case "iep", "iep2-policy":
	default:
		return policy.Decision{}, false
	}
	if !strings.Contains(text, ":") {
		return policy.Decision{}, false // a plain word
	}
	return r.unknown(i18n.T("the label {0} is not known, so the strictest holds",
		"ラベル {0} は未知のため、最も厳しい扱いとします").With(text)), true
}

// marking reads a marking by the id of its definition.
func (r *reader) marking(id string) policy.Decision {
	if name, ok := stix.TLPName(id); ok {
		t, _ := policy.ParseTLP(name)
		return r.tlp(t, i18n.T("marking {0}", "マーキング {0}").With(t.String()))
	}
	var def *stix.Object
	if r.defs != nil {
		def = r.defs(id)
	}
	if def == nil || def.Type() != "marking-definition" || def.ID() != id {
		return r.unknown(i18n.T("the marking {0} is not defined here, so the strictest holds",
			"マーキング {0} の定義がないため、最も厳しい扱いとします").With(clip(id)))
	}
	return r.definition(def)
}

func clip(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}
