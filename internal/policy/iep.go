package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// IEP is an Information Exchange Policy of FIRST, version 2.0 (2019).
type IEP struct {
	ID, Name, Description, Version string
	Start, End                     time.Time // zero: no bound
	// Problems says what of the document was not understood, and so stands as strict as it
	// could.
	Problems []error

	decision Decision
}

// Bounds of a policy.
const (
	maxIEP     = 64 << 10
	maxIEPText = 4000
)

// iepStatement is one of the statements of a policy, each with the values that it can have.
type iepStatement struct {
	name   string
	values map[string]func(*Decision)
}

var iepStatements = []iepStatement{
	{"tlp", map[string]func(*Decision){
		"white": func(d *Decision) { d.Handling.TLP = Clear },
		"clear": func(d *Decision) { d.Handling.TLP = Clear }, // of no version, and clear
		"green": func(d *Decision) { d.Handling.TLP = Green },
		"amber": func(d *Decision) { d.Handling.TLP = Amber },
		"red":   func(d *Decision) { d.Handling.TLP = Red },

		"amber+strict": func(d *Decision) { d.Handling.TLP = AmberStrict },
	}},
	{"permitted_actions", map[string]func(*Decision){
		"none":                                func(d *Decision) { d.PAP = Hold },
		"contact-for-instruction":             func(d *Decision) { d.PAP = Hold },
		"internally-visible-actions":          func(d *Decision) { d.PAP = PAPRed },
		"externally-visible-indirect-actions": func(d *Decision) { d.PAP = PAPAmber },
		"externally-visible-direct-actions":   func(d *Decision) { d.PAP = PAPGreen },
	}},
	{"attribution", map[string]func(*Decision){
		"may":      func(d *Decision) { d.Attribution = MayAttribute },
		"must":     func(d *Decision) { d.Attribution = MustAttribute },
		"must-not": func(d *Decision) { d.Attribution = MustNotAttribute },
	}},
	{"encrypt_in_transit", map[string]func(*Decision){
		"may": func(d *Decision) { d.Encrypt = false }, "must": func(d *Decision) { d.Encrypt = true },
	}},
	{"affected_party_notifications", map[string]func(*Decision){
		"may": func(d *Decision) { d.NoNotice = false }, "must-not": func(d *Decision) { d.NoNotice = true },
	}},
	{"unmodified_resale", map[string]func(*Decision){
		"may": func(d *Decision) { d.NoResale = false }, "must-not": func(d *Decision) { d.NoResale = true },
	}},
}

// iepTexts are the members that are no statements.
var iepTexts = []string{"id", "name", "description", "iep_version", "start_date", "end_date", "external_references"}

// ReadIEP reads a policy as JSON. It is never refused: what cannot be read, is missing or
// is not known stands as the most restrictive, and is among its problems.
func ReadIEP(raw []byte) IEP {
	p := IEP{decision: MostRestrictive("")}
	if len(raw) > maxIEP {
		p.problem(i18n.T("the policy is longer than {0} bytes", "ポリシーが {0} バイトを超えています").With(maxIEP))
		return p
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		p.problem(i18n.T("the policy is not a JSON object: {0}", "ポリシーが JSON オブジェクトではありません: {0}").With(err))
		return p
	}
	for _, s := range iepStatements {
		p.statement(s, fields[s.name])
		delete(fields, s.name)
	}
	for _, f := range iepTexts {
		p.text(f, fields[f])
		delete(fields, f)
	}
	if p.Version != "" && p.Version != "2.0" && p.Version != "2" {
		p.unknown(i18n.T("version {0} is not known, only 2.0 is", "版 {0} には対応していません（2.0 のみ）").With(p.Version))
	}
	if !p.Start.IsZero() && !p.End.IsZero() && p.End.Before(p.Start) {
		p.unknown(i18n.T("end_date is before start_date", "end_date が start_date より前です"))
	}
	if len(fields) > 0 { // it may ask for anything
		p.unknown(i18n.T("{0} {0:member is|members are} not of IEP 2.0", "IEP 2.0 にない項目が {0} 件あります").With(len(fields)))
	}
	return p
}

func (p *IEP) problem(t i18n.Text) { p.Problems = append(p.Problems, fault.New(fault.Invalid, t)) }

// unknown notes a problem for which the whole policy stands as the most restrictive.
func (p *IEP) unknown(t i18n.Text) {
	p.problem(t)
	p.decision = MostRestrictive("")
}

func (p *IEP) statement(s iepStatement, raw json.RawMessage) {
	var v string
	if err := json.Unmarshal(raw, &v); raw == nil || err != nil {
		p.problem(i18n.T("{0} is missing or is no text", "{0} がないか、文字列ではありません").With(s.name))
		return
	}
	if set, ok := s.values[iepValue(v)]; ok {
		set(&p.decision)
		return
	}
	p.problem(i18n.T("{0} cannot be {1}", "{0} に {1} は指定できません").With(s.name, clipped(v)))
}

// iepValue is a value as the table has it: FIRST writes "MUST NOT", others "must-not".
func iepValue(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if v, ok := strings.CutPrefix(s, "tlp:"); ok {
		s = v
	}
	return strings.NewReplacer(" ", "-", "_", "-").Replace(s)
}

func (p *IEP) text(name string, raw json.RawMessage) {
	if raw == nil || bytes.Equal(raw, []byte("null")) || name == "external_references" {
		return
	}
	var v string
	if err := json.Unmarshal(raw, &v); err != nil && name == "iep_version" {
		v = string(raw) // as a number
	} else if err != nil || len(v) > maxIEPText {
		p.unknown(i18n.T("{0} is no text, or too long a one", "{0} が文字列ではないか、長すぎます").With(name))
		return
	}
	switch name {
	case "id":
		p.ID = v
	case "name":
		p.Name = v
	case "description":
		p.Description = v
	case "iep_version":
		p.Version = v
	default:
		t, err := iepTime(v)
		if err != nil {
			p.unknown(i18n.T("{0} is no time: {1}", "{0} が日時ではありません: {1}").With(name, clipped(v)))
			return
		}
		if name == "start_date" {
			p.Start = t
		} else {
			p.End = t
		}
	}
}

// iepTime reads a time, or a day, which ends as it begins: the sooner end is the stricter.
func iepTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		return t, fmt.Errorf("read a time: %w", err)
	}
	return t.UTC(), nil
}

func clipped(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// Decision returns what the policy asks for at a time, for a thing of an owner that is
// disclosed to an audience where it is AMBER. A policy that has not begun, and one that
// has ended, does not say what holds now: it asks for the most restrictive.
func (p IEP) Decision(owner string, audience Audience, now time.Time) Decision {
	d := p.decision
	d.Handling.Owner, d.Handling.Audience, d.Until = owner, audience, p.End
	d.Why = []i18n.Text{i18n.T("policy {0}: {1}", "ポリシー {0}: {1}").With(clipped(p.title()), d.Handling.TLP.String())}
	for _, problem := range p.Problems {
		d.Why = append(d.Why, i18n.T("policy {0}: {1}, so the strictest holds", "ポリシー {0}: {1}。最も厳しい扱いとします").
			With(clipped(p.title()), fault.TextOf(problem)))
	}
	if !p.Start.IsZero() && now.Before(p.Start) {
		early := MostRestrictive(owner)
		early.Why = []i18n.Text{i18n.T("policy {0} begins at {1} only, so it is RED",
			"ポリシー {0} の開始は {1} のため、RED として扱います").With(clipped(p.title()), p.Start.Format(time.RFC3339))}
		d = Combine(d, early)
	}
	return Combine(d, Decision{Handling: Handling{TLP: Clear, Owner: owner, Audience: audience}}).At(now)
}

func (p IEP) title() string {
	for _, s := range []string{p.Name, p.ID} {
		if s != "" {
			return s
		}
	}
	return "IEP"
}

// IEPOf returns a decision as a policy of IEP 2.0. IEP knows the four labels of TLP 1:
// CLEAR is white, and AMBER+STRICT is red, since amber would let it go to clients.
func IEPOf(d Decision, id, name string) []byte {
	word := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	doc := map[string]string{
		"id": id, "name": name, "iep_version": "2.0",
		"tlp": [...]string{"red", "white", "green", "amber", "red", "red"}[d.Handling.TLP.OrRed()],
		"permitted_actions": [...]string{"externally-visible-direct-actions", "externally-visible-direct-actions",
			"externally-visible-direct-actions", "externally-visible-indirect-actions", "internally-visible-actions",
			"contact-for-instruction"}[d.PAP.orHold()],
		"attribution": [...]string{"may", "must", "must-not"}[min(max(d.Attribution, MayAttribute),
			MustNotAttribute)],
		"encrypt_in_transit":           word(d.Encrypt, "must", "may"),
		"affected_party_notifications": word(d.NoNotice, "must-not", "may"),
		"unmodified_resale":            word(d.NoResale, "must-not", "may"),
	}
	if !d.Until.IsZero() {
		doc["end_date"] = d.Until.UTC().Format(time.RFC3339Nano)
	}
	b, err := json.Marshal(doc)
	if err != nil { // a map of strings always is JSON
		panic(err)
	}
	return b
}
