package indicator

import (
	"cmp"
	"strings"
	"time"

	"net/http"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// validityText is whether an indicator is in force, in words.
func validityText(s string) i18n.Text {
	switch s {
	case "active":
		return i18n.T("in force", "有効")
	case "withdrawn":
		return i18n.T("withdrawn", "取り下げ")
	case "expired":
		return i18n.T("expired", "期限切れ")
	}
	return i18n.Same(s)
}

// Validity reports whether an indicator is in force.
func (i Indicator) Validity(now time.Time) web.Badge {
	switch {
	case !i.Withdrawn.IsZero():
		return web.Badge{Text: validityText("withdrawn"), Mood: web.Dim}
	case !i.ValidUntil.IsZero() && !now.Before(i.ValidUntil):
		return web.Badge{Text: validityText("expired"), Mood: web.Dim}
	}
	return web.Badge{Text: validityText("active"), Mood: web.Good}
}

// Title is the heading of an indicator: the rule's title, or the value defanged.
func (i Indicator) Title() i18n.Text {
	if i.Kind == "sigma" {
		return i18n.Same(i.Label())
	}
	return i18n.Same(web.Defang(i.Label()))
}

// Label is what an indicator is called, as it was written.
func (i Indicator) Label() string {
	if i.Kind == "sigma" {
		return cmp.Or(i.Name, i.Value, i.ID)
	}
	return cmp.Or(i.Value, i.Name, i.ID)
}

// subjectCell is what an indicator matches, in a list.
func subjectCell(i Indicator) any {
	var name any = i.Title()
	if i.Kind != "sigma" {
		name = web.Title(i.Label())
	}
	return web.Lines{name, web.KindText(i.Kind)}
}

// ServeSTIX adds the download of an indicator's STIX object.
func ServeSTIX(site *web.Site, db *store.DB) {
	site.Handle("GET /indicators/{id}/stix", http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r, err := site.Who(w, hr, policy.RoleReader)
		var i Indicator
		if err == nil {
			err = db.Read(hr.Context(), store.As(r.Viewer), func(tx *store.Tx) error {
				i, err = Get(tx, hr.PathValue("id"))
				return err
			})
		}
		if err != nil {
			site.Refuse(w, hr, err)
			return
		}
		name := strings.Map(func(r rune) rune {
			if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return '_'
		}, i.ID)
		w.Header().Set("Content-Type", "application/stix+json;version=2.1")
		w.Header().Set(
			"Content-Disposition",
			`attachment; filename="`+name+`_TLP-`+strings.ReplaceAll(
				strings.ToUpper(i.Handling.TLP.Slug()), "+", "-",
			)+`.json"`,
		)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(i.Body)) // the reader has gone
	}))
}

// What is the pattern of an indicator and its object, the dot of the template
// indicators/what.
type What struct {
	Pattern string // STIX pattern, or a Sigma rule as YAML
	Sigma   bool
	STIX    string
	Links   []web.Link
}

// What returns the pattern of an indicator and its object. One that was refused,
// whose object could not be read, has no pattern.
func (i Indicator) What() What {
	w := What{STIX: i.Body, Links: []web.Link{{Text: i18n.T("Download the STIX object", "STIX オブジェクトを保存"),
		Path: web.Path("/indicators/{0}/stix", i.ID), Icon: "download"}}}
	if o, err := stix.Parse([]byte(i.Body)); err == nil {
		w.Pattern, w.Sigma = text(o, "pattern"), text(o, "pattern_type") == "sigma"
	}
	return w
}

// Facts are what is known of an indicator wherever it is shown.
func (i Indicator) Facts(now time.Time) []web.Fact {
	credit := ""
	if o, err := stix.Parse([]byte(i.Body)); err == nil {
		credit = text(o, "description")
	}
	until := web.Fact{Name: i18n.T("Valid until", "有効期限"), Value: i.ValidUntil}
	if i.ValidUntil.IsZero() {
		until.Value = i18n.T("no end", "期限なし")
	}
	var value any = web.Value(i.Value)
	if i.Kind == "sigma" {
		value = web.Lines{i.Name, web.Mono(i.Value)}
	}
	return []web.Fact{
		{Name: web.KindText(i.Kind), Value: value},
		{Name: i18n.T("Level", "重要度"), Value: web.Level(i.Level)},
		{Name: i18n.T("Confidence", "確度"), Value: i18n.T("{0} of 100", "100 のうち {0}").With(i.Confidence)},
		until,
		{Name: i18n.T("Credit", "ルールの出典"), Value: credit},
		{Name: i18n.T("STIX id", "STIX 番号"), Value: web.Mono(i.ID)},
	}
}

// Nav is the place of the indicators in the rail.
func Nav() web.NavItem {
	return web.NavItem{Key: "indicators", Path: "/indicators", Text: i18n.T("Indicators", "指標"),
		Icon: "indicators", Letter: "i"}
}

// FindingLink leads to a finding, by its title where the reader may know it.
func FindingLink(id, title string) web.Link {
	l := web.Link{Text: web.Mono(id), Path: web.Path("/findings/{0}", id)}
	if title != "" {
		l.Text = web.Title(title)
	}
	return l
}
