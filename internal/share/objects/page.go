package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

const live = event.Live

// file is an object with all that its page says of it, as one viewer may see it.
type file struct {
	object.Object
	o        *stix.Object
	versions []object.Object
	near     object.Around
	contents []object.Object // of a report: what it refers to
	same     []object.Object // what is about the same values
	sources  []object.Source
	decision policy.Decision // what its own markings ask for, beside who may see it
	owner    bool            // the viewer's organisation gave it
	cycle    bool            // it is an indicator of the cycle, which has a page of its own
}

// load reads an object for a viewer; fault.NotFound if they may not see it.
func (p *pages) load(ctx context.Context, v policy.Viewer, realm, id string, hops int) (file, error) {
	var f file
	err := p.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
		if f.versions, err = object.Versions(tx, realm, id); err != nil {
			return err
		}
		f.Object = f.versions[len(f.versions)-1]
		f.owner = v.User != "" && (v.Member != "" && v.Member == f.Handling.Owner || v.Hub && f.Handling.Owner == "")
		if f.near, err = p.Objects.Near(tx, realm, id, hops, maxAround); err != nil {
			return err
		}
		if f.sources, err = object.Sources(tx, f.Object); err != nil {
			return err
		}
		if f.o, err = stix.Parse(f.Body); err != nil {
			return err
		}
		f.decision = marked.Of(f.o, object.Definitions(tx, realm), f.Handling, tx.Now())
		if hops > 0 {
			if err = f.alike(tx); err != nil {
				return err
			}
		}
		if refs := f.o.Strings("object_refs"); len(refs) > 0 {
			page, err := p.Objects.Read(tx, object.Ask{Realm: realm, IDs: refs[:min(len(refs), maxContents)],
				Limit: maxContents, Bodies: true})
			f.contents = page.Objects
			return err
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	for _, s := range f.sources {
		f.cycle = f.cycle || s.Source == "cycle"
	}
	if !v.Hub {
		f.sources = nil // they name who gave it
	}
	return f, nil
}

// Bounds of what is shown of the values of an object, and of what is about each.
const (
	maxValues = 10
	maxSame   = 20
)

// alike finds what else is about the values of an object.
func (f *file) alike(tx *store.Tx) error {
	have := map[string]bool{f.ID: true}
	for _, x := range f.near.Objects {
		have[x.ID] = true
	}
	values := object.Values(f.o)
	for _, v := range values[:min(len(values), maxValues)] {
		list, err := object.ByValue(tx, f.Realm, v, maxSame)
		if err != nil {
			return err
		}
		for _, x := range list {
			if !have[x.ID] {
				have[x.ID] = true
				f.same = append(f.same, x)
			}
		}
	}
	return nil
}

// Bounds of what the page of an object shows: objects around it, and what a report is about.
const (
	maxAround   = 60
	maxContents = 1000
)

// oneData is the dot of objects/one.
type oneData struct {
	Path     string
	Query    string // of actions: the realm, if it is not live
	What     string // what objects of its type state
	Facts    []web.Fact
	Says     []web.Fact // what it says, in plain words
	Text     string     // its description
	Handling []web.Fact
	Pattern  string
	Contents *web.List // of a report
	Comments []web.Entry
	Picture  *svg.Graph
	Wider    string // path of the page with two hops; empty if it shows them
	Near     web.List
	Versions []web.Entry
	Sources  []web.Fact
	JSON     string
	Links    []web.Link
	As       *asData
	Panels   web.Panels

	Form     *web.Form
	MayEdit  bool
	EditRows []web.Field
	MayMark  bool
	MarkRows []web.Field
	MayEnd   bool
	EndField web.Field
	MayNote  bool
	NoteRows []web.Field
	Drawn    string // path of the draft that a report came from
}

// asData says as whom an object is previewed.
type asData struct {
	Name, Path string
	None       bool
}

func (p *pages) one(r *web.Request) (*web.View, error) { return p.view(r, r.Sent) }

// realmOf is the realm that the address names.
func realmOf(r *web.Request) string {
	if s := r.Value("realm"); s != "" {
		return s
	}
	return live
}

// view is the page of one object, with a form that was sent and is shown again.
func (p *pages) view(r *web.Request, form *web.Form) (*web.View, error) {
	hops := 1
	if r.Value("hops") == "2" {
		hops = 2
	}
	f, err := p.load(r.Context(), r.Viewer, realmOf(r), r.PathValue("id"), hops)
	if err != nil {
		return nil, err
	}
	if as := r.Value("as"); as != "" {
		return p.viewAs(r, f, as, hops)
	}
	return p.viewOf(r, r.Viewer, f, form, nil)
}

// viewAs shows what a member has of an object: what both the member and the reader may see.
func (p *pages) viewAs(r *web.Request, f file, member string, hops int) (*web.View, error) {
	if !p.hub() || !r.Viewer.Hub {
		return nil, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	v := p.Members.Node(r.Context(), member)
	as := &asData{Name: p.Members.Name(r.Context(), member), Path: pathOf(f.Object)}
	theirs, err := p.load(r.Context(), v, f.Realm, f.ID, hops)
	if fault.Is(err, fault.NotFound) {
		as.None = true
		return &web.View{Template: "objects/one", Title: i18n.Same(titleOf(f.o)), Nav: "objects",
			Back:     &web.Link{Text: i18n.T("Back to the object", "オブジェクトに戻る"), Path: as.Path},
			Handling: &policy.Handling{TLP: f.Handling.TLP}, Data: oneData{As: as}}, nil
	}
	if err != nil {
		return nil, err
	}
	may := map[string]bool{}
	for _, x := range f.near.Objects {
		may[x.ID] = true
	}
	keep := theirs.near.Objects[:0]
	for _, x := range theirs.near.Objects {
		if may[x.ID] {
			keep = append(keep, x)
		}
	}
	theirs.near.Objects = keep
	theirs.same = slices.DeleteFunc(theirs.same, func(x object.Object) bool {
		return !slices.ContainsFunc(f.same, func(y object.Object) bool { return y.ID == x.ID })
	})
	theirs.contents = slices.DeleteFunc(theirs.contents, func(x object.Object) bool {
		return !slices.ContainsFunc(f.contents, func(y object.Object) bool { return y.ID == x.ID })
	})
	return p.viewOf(r, v, theirs, nil, as)
}

// viewOf makes the page of what v has of an object, for the reader of r.
func (p *pages) viewOf(r *web.Request, v policy.Viewer, f file, form *web.Form, as *asData) (*web.View, error) {
	now := p.DB.Now()
	row := p.rowOf(r.Context(), v, f.Object)
	k := kindOf(f.Type())
	d := oneData{Path: web.Path("/objects/{0}", f.ID), What: k.means.In(r.Lang), As: as, Form: form,
		Text: f.o.Text("description"), Pattern: f.o.Text("pattern"), JSON: indent(f.Body)}
	if d.Text == "" {
		d.Text = f.o.Text("content")
	}
	d.Text = safe(d.Text)
	if f.Realm != live {
		d.Query = "?realm=" + url.QueryEscape(f.Realm)
	}
	d.Says, d.Facts = p.says(f, r), p.facts(f, r)
	d.Handling = p.handling(r.Context(), v, f)
	d.Near = p.nearList(f)
	if g := p.graph(f); len(g.Edges) > 0 {
		d.Picture = &g
		if r.Value("hops") != "2" {
			d.Wider = r.With("hops", "2")
		}
	}
	if f.Type() == "report" || f.Type() == "grouping" || f.Type() == "note" || f.Type() == "opinion" {
		l := p.contents(r.Context(), v, f)
		d.Contents = &l
	}
	d.Comments = p.comments(r.Context(), v, f)
	d.Versions = history(f)
	for _, s := range f.sources {
		d.Sources = append(d.Sources, web.Fact{Name: i18n.T("By", "経路"), Value: sourceText(s.Source),
			Note: i18n.T("since {0}", "{0} から").With(time.UnixMicro(s.At).In(r.Zone).Format("2006-01-02 15:04"))})
	}
	d.Links = exportLinks(f)
	if as == nil {
		if err := p.forms(r, f, &d); err != nil {
			return nil, err
		}
	}
	var err error
	about := web.Subject{ID: f.ID, Page: d.Path, Viewer: v, Request: r}
	if d.Panels, err = p.site.Load(r.Context(), "object", about); err != nil {
		return nil, err
	}
	view := &web.View{Template: "objects/one", Title: i18n.Same(titleOf(f.o)), Nav: "objects", Handling: &f.Handling,
		Back: &web.Link{Text: i18n.T("Objects", "オブジェクト"), Path: "/objects"}, Live: []string{"objects", "indicators"},
		Lede: web.Run{k.text}, Next: d.Panels.Next(), Data: d}
	if n, ok := f.o.Confidence(); ok {
		view.Lede = web.Run{k.text, i18n.T("confidence {0} of 100", "確度 {0}／100").With(n)}
	}
	if s := row.state(now); !s.Text.Zero() {
		view.State = &s
	}
	if f.Realm != live {
		view.Realm = f.Realm
	}
	if as != nil {
		view.Back = &web.Link{Text: i18n.T("Back to the object", "オブジェクトに戻る"), Path: as.Path}
	}
	return view, nil
}

// indent is JSON as people read it; as it was given if it cannot be read.
func indent(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return string(body)
	}
	return b.String()
}
