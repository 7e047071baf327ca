package web

import (
	"context"
	"fmt"
	"html/template"
	"strings"

	"github.com/meneki/meneki/internal/policy"
)

// Panel is a part of a page that another capability brings than the page's owner.
// The owner loads the panels of its page (Site.Load) and draws them where it has
// room for them: {{panels .Panels "top"}}.
type Panel struct {
	Page     string // the page that it belongs to: "case"
	Slot     string // where on the page it is drawn
	Template string // the define that draws it
	// Load returns the dot of the template for a viewer and what the page is about;
	// nil is nothing, and then nothing of the panel is on the page.
	Load func(ctx context.Context, v policy.Viewer, id string) (any, error)
}

// Panels are the panels of one page for one viewer, in order.
type Panels []loaded

type loaded struct {
	slot, template string
	data           any
}

// AddPanels adds panels. Their templates are added with Templates.
func (s *Site) AddPanels(list ...Panel) {
	for _, p := range list {
		s.used[p.Template] = true
	}
	s.panels = append(s.panels, list...)
}

// Load loads the panels of a page. The error of one is the error of the page: a
// part that is missing without a word would be taken for one that is empty.
func (s *Site) Load(ctx context.Context, page string, v policy.Viewer, id string) (Panels, error) {
	var out Panels
	for _, p := range s.panels {
		if p.Page != page {
			continue
		}
		data, err := p.Load(ctx, v, id)
		if err != nil {
			return nil, err
		}
		if data != nil {
			out = append(out, loaded{p.Slot, p.Template, data})
		}
	}
	return out, nil
}

// drawPanels draws the panels of a slot.
func (st *stage) drawPanels(list Panels, slot string) (template.HTML, error) {
	var b strings.Builder
	for _, p := range list {
		if p.slot != slot {
			continue
		}
		html, err := st.partial(p.template, p.data)
		if err != nil {
			return "", fmt.Errorf("panel %s: %w", p.template, err)
		}
		b.WriteString(string(html))
	}
	return template.HTML(b.String()), nil //nolint:gosec // made by html/template just above
}

// MoreTab is a tab that another capability adds to a page than the page's owner.
type MoreTab struct {
	Page string // the page: "settings", "indicators"
	Tab  Tab
	For  func(policy.Viewer) bool // who sees it; nil: everybody
}

// AddTabs adds tabs to pages.
func (s *Site) AddTabs(list ...MoreTab) { s.tabs = append(s.tabs, list...) }

// Tabs returns the tabs of a page that were added to it and that v sees. The one at the path on is
// the one that is shown.
func (s *Site) Tabs(v policy.Viewer, page, on string) (out []Tab) {
	for _, t := range s.tabs {
		if t.Page == page && (t.For == nil || t.For(v)) {
			t.Tab.On = t.Tab.Path == on
			out = append(out, t.Tab)
		}
	}
	return out
}
