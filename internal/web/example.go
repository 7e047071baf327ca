package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web/lint"
)

// example is a view that a template is tried with.
type example struct {
	view   *View
	viewer policy.Viewer
}

// Example registers a view by which tests see that its template works. Register
// the full, the empty and the hostile case of each page.
func (s *Site) Example(v *View, viewer policy.Viewer) {
	s.examples = append(s.examples, example{v, viewer})
}

// Rendered is an example as a reader would get it.
type Rendered struct {
	Template string
	Lang     i18n.Lang
	HTML     []byte
}

// CheckAll draws every example in both languages, and reports templates that
// fail, pages without an example, and what lint finds wrong with them.
func (s *Site) CheckAll() error {
	pages, err := s.RenderAll()
	errs := []error{err}
	for _, p := range pages {
		for _, wrong := range lint.Page(p.HTML) {
			errs = append(errs, fmt.Errorf("%s in %s: %s", p.Template, p.Lang, wrong))
		}
	}
	return errors.Join(errs...)
}

// RenderAll is CheckAll that also returns the pages.
func (s *Site) RenderAll() ([]Rendered, error) {
	var errs []error
	var out []Rendered
	seen := map[string]bool{}
	for _, e := range s.examples {
		seen[e.view.Template] = true
		for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
			html, err := s.draw(e, l)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s in %s: %w", e.view.Template, l, err))
				continue
			}
			out = append(out, Rendered{e.view.Template, l, html})
		}
	}
	var missing []string
	for name := range s.defined {
		if !seen[name] && !s.used[name] && !strings.HasPrefix(name, "ui/") {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		errs = append(errs, fmt.Errorf("template %s has no example (Site.Example) and no other template includes it",
			name))
	}
	return out, errors.Join(errs...)
}

func (s *Site) draw(e example, l i18n.Lang) (html []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	hr := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/example"}, Header: http.Header{}}).
		WithContext(context.WithValue(context.Background(), requestKey{}, &requestState{id: "example"}))
	r := &Request{Request: hr, Lang: l, Zone: s.cfg.Zone, Viewer: e.viewer, ID: "example", Theme: "auto", site: s}
	var b strings.Builder
	if err := s.render(&b, r, e.view, nil, false); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
