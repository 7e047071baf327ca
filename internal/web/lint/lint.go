// Package lint reads a finished page the way a screen reader and a browser with
// a strict policy do, and says what is wrong with it: names and labels that are
// missing (WCAG 2.2 AA, as far as a program can see it), ids that clash or lead
// nowhere, anything inline or remote. web.Site.CheckAll runs it on every example.
package lint

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// Page lists what is wrong with an HTML page; empty if nothing is.
func Page(page []byte) []string {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	l := &linter{ids: map[string]int{}, labels: map[string]bool{}}
	l.walk(doc, l.collect)
	l.walk(doc, l.check)
	if l.h1 != 1 {
		l.say(nil, "has %d h1; a page has one title", l.h1)
	}
	if !l.main {
		l.say(nil, "has no main")
	}
	if bytes.Contains(page, []byte("[[.]]")) {
		l.say(nil, "defangs a value twice")
	}
	for id, n := range l.ids {
		if n > 1 {
			l.say(nil, "has the id %q %d times", id, n)
		}
	}
	return l.wrong
}

type linter struct {
	ids    map[string]int
	labels map[string]bool // ids that a label is for
	h1     int
	last   int // level of the last heading
	main   bool
	wrong  []string
}

func (l *linter) walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		l.walk(c, visit)
	}
}

func (l *linter) say(n *html.Node, format string, args ...any) {
	where := "page"
	if n != nil {
		where = "<" + n.Data
		for _, k := range []string{"id", "class", "name", "href"} {
			if v, ok := attr(n, k); ok {
				where += " " + k + "=" + v
			}
		}
		where += ">"
	}
	l.wrong = append(l.wrong, where+" "+fmt.Sprintf(format, args...))
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			return a.Val, true
		}
	}
	return "", false
}

func has(n *html.Node, key string) bool { _, ok := attr(n, key); return ok }

func (l *linter) collect(n *html.Node) {
	if id, ok := attr(n, "id"); ok {
		l.ids[id]++
		if id == "" || strings.ContainsAny(id, " \t\n") {
			l.say(n, "has an id with space or none")
		}
	}
	if n.Data == "label" {
		if id, ok := attr(n, "for"); ok {
			l.labels[id] = true
		}
	}
}

func (l *linter) check(n *html.Node) {
	for _, a := range n.Attr {
		v := strings.TrimSpace(a.Val)
		switch {
		case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
			l.say(n, "has the attribute %s, which the policy forbids", a.Key)
		case a.Key == "aria-labelledby" || a.Key == "aria-describedby" || a.Key == "aria-controls" || a.Key == "for" ||
			a.Key == "list":
			for id := range strings.FieldsSeq(v) {
				if l.ids[id] == 0 {
					l.say(n, "%s leads to %q, which is not there", a.Key, id)
				}
			}
		case (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(strings.ToLower(v),
			"javascript:"):
			l.say(n, "runs a script from %s", a.Key)
		case (a.Key == "src" || a.Key == "action" || a.Key == "href" && n.Data == "link") &&
			(strings.Contains(v, "://") || strings.HasPrefix(v, "//")):
			l.say(n, "%s leads to another site: %s", a.Key, v)
		}
	}
	switch n.Data {
	case "html":
		if v, _ := attr(n, "lang"); v == "" {
			l.say(n, "has no lang")
		}
	case "title":
		if n.Namespace == "" && strings.TrimSpace(text(n)) == "" {
			l.say(n, "is empty")
		}
	case "style":
		l.say(n, "is inline")
	case "script":
		if !has(n, "src") {
			l.say(n, "is inline")
		}
	case "main":
		l.main = true
	case "h1", "h2", "h3", "h4":
		l.bareID(n)
		level := int(n.Data[1] - '0')
		if level == 1 {
			l.h1++
		}
		if level > l.last+1 && l.last > 0 {
			l.say(n, "follows h%d: a level is left out", l.last)
		}
		if name(n) == "" {
			l.say(n, "is empty")
		}
		l.last = level
	case "a":
		if has(n, "href") && name(n) == "" {
			l.say(n, "has no name")
		}
	case "button", "summary":
		for p := n.Parent; p != nil; p = p.Parent {
			if p.Data == "a" {
				l.say(n, "stands inside of a link")
			}
		}
		if name(n) == "" {
			l.say(n, "has no name")
		}
		if n.Data == "button" {
			l.idle(n)
		}
	case "nav":
		if name(n) == "" || !has(n, "aria-label") && !has(n, "aria-labelledby") {
			l.say(n, "has no label that tells it from other landmarks")
		}
	case "th":
		if !has(n, "scope") {
			l.say(n, "does not say whether it heads a row or a column")
		}
	case "input", "select", "textarea":
		l.field(n)
	case "td":
		if class, _ := attr(n, "class"); strings.Contains(class, "r-main") {
			l.bareID(n)
		}
	case "img":
		if !has(n, "alt") {
			l.say(n, "has no alt")
		}
	case "svg":
		if v, _ := attr(n, "aria-hidden"); v != "true" {
			if role, _ := attr(n, "role"); role != "img" || name(n) == "" {
				l.say(n, "is neither hidden nor an image with a name")
			}
		}
	case "table":
		if !contains(n, "th") {
			l.say(n, "has no th")
		}
	}
	if has(n, "data-live") && !has(n, "id") {
		l.say(n, "is a live region without an id")
	}
}

// idle finds a button that does nothing where no script runs: it stands in no form,
// and is shown all the same. Buttons that copy are shown by the script.
func (l *linter) idle(n *html.Node) {
	if class, _ := attr(n, "class"); has(n, "form") || has(n, "hidden") || strings.Contains(" "+class+" ", " copy ") {
		return
	}
	kind, _ := attr(n, "type")
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "form" && kind != "button" || p.Data == "dialog" || has(p, "hidden") {
			return
		}
	}
	l.say(n, "does nothing without a script, and is not hidden")
}

// id is a UUID, alone or after the type that STIX puts before it.
var id = regexp.MustCompile(`^([a-z-]+--)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// bareID finds an id where a reader looks for a name. In a .mono, with its middle
// left out and a button that copies it, an id may stand below the name.
func (l *linter) bareID(n *html.Node) {
	if class, _ := attr(n, "class"); strings.Contains(" "+class+" ", " mono ") {
		return
	}
	if n.Type == html.TextNode && id.MatchString(strings.TrimSpace(n.Data)) {
		l.say(n.Parent, "says an id where a name belongs: %s", n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		l.bareID(c)
	}
}

func (l *linter) field(n *html.Node) {
	if kind, _ := attr(n, "type"); kind == "hidden" || kind == "submit" || kind == "button" {
		return
	}
	if v, _ := attr(n, "aria-label"); v != "" || has(n, "aria-labelledby") {
		return
	}
	if id, ok := attr(n, "id"); ok && l.labels[id] {
		return
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return
		}
	}
	l.say(n, "has no label")
}

// name is the accessible name of n, near enough: its label or the text in it.
func name(n *html.Node) string {
	if v, _ := attr(n, "aria-label"); strings.TrimSpace(v) != "" {
		return v
	}
	if has(n, "aria-labelledby") {
		return "by another"
	}
	return strings.TrimSpace(text(n))
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	if v, _ := attr(n, "aria-hidden"); v == "true" {
		return ""
	}
	if v, _ := attr(n, "aria-label"); v != "" {
		return v
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}

func contains(n *html.Node, tag string) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Data == tag || contains(c, tag) {
			return true
		}
	}
	return false
}
