// Package marking is what people choose and read of a marking in sharing: labels,
// parties of an audience, and both in words.
package marking

import (
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

// Check refuses an audience that names a party that cannot be there.
func Check(a policy.Audience) error {
	if len(a) > maxParties {
		return fault.New(fault.Invalid, i18n.T("an audience has at most {0} parties",
			"受信者は最大 {0} 件です").With(maxParties))
	}
	for _, t := range a {
		if !known(t) {
			return fault.New(fault.Invalid, i18n.T("nobody is named by {0}", "{0} は受信者として解釈できません").With(t)).
				WithHint(i18n.T("use community, sector:NAME (such as sector:power), member:ID or hub",
					"community、sector:分野（例：sector:power）、member:番号、hub のいずれかで指定してください"))
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
	case "member":
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
