package read

import (
	"bytes"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// Form is how a file is to be read.
type Form uint8

// The forms of a file.
const (
	Unsure  Form = iota // too little of it is there to know
	Lines               // a record a line; it may grow
	Whole               // packed, or JSON over several lines: read once it is complete
	Log                 // a Windows event log, which changes in place
	Foreign             // not read
)

// Sniff returns the form of a file by its name and its first bytes; all is set if
// head is the whole file. For Foreign it says why.
func Sniff(name string, head []byte, all bool) (Form, i18n.Text) {
	if why := skipName(name, false); !why.Zero() {
		return Foreign, why
	}
	if len(head) == 0 {
		return Unsure, i18n.Text{}
	}
	for _, m := range [...]string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "PK\x03\x04", "PK\x05\x06", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(m)) {
			return Whole, i18n.Text{}
		}
	}
	if bytes.HasPrefix(head, []byte(logMagic)) {
		return Log, i18n.Text{}
	}
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return Foreign, m.why
		}
	}
	if wideXML(head) != nil {
		return Whole, i18n.Text{}
	}
	if isBinary(head) {
		return Foreign, notText
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(text) > 0 && text[0] == '<' && eventsXML(text) {
		return sniffXML(text), i18n.Text{}
	}
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return Lines, i18n.Text{}
	}
	line, _, ended := bytes.Cut(text, []byte("\n"))
	if ended && opensList(line) {
		return Whole, i18n.Text{}
	}
	if _, err := Line(event.Source{}, line, Hint{}); err == nil {
		if ended {
			return Lines, i18n.Text{}
		}
		if all {
			return Unsure, i18n.Text{}
		}
	}
	if !ended {
		if all {
			return Unsure, i18n.Text{}
		}
		return Lines, i18n.Text{} // one long line
	}
	// The first line is no record in itself: it is broken, or goes on. A line
	// like the first further down says the former.
	if f := newFramer(bytes.NewReader(text), event.MaxRecord); text[0] == '{' {
		fr, err := f.next()
		if err == nil && fr.err != nil && f.pos < f.end && f.buf[f.pos] == '{' {
			return Lines, i18n.Text{}
		}
	}
	return Whole, i18n.Text{}
}

// opensList reports whether a first line begins a list of records that goes on
// below it; a line of text that begins with a bracket, or a whole list, does not.
func opensList(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("["))
	rest = bytes.TrimSpace(rest)
	if !ok || len(rest) > 0 && rest[0] != '{' {
		return false
	}
	_, err := parseJSON(string(line))
	return err != nil
}

// eventsXML reports whether a head that begins with < is of exported events.
func eventsXML(head []byte) bool {
	for {
		p, n, _ := xmlPieceOf(head)
		switch {
		case p == xmlEvent:
			return true
		case p == notXML:
			return false
		case n > 6 && !bytes.HasPrefix(head, []byte("<?")) && !bytes.HasPrefix(head, []byte("<!")):
			return true // the root
		}
		head = bytes.TrimLeft(head[n:], " \t\r\n")
	}
}

// sniffXML distinguishes a file with an event on each line, which may grow, from an
// export.
func sniffXML(head []byte) Form {
	f := frameAll(head, event.MaxRecord)
	p, _, _ := xmlPieceOf(head)
	if fr, err := f.next(); p == xmlEvent && err == nil && fr.err == nil && bytes.IndexByte(fr.raw, '\n') < 0 {
		if rest := f.there(); len(rest) > 0 && bytes.ContainsAny(rest[:min(2, len(rest))], "\n") {
			return Lines
		}
	}
	return Whole
}
