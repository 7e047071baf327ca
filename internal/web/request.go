package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Request is one request of a reader, with what is known about them.
type Request struct {
	*http.Request
	W      http.ResponseWriter // for headers and cookies; the shell writes the body
	Lang   i18n.Lang
	Zone   *time.Location
	Viewer policy.Viewer
	ID     string // to quote when something goes wrong
	Theme  string // "light", "dark" or "auto"
	// Sent is the form of this page that was sent and is shown again with what is
	// wrong in it; nil where the page is only read.
	Sent *Form

	site  *Site
	flash []flash // to be shown on the next page
}

// The cookies that keep what a reader chose. They hold no secret.
const (
	cookieLang  = "meneki_lang"
	cookieTheme = "meneki_theme"
	cookieZone  = "meneki_zone"
	cookieFlash = "meneki_flash"
)

type requestKey struct{}

// RequestID is the id of the request that ctx belongs to, for logs; empty outside of one.
func RequestID(ctx context.Context) string {
	if st, ok := ctx.Value(requestKey{}).(*requestState); ok {
		return st.id
	}
	return ""
}

// Value reads a query or form value without surrounding space.
func (r *Request) Value(name string) string { return strings.TrimSpace(r.FormValue(name)) }

// Int reads a whole number between low and high; an absent one is missing, and
// anything else is a fault that names the field.
func (r *Request) Int(name string, missing, low, high int) (int, error) {
	v := r.Value(name)
	if v == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, fault.Wrap(fault.Invalid,
			i18n.T("{0} must be a whole number from {1} to {2}", "{0} は {1} から {2} までの整数で指定してください").With(name, low,
				high), err)
	}
	return n, nil
}

// Download reports whether the reader asked for the page's table as a file, so
// that the handler may load more rows than a screen shows.
func (r *Request) Download() bool {
	f := r.URL.Query().Get("format")
	return f == "csv" || f == "json"
}

// Flash shows a sentence on the next page, once.
func (r *Request) Flash(t i18n.Text) { r.FlashMood(Good, t) }

// FlashMood is Flash for news that are not good.
func (r *Request) FlashMood(m Mood, t i18n.Text) { r.flash = append(r.flash, flash{m, t}) }

// With is the path of this page with some query values changed; an empty value
// takes one out. A change of anything but the page goes back to the first page.
func (r *Request) With(pairs ...string) string { return with(r.URL, pairs...) }

func with(u *url.URL, pairs ...string) string {
	q := u.Query()
	paging := false
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "after" || pairs[i] == "before" {
			paging = true
		}
	}
	for _, k := range []string{"lang", "theme", "format"} {
		q.Del(k)
	}
	if paging || len(pairs) > 0 {
		q.Del("after")
		q.Del("before")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	out := u.EscapedPath()
	if !localPath(out) {
		out = "/"
	}
	if len(q) > 0 {
		out += "?" + q.Encode()
	}
	return out
}

// localPath reports whether p leads to a page of this site and nowhere else.
func localPath(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return false
	}
	u, err := url.Parse(p)
	return err == nil && u.Host == "" && u.Scheme == ""
}

// prefer finds language, zone and theme: the address first, then what the
// reader chose before, then what the browser says, then the console's own.
func (s *Site) prefer(w http.ResponseWriter, r *http.Request) (lang i18n.Lang, zone *time.Location, theme string) {
	lang, zone, theme = s.cfg.Lang, s.cfg.Zone, "auto"
	q := r.URL.Query()
	if l, ok := i18n.Parse(q.Get("lang")); ok {
		lang = l
		keep(w, r, cookieLang, string(l))
	} else if l, ok := i18n.Parse(cookie(r, cookieLang)); ok {
		lang = l
	} else if l, ok := accepted(r.Header.Get("Accept-Language")); ok {
		lang = l
	}
	if z, ok := zoneNamed(cookie(r, cookieZone)); ok {
		zone = z
	}
	if t := q.Get("theme"); themeKnown(t) {
		theme = t
		keep(w, r, cookieTheme, t)
	} else if t := cookie(r, cookieTheme); themeKnown(t) {
		theme = t
	}
	return lang, zone, theme
}

func themeKnown(t string) bool { return t == "light" || t == "dark" || t == "auto" }

// accepted finds the first language of an Accept-Language header that we speak.
// Browsers send them in the order of preference, so weights are not read.
func accepted(header string) (i18n.Lang, bool) {
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(part, ";")
		if l, ok := i18n.Parse(tag); ok {
			return l, true
		}
	}
	return "", false
}

// zoneNamed finds a zone by its IANA name. The name comes from a cookie: it is
// bounded, and time.LoadLocation refuses names that would leave its database.
func zoneNamed(name string) (*time.Location, bool) {
	if name == "" || len(name) > 64 || name == "Local" || strings.ContainsAny(name, ".\\ ") {
		return nil, false
	}
	z, err := time.LoadLocation(name)
	return z, err == nil
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	v, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return v
}

// keep remembers a choice for a year.
func keep(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: 365 * 24 * 3600,
		SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
}
