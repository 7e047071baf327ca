package objects

import (
	"context"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// comment reports whether objects of a type are shown as comments.
func comment(typ string) bool { return typ == "note" || typ == "opinion" }

// graph is the picture of what is around an object.
func (p *pages) graph(f file) svg.Graph {
	g := svg.Graph{Text: i18n.T("What hangs together with it: {0} {0:object|objects}",
		"つながりのあるオブジェクト {0} 件").With(len(f.near.Objects))}
	if f.near.Cut {
		g.Note = i18n.T("There are more than are shown.", "表示しているのは一部です。")
	}
	nodes := map[string]bool{}
	add := func(x object.Object, path string) {
		o, err := stix.Parse(x.Body)
		if err != nil || nodes[x.ID] {
			return
		}
		nodes[x.ID] = true
		kind := svg.KindOther
		if x.Type() == "indicator" {
			kind = svg.KindIndicator
		}
		g.Nodes = append(g.Nodes, svg.Node{ID: x.ID, Kind: kind, Label: inList(named(o)), Sub: kindOf(x.Type()).text,
			Sev: -1, Path: path})
	}
	add(f.Object, "")
	for _, x := range f.near.Objects {
		if !comment(x.Type()) {
			add(x, pathOf(x))
		}
	}
	for _, l := range f.near.Links {
		if nodes[l.From] && nodes[l.To] {
			g.Edges = append(g.Edges, svg.Edge{From: l.From, To: l.To, Text: linkText(l.How)})
		}
	}
	g.Rest = map[svg.NodeKind]string{svg.KindOther: "#near", svg.KindIndicator: "#near"}
	return g
}

// linkText is how two objects hang together, in words where they are usual.
func linkText(how string) i18n.Text {
	switch how {
	case "object":
		return i18n.T("is about", "対象")
	case "indicates":
		return i18n.T("indicates", "示す")
	case "uses":
		return i18n.T("uses", "使用")
	case "targets":
		return i18n.T("targets", "標的")
	case "attributed-to":
		return i18n.T("is attributed to", "帰属")
	case "exploits":
		return i18n.T("exploits", "悪用")
	case "communicates-with":
		return i18n.T("communicates with", "通信先")
	case "variant-of":
		return i18n.T("is a variant of", "亜種")
	case "derived-from":
		return i18n.T("is derived from", "派生元")
	case "sighting_of":
		return i18n.T("saw", "観測")
	case "resolves-to", "resolves_to":
		return i18n.T("resolves to", "名前解決")
	case "related-to":
		return i18n.T("is related to", "関連")
	}
	return i18n.Same(strings.ReplaceAll(how, "_", " "))
}

// nearList lists what is around an object, each with how it hangs together with it.
func (p *pages) nearList(f file) web.List {
	l := web.List{ID: "near", Caption: i18n.T("Related objects", "関連するオブジェクト"), Dense: true, Columns: []web.ListColumn{
		{Key: "title", Text: i18n.T("What it is", "内容"), Role: web.RoleMain},
		{Key: "how", Text: i18n.T("How", "関係")},
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		{Key: "came", Text: i18n.T("Came", "受領"), Role: web.RoleTime},
	}, Empty: &web.Empty{Icon: "link", Text: i18n.T("Nothing that you may see refers to it", "閲覧できる範囲に関連はありません"),
		How: i18n.T("Relationships, reports and sightings of it appear here as they come.",
			"関係・レポート・観測報告が届くとここに現れます。")}}
	for _, x := range f.near.Objects {
		if comment(x.Type()) {
			continue
		}
		o, err := stix.Parse(x.Body)
		if err != nil {
			continue
		}
		how := web.Run{}
		for _, k := range f.near.Links {
			switch {
			case k.From == f.ID && k.To == x.ID:
				how = append(how, i18n.T("{0} →", "{0} →").With(linkText(k.How)))
			case k.To == f.ID && k.From == x.ID:
				how = append(how, i18n.T("← {0}", "← {0}").With(linkText(k.How)))
			}
		}
		var cell any
		if len(how) > 0 {
			cell = how
		}
		l.Rows = append(l.Rows, web.Row{Key: x.ID, Path: pathOf(x), Cells: []any{
			web.Lines{inList(named(o)), kindOf(x.Type()).text}, cell, x.Handling, web.Brief(came(x))}})
	}
	for _, x := range f.same {
		if o, err := stix.Parse(x.Body); err == nil {
			l.Rows = append(l.Rows, web.Row{Key: x.ID, Path: pathOf(x), Cells: []any{
				web.Lines{inList(named(o)), kindOf(x.Type()).text}, i18n.T("about the same value", "同じ値"), x.Handling,
				web.Brief(came(x))}})
		}
	}
	l.Count = web.Exactly(int64(len(l.Rows)))
	if f.near.Cut {
		l.Note = i18n.T("There are more than are shown.", "表示しているのは一部です。")
		l.Count = web.Count{}
	}
	return l
}

// contents lists what a report is about, in its own order.
func (p *pages) contents(ctx context.Context, v policy.Viewer, f file) web.List {
	by := map[string]object.Object{}
	for _, x := range f.contents {
		by[x.ID] = x
	}
	l := web.List{ID: "contents", Caption: i18n.T("What it is about", "含まれるもの"), Dense: true, Columns: []web.ListColumn{
		{Key: "title", Text: i18n.T("What it is", "内容"), Role: web.RoleMain},
		{Key: "type", Text: i18n.T("Type", "種類")},
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
	}, Empty: &web.Empty{Icon: "share", Text: i18n.T("None of its objects is here", "含まれるオブジェクトはまだありません"),
		How: i18n.T("They appear as they come, as far as you may see them.", "届きしだい、閲覧できる範囲で表示されます。")}}
	missing := 0
	refs := f.o.Strings("object_refs")
	for _, id := range refs {
		if strings.HasPrefix(id, "relationship--") {
			continue // the picture shows them
		}
		x, ok := by[id]
		if !ok {
			missing++
			continue
		}
		r := p.rowOf(ctx, v, x)
		main := web.Lines{inList(r.title())}
		if sub := r.sub(); len(sub) > 1 {
			main = append(main, sub[1:])
		}
		l.Rows = append(l.Rows, web.Row{Key: x.ID, Path: pathOf(x), Cells: []any{main, kindOf(x.Type()).text,
			x.Handling},
			Dim: r.Flags&object.Revoked != 0})
	}
	l.Count = web.Exactly(int64(len(l.Rows)))
	if missing > 0 && len(l.Rows) > 0 {
		l.Note = i18n.T("{0} more are not here, not for you, or beyond what the page shows.",
			"ほかに {0} 件は、未着・閲覧不可、またはこのページの表示範囲外です。").With(missing)
	}
	return l
}

// comments are the notes and opinions on an object, the first first.
func (p *pages) comments(ctx context.Context, v policy.Viewer, f file) (out []web.Entry) {
	for _, x := range f.near.Objects {
		o, err := stix.Parse(x.Body)
		if err != nil || !comment(x.Type()) || !slices.Contains(o.Strings("object_refs"), f.ID) ||
			x.Flags&object.Revoked != 0 {
			continue
		}
		e := web.Entry{At: came(x), Icon: "note", Key: x.ID, Mark: &x.Handling, Who: p.giver(ctx, v, x.Handling.Owner),
			Text: web.Link{Text: i18n.T("note", "注記"), Path: pathOf(x)}}
		if t := o.Created(); !t.IsZero() {
			e.At = t.Time()
		}
		if x.Handling.Owner == "" && p.hub() {
			e.Text = web.Run{i18n.T("the hub", "ハブ"), web.Link{Text: i18n.T("note", "注記"), Path: pathOf(x)}}
		}
		body := o.Text("content")
		if a := o.Text("abstract"); a != "" {
			body = a + "\n" + body
		}
		if x.Type() == "opinion" {
			e.Text = web.Link{Text: opinionText(o.Text("opinion")), Path: pathOf(x)}
			body = o.Text("explanation")
			switch o.Text("opinion") {
			case "agree", "strongly-agree":
				e.Mood = web.Good
			case "disagree", "strongly-disagree":
				e.Mood = web.Warn
			}
		}
		e.Body = safe(body)
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b web.Entry) int { return a.At.Compare(b.At) })
	return out
}
