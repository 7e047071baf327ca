package evtx

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An element is XML without what means nothing.
type element struct {
	Name     string
	Attrs    map[string]string
	Text     string
	Children []*element
}

// tree parses XML and takes away in what notation alone the tools differ.
func tree(text string) (*element, error) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return '\uFFFD'
		}
		return r
	}, text)
	d := xml.NewDecoder(strings.NewReader(text))
	root := &element{}
	stack := []*element{root}
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			if len(stack) != 1 || len(root.Children) != 1 {
				return nil, fmt.Errorf("not one element")
			}
			root.Children[0].canonical()
			return root.Children[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{Name: t.Name.Local, Attrs: map[string]string{}}
			for _, a := range t.Attr {
				if a.Value != "" { // python-evtx writes attributes that are not there as empty
					e.Attrs[a.Name.Space+":"+a.Name.Local] = notation(a.Value)
				}
			}
			top.Children = append(top.Children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Text += string(t)
		}
	}
}

func (e *element) canonical() {
	if len(e.Children) > 0 && strings.TrimSpace(e.Text) == "" {
		e.Text = ""
	}
	e.Text = notation(e.Text)
	for _, c := range e.Children {
		c.canonical()
	}
}

var (
	hexadecimal = regexp.MustCompile(`^0x[0-9a-f]+$`)
	guid        = regexp.MustCompile(`^\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}$`)
	hexBinary   = regexp.MustCompile(`^([0-9A-F]{2})+$`)
	moment      = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?$`)
)

// notation takes the leading zeros from hexadecimal numbers, writes times and GUIDs
// in one form, and lets lines end in one way.
func notation(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	switch {
	case hexadecimal.MatchString(s):
		return "0x" + strings.TrimLeft(s[2:len(s)-1], "0") + s[len(s)-1:]
	case guid.MatchString(s):
		return strings.ToLower(s)
	case moment.MatchString(s):
		s = strings.TrimSuffix(strings.Replace(s, " ", "T", 1), "Z")
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
	}
	return s
}

// pythonDiff knows the habits of python-evtx: it writes all members of an array
// into one element, with the empty ones in another place, binary data in base 64, an element that is left out as an
// empty one, and times as floating point numbers know them.
func pythonDiff(want, got *element) string {
	return cmp.Diff(unarray(want), unarray(got), cmp.Comparer(func(a, b string) bool {
		if a == b {
			return true
		}
		x, err1 := time.Parse("2006-01-02T15:04:05", a)
		y, err2 := time.Parse("2006-01-02T15:04:05", b)
		return err1 == nil && err2 == nil && x.Sub(y).Abs() <= 10*time.Microsecond
	}))
}

func unarray(e *element) *element {
	out := &element{Name: e.Name, Attrs: e.Attrs, Text: e.Text}
	for _, c := range e.Children {
		if len(c.Children) == 0 && len(c.Attrs) == 0 && strings.HasPrefix(c.Text, "<string>") {
			for _, s := range strings.Split(strings.TrimSuffix(strings.TrimRight(c.Text, "\n"), "</string>"),
				"</string>\n") {
				if s = strings.TrimPrefix(s, "<string>"); s != "" {
					out.Children = append(out.Children, &element{Name: c.Name, Attrs: c.Attrs, Text: s})
				}
			}
			continue
		}
		if len(c.Children) == 0 && len(c.Attrs) == 0 && c.Text == "" && (c.Name == "Binary" || c.Name == "Data") {
			continue
		}
		if c.Name == "Binary" {
			if b, err := base64.StdEncoding.DecodeString(c.Text); err == nil && !hexBinary.MatchString(c.Text) {
				c.Text = fmt.Sprintf("%X", b)
			}
		}
		out.Children = append(out.Children, unarray(c))
	}
	return out
}
