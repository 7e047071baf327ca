// Package marking is what people choose and read of a marking in sharing: labels,
// parties of an audience, and both in words.
package marking

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// Bounds of an audience that a person or a program writes.
const (
	maxParties = 50
	maxParty   = 200
)

// Party returns a party of an audience as the directory of the community writes it:
// a synonym of a sector is replaced by the sector. What names no sector is left
// as it is; Check refuses it.
func Party(t string) string {
	if name, ok := strings.CutPrefix(t, "sector:"); ok {
		if slug, err := identity.ParseSector(name); err == nil {
			return "sector:" + slug
		}
	}
	return t
}

// Parties reads an audience as it was typed, with spaces, commas or lines between.
func Parties(typed string) (a policy.Audience) {
	for _, t := range strings.FieldsFunc(typed, func(c rune) bool {
		return c == ' ' || c == ',' || c == '、' || c == '\n' || c == '\r' || c == '\t' || c == '\u3000'
	}) {
		a = append(a, Party(t))
	}
	return a
}

// Offers are the audiences that can be chosen by name: the community, the hub's
// coordinators, the reader's trust groups by their names, and sectors.
func Offers(groups map[string]string) []web.Option {
	out := []web.Option{
		{Value: policy.Community, Text: i18n.T("all members", "すべての構成員")},
		{Value: policy.Coordinators, Text: i18n.T("the hub's coordinators only", "ハブの調整担当のみ")},
	}
	for _, id := range slices.SortedFunc(maps.Keys(groups), func(a, b string) int {
		return cmp.Or(cmp.Compare(groups[a], groups[b]), cmp.Compare(a, b))
	}) {
		out = append(out, web.Option{Value: policy.ToGroup(id), Text: i18n.T("trust group {0}", "信頼グループ {0}").
			With(groups[id])})
	}
	for _, s := range identity.Sectors() {
		out = append(out, web.Option{Value: policy.ToSector(s.Slug), Text: s.Name})
	}
	return out
}

// AudienceField is the field in which an audience is typed or chosen.
func AudienceField(now policy.Audience, groups map[string]string) web.Field {
	return web.Field{Name: "audience", Kind: "text", Label: i18n.T("Who may get it", "受信者"),
		Value: strings.Join(now, " "), Mono: true, Max: 5000, Auto: "off", Offers: Offers(groups),
		Help: i18n.T("community for all members; or sector:power, group:ID, member:ID, hub, with spaces between. It "+
			"binds with TLP:AMBER and TLP:AMBER+STRICT.",
			"全構成員なら community。限定するなら sector:power、group:番号、member:番号、hub を空白区切りで。TLP:AMBER と TLP:AMBER+STRICT で有効。")}
}

// Check refuses an audience that names a party that cannot be there.
func Check(a policy.Audience) error {
	if len(a) > maxParties {
		return fault.New(fault.Invalid, i18n.T("an audience has at most {0} parties",
			"受信者は最大 {0} 件です").With(maxParties))
	}
	for _, t := range a {
		if !known(t) {
			return fault.New(fault.Invalid, i18n.T("nobody is named by {0}", "{0} は受信者として解釈できません").With(t)).
				WithHint(i18n.T("use community, sector:NAME (such as sector:power), group:ID, member:ID or hub",
					"community、sector:分野（例：sector:power）、group:番号、member:番号、hub のいずれかで指定してください"))
		}
	}
	return nil
}

// known reports whether a party can be there.
func known(t string) bool {
	if len(t) > maxParty || strings.ContainsAny(t, ",% \t\r\n") {
		return false
	}
	kind, name, named := strings.Cut(t, ":")
	switch kind {
	case policy.Community, policy.Coordinators:
		return !named
	case "sector":
		_, ok := identity.SectorOf(name)
		return ok
	case "member", "group":
		return named && name != ""
	}
	return false
}

// TLPOptions are the labels for a choice, from the least strict one on.
func TLPOptions(least, on policy.TLP) []web.Option {
	var out []web.Option
	for t := max(least, policy.Clear); t <= policy.Red; t++ {
		out = append(out, web.Option{Value: t.Slug(), Text: i18n.T("{0}: {1}", "{0}：{1}").With(t.String(),
			web.TLPText(t)), On: t == on})
	}
	return out
}

// Reach is a handling in words.
func Reach(h policy.Handling) i18n.Text {
	t := i18n.T("{0} ({1})", "{0}（{1}）").With(h.TLP.String(), web.TLPText(h.TLP))
	if h.TLP == policy.Clear || h.TLP == policy.Green || h.TLP == policy.Red {
		return t
	}
	switch {
	case slices.Contains(h.Audience, policy.Community):
		return i18n.T("{0}, every member of the community", "{0}、共同体のすべての構成員").With(t)
	case len(h.Audience) > 0:
		return i18n.T("{0}, to {1} named parties", "{0}、指定した宛先 {1} 件").With(t, len(h.Audience))
	}
	return i18n.T("{0}, the hub's people alone", "{0}、ハブの担当者のみ").With(t)
}
