package read

import (
	"bytes"
	"strings"

	"github.com/meneki/meneki/internal/event/jsonscan"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Windows' Event Viewer and wevtutil export events as <Events><Event>…</Event>…</Events>,
// on one line or on many. Each Event element is a record; what is around them is
// passed.

// xmlPiece is what begins with < where a record may begin.
type xmlPiece uint8

const (
	notXML    xmlPiece = iota // text, a priority of syslog, another document
	xmlMarkup                 // the declaration, a comment, the start or end of the root
	xmlEvent                  // an Event element
)

// maxXMLName bounds an element's name with its prefix, in bytes.
const maxXMLName = 64

// xmlPieceOf returns what b begins with: for markup n is its length, for an event that
// of its name. sure is false if more has to be seen.
func xmlPieceOf(b []byte) (p xmlPiece, n int, sure bool) {
	if len(b) < 2 {
		return notXML, 0, false
	}
	upTo := func(start, end string) (xmlPiece, int, bool) {
		if !bytes.HasPrefix(b, []byte(start)) {
			return notXML, 0, len(b) >= len(start) || string(b) != start[:len(b)]
		}
		if i := bytes.Index(b[:min(len(b), maxLead)], []byte(end)); i >= 0 {
			return xmlMarkup, i + len(end), true
		}
		return notXML, 0, len(b) >= maxLead
	}
	switch b[1] {
	case '?':
		return upTo("<?xml", "?>")
	case '!':
		return upTo("<!--", "-->")
	}
	at := 1
	if b[1] == '/' {
		at++
	}
	end := at
	for end < len(b) && xmlNameByte(b[end]) {
		end++
	}
	if end == at && end < len(b) || end-at > maxXMLName || end < len(b) && !xmlNameEnd(b[end]) {
		return notXML, 0, true
	}
	if end == len(b) {
		return notXML, 0, false
	}
	switch local := b[at+bytes.LastIndexByte(b[at:end], ':')+1 : end]; {
	case string(local) == "Events":
		if i := bytes.IndexAny(b[1:min(len(b), maxLead)], "<>"); i >= 0 {
			if b[i+1] == '<' {
				return notXML, 0, true
			}
			return xmlMarkup, i + 2, true
		}
		return notXML, 0, len(b) >= maxLead
	case string(local) == "Event" && at == 1:
		return xmlEvent, end - at, true
	}
	return notXML, 0, true
}

func xmlNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == ':' || c == '_' || c == '-' || c == '.'
}

func xmlNameEnd(c byte) bool { return c == '>' || c == '/' || jsonscan.IsSpace(c) }

// isEventXML reports whether a text begins with an Event element.
func isEventXML(s string) bool {
	if len(s) < 7 || s[0] != '<' || s[1] >= '0' && s[1] <= '9' {
		return false
	}
	p, _, _ := xmlPieceOf([]byte(s[:min(len(s), maxXMLName+8)]))
	return p == xmlEvent
}

// markup skips what is around events.
func (f *framer) markup() bool {
	p, n := f.piece()
	if p == xmlMarkup {
		f.pos += n
	}
	return p == xmlMarkup
}

func (f *framer) piece() (xmlPiece, int) {
	for {
		p, n, sure := xmlPieceOf(f.there())
		if sure || !f.fill() {
			return p, n
		}
	}
}

type xmlMode uint8

const (
	xmlText xmlMode = iota
	xmlTag
	xmlComment
	xmlData // CDATA
)

// xmlCut follows an Event element to its end.
type xmlCut struct {
	name    []byte // of the element, with its prefix
	n       int    // how far it was followed, from framer.pos
	mode    xmlMode
	quote   byte // that the tag is within
	before  byte // in the tag
	event   bool // the tag opens an Event
	depth   int  // Event elements that are open
	another bool // the next record begins here, and this one has no end
}

// event cuts one Event element.
func (f *framer) event(name int) (frame, error) {
	c := xmlCut{name: bytes.Clone(f.buf[f.pos+1 : f.pos+1+name])}
	at, skipping := f.offset(), false
	for {
		last := f.ended
		done := c.step(f.there(), last)
		skipping = skipping || c.n > f.max
		raw := f.buf[f.pos : f.pos+c.n]
		switch {
		case done || skipping && c.n >= chunk:
			f.pos += c.n
			c.n = 0
		case last:
			f.pos = f.end
		}
		err := error(nil)
		switch {
		case !done && !last:
			f.fill() // at the end, step gets to know that there is no more
			continue
		case skipping && f.err == nil:
			err = f.tooLarge()
		case !done:
			err = f.cut()
			f.reported = f.reported || f.err != nil
		case c.another:
			err = fault.New(fault.Invalid,
				i18n.T("the record is not complete: the next one begins in the middle of it",
					"記録が完結していません。その途中で次の記録が始まっています"))
		default:
			return frame{raw: raw, offset: at, xml: true}, nil
		}
		return frame{offset: at, xml: true, err: err}, nil
	}
}

// step follows b; true at the end of the element. last means that nothing comes after b.
func (c *xmlCut) step(b []byte, last bool) (done bool) {
	for c.n < len(b) {
		switch c.mode {
		case xmlText:
			i := bytes.IndexByte(b[c.n:], '<')
			if i < 0 {
				c.n = len(b)
				return false
			}
			c.n += i
			if !c.opens(b[c.n:], last) {
				return false
			}
			if c.another {
				return true
			}
		case xmlComment, xmlData:
			end := "-->"
			if c.mode == xmlData {
				end = "]]>"
			}
			i := bytes.Index(b[c.n:], []byte(end))
			if i < 0 {
				c.n = max(c.n, len(b)-len(end)+1)
				return false
			}
			c.n += i + len(end)
			c.mode = xmlText
		case xmlTag:
			ch := b[c.n]
			c.n++
			before := c.before
			c.before = ch
			switch {
			case c.quote != 0:
				if ch == c.quote {
					c.quote = 0
				}
			case ch == '"' || ch == '\'':
				c.quote = ch
			case ch == '>':
				if c.event && before == '/' {
					c.depth--
				}
				c.mode, c.event = xmlText, false
				if c.depth <= 0 {
					return true
				}
			}
		}
	}
	return false
}

// opens looks at what begins with <; false if more has to be seen for that.
func (c *xmlCut) opens(b []byte, last bool) bool {
	starts := func(word string) (yes, unsure bool) {
		if len(b) < len(word) {
			return false, !last && word[:len(b)] == string(b)
		}
		return string(b[:len(word)]) == word, false
	}
	tag := func(word string) (yes, unsure bool) {
		if yes, unsure = starts(word); !yes {
			return false, unsure
		}
		if len(b) == len(word) {
			return false, !last
		}
		return xmlNameEnd(b[len(word)]), false
	}
	for _, w := range [...]struct {
		word string
		mode xmlMode
	}{{"<!--", xmlComment}, {"<![CDATA[", xmlData}} {
		yes, unsure := starts(w.word)
		if unsure {
			return false
		}
		if yes {
			c.mode = w.mode
			c.n += len(w.word)
			return true
		}
	}
	opening, unsure := tag("<" + string(c.name))
	if unsure {
		return false
	}
	closing, unsure := tag("</" + string(c.name))
	if unsure {
		return false
	}
	switch {
	case opening && c.depth > 0:
		begins, sure := beginsEvent(b)
		if !sure && !last {
			return false
		}
		if c.another = begins; begins {
			return true
		}
		fallthrough
	case opening:
		c.depth++
		c.event = true
	case closing:
		c.depth--
	}
	c.mode, c.before = xmlTag, 0
	c.n++
	return true
}

// beginsEvent reports whether an Event element within another one is a record of its
// own: its first child is System.
func beginsEvent(b []byte) (yes, sure bool) {
	i := bytes.IndexByte(b, '>')
	if i < 0 {
		return false, len(b) > maxLead
	}
	if i = blanks(b, i+1); i < len(b) && b[i] != '<' {
		return false, true
	}
	at := min(i+1, len(b))
	end := at
	for end < len(b) && xmlNameByte(b[end]) {
		end++
	}
	if end == len(b) {
		return false, end-at > maxXMLName
	}
	return string(b[at+bytes.LastIndexByte(b[at:end], ':')+1:end]) == "System", true
}

var badXML = fault.New(fault.Invalid,
	i18n.T("the event is not well-formed XML, or holds no System part", "イベントの XML が正しくないか、System 部がありません"))

// eventXML reads an Event element. GUIDs of processes, logons and the like are written
// as the event log has them: there they are no texts, and Windows puts them into
// braces only here. Others may be texts that have braces in the log too.
func eventXML(s string) (record, bool) {
	if !isEventXML(s) {
		return record{}, false
	}
	e, err := parseXML(s)
	if err != nil || sub(e, "System") == nil {
		return record{}, false
	}
	r := windowsXML(e, nil)
	for k, v := range r.fields {
		if g, ok := v.(string); ok && isGUID(g) && (hasSuffixFold(k, "Guid") || hasSuffixFold(k, "ActivityID")) {
			r.fields[k] = strings.ToUpper(g[1 : len(g)-1])
		}
	}
	return r, true
}

// isGUID reports whether s is a GUID in braces.
func isGUID(s string) bool {
	if len(s) != 38 || s[0] != '{' || s[37] != '}' {
		return false
	}
	for i, c := range []byte(s[1:37]) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}
