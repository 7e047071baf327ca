package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
)

// Panel is a part of a page that another capability brings than the page's owner.
// The owner loads the panels of its page (Site.Load), draws them where it has room
// for them, {{panels .Panels "top"}}, and says in its documentation what slots there are.
type Panel struct {
	Page string // the page that it belongs to: "case"
	// Slots are the defines that draw it, by where on the page they do. All are
	// given Part.Data.
	Slots map[string]string
	// Load returns what the panel has for a page; the zero Part is nothing.
	Load func(ctx context.Context, about Subject) (Part, error)
}

// Subject is what a page is about, and for whom it is.
type Subject struct {
	ID     string
	Page   string        // path of the page
	Viewer policy.Viewer // may be another than the reader: a page can be a preview
	// Request is the reader's; nil where a program asks.
	Request *Request
}

// Sent returns the form of the page that was sent and is shown again with what is
// wrong in it; nil if there is none.
func (s Subject) Sent() *Form {
	if s.Request == nil {
		return nil
	}
	return s.Request.Sent
}

// Whole reports whether all rows and entries are asked for, and not only those that
// a page has room for at first.
func (s Subject) Whole() bool { return s.Request == nil || s.Request.Value("all") == "1" }

// WholePath is the address of the page with all rows and entries.
func (s Subject) WholePath() string {
	if s.Request.Method == http.MethodGet {
		return s.Request.With("all", "1")
	}
	return s.Page + "?all=1" // not the address that a form was sent to
}

// Part is what a panel has for a page.
type Part struct {
	Data     any       // the dot of the panel's templates; nil draws nothing
	Severity *Severity // how bad the thing is, for the head of the page
	Ask      i18n.Text // what to find out about next
	Next     []Next    // what to do now; it comes before what the page has itself
	Related  []Related // things that belong to it, for its picture and for entries about them
	Cut      bool      // rows are left out as the page has no room for them: Subject.Whole was false
}

// Related is another thing that belongs to what a page is about.
type Related struct {
	ID   string
	Kind svg.NodeKind
	Text string    // what it is called
	Sub  i18n.Text // what it is
	Path string    // its page
}

// Panels are the panels of one page for one viewer, in order.
type Panels []loaded

type loaded struct {
	panel Panel
	Part
}

// AddPanels adds panels. Their templates are added with Templates.
func (s *Site) AddPanels(list ...Panel) {
	for _, p := range list {
		for _, template := range p.Slots {
			s.used[template] = true
		}
	}
	s.panels = append(s.panels, list...)
}

// Load loads the panels of a page; a nil site has none. The error of one is the error
// of the page: a part that is missing without a word would be taken for one that is empty.
func (s *Site) Load(ctx context.Context, page string, about Subject) (Panels, error) {
	if s == nil {
		return nil, nil
	}
	var out Panels
	for _, p := range s.panels {
		if p.Page != page {
			continue
		}
		part, err := p.Load(ctx, about)
		if err != nil {
			return nil, err
		}
		out = append(out, loaded{p, part})
	}
	return out, nil
}

// Severity returns the severity that a panel has for the head of the page, or nil.
func (list Panels) Severity() *Severity {
	for _, p := range list {
		if p.Part.Severity != nil {
			return p.Part.Severity
		}
	}
	return nil
}

// Ask returns what to find out about next; the zero Text if there is nothing.
func (list Panels) Ask() i18n.Text {
	for _, p := range list {
		if !p.Part.Ask.Zero() {
			return p.Part.Ask
		}
	}
	return i18n.Text{}
}

// Next returns what the panels have to do now.
func (list Panels) Next() (out []Next) {
	for _, p := range list {
		out = append(out, p.Part.Next...)
	}
	return out
}

// Related returns the things of a kind that belong to what the page is about.
func (list Panels) Related(kind svg.NodeKind) (out []Related) {
	for _, p := range list {
		for _, r := range p.Part.Related {
			if r.Kind == kind {
				out = append(out, r)
			}
		}
	}
	return out
}

// Cut reports whether a panel leaves rows out.
func (list Panels) Cut() bool {
	return slices.ContainsFunc(list, func(p loaded) bool { return p.Part.Cut })
}

// drawPanels draws the panels of a slot.
func (st *stage) drawPanels(list Panels, slot string) (template.HTML, error) {
	var b strings.Builder
	for _, p := range list {
		name, ok := p.panel.Slots[slot]
		if !ok || p.Data == nil {
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
