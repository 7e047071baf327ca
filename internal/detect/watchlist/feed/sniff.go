package feed

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// notAFeed refuses what a server sends in place of a list.
func (r *reader) notAFeed(head []byte) error {
	head = bytes.ToLower(bytes.TrimLeft(head, " \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")):
		return r.fail(1, i18n.T("it is a web page and no list: look at the address, and whether it wants a key",
			"一覧ではなく Web ページです。アドレスと、認証の要否を確かめてください"), nil)
	case bytes.HasPrefix(head, []byte("<?xml")):
		return r.fail(1, i18n.T("it is XML: of STIX, version 2.1 is read, which is JSON",
			"XML です。STIX は JSON 形式の 2.1 に対応しています"), nil)
	case bytes.HasPrefix(head, []byte("%pdf")):
		return r.fail(1, i18n.T("it is a PDF document and no list", "一覧ではなく PDF 文書です"), nil)
	}
	return nil
}

var (
	ruleLine = regexp.MustCompile(`^(?:#\s*)?(?:alert|drop|reject|rejectsrc|rejectdst|block|log|pass|sdrop)\s+[a-z0-9-]+\s+\S`)
	soaLine  = regexp.MustCompile(`(?i)^\S*\s+(?:\d+\s+)?(?:IN\s+)?SOA\s`)
	cdbLine  = regexp.MustCompile(`^(?:"([^"]+)"|([^\s":]+)):\s*([^/\s0-9][^:]*)?$`)
)

// sniff returns the format by the first bytes. JSON that holds no record with a value is not
// guessed at.
func (r *reader) sniff(head []byte) (Format, error) {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		return sniffJSON(head), nil
	}
	lines := firstLines(head)
	for _, line := range lines { // the first that is no comment: a cell of a table may hold anything
		if strings.HasPrefix(line, "$TTL") || strings.HasPrefix(line, "$ORIGIN") || soaLine.MatchString(line) {
			return RPZ, nil
		}
		if comment(line) {
			continue
		}
		if ruleLine.MatchString(line) && strings.Contains(line, "(") {
			return Rules, nil
		}
		break
	}
	for _, line := range lines {
		bare := strings.TrimLeft(line, "# ")
		if rest, ok := strings.CutPrefix(line, fieldsMark); ok && headerOf(cells(strings.TrimSpace(rest),
			'\t')).values() {
			return CSV, nil
		}
		if parts := cells(bare, separatorOf(bare)); len(parts) > 1 && headerOf(parts).values() {
			return CSV, nil
		}
		if comment(line) {
			continue
		}
		if words := strings.Fields(line); len(words) > 1 {
			if _, err := netip.ParseAddr(words[0]); err == nil {
				if hostName(words[1]) {
					return Hosts, nil
				}
				if strings.Contains(words[1], "local") || words[1] == words[0] {
					continue // localhost, ip6-localhost, 0.0.0.0 0.0.0.0: how such files begin
				}
			}
		}
		break
	}
	r.look(lines)
	if r.cdb(lines) {
		return CDB, nil
	}
	for _, line := range lines {
		if comment(line) {
			continue
		}
		sep := separatorOf(line)
		if h := r.headerByLook(sampleRows(head, sep)); len(r.o.Columns) > 0 || h.values() {
			return CSV, nil
		}
		break
	}
	return Text, nil
}

// firstLines are the complete first lines, without blanks and empty ones.
func firstLines(head []byte) (list []string) {
	text := string(head)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 && len(head) >= sniffed {
		text = text[:i]
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// look finds out whether a list is one of domains, so that NAME.zip is one too.
func (r *reader) look(lines []string) {
	names, other := 0, 0
	for _, line := range lines {
		switch {
		case comment(line):
		case hostName(line) && !fileOrName(line):
			names++
		case !fileOrName(line):
			other++
		}
	}
	r.domains = names >= 10 && other*10 <= names
}

// cdb reports whether every line is a value, a colon and what it is.
func (r *reader) cdb(lines []string) bool {
	n := 0
	for _, line := range lines {
		if comment(line) {
			continue
		}
		m := cdbLine.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		if it, _, why := r.entry("", m[1]+m[2]); why.Zero() && len(it.Entries) > 0 {
			n++
		}
		if n == maxSample {
			break
		}
	}
	return n > 0
}

func sniffJSON(head []byte) Format {
	has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSpace(line)
	switch {
	case has(`"bundle"`) || has(`"bundle--`) || has(`"spec_version"`) || has(`"pattern_type"`) ||
		stixObject.Match(head):
		return STIX
	case has(`"Event"`) || has(`"response"`) || has(`"Attribute"`) || has(`"Orgc"`):
		return MISP
	case head[0] == '{' && bytes.Contains(line, []byte(`"value"`)) && bytes.HasSuffix(line, []byte("}")) &&
		!bytes.Contains(line[1:], []byte("{")):
		return JSONL
	}
	return JSON
}

// stixObject is an id as STIX has it.
var stixObject = regexp.MustCompile(`"id"\s*:\s*"[a-z][a-z0-9-]{2,40}--[0-9a-f]{8}-`)
