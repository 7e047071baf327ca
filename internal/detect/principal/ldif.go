package principal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

func isLDIF(head []byte) bool {
	for line := range bytes.Lines(head) {
		l := strings.ToLower(strings.TrimSpace(string(line)))
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		return strings.HasPrefix(l, "dn:") || strings.HasPrefix(l, "version:")
	}
	return false
}

// readLDIF reads the content records of RFC 2849. A binary objectSid is
// written out (MS-DTYP 2.4.2.2); records that change entries are refused.
func readLDIF(data []byte, take func(row, string)) {
	var w row
	why, n := "", 0
	flush := func() {
		if len(w.values) > 0 || why != "" {
			if _, person := w.values["dn"]; person || why != "" {
				take(w, why)
			}
		}
		w, why = row{}, ""
	}
	logical := "" // a line with those that go on with it
	at := 0
	finish := func() {
		l := logical
		logical = ""
		if l == "" || strings.HasPrefix(l, "#") {
			return
		}
		key, value, ok := strings.Cut(l, ":")
		if !ok {
			why = fmt.Sprintf("line %d is not of the form attribute: value", at)
			return
		}
		key, _, _ = strings.Cut(strings.ToLower(key), ";")
		if w.values == nil {
			w = row{line: at, values: map[string][]string{}}
		}
		switch {
		case key == "changetype":
			why = "the record changes an entry; export the entries themselves"
		case strings.HasPrefix(value, ":"):
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value[1:]))
			if err != nil {
				why = fmt.Sprintf("line %d is not valid base64", at)
				return
			}
			value = string(b)
			switch {
			case key == "objectsid":
				if value, ok = sidText(b); !ok {
					why = fmt.Sprintf("line %d is not a valid SID", at)
				}
			case key == "objectguid" && len(b) == 16:
				value = fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b),
					binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
			case !utf8.Valid(b):
				return // a photo
			}
		case strings.HasPrefix(value, "<"):
			return // a file elsewhere
		}
		w.values[key] = append(w.values[key], strings.TrimSpace(value))
	}
	s := scan(data)
	for s.Scan() {
		n++
		l := strings.TrimSuffix(s.Text(), "\r")
		switch {
		case strings.HasPrefix(l, " ") && logical != "":
			if len(logical) < maxRowLen {
				logical += l[1:]
			}
			continue
		case l == "":
			finish()
			flush()
			continue
		}
		finish()
		logical, at = l, n
	}
	finish()
	flush()
	if err := s.Err(); err != nil {
		take(row{line: n + 1}, "the line is too long: "+err.Error())
	}
}

// sidText writes a binary SID as S-R-I-S…
func sidText(b []byte) (string, bool) {
	if len(b) < 8 || b[0] != 1 || len(b) != 8+4*int(b[1]) || b[1] > 15 {
		return "", false
	}
	var authority uint64
	for _, c := range b[2:8] {
		authority = authority<<8 | uint64(c)
	}
	s := fmt.Sprintf("S-1-%d", authority)
	for i := 8; i < len(b); i += 4 {
		s += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(b[i:]))
	}
	return s, true
}
