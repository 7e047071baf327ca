package web

import (
	"context"
	"fmt"
	"html/template"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Panel is a part of a page that another capability brings than the page's owner.
// The owner loads the panels of its page (Site.Load) and draws them where it has
// room for them: {{panels .Panels "aside"}}.
type Panel struct {
	Page string // the page that it belongs to: "case", "finding", "indicator", "member"
	// Slots are the templates that draw the panel, by the place on the page. A panel
	// may only add to the page's header or facts, and have none.
	Slots map[string]string
	// Load returns what the panel says to a viewer about a subject; nil is nothing,
	// and then nothing of the panel is on the page.
	Load func(ctx context.Context, s Subject) (*Part, error)
}

// Subject is what a page is about, and who looks at it.
type Subject struct {
	ID     string
	Viewer policy.Viewer
	All    bool   // the reader asked for everything, not only for the first rows
	Path   string // of the page with everything
}

// Part is what one panel says on one page.
type Part struct {
	Data     any     // the dot of the panel's templates
	Severity *Judged // the page's severity, if the panel knows it
	Next     []Next  // what to do now
	Facts    []Fact  // what is known
	Refs     []Ref   // what the page may point at, in its timeline and its graph
	Cut      bool    // it shows only the first rows

	slots map[string]string
}

// Ref is something with a page of its own.
type Ref struct {
	ID, Label, Path string
	Kind            i18n.Text
}

// Parts are the panels of one page for one viewer, in order.
type Parts []*Part

// AddPanels adds panels. Their templates are added with Templates.
func (s *Site) AddPanels(list ...Panel) {
	for _, p := range list {
		for _, name := range p.Slots {
			s.used[name] = true
		}
	}
	s.panels = append(s.panels, list...)
}

// Load loads the panels of a page. The error of one is the error of the page: a
// part that is missing without a word would be taken for one that is empty.
func (s *Site) Load(ctx context.Context, page string, about Subject) (Parts, error) {
	var out Parts
	for _, p := range s.panels {
		if p.Page != page {
			continue
		}
		part, err := p.Load(ctx, about)
		if err != nil {
			return nil, err
		}
		if part != nil {
			part.slots = p.Slots
			out = append(out, part)
		}
	}
	return out, nil
}

// Severity returns the severity that a panel knows, or nil.
func (p Parts) Severity() *Judged {
	for _, part := range p {
		if part.Severity != nil {
			return part.Severity
		}
	}
	return nil
}

// Next returns what the panels say is to do.
func (p Parts) Next() (out []Next) {
	for _, part := range p {
		out = append(out, part.Next...)
	}
	return out
}

// Facts returns what the panels know.
func (p Parts) Facts() (out []Fact) {
	for _, part := range p {
		out = append(out, part.Facts...)
	}
	return out
}

// Refs returns what the page may point at.
func (p Parts) Refs() (out []Ref) {
	for _, part := range p {
		out = append(out, part.Refs...)
	}
	return out
}

// Cut reports whether a panel shows only a part of what it has.
func (p Parts) Cut() bool {
	for _, part := range p {
		if part.Cut {
			return true
		}
	}
	return false
}

// drawPanels draws the panels that have a template for a slot.
func (st *stage) drawPanels(parts Parts, slot string) (template.HTML, error) {
	var b strings.Builder
	for _, p := range parts {
		name, ok := p.slots[slot]
		if !ok {
			continue
		}
		html, err := st.partial(name, p.Data)
		if err != nil {
			return "", fmt.Errorf("panel %s: %w", name, err)
		}
		b.WriteString(string(html))
	}
	return template.HTML(b.String()), nil //nolint:gosec // made by html/template just above
}

// MoreTab is a tab that another capability adds to a page than the page's owner.
type MoreTab struct {
	Page string // the page: "settings", "indicators"
	Tab  Tab
}

// AddTabs adds tabs to pages.
func (s *Site) AddTabs(list ...MoreTab) { s.tabs = append(s.tabs, list...) }

// Tabs returns the tabs of a page that were added to it. The one at the path on is
// the one that is shown.
func (s *Site) Tabs(page, on string) (out []Tab) {
	for _, t := range s.tabs {
		if t.Page == page {
			t.Tab.On = t.Tab.Path == on
			out = append(out, t.Tab)
		}
	}
	return out
}
