package objects

import (
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// says is what an object states, in plain words.
func (p *pages) says(f file, r *web.Request) (out []web.Fact) {
	o := f.o
	add := func(en, ja string, value any, note ...i18n.Text) {
		if value == nil || value == "" {
			return
		}
		fact := web.Fact{Name: i18n.T(en, ja), Value: value}
		if len(note) > 0 {
			fact.Note = note[0]
		}
		out = append(out, fact)
	}
	ref := func(name string) any { return p.reference(f, o.Text(name)) }
	switch o.Type() {
	case "indicator":
		out = append(out, pattern(o)...)
		add("Valid from", "有効期間の始め", moment(o, "valid_from"))
		if until := moment(o, "valid_until"); until != nil {
			add("Valid until", "有効期限", until)
		} else {
			add("Valid until", "有効期限", i18n.T("no end", "期限なし"))
		}
	case "relationship":
		add("From", "元", ref("source_ref"))
		add("How", "関係", o.Text("relationship_type"))
		add("To", "先", ref("target_ref"))
	case "sighting":
		add("Seen", "観測したもの", ref("sighting_of_ref"))
		if n, ok := o.Get("count"); ok {
			add("Times", "回数", scalar(n))
		}
		add("First", "最初", moment(o, "first_seen"))
		add("Last", "最後", moment(o, "last_seen"))
	case "observed-data":
		if n, ok := o.Get("number_observed"); ok {
			add("Times", "回数", scalar(n))
		}
		add("First", "最初", moment(o, "first_observed"))
		add("Last", "最後", moment(o, "last_observed"))
	case "opinion":
		add("Opinion", "評価", opinionText(o.Text("opinion")))
		add("Why", "理由", o.Text("explanation"))
	case "report":
		add("Published", "公表", moment(o, "published"))
	case "malware":
		if v, ok := o.Get("is_family"); ok && v == true {
			add("Kind", "区分", i18n.T("a family of programs", "マルウェアの系統"))
		} else if ok {
			add("Kind", "区分", i18n.T("one program", "個別のプログラム"))
		}
	}
	for _, v := range object.Values(o) {
		if o.Type() != "indicator" {
			out = append(out, web.Fact{Name: web.KindText(string(v.Type)), Value: web.Value(v.Value)})
		}
	}
	for _, x := range []struct{ name, en, ja string }{
		{"aliases", "Also called", "別名"}, {"malware_types", "Types", "種別"}, {"threat_actor_types", "Types", "種別"},
		{"infrastructure_types", "Types", "種別"}, {"tool_types", "Types", "種別"}, {"report_types", "Types", "種別"},
		{"indicator_types", "Says of it", "示すもの"}, {"goals", "Aims", "目的"}, {"sophistication", "Skill", "技能"},
		{"primary_motivation", "Motive", "動機"}, {"first_seen", "First seen", "最初の観測"}, {"last_seen", "Last seen",
			"最後の観測"},
		{"identity_class", "Class", "区分"}, {"sectors", "Sectors", "業種"}, {"vendor", "Vendor", "提供元"},
		{"version", "Version", "バージョン"}, {"size", "Size", "大きさ"}, {"authors", "Authors", "著者"},
		{"country", "Country", "国"}, {"region", "Region", "地域"}, {"key", "Key", "キー"},
	} {
		if o.Type() == "sighting" && strings.HasSuffix(x.name, "_seen") {
			continue
		}
		v, ok := o.Get(x.name)
		if !ok {
			continue
		}
		if list := o.Strings(x.name); len(list) > 0 {
			add(x.en, x.ja, strings.Join(list, "、"))
		} else {
			add(x.en, x.ja, scalar(v))
		}
	}
	if list := o.Labels(); len(list) > 0 {
		run := web.Run{}
		for _, l := range list[:min(len(list), 50)] {
			run = append(run, web.Link{Text: l, Path: web.Path("/objects?label={0}", l)})
		}
		add("Labels", "ラベル", run)
	}
	techniques := web.Lines{}
	for _, t := range object.Techniques(o) {
		x, _ := p.techniques.Find(t)
		text := t
		if x.Name != t {
			text = t + " " + x.Name
		}
		techniques = append(techniques, web.Link{Text: text, Path: web.Path("/objects?technique={0}", t)})
	}
	if len(techniques) > 0 {
		add("Techniques", "攻撃手法", techniques)
	}
	return append(out, p.others(o)...)
}

// others are properties that STIX 2.1 does not have for the type, as they are: nothing of an
// object is left out because nobody knows it here.
func (p *pages) others(o *stix.Object) (out []web.Fact) {
	for _, name := range o.Properties() {
		if !strings.HasPrefix(name, "x_") || len(out) >= 40 {
			continue
		}
		v, _ := o.Get(name)
		text := scalar(v)
		if text == "" {
			raw, _ := o.Raw(name)
			text = string(raw)
		}
		out = append(out, web.Fact{Name: i18n.Same(name), Value: clip(safe(text), 400)})
	}
	return out
}

// pattern says what an indicator looks for.
func pattern(o *stix.Object) (out []web.Fact) {
	typ, text := o.Text("pattern_type"), o.Text("pattern")
	if typ != "stix" {
		return []web.Fact{{Name: i18n.T("Looks for", "探すもの"),
			Value: i18n.T("what a rule in the language {0} describes", "{0} の規則が示すもの").With(typ)}}
	}
	parsed, err := stix.ParsePattern(text)
	if err != nil {
		return []web.Fact{{Name: i18n.T("Looks for", "探すもの"), Value: i18n.T("its pattern cannot be read",
			"パターンを読み取れません"),
			Note: i18n.T("so no node matches with it", "そのため、どのノードも照合に使いません")}}
	}
	equal, whole := parsed.Equalities()
	for i, e := range equal {
		if i == 20 {
			out = append(out, web.Fact{Name: i18n.T("and", "ほか"), Value: i18n.T("{0} more values",
				"ほか {0} 件の値").With(len(equal) - i)})
			break
		}
		name := i18n.Same(e.Object + ":" + e.Path)
		if kind, ok := e.Kind(); ok {
			name = web.KindText(kind)
		}
		out = append(out, web.Fact{Name: name, Value: web.Value(e.Value)})
	}
	switch {
	case len(equal) == 0:
		out = append(out, web.Fact{Name: i18n.T("Looks for", "探すもの"), Value: i18n.T("a combination, see its pattern",
			"条件の組み合わせ（パターンを参照）")})
	case !whole && len(equal) > 0:
		out[0].Note = i18n.T("with more conditions, see its pattern", "ほかの条件との組み合わせ（パターンを参照）")
	case len(equal) > 1:
		out[0].Note = i18n.T("any one of them is enough", "いずれか一つで一致")
	}
	return out
}

func opinionText(s string) any {
	switch s {
	case "strongly-disagree":
		return i18n.T("strongly disagrees", "まったく同意しない")
	case "disagree":
		return i18n.T("disagrees", "同意しない")
	case "neutral":
		return i18n.T("neither", "どちらでもない")
	case "agree":
		return i18n.T("agrees", "同意する")
	case "strongly-agree":
		return i18n.T("strongly agrees", "強く同意する")
	}
	return s
}

// moment is a time of an object; nil if it has none.
func moment(o *stix.Object, name string) any {
	t, ok := o.Time(name)
	if !ok {
		return nil
	}
	return t.Time()
}

// reference is another object that f refers to, by its name where the reader may see it.
func (p *pages) reference(f file, id string) any {
	if id == "" {
		return nil
	}
	for _, x := range f.near.Objects {
		if x.ID == id {
			if o, err := stix.Parse(x.Body); err == nil {
				return web.Lines{web.Link{Text: titleOf(o), Path: pathOf(x)}, kindOf(x.Type()).text}
			}
		}
	}
	typ, _, _ := strings.Cut(id, "--")
	return web.Lines{web.Mono(id), i18n.T("{0}, not here or not for you", "{0}（未着、または閲覧できません）").With(kindOf(typ).text)}
}

// facts are what is known of an object whatever its type.
func (p *pages) facts(f file, r *web.Request) (out []web.Fact) {
	k := kindOf(f.Type())
	out = append(out, web.Fact{Name: i18n.T("Type", "種類"), Value: k.text, Note: k.means},
		web.Fact{Name: i18n.T("Came here", "受領"), Value: came(f.Object)})
	if c := f.o.Created(); !c.IsZero() {
		out = append(out, web.Fact{Name: i18n.T("Made", "作成"), Value: c.Time()})
	}
	if m := f.o.Modified(); !m.IsZero() && m.Compare(f.o.Created()) != 0 {
		out = append(out, web.Fact{Name: i18n.T("This version", "この版"), Value: m.Time()})
	}
	if by := f.o.CreatedByRef(); by != "" {
		out = append(out, web.Fact{Name: i18n.T("Created by", "作成者"), Value: web.Mono(by)})
	}
	if who := p.giver(r.Context(), r.Viewer, f.Handling.Owner); who != "" {
		out = append(out, web.Fact{Name: i18n.T("Came from", "提供元"),
			Value: web.Link{Text: who, Path: web.Path("/members/{0}", f.Handling.Owner)},
			Note:  i18n.T("not disclosed to the other members", "ほかの構成員には示されません")})
	}
	refs, _ := f.o.Get("external_references")
	if list, ok := refs.([]any); ok {
		for _, x := range list[:min(len(list), 20)] {
			m, ok := x.(map[string]any)
			if !ok {
				continue
			}
			parts := web.Run{}
			for _, name := range []string{"source_name", "external_id", "description", "url"} {
				if s, ok := m[name].(string); ok && s != "" {
					parts = append(parts, clip(safe(s), 200))
				}
			}
			out = append(out, web.Fact{Name: i18n.T("Reference", "参照"), Value: parts})
		}
	}
	if f.Type() == "indicator" && (f.cycle || !p.hub()) {
		out = append(out, web.Fact{Name: i18n.T("Members and sightings", "防御状況と観測報告"),
			Value: web.Link{Text: i18n.T("Page of the indicator", "指標のページ"), Path: web.Path("/indicators/{0}", f.ID)}})
	}
	return append(out, web.Fact{Name: i18n.T("STIX id", "STIX 番号"), Value: web.Mono(f.ID)})
}

// history is the versions of an object, the latest first, with what each changed.
func history(f file) (out []web.Entry) {
	var before *stix.Object
	for _, v := range f.versions {
		o, err := stix.Parse(v.Body)
		if err != nil {
			continue
		}
		at := v.Modified
		if v.Flags&object.Unversioned != 0 {
			at = came(v)
		}
		e := web.Entry{At: at.Truncate(time.Second), Icon: "note", Key: v.Version, Mark: &v.Handling,
			Text: i18n.T("came", "受領")}
		if v.Flags&object.Unversioned != 0 {
			e.Key = v.ID
		}
		if before != nil {
			changed, lines := diff(before, o)
			e.Text = i18n.T("changed: {0}", "変更：{0}").With(changed)
			e.Body = lines
			if o.Revoked() {
				e.Icon, e.Mood, e.Text = "x", web.Warn, i18n.T("revoked", "取り消し")
			}
		}
		before = o
		out = append([]web.Entry{e}, out...)
	}
	return out
}

// diff says what the version b changed of a: the names of properties, and each as it was and
// is.
func diff(a, b *stix.Object) (string, web.Lines) {
	var names []string
	lines := web.Lines{}
	all := a.Properties()
	for _, n := range b.Properties() {
		if _, ok := a.Raw(n); !ok {
			all = append(all, n)
		}
	}
	for _, n := range all {
		if n == "modified" || strings.ContainsAny(n, ".[]'") {
			continue
		}
		x, _ := a.Raw(n)
		y, _ := b.Raw(n)
		if string(x) == string(y) {
			continue
		}
		if names = append(names, n); len(lines) < 40 {
			lines = append(lines, i18n.T("{0}: {1} → {2}", "{0}：{1} → {2}").With(n, shown(a, n), shown(b, n)))
		}
	}
	return strings.Join(names, ", "), lines
}

// shown is a property for a line.
func shown(o *stix.Object, name string) string {
	v, ok := o.Get(name)
	if !ok {
		return "–"
	}
	if s := scalar(v); s != "" {
		return clip(safe(s), 160)
	}
	raw, _ := o.Raw(name)
	return clip(string(raw), 160)
}
