package read

import (
	"encoding/xml"
	"errors"
	"strconv"
	"strings"
)

var errXML = errors.New("the XML is not well-formed")

// parseXML reads one element as a map: attributes under "#attributes", text
// under "#text", child elements under their names, as a list where a name comes
// more than once. An element with neither attributes nor children is its text,
// an empty one nil. Entities that the text does not close are let through, as
// Sysmon for Linux writes "&lt unknown process&gt".
func parseXML(s string) (map[string]any, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.Strict = false
	for {
		t, err := d.Token()
		if err != nil {
			return nil, errXML
		}
		if e, ok := t.(xml.StartElement); ok {
			n := 0
			v, err := element(d, e, 0, &n)
			if err != nil {
				return nil, err
			}
			m, ok := v.(map[string]any)
			if !ok {
				m = map[string]any{"#text": v}
			}
			return m, nil
		}
	}
}

func element(d *xml.Decoder, e xml.StartElement, depth int, n *int) (any, error) {
	if *n++; depth > 64 || *n > maxValues {
		return nil, errXML
	}
	var m map[string]any
	if len(e.Attr) > 0 {
		a := map[string]any{}
		for _, x := range e.Attr {
			if x.Name.Local != "xmlns" && x.Name.Space != "xmlns" {
				a[x.Name.Local] = clean(x.Value)
			}
		}
		if len(a) > 0 {
			m = map[string]any{"#attributes": a}
		}
	}
	var text strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return nil, errXML
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			v, err := element(d, t, depth+1, n)
			if err != nil {
				return nil, err
			}
			if m == nil {
				m = map[string]any{}
			}
			k := t.Name.Local
			switch old := m[k].(type) {
			case nil:
				if _, there := m[k]; there {
					m[k] = []any{nil, v}
				} else {
					m[k] = v
				}
			case []any:
				m[k] = append(old, v)
			default:
				m[k] = []any{old, v}
			}
		case xml.EndElement:
			s := clean(text.String())
			switch {
			case m == nil && s == "":
				return nil, nil
			case m == nil:
				return s, nil
			case strings.TrimSpace(s) != "":
				m["#text"] = s
			}
			return m, nil
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
