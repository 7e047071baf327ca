package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// stage is one set of templates with the reader that it is drawing for. The
// functions of the set look at r, so a set serves one page at a time; Site.pool
// keeps sets for the next.
type stage struct {
	site *Site
	set  *template.Template
	r    *Request
	now  time.Time
	seq  int // makes ids within a page
}

// declare returns the functions for parsing; a stage binds them to itself.
func (s *Site) declare() template.FuncMap { return (&stage{site: s}).funcs() }

func (s *Site) stage() (*stage, error) {
	if st, ok := s.pool.Get().(*stage); ok {
		return st, nil
	}
	set, err := s.master.Clone()
	if err != nil {
		return nil, fmt.Errorf("web: templates: %w", err)
	}
	st := &stage{site: s, set: set}
	set.Funcs(st.funcs())
	return st, nil
}

// page is the dot of the shell's templates.
type page struct {
	*View
	Content template.HTML
	Site    *Config
	Place   i18n.Text
	Viewer  policy.Viewer
	Lang    string
	Theme   string
	ID      string
	Nav     []navLink
	More    bool // the bottom bar of phones has more than it shows
	Flashes []flash
	Realm   string
	Topics  string
	Other   string // the language that can be switched to
}

type navLink struct {
	NavItem
	On   bool
	Over bool // behind "more" on phones
}

// barPlaces is how many places the bottom bar of phones has, "more" included.
const barPlaces = 5

// render draws a view; as a fragment without the shell, only what the live
// regions are taken from.
func (s *Site) render(w io.Writer, r *Request, v *View, flashes []flash, fragment bool) error {
	st, err := s.stage()
	if err != nil {
		return err
	}
	st.r, st.now, st.seq = r, s.cfg.Clock(), 0
	defer func() {
		st.r = nil
		s.pool.Put(st)
	}()
	var content bytes.Buffer
	if err := st.set.ExecuteTemplate(&content, v.Template, v.Data); err != nil {
		return fmt.Errorf("web: template %s: %w", v.Template, err)
	}
	p := page{
		View: v, Content: template.HTML(content.String()), //nolint:gosec // made by html/template just above
		Site: &s.cfg, Place: s.cfg.Place, Viewer: r.Viewer, Lang: string(r.Lang), Theme: r.Theme, ID: r.ID,
		Flashes: flashes, Realm: s.cfg.Realm, Other: string(i18n.EN),
	}
	if s.cfg.PlaceNow != nil {
		p.Place = s.cfg.PlaceNow()
	}
	if v.Realm != "" {
		p.Realm = v.Realm
	}
	if !exercise(p.Realm) {
		p.Realm = ""
	}
	if r.Lang == i18n.EN {
		p.Other = string(i18n.JA)
	}
	if len(v.Next) > 3 {
		c := *v
		c.Next = v.Next[:3]
		p.View = &c
	}
	for i, t := range v.Live {
		if i > 0 {
			p.Topics += ","
		}
		p.Topics += t
	}
	for _, n := range s.cfg.Nav {
		if n.Need != policy.RoleNone && rank(r.Viewer.Role) < rank(n.Need) {
			continue
		}
		p.Nav = append(p.Nav, navLink{NavItem: n, On: n.Key == v.Nav})
	}
	if p.More = len(p.Nav) > barPlaces; p.More {
		for i := range p.Nav {
			p.Nav[i].Over = i >= barPlaces-1
		}
	}
	name := "ui/page"
	if fragment {
		name = "ui/main"
	}
	if err := st.set.ExecuteTemplate(w, name, p); err != nil {
		return fmt.Errorf("web: shell of %s: %w", v.Template, err)
	}
	return nil
}

// partial draws one of the shell's components inside of a page.
func (st *stage) partial(name string, dot any) (template.HTML, error) {
	var b bytes.Buffer
	if err := st.set.ExecuteTemplate(&b, name, dot); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // made by html/template just above
}
