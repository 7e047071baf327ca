package objects

import (
	"context"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// why says by what a viewer may see something: it asks policy for each part of the handling
// alone. Parts that do not let the viewer see it are not named.
func why(v policy.Viewer, h policy.Handling) (out []i18n.Text) {
	const nobody = "-" // no member has this id
	if v.Member != "" && v.Member == h.Owner && policy.MaySee(v, policy.Handling{TLP: h.TLP, Owner: h.Owner}) {
		return []i18n.Text{i18n.T("your organisation gave it", "自組織が提供したため")}
	}
	if policy.MaySee(v, policy.Handling{TLP: h.TLP, Owner: nobody}) {
		switch {
		case h.TLP == policy.Clear:
			return []i18n.Text{i18n.T("everybody may: it is marked {0}", "{0} のため、だれでも閲覧できます").With(h.TLP.String())}
		case h.TLP == policy.Green:
			return []i18n.Text{i18n.T("whoever is of the community may: it is marked {0}", "{0} のため、共同体の全員が閲覧できます").
				With(h.TLP.String())}
		}
		return []i18n.Text{i18n.T("you are one of the hub's people", "ハブの担当者であるため")}
	}
	for _, t := range h.Audience {
		if policy.MaySee(v, policy.Handling{TLP: h.TLP, Owner: nobody, Audience: policy.Audience{t}}) {
			out = append(out, i18n.T("it is addressed to {0}", "{0}に宛てられているため").With(partyOf(t)))
		}
	}
	return out
}

// partyOf is a party that the viewer belongs to, in words.
func partyOf(t string) i18n.Text {
	kind, name, _ := strings.Cut(t, ":")
	switch kind {
	case policy.Community:
		return i18n.T("the whole community", "共同体全体")
	case policy.Coordinators:
		return i18n.T("the hub's coordinators", "ハブの調整担当")
	case "sector":
		if s, ok := identity.SectorOf(name); ok {
			return i18n.T("the sector {0}", "分野「{0}」").With(s.Name)
		}
		return i18n.T("the sector {0}", "分野「{0}」").With(name)
	case "group":
		return i18n.T("a trust group that you are in", "貴組織が属する信頼グループ")
	case "member":
		return i18n.T("your organisation", "貴組織")
	case "user":
		return i18n.T("you by name", "あなた個人")
	}
	return i18n.Same(t)
}

// audienceOf is an audience in words, for its owner and the hub's people.
func (p *pages) audienceOf(ctx context.Context, v policy.Viewer, a policy.Audience) web.Run {
	out := web.Run{}
	for _, t := range a {
		id, member := strings.CutPrefix(t, "member:")
		switch {
		case member && id == v.Member:
			out = append(out, i18n.T("your organisation", "貴組織"))
		case member && v.Hub && p.Members != nil:
			out = append(out, p.Members.Name(ctx, id))
		case member:
			out = append(out, i18n.T("one other organisation", "ほかの 1 組織"))
		case strings.HasPrefix(t, "user:"):
			out = append(out, i18n.T("one person", "個人 1 名"))
		default:
			out = append(out, partyOf(t))
		}
	}
	return out
}

// handling is who may see an object and what for, as far as the viewer may know it.
func (p *pages) handling(ctx context.Context, v policy.Viewer, f file) (out []web.Fact) {
	out = append(out, web.Fact{Name: i18n.T("Marking", "取扱い"), Value: web.Lines{f.Handling.TLP,
		web.TLPText(f.Handling.TLP)}})
	lines := web.Lines{}
	for _, t := range why(v, f.Handling) {
		lines = append(lines, t)
	}
	if len(lines) > 0 {
		out = append(out, web.Fact{Name: i18n.T("Why you see it", "閲覧できる理由"), Value: lines})
	}
	out = append(out, bound(f.decision)...)
	if !f.owner && !v.Hub {
		return out
	}
	if a := p.audienceOf(ctx, v, f.Handling.Audience); len(a) > 0 {
		out = append(out, web.Fact{Name: i18n.T("Addressed to", "宛先"), Value: a})
	}
	if p.Members == nil {
		return out
	}
	if who, ok := p.reach(ctx, v, f.Handling); ok {
		out = append(out, web.Fact{Name: i18n.T("Who gets it", "届く先"), Value: who.lines()})
	}
	return out
}

// reached is who may get something.
type reached struct {
	names []string
	more  int
	ids   []string
	words i18n.Text // for who may not know the members
}

// shownNames is how many members are named before the rest are counted.
const shownNames = 60

func (r reached) lines() any {
	if !r.words.Zero() {
		return r.words
	}
	if len(r.names) == 0 {
		return i18n.T("no member", "届く構成員なし")
	}
	n := i18n.T("{0} {0:member|members}", "{0} 構成員").With(len(r.names) + r.more)
	list := strings.Join(r.names, "、")
	if r.more > 0 {
		return web.Lines{n, list, i18n.T("and {0} more", "ほか {0} 構成員").With(r.more)}
	}
	return web.Lines{n, list}
}

// reach is who gets something. The hub's people know the members by name; to others it is
// said in words, which tell nothing of who is a member.
func (p *pages) reach(ctx context.Context, v policy.Viewer, h policy.Handling) (reached, bool) {
	if !v.Hub {
		return reached{words: reachWords(h)}, true
	}
	members, err := p.Members.Active(ctx)
	if err != nil {
		return reached{}, false
	}
	var r reached
	for _, m := range members {
		if policy.MayReceive(m.Node(), h) || m.ID == h.Owner {
			r.ids = append(r.ids, m.ID)
			r.names = append(r.names, m.Name)
		}
	}
	if len(r.names) > shownNames {
		r.more, r.names = len(r.names)-shownNames, r.names[:shownNames]
	}
	return r, true
}

// reachWords is who gets something, without a name or a number.
func reachWords(h policy.Handling) i18n.Text {
	switch {
	case h.TLP == policy.Clear:
		return i18n.T("everybody, and the public", "公開（だれでも）")
	case h.TLP == policy.Green, h.TLP != policy.Red && slices.Contains(h.Audience, policy.Community):
		return i18n.T("every member of the community and the hub", "共同体のすべての構成員とハブ")
	case h.TLP == policy.Red && slices.Contains(h.Audience, policy.Coordinators):
		return i18n.T("people of your organisation and the hub's coordinators; no machine",
			"自組織の担当者とハブの調整担当のみ（機器には届きません）")
	case h.TLP == policy.Red:
		return i18n.T("people of your organisation alone; no machine", "自組織の担当者のみ（機器には届きません）")
	}
	var en, ja []string
	for _, t := range h.Audience {
		if s, ok := strings.CutPrefix(t, "sector:"); ok {
			name := partyOf("sector:" + s)
			en, ja = append(en, name.EN), append(ja, name.JA)
		}
	}
	if len(en) == 0 {
		return i18n.T("the hub's people and your own organisation", "ハブの担当者と自組織のみ")
	}
	return i18n.T("the hub's people, your own organisation and {0}", "ハブの担当者、自組織と{0}").
		With(i18n.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")})
}

// bound is what whoever has an object is bound to beside its label.
func bound(d policy.Decision) (out []web.Fact) {
	add := func(name i18n.Text, value any) { out = append(out, web.Fact{Name: name, Value: value}) }
	if d.PAP != 0 {
		add(i18n.T("What you may do with it", "できること"), web.Lines{d.PAP.String(), papText(d.PAP)})
	}
	terms := web.Lines{}
	if d.Attribution == policy.MustNotAttribute {
		terms = append(terms, i18n.T("do not say who gave it when you pass it on", "引き渡す際に提供元を示さないこと"))
	}
	if d.Attribution == policy.MustAttribute {
		terms = append(terms, i18n.T("say who gave it when you pass it on", "引き渡す際に提供元を示すこと"))
	}
	if d.Encrypt {
		terms = append(terms, i18n.T("send it over encrypted connections only", "暗号化された経路でのみ送ること"))
	}
	if d.NoNotice {
		terms = append(terms, i18n.T("do not tell those who are affected", "影響を受ける当事者に通知しないこと"))
	}
	if d.NoResale {
		terms = append(terms, i18n.T("do not sell it", "販売しないこと"))
	}
	for _, t := range d.Terms {
		terms = append(terms, clip(safe(t), 400))
	}
	if len(terms) > 0 {
		add(i18n.T("Terms", "条件"), terms)
	}
	if !d.Until.IsZero() {
		add(i18n.T("Until", "期限"), d.Until)
	}
	return out
}

// papText is a label of PAP in words.
func papText(p policy.PAP) i18n.Text {
	switch p {
	case policy.PAPClear:
		return i18n.T("whatever you like", "制限なし")
	case policy.PAPGreen:
		return i18n.T("search, match, look up and block it", "検索・照合・照会・遮断")
	case policy.PAPAmber:
		return i18n.T("search and match it, and look it up at third parties; no contact with it",
			"検索・照合と第三者への照会（対象との接触は不可）")
	case policy.PAPRed:
		return i18n.T("search and match it at home; nothing that anybody outside could notice",
			"自組織内での検索と照合のみ（外部に気づかれうる行為は不可）")
	}
	return i18n.T("nothing before you have asked who gave it", "提供元に確認するまで利用不可")
}

// sourceText is what an object came by, in words. Who gave it stands elsewhere.
func sourceText(s string) i18n.Text {
	switch kind, _, _ := strings.Cut(s, " "); kind {
	case "console":
		return i18n.T("the console", "コンソール")
	case "api":
		return i18n.Same("API")
	case "taxii":
		return i18n.Same("TAXII")
	case "cycle":
		return i18n.T("a finding that a member shared", "構成員が提供した検知")
	case "hub":
		return i18n.T("the hub", "ハブ")
	}
	return i18n.Same(s)
}
