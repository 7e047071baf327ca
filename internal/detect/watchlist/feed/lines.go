package feed

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// quote keeps foreign text short and plain in a message.
func quote(s string) string { return strconv.QuoteToGraphic(event.Clip(s, 120)) }

func comment(line string) bool {
	return line[0] == '#' || line[0] == ';' || line[0] == '!' || strings.HasPrefix(line, "//") &&
		!strings.Contains(line[2:], "/") ||
		strings.HasPrefix(line, "// ")
}

var longLine = i18n.T("the line is longer than {0} bytes", "行が {0} バイトを超えています")

// lines reads what has a value a line: plain lists, hosts files, CDB lists, rules.
func (r *reader) lines(in *bufio.Reader) error {
	var buf []byte
	for n := 1; ; n++ {
		raw, long, err := nextLine(in, buf, maxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.broken(n, err)
		}
		buf = raw
		if long {
			r.report.Records++
			r.refuse(n, longLine.With(maxLine))
			continue
		}
		line := strings.TrimSpace(string(raw))
		if line == "" || comment(line) || strings.Trim(line, "-=*_+~ ") == "" {
			continue
		}
		if err := r.record(); err != nil {
			return err
		}
		if !r.text(n, raw) {
			continue
		}
		switch r.report.Format {
		case Rules:
			err = r.rule(n, line)
		case CDB:
			err = r.pair(n, line)
		case Hosts:
			err = r.host(n, uncommented(line))
		default:
			err = r.value(n, uncommented(line))
		}
		if err != nil {
			return err
		}
	}
}

// uncommented cuts off what stands behind a value to explain it.
func uncommented(line string) string {
	for _, mark := range []string{" #", "\t#", " ;", "\t;", " //", "\t//"} {
		if at := strings.Index(line, mark); at > 0 {
			line = strings.TrimSpace(line[:at])
		}
	}
	return line
}

var (
	bullet   = regexp.MustCompile(`^(?:[-*+]\s+|\(?[0-9]{1,3}[.)]\s+|>\s+)`)
	mark     = regexp.MustCompile(`^[・･•◦●○■□▪▫※▶►✓◆◇]+[\s　]*`)
	labelled = regexp.MustCompile(`^(?:[\p{L}][\p{L}\p{N} ()/_-]{0,30})\s?[:：=]\s*(\S.*)$`)
	sink     = regexp.MustCompile(`^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+\S`)
)

// value reads a line of a plain list.
func (r *reader) value(n int, line string) error {
	if strings.HasPrefix(line, "@@") || strings.HasPrefix(line, "||") && !strings.HasSuffix(line, "^") {
		r.uncovered(n, i18n.T("{0} is a filter rule and no value", "{0} は値ではなくフィルタールールです").With(quote(line)))
		return nil
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
		line = mark.ReplaceAllString(strings.TrimSpace(unseen.Replace(line)), "")
	}
	if line != "" && (line[0] == '0' || line[0] == '1' || line[0] == ':') && sink.MatchString(line) {
		return r.host(n, line)
	}
	it, _, why := r.entry("", line)
	if why.Zero() && r.right(it) {
		return r.give(n, it)
	}
	if rest := bullet.ReplaceAllString(line, ""); rest != line && rest != "" {
		return r.value(n, rest)
	}
	if m := labelled.FindStringSubmatch(line); m != nil {
		if named, _, no := r.entry("", m[1]); no.Zero() && r.right(named) {
			return r.give(n, named)
		}
	}
	if some := strings.FieldsFunc(line, parted); len(some) > 1 && r.all("", some) {
		for i, v := range some {
			if i > 0 {
				if err := r.record(); err != nil {
					return err
				}
			}
			it, _, _ := r.entry("", v)
			if err := r.give(n, it); err != nil {
				return err
			}
		}
		return nil
	}
	if !why.Zero() {
		r.refuse(n, why)
		return nil
	}
	return r.give(n, it) // it says what is wrong
}

// pair reads a line of a CDB list: a value, in quotes if it has a colon, and what it is.
func (r *reader) pair(n int, line string) error {
	m := cdbLine.FindStringSubmatch(line)
	if m == nil {
		r.refuse(n, i18n.T("it is not a value, a colon and a word; a value with a colon stands in quotes",
			"「値:語」の形ではありません。コロンを含む値は引用符で囲みます"))
		return nil
	}
	it, covered, why := r.entry("", m[1]+m[2])
	switch {
	case !covered:
		r.uncovered(n, why)
		return nil
	case !why.Zero():
		r.refuse(n, why)
		return nil
	}
	it.Note = event.Clip(strings.TrimSpace(m[3]), maxDetail)
	return r.give(n, it)
}

// host reads a line of a hosts file: the names are what is watched for, whatever
// address they are sent to.
func (r *reader) host(n int, line string) error {
	words := strings.Fields(line)
	if _, err := netip.ParseAddr(words[0]); err != nil || len(words) < 2 {
		r.refuse(n, i18n.T("it is not an address and a name", "アドレスと名前の組ではありません"))
		return nil
	}
	var list []watchlist.Entry
	for _, w := range words[1:] {
		w = Refang(w)
		if !strings.Contains(w, ".") || strings.EqualFold(w, "localhost.localdomain") {
			continue // localhost, broadcasthost and the like
		}
		if _, err := netip.ParseAddr(w); err == nil {
			continue // 0.0.0.0 0.0.0.0
		}
		list = append(list, watchlist.Entry{Type: event.Domain, Match: r.o.Domains, Value: w})
	}
	if len(list) == 0 {
		r.report.Passed++
		return nil
	}
	for _, e := range list { // the line is right as a whole or not at all
		if _, err := watchlist.Check(r.fill(e)); err != nil {
			return r.give(n, Item{Entries: list})
		}
	}
	for i, e := range list {
		if i > 0 {
			if err := r.record(); err != nil {
				return err
			}
		}
		if err := r.give(n, Item{Entries: []watchlist.Entry{e}}); err != nil {
			return err
		}
	}
	return nil
}
