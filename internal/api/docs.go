package api

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates/docs.html templates/docs.css
var docsFiles embed.FS

// docsCSP lets the page have its own style sheet and nothing else.
const docsCSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs puts the reference page for people on the mux. It is made from the
// description, needs no script, and loads nothing from elsewhere.
func (a *API) serveDocs() {
	style, err := docsFiles.ReadFile("templates/docs.css")
	if err != nil {
		panic("api: " + err.Error()) // embedded above
	}
	page := map[i18n.Lang]*template.Template{}
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		page[l] = template.Must(template.New("docs.html").Funcs(template.FuncMap{
			"t":     func(en, ja string) string { return i18n.T(en, ja).In(l) },
			"say":   func(t i18n.Text) string { return t.In(l) },
			"doc":   func(s string) string { return half(s, l) },
			"group": groupText, "role": web.RoleText, "place": placeText,
		}).ParseFS(docsFiles, "templates/docs.html"))
	}
	rt := router{a}
	rt.HandleFunc("GET /api/docs.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(style)
	})
	rt.HandleFunc("GET /api/docs", func(w http.ResponseWriter, r *http.Request) {
		lang, theme := Lang(r.Context()), ""
		if c, err := r.Cookie("meneki_lang"); err == nil { // what was chosen in the console
			if l, ok := i18n.Parse(c.Value); ok {
				lang = l
			}
		}
		if c, err := r.Cookie("meneki_theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
			theme = c.Value
		}
		if l, ok := i18n.Parse(r.URL.Query().Get("lang")); ok {
			lang = l
		}
		var b bytes.Buffer
		doc := a.docs(lang)
		doc.Theme = theme
		if err := page[lang].Execute(&b, doc); err != nil {
			a.writeProblem(w, r, fault.Wrap(fault.Internal, i18n.Text{}, err))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Language", string(lang))
		w.Header().Set("Content-Security-Policy", docsCSP)
		_, _ = w.Write(b.Bytes())
	})
}

// half takes one language of a field's doc tag, "English | 日本語".
func half(doc string, l i18n.Lang) string {
	en, ja, ok := strings.Cut(doc, " | ")
	if ok && l == i18n.JA {
		return ja
	}
	return en
}

type docsPage struct {
	Title, Version string
	Lang           i18n.Lang
	Theme          string // light, dark; empty: as the device
	Cookie         string
	Groups         []docsGroup
	Schemas        []docsSchema
	Kinds          []fault.Kind
}

type docsGroup struct {
	Tag string
	Ops []docsOp
}

type docsOp struct {
	Op
	Params  []docsField
	Body    *docsField
	Answers []docsAnswer
}

type docsAnswer struct {
	Status string
	Text   i18n.Text
	Type   string // of the problem, where it is one
	Shape  docsShape
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, In string
	Required bool
	Doc      string
	Shape    docsShape
}

// docsShape is a type in words, with a link where it is a described object.
type docsShape struct {
	Before, Link string
	Limits       i18n.Text
}

// groupText is the heading of the operations with a tag.
func groupText(tag string) i18n.Text {
	switch tag {
	case "cases":
		return i18n.T("Cases", "事案")
	case "findings":
		return i18n.T("Findings", "検知")
	case "indicators":
		return i18n.T("Indicators", "指標")
	case "members":
		return i18n.T("Members", "構成員")
	case "rules":
		return i18n.T("Rules", "ルール")
	case "settings":
		return i18n.T("Settings", "設定")
	case "sharing":
		return i18n.T("Sharing", "共有")
	case "situation":
		return i18n.T("Situation", "状況")
	case "":
		return i18n.T("Other", "その他")
	}
	return i18n.Same(tag)
}

// placeText says where a parameter stands.
func placeText(in string) i18n.Text {
	switch in {
	case "query":
		return i18n.T("query", "クエリ")
	case "path":
		return i18n.T("path", "パス")
	case "header":
		return i18n.T("header", "ヘッダー")
	}
	return i18n.Same(in)
}

func (a *API) docs(l i18n.Lang) docsPage {
	o := a.huma.OpenAPI()
	p := docsPage{Title: a.cfg.Title, Version: a.cfg.Version, Lang: l, Cookie: a.cfg.Cookie, Kinds: fault.Kinds()}
	byTag := map[string][]docsOp{}
	for _, item := range o.Paths {
		for _, ho := range operations(item) {
			if op, ok := ho.Metadata[metaOp].(Op); ok {
				byTag[op.Tag] = append(byTag[op.Tag], docsOpOf(op, ho))
			}
		}
	}
	for tag, ops := range byTag {
		slices.SortFunc(ops, func(x, y docsOp) int {
			return cmp.Or(cmp.Compare(x.Path, y.Path),
				cmp.Compare(x.Method, y.Method))
		})
		p.Groups = append(p.Groups, docsGroup{tag, ops})
	}
	slices.SortFunc(p.Groups, func(x, y docsGroup) int { return cmp.Compare(x.Tag, y.Tag) })
	for name, s := range o.Components.Schemas.Map() {
		if name != "ErrorModel" && name != "ErrorDetail" {
			p.Schemas = append(p.Schemas, docsSchema{name, fieldsOf(s)})
		}
	}
	slices.SortFunc(p.Schemas, func(x, y docsSchema) int { return cmp.Compare(x.Name, y.Name) })
	return p
}

// operations lists what a path answers.
func operations(i *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{i.Get, i.Put, i.Post, i.Delete, i.Options, i.Head, i.Patch, i.Trace}
	return slices.DeleteFunc(all, func(o *huma.Operation) bool { return o == nil })
}

func docsOpOf(op Op, ho *huma.Operation) docsOp {
	d := docsOp{Op: op}
	for _, p := range ho.Parameters {
		d.Params = append(d.Params, docsField{Name: p.Name, In: p.In, Required: p.Required,
			Doc: cmp.Or(p.Description, p.Schema.Description), Shape: shapeOf(p.Schema)})
	}
	if ho.RequestBody != nil {
		for _, m := range ho.RequestBody.Content {
			d.Body = &docsField{Required: ho.RequestBody.Required, Shape: shapeOf(m.Schema)}
		}
	}
	for status, r := range ho.Responses {
		an := docsAnswer{Status: status, Text: i18n.Same(r.Description)}
		for _, k := range fault.Kinds() {
			if urn := "urn:meneki:problem:" + k.Label(); strings.Contains(r.Description, urn) {
				an.Text, an.Type = k.Title(), urn
			}
		}
		for _, m := range r.Content {
			an.Shape = shapeOf(m.Schema)
		}
		d.Answers = append(d.Answers, an)
	}
	slices.SortFunc(d.Answers, func(x, y docsAnswer) int { return cmp.Compare(x.Status, y.Status) })
	return d
}

func fieldsOf(s *huma.Schema) []docsField {
	var out []docsField
	for name, f := range s.Properties {
		out = append(out, docsField{Name: name, Required: slices.Contains(s.Required, name), Doc: f.Description,
			Shape: shapeOf(f)})
	}
	slices.SortFunc(out, func(x, y docsField) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// shapeOf puts a schema into a few words.
func shapeOf(s *huma.Schema) docsShape {
	switch {
	case s == nil:
		return docsShape{}
	case s.Ref != "":
		return docsShape{Link: s.Ref[strings.LastIndex(s.Ref, "/")+1:]}
	case s.Type == "array" && s.Items != nil:
		in := shapeOf(s.Items)
		in.Before = "[]" + in.Before
		return in
	}
	d := docsShape{Before: cmp.Or(s.Type, "any")}
	add := func(ok bool, t i18n.Text) {
		switch {
		case !ok:
		case d.Limits.Zero():
			d.Limits = t
		default:
			d.Limits = i18n.Text{EN: d.Limits.EN + ", " + t.EN, JA: d.Limits.JA + "、" + t.JA}
		}
	}
	add(s.Format != "", i18n.Same(s.Format))
	if len(s.Enum) > 0 {
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprint(e))
		}
		add(true, i18n.Same(strings.Join(words, " | ")))
	}
	if s.Minimum != nil {
		add(true, i18n.Same(fmt.Sprintf("≥ %v", *s.Minimum)))
	}
	if s.Maximum != nil {
		add(true, i18n.Same(fmt.Sprintf("≤ %v", *s.Maximum)))
	}
	if s.MaxLength != nil {
		add(true, i18n.T("≤ {0} characters", "{0} 文字以内").With(*s.MaxLength))
	}
	add(s.Default != nil, i18n.T("default {0}", "既定値 {0}").With(s.Default))
	return d
}
