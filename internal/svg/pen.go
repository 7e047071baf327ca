package svg

import (
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/meneki/meneki/internal/i18n"
)

// pen writes markup. Every value goes through escape.
type pen struct {
	b    strings.Builder
	lang i18n.Lang
}

// start opens a picture of the given size in its own units. class names the
// kind, title and desc are what a screen reader says.
func (p *pen) start(class string, w, h float64, title, desc string) {
	p.image(title, desc, "class", "pic "+class, "viewBox", "0 0 "+num(w)+" "+num(h))
}

// sized is start for pictures that are as great as what is in them: they keep
// their own size, and a page lets them scroll.
func (p *pen) sized(class string, w, h float64, title, desc string) {
	p.image(title, desc, "class", "pic "+class, "viewBox", "0 0 "+num(w)+" "+num(h), "width", num(w), "height", num(h))
}

func (p *pen) image(title, desc string, attrs ...string) {
	if strings.TrimSpace(title) == "" {
		title = p.in(i18n.T("picture", "図"))
	}
	p.tag("svg", append(attrs, "role", "img", "aria-label", bounded(title))...)
	p.text("title", title)
	if desc != "" {
		p.text("desc", desc)
	}
}

func (p *pen) html() template.HTML { return template.HTML(p.b.String()) }

// tag opens an element; attrs are pairs of name and value. A pair with an empty
// value is left out.
func (p *pen) tag(name string, attrs ...string) {
	p.open(name, attrs)
	p.b.WriteByte('>')
}

// leaf writes an element without content.
func (p *pen) leaf(name string, attrs ...string) {
	p.open(name, attrs)
	p.b.WriteString("/>")
}

func (p *pen) open(name string, attrs []string) {
	p.b.WriteByte('<')
	p.b.WriteString(name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		p.b.WriteByte(' ')
		p.b.WriteString(attrs[i])
		p.b.WriteString(`="`)
		p.b.WriteString(escape(attrs[i+1]))
		p.b.WriteByte('"')
	}
}

func (p *pen) end(name string) {
	p.b.WriteString("</")
	p.b.WriteString(name)
	p.b.WriteByte('>')
}

// text writes an element that holds only text.
func (p *pen) text(name, s string, attrs ...string) {
	p.tag(name, attrs...)
	p.b.WriteString(escape(bounded(s)))
	p.end(name)
}

// bounded returns s with at most maxTitle characters.
func bounded(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxTitle {
			return s[:i] + "…"
		}
	}
	return s
}

// label writes text that is cut to em units of its font size; what was cut is in a title.
func (p *pen) label(s string, x, y, em float64, anchor, class string) {
	short := Cut(s, em)
	p.tag("text", "class", class, "x", num(x), "y", num(y), "text-anchor", anchor)
	p.b.WriteString(escape(short))
	if short != s {
		p.text("title", s)
	}
	p.end("text")
}

// lines writes text centred on x in at most n lines of em units; what does not
// fit is cut, and then all of it is in a title.
func (p *pen) lines(s string, x, y, step, em float64, n int, class string) {
	parts, whole := Wrap(s, em, n)
	if len(parts) == 0 {
		return
	}
	p.tag("text", "class", class, "text-anchor", "middle")
	for i, part := range parts {
		p.text("tspan", part, "x", num(x), "y", num(y+step*float64(i)))
	}
	if !whole {
		p.text("title", s)
	}
	p.end("text")
}

// link opens a link if href is a path of this site, and returns what closes it.
func (p *pen) link(href string) (done func()) {
	if !local(href) {
		return func() {}
	}
	p.tag("a", "href", href)
	return func() { p.end("a") }
}

// local reports whether href is a path of this site; nothing else is ever linked.
func local(href string) bool {
	return strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//") && !strings.ContainsAny(href, "\\\n\r\t")
}

func (p *pen) in(t i18n.Text) string { return t.In(p.lang) }

// escape makes s safe as text and as a quoted attribute, and keeps out what XML
// and the reader's eye must not be given: control and bidirectional-override
// characters, and broken UTF-8.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && brokenAt(s, i), unicode.IsControl(r), isBidi(r), r == 0xFFFE, r == 0xFFFF:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func brokenAt(s string, i int) bool {
	_, size := utf8.DecodeRuneInString(s[i:])
	return size == 1
}

func isBidi(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C
}

// num writes a coordinate with at most one decimal.
func num(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	f = math.Round(f*10) / 10
	if f == 0 {
		f = 0 // no minus zero
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// Width is how wide s is, in units of its font size (em), near enough to lay out
// labels: full-width characters are 1, capitals and digits 0.62, others 0.54.
func Width(s string) float64 {
	w := 0.0
	for _, r := range s {
		w += runeWidth(r)
	}
	return w
}

func runeWidth(r rune) float64 {
	switch k := width.LookupRune(r).Kind(); {
	case k == width.EastAsianWide, k == width.EastAsianFullwidth, k == width.EastAsianAmbiguous:
		return 1
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return 0.62
	}
	return 0.54
}

// Cut shortens s to at most em units of its font size, with an ellipsis.
func Cut(s string, em float64) string {
	s = bounded(s)
	if Width(s) <= em {
		return s
	}
	var b strings.Builder
	w := 0.6 // the ellipsis
	for _, r := range s {
		if w += runeWidth(r); w > em {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " 　、。・:：") + "…"
}

// Wrap breaks s into at most n lines of em units, between words where there are
// any and anywhere in Japanese. whole is false if something was cut.
func Wrap(s string, em float64, n int) (lines []string, whole bool) {
	s = strings.TrimSpace(s)
	for len(lines) < n-1 && Width(s) > em {
		end := breakAt(s, em, float64(n-len(lines)))
		if end == 0 {
			break
		}
		lines = append(lines, strings.TrimSpace(s[:end]))
		s = strings.TrimSpace(s[end:])
	}
	if s == "" {
		return lines, true
	}
	short := Cut(s, em)
	return append(lines, short), short == s
}

// breakAt returns where the first line of s ends: at the space nearest to an even
// share of what the lines that are left take, else after that share itself, so
// that no single character stands alone on the last line.
func breakAt(s string, em, lines float64) int {
	share := em
	if all := Width(s); all <= lines*em*0.95 {
		share = min(em, all/lines*1.12)
	}
	cut, space, off, w := 0, 0, math.Inf(1), 0.0
	for i, r := range s {
		if r == ' ' && w > em*0.25 && math.Abs(w-share) < off {
			space, off = i, math.Abs(w-share)
		}
		w += runeWidth(r)
		if w > em {
			break
		}
		if w <= share {
			_, size := utf8.DecodeRuneInString(s[i:])
			cut = i + size
		}
	}
	if space > 0 && Width(s[space:]) <= (lines-1)*em {
		return space
	}
	return cut
}

// group writes a number with separators by thousands.
func group(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		s := strconv.FormatInt(int64(f), 10)
		neg := strings.HasPrefix(s, "-")
		s = strings.TrimPrefix(s, "-")
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		if neg {
			s = "−" + s
		}
		return s
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}
