package objects

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// draftData is the dot of share/draft.
type draftData struct {
	Draft     Draft
	Path      string
	Form      *web.Form
	Head      []web.Field
	Lines     []draftLine
	Hidden    int // lines behind those that are shown
	N         int
	Types     []web.Option
	More      web.Field
	Marking   []web.Field
	Parties   []web.Option
	Against   []i18n.Text
	Who       []web.Fact
	Names     []web.Link // members as whom it can be looked at
	As        *asList
	Done      bool
	Report    string
	MayReturn bool
}

// draftLine is a line with its place and what is known of it.
type draftLine struct {
	Line
	N     int
	Why   i18n.Text
	Known int
	Find  string
	Types []web.Option
}

// asList is what a member would get.
type asList struct {
	Name  string
	Gets  bool
	Lines []string
}

func (p *pages) draft(r *web.Request) (*web.View, error) {
	d, err := p.readDraft(r)
	if err != nil {
		return nil, err
	}
	return p.draftView(r, d, r.Sent)
}

func (p *pages) readDraft(r *web.Request) (d Draft, err error) {
	if err = p.may(r.Viewer); err != nil {
		return d, err
	}
	err = p.DB.Read(r.Context(), store.System("objects: a writer's draft"), func(tx *store.Tx) error {
		d, err = draftOf(tx, r.Viewer, r.PathValue("id"))
		return err
	})
	return d, err
}

func (p *pages) draftView(r *web.Request, d Draft, form *web.Form) (*web.View, error) {
	b := d.Body
	h := d.handling()
	data := draftData{Draft: d, Path: web.Path("/share/drafts/{0}", d.ID), Form: form, N: min(len(b.Lines), shownLines),
		Hidden: max(0, len(b.Lines)-shownLines), Done: d.Report != "", Report: web.Path("/objects/{0}", d.Report),
		MayReturn: d.Report != "" && !b.Withdrawn}
	n := ""
	if b.Confidence >= 0 {
		n = strconv.Itoa(b.Confidence)
	}
	data.Head = []web.Field{
		{Name: "title", Label: i18n.T("Title", "件名"), Required: true, Max: 300, Value: b.Title},
		{Name: "summary", Kind: "textarea", Label: i18n.T("What happened, and what to do", "概要と対処"), Rows: 5,
			Max:   100_000,
			Value: b.Summary},
		{Name: "tags", Label: i18n.T("Labels, with commas between them", "ラベル（カンマ区切り）"), Max: 2000,
			Value: strings.Join(b.Tags, ", ")},
		{Name: "confidence", Kind: "number", Label: i18n.T("Confidence, 0 to 100; empty: not said",
			"確度（0〜100、空欄：未記載）"), Value: n},
		{Name: "days", Kind: "number", Label: i18n.T("Days for which the indicators hold; 0: no end",
			"指標の有効日数（0：期限なし）"),
			Value: strconv.Itoa(b.Days)},
	}
	data.More = web.Field{Name: "more", Kind: "textarea", Mono: true, Rows: 3,
		Label: i18n.T("Add by hand, one a line", "手動で追加（1 行に 1 件）")}
	data.Marking = []web.Field{
		{Name: "tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"), Value: h.TLP.Slug(),
			Options: marking.TLPOptions(policy.Clear, h.TLP)},
		{Name: "pap", Kind: "select", Label: i18n.T("What they may do with it", "利用の制限（PAP）"), Value: b.PAP,
			Options: papOptions()},
	}
	var err error
	if data.Parties, err = p.parties(r.Context(), r.Viewer, b.Audience); err != nil {
		return nil, err
	}
	if data.Lines, err = p.draftLines(r, b); err != nil {
		return nil, err
	}
	data.Against = contradictions(d, r.Viewer)
	if who, ok := p.reach(r.Context(), r.Viewer, h); ok {
		data.Who = append(data.Who, web.Fact{Name: i18n.T("Who gets it", "届く先"), Value: who.lines()},
			web.Fact{Name: i18n.T("What they get", "届く内容"), Value: i18n.T("a report with {0} ticked {0:thing|things}",
				"レポート 1 件と、選択した {0} 件").With(d.ticked())})
		if err := p.asMembers(r, d, &data); err != nil {
			return nil, err
		}
	}
	state := d.state()
	title := i18n.Same(b.Title)
	if b.Title == "" {
		title = i18n.T("Draft", "下書き")
	}
	return &web.View{Template: "share/draft", Title: title, Nav: "objects", Handling: &h, State: &state,
		Live: []string{"objects"},
		Back: &web.Link{Text: i18n.T("My drafts", "自分の下書き"), Path: "/share/drafts"}, Data: data}, nil
}

func papOptions() []web.Option {
	return []web.Option{
		{Value: "", Text: i18n.T("not limited", "指定なし")},
		{Value: "PAP:GREEN", Text: i18n.T("PAP:GREEN: block it, too", "PAP:GREEN：遮断も可")},
		{Value: "PAP:AMBER", Text: i18n.T("PAP:AMBER: no contact with it; look it up at third parties",
			"PAP:AMBER：接触不可。第三者への照会は可")},
		{Value: "PAP:RED", Text: i18n.T("PAP:RED: nothing that anybody outside could notice",
			"PAP:RED：外部に気づかれうる行為は不可")},
	}
}

// parties are those that an audience can name. The hub's people know the members by name.
func (p *pages) parties(ctx context.Context, v policy.Viewer, on []string) (out []web.Option, err error) {
	add := func(token string, text any) {
		out = append(out, web.Option{Value: token, Text: text, On: slices.Contains(on, token)})
	}
	add(policy.Community, partyOf(policy.Community))
	add(policy.Coordinators, partyOf(policy.Coordinators))
	for _, s := range identity.Sectors() {
		add(policy.ToSector(s.Slug), s.Name)
	}
	if v.Hub {
		members, err := p.Members.Active(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range members[:min(len(members), 300)] {
			add(policy.ToMember(m.ID), m.Name)
		}
	}
	return out, nil
}

func (p *pages) draftLines(r *web.Request, b Body) (out []draftLine, err error) {
	types := lineTypes()
	err = p.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
		for i, l := range b.Lines[:min(len(b.Lines), shownLines)] {
			x := draftLine{Line: l, N: i, Why: whyText(l.Why), Types: types, Find: web.Path("/objects?q={0}", l.Value)}
			x.Where = web.DefangText(l.Where)
			if v, ok := event.Canonical(event.ObservableType(l.Type), l.Value); ok {
				hits, err := object.ByValue(tx, live, event.Observable{Type: event.ObservableType(l.Type), Value: v},
					10)
				if err != nil {
					return err
				}
				x.Known = len(hits)
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

// asMembers fills in as whom the hub's people can look at a draft, and what the one whom the
// address names would get.
func (p *pages) asMembers(r *web.Request, d Draft, data *draftData) error {
	if !r.Viewer.Hub {
		return nil
	}
	members, err := p.Members.Active(r.Context())
	if err != nil {
		return err
	}
	for _, m := range members[:min(len(members), 40)] {
		data.Names = append(data.Names, web.Link{Text: m.Name, Path: r.With("as", m.ID) + "#preview"})
		if m.ID != r.Value("as") {
			continue
		}
		data.As = &asList{Name: m.Name, Gets: policy.MayReceive(m.Node(), d.handling())}
		for _, l := range d.Body.Lines {
			if l.Take && data.As.Gets && len(data.As.Lines) < 100 {
				data.As.Lines = append(data.As.Lines, safe(l.Value))
			}
		}
	}
	return nil
}
