package feed

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// quote keeps foreign text short and plain in a message.
func quote(s string) string { return strconv.QuoteToGraphic(event.Clip(s, 120)) }

func comment(line string) bool {
	return line[0] == '#' || line[0] == ';' || line[0] == '!' || strings.HasPrefix(line, "//")
}

var longLine = i18n.T("the line is longer than {0} bytes", "行が {0} バイトを超えています")

// lines reads plain lists and hosts files.
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
		if line == "" || comment(line) {
			continue
		}
		if err := r.record(); err != nil {
			return err
		}
		if !r.text(n, raw) {
			continue
		}
		for _, mark := range []string{" #", "\t#", " ;", "\t;"} {
			if at := strings.Index(line, mark); at >= 0 {
				line = strings.TrimSpace(line[:at])
			}
		}
		if r.report.Format == Hosts {
			err = r.host(n, line)
		} else {
			err = r.value(n, line)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) value(n int, line string) error {
	if strings.HasPrefix(line, "@@") || strings.HasPrefix(line, "||") && !strings.HasSuffix(line, "^") {
		r.uncovered(n, i18n.T("{0} is a filter rule and no value", "{0} は値ではなくフィルタールールです").With(quote(line)))
		return nil
	}
	e, covered, why := r.entry("", line)
	switch {
	case !covered:
		r.uncovered(n, why)
		return nil
	case !why.Zero():
		r.refuse(n, why)
		return nil
	}
	return r.give(n, e)
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
	return r.give(n, list...)
}
