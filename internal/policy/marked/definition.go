package marked

import (
	"encoding/json"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// definition reads a marking definition that is none of TLP's fixed ones. There are these:
//
//	statement           a text: a label of PAP, or terms that go along with the object
//	iep                 a policy of FIRST IEP 2.0
//	pap, PAP            a label of PAP, as OpenCTI and others write it
//	tlp                 none: those of TLP are fixed (STIX 2.1, section 7.2.1.4)
func (r *reader) definition(def *stix.Object) policy.Decision {
	name, kind := def.Text("name"), strings.ToLower(def.Text("definition_type"))
	if p, ok := papIn(name); ok && (kind == "" || kind == "statement" || kind == "pap") {
		return r.pap(p, i18n.T("marking {0}", "マーキング {0}").With(p.String()))
	}
	switch kind {
	case "statement":
		return r.statement(def.Text("definition.statement"))
	case "pap":
		for _, field := range []string{"definition.pap", "definition.PAP"} {
			if p, ok := papIn(prefixed("PAP:", def.Text(field))); ok {
				return r.pap(p, i18n.T("marking {0}", "マーキング {0}").With(p.String()))
			}
		}
	case "iep":
		raw, ok := def.Raw("definition.iep")
		if !ok {
			raw, ok = def.Raw("definition")
		}
		if ok {
			return r.iep(raw)
		}
	}
	if ext, ok := extension(def, "iep"); ok {
		return r.iep(ext)
	}
	return r.unknown(i18n.T("the marking {0} of the kind {1} is not known, so the strictest holds",
		"マーキング {0}（種類 {1}）は未知のため、最も厳しい扱いとします").With(clip(def.ID()), clip(kind)))
}

func prefixed(prefix, s string) string {
	if s == "" || strings.HasPrefix(strings.ToUpper(s), prefix) {
		return s
	}
	return prefix + s
}

func papIn(s string) (policy.PAP, bool) {
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(s)), "PAP:") {
		return 0, false
	}
	return policy.ParsePAP(s)
}

// extension returns the one member that a property extension of the definition has, if it
// has no other but its type.
func extension(def *stix.Object, member string) (json.RawMessage, bool) {
	raw, ok := def.Raw("extensions")
	if !ok {
		return nil, false
	}
	var list map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return nil, false
	}
	for _, e := range list {
		delete(e, "extension_type")
		v, ok := e[member]
		return v, ok && len(e) == 1
	}
	return nil, false
}

func (r *reader) iep(raw json.RawMessage) policy.Decision {
	r.said = true
	return policy.ReadIEP(raw).Decision(r.unmarked.Owner, r.unmarked.Audience, r.now)
}

// restricting are words by which a statement asks for more than to be kept with the object.
// A statement is for people to read; one that has these and no label is not understood.
var restricting = []string{"tlp", "pap:", "iep", "confidential", "classified", "restricted", "secret", "internal use",
	"do not", "must not", "may not", "not for", "no further", "need to know", "need-to-know", "embargo",
	"機密", "秘密", "部外秘", "社外秘", "関係者限り", "関係者外秘", "限り", "取扱注意", "厳秘", "極秘", "禁", "転送", "共有しない", "公開しない"}

// statement reads a text. A label of TLP or PAP alone is that label. Of others, words that
// restrict make it RED; the rest, such as a copyright, are terms.
func (r *reader) statement(text string) policy.Decision {
	text = strings.TrimSpace(text)
	if p, ok := papIn(text); ok {
		return r.pap(p, i18n.T("marking {0}", "マーキング {0}").With(p.String()))
	}
	if t, ok := policy.ParseTLP(text); ok && strings.HasPrefix(strings.ToUpper(text), "TLP:") {
		return r.tlp(t, i18n.T("marking {0}", "マーキング {0}").With(t.String()))
	}
	lower := strings.ToLower(text)
	for _, word := range restricting {
		if strings.Contains(lower, word) {
			d := r.unknown(i18n.T("the statement {0} restricts and is no label, so the strictest holds",
				"表明 {0} は制限を含み、ラベルではないため、最も厳しい扱いとします").With(clip(text)))
			d.Terms = []string{text}
			return d
		}
	}
	if text == "" {
		return r.unknown(i18n.T("a statement without text, so the strictest holds",
			"本文のない表明のため、最も厳しい扱いとします"))
	}
	d := r.open()
	d.Terms = []string{text}
	return d
}
