// Package feed reads lists of indicators as others publish them, for a
// watchlist and for sharing: plain text, tables with and without a header, JSON
// of several kinds, hosts files, response policy zones, rules of Suricata and Snort,
// CDB lists of Wazuh, STIX 2.1 and MISP events, plain or as .gz, .zst or .zip, in
// UTF-8, UTF-16, Shift_JIS or EUC-JP. What a list is, is told by what is in it.
//
// A feed is read as a stream: at most one line of 64 kB, one CSV record of 1 MB or
// one JSON value of 16 MB is held at a time (and of MISP, a marking for each
// event). What is wrong is refused with its file and line, what is right and
// cannot be watched for is listed as not covered, and what is not meant to be
// watched for (revoked, expired, not for detection) is passed; all three are
// counted. Nothing is taken in part: of a STIX pattern that asks for one of
// several values either all are taken or none. A value that says nothing of an
// attack by itself (a private address, the hash of an empty file) is listed as not
// covered.
//
// Values may be defanged (hxxp://, [.], (at)).
package feed

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Format is how a feed is written.
type Format string

// The formats.
const (
	Text  Format = "text"  // a value a line
	CSV   Format = "csv"   // a table; parted by comma, semicolon or tab; Zeek's intelligence files too
	JSONL Format = "jsonl" // an object a line: type, value, match, valid_until, tlp, source, id
	JSON  Format = "json"  // records at any depth, with names of columns as tables have them
	Hosts Format = "hosts" // an address and names a line
	CDB   Format = "cdb"   // Wazuh: a value, a colon, and what it is
	RPZ   Format = "rpz"   // a response policy zone
	Rules Format = "rules" // of Suricata and Snort, that ask for addresses or names alone
	STIX  Format = "stix"  // a STIX 2.1 bundle, an envelope, a list of objects, one object
	MISP  Format = "misp"  // MISP events, as exported, as answered by its API, or as in a MISP feed
)

// Formats lists the formats.
func Formats() []Format {
	return []Format{Text, CSV, JSONL, JSON, Hosts, CDB, RPZ, Rules, STIX, MISP}
}

// Options say how a feed is read. Source is needed; the rest may be left out.
type Options struct {
	Format     Format               // "" detects it by the first bytes
	Source     string               // for entries that name none
	TLP        policy.TLP           // for entries that state none; no label is RED
	ValidUntil time.Time            // for entries that state none; zero: no end
	Type       event.ObservableType // of values that state none; "" detects it by the value
	Domains    watchlist.Match      // of domains that state none: Exact, Tree or Below
	URLs       watchlist.Match      // of URLs that state none: Exact or Prefix
	// Composites takes MISP's pairs (domain|ip, ip-dst|port, regkey|value) by their
	// first part, which matches more than they say. Without it they are listed as
	// not covered; a name with a hash (filename|sha256) is taken by the hash, which
	// decides alone.
	Composites bool
	// Columns says which column (from 1) of a table is what, by the names of ColumnNames.
	Columns map[string]int
	// Silent takes values that say nothing by themselves, too.
	Silent     bool
	Now        time.Time // what has expired by then is passed; zero passes nothing
	MaxBytes   int64     // of the unpacked feed; default 16 GiB
	MaxEntries int64     // default 50,000,000
	MaxListed  int       // problems that are listed one by one; default 100
	// Given is called with the id of every indicator that a STIX document speaks of, also where
	// it gives no entry, as one that is revoked; nil: nobody asks. What an earlier document had
	// under the id ends with it.
	Given func(id string) error
}

// Problem is one thing that did not become an entry, or not as it is written.
type Problem struct {
	File   string
	Line   int // of the unpacked file, from 1
	Reason i18n.Text
}

// String is one line in English.
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason.EN) }

// Report counts what was read.
type Report struct {
	Format     Format
	Records    int64  // lines, rows, indicators, attributes
	Entries    int64  // passed to take
	Refused    int64  // wrong
	NotCovered int64  // right, and nothing that can be watched for
	Passed     int64  // right, and not meant to be watched for
	Wider      int64  // passed to take, and matching more than is written
	Unlabelled int64  // entries whose marking is not understood and counts as RED
	Encoding   string // "" is UTF-8
	// The first of each, Options.MaxListed together of each kind.
	WhyRefused, WhyNotCovered, WhyWider []Problem
}

// Error ends the reading of a feed: what was passed on before is not all of it.
type Error struct {
	Problem
	Err error
}

// Error is one line with file and line.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Problem.String() + ": " + e.Err.Error()
	}
	return e.Problem.String()
}

// Unwrap returns the inner error.
func (e *Error) Unwrap() error { return e.Err }

const (
	maxLine   = 64 << 10
	maxRow    = 1 << 20
	maxValue  = 16 << 20
	maxEvents = 1 << 20 // of one MISP file
)

// reader is the reading of one feed.
type reader struct {
	ctx     context.Context
	name    string
	o       Options
	take    func(Item) error
	report  Report
	types   map[string]meaning
	domains bool // a list of domains: NAME.zip is one too
}

// newReader fills in what the options leave out.
func newReader(ctx context.Context, name string, o Options) *reader {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 30
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = 50_000_000
	}
	if o.MaxListed <= 0 {
		o.MaxListed = 100
	}
	return &reader{ctx: ctx, name: name, o: o}
}

// File reads the feed in a file.
func File(ctx context.Context, path string, o Options, take func(watchlist.Entry) error) (Report, error) {
	return Read(ctx, path, func() (io.ReadCloser, error) { return os.Open(path) }, o, take)
}

// Read reads a feed. open is called twice for MISP and STIX, where what binds something
// may come after it. take gets every entry, canonical; if it refuses
// one by a *watchlist.RefusedError that is counted and reading goes on, any other
// error ends it. If Read fails, or refuses more than the caller will bear, what
// take got must not be put to use: Abort the Load.
func Read(ctx context.Context, name string, open func() (io.ReadCloser, error), o Options,
	take func(watchlist.Entry) error) (Report, error) {
	r := newReader(ctx, name, o)
	r.take = func(it Item) error {
		if !it.Silent.Zero() && !o.Silent {
			r.uncovered(it.Line, it.Silent)
			return nil
		}
		for _, e := range it.Entries {
			if r.report.Entries == r.o.MaxEntries {
				return r.fail(it.Line, tooMany.With(r.o.MaxEntries), nil)
			}
			if err := take(e); err != nil {
				var refused *watchlist.RefusedError
				if !errors.As(err, &refused) {
					return err
				}
				r.refuse(it.Line, fault.TextOf(refused.Err))
				continue
			}
			r.report.Entries++
		}
		if it.Port > 0 {
			r.widened(it.Line, wider.With(quote(it.Text)))
		}
		return nil
	}
	err := r.read(open)
	return r.report, err
}

// Items reads a feed as Read does, and gives what each record says as a whole, values that say
// nothing by themselves included.
func Items(ctx context.Context, name string, open func() (io.ReadCloser, error), o Options,
	take func(Item) error) (Report, error) {
	r := newReader(ctx, name, o)
	r.take = func(it Item) error {
		if r.report.Entries >= r.o.MaxEntries {
			return r.fail(it.Line, tooMany.With(r.o.MaxEntries), nil)
		}
		r.report.Entries += int64(len(it.Entries))
		if it.Port > 0 {
			r.widened(it.Line, wider.With(quote(it.Text)))
		}
		return take(it)
	}
	err := r.read(open)
	return r.report, err
}

// Detect returns the format of a feed; of an archive, that of its first file.
func Detect(ctx context.Context, name string, open func() (io.ReadCloser, error), o Options) (Format, error) {
	r := newReader(ctx, name, o)
	members, err := r.archive(open)
	if err != nil {
		return "", err
	}
	if members != nil {
		open = members[0].open
	}
	in, done, err := r.unpack(open)
	if err != nil {
		return "", err
	}
	defer done()
	head, _ := in.Peek(sniffed)
	if err := r.notAFeed(head); err != nil || r.o.Format != "" {
		return r.o.Format, err
	}
	return r.sniff(head)
}

var tooMany = i18n.T("there are more than {0} entries", "項目が {0} 件を超えています")

// read reads a feed, or each file of an archive.
func (r *reader) read(open func() (io.ReadCloser, error)) error {
	members, err := r.archive(open)
	if err != nil {
		return err
	}
	if members == nil {
		return r.one(open)
	}
	name := r.name
	for _, m := range members {
		r.name = name + "/" + m.name
		if err := r.one(m.open); err != nil {
			return err
		}
	}
	return nil
}

// one reads a feed that is one file.
func (r *reader) one(open func() (io.ReadCloser, error)) error {
	in, done, err := r.unpack(open)
	if err != nil {
		return err
	}
	defer done()
	head, _ := in.Peek(sniffed)
	if err := r.notAFeed(head); err != nil {
		return err
	}
	format := r.o.Format
	if format == "" {
		if format, err = r.sniff(head); err != nil {
			return err
		}
	}
	r.report.Format = format
	switch format {
	case Text, Hosts, CDB, Rules:
		return r.lines(in)
	case CSV:
		return r.csv(in)
	case JSONL:
		return r.jsonl(in)
	case JSON:
		return r.json(in)
	case RPZ:
		return r.zone(in)
	case STIX:
		return r.stix(open)
	case MISP:
		return r.misp(in, open)
	}
	return r.fail(0, i18n.T("there is no format {0}", "形式 {0} はありません").With(format), nil)
}

func (r *reader) fail(line int, why i18n.Text, err error) error {
	return &Error{Problem{r.name, line, why}, err}
}

func (r *reader) refuse(line int, why i18n.Text) {
	r.report.Refused++
	if len(r.report.WhyRefused) < r.o.MaxListed {
		r.report.WhyRefused = append(r.report.WhyRefused, Problem{r.name, line, why})
	}
}

func (r *reader) uncovered(line int, why i18n.Text) {
	r.report.NotCovered++
	if len(r.report.WhyNotCovered) < r.o.MaxListed {
		r.report.WhyNotCovered = append(r.report.WhyNotCovered, Problem{r.name, line, why})
	}
}

// record counts one record and now and then looks whether to go on.
func (r *reader) record() error {
	if r.report.Records++; r.report.Records%1024 == 0 && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return nil
}

// fill completes an entry from the feed's options.
func (r *reader) fill(e watchlist.Entry) watchlist.Entry {
	if e.Source == "" {
		e.Source = r.o.Source
	}
	if !e.TLP.Known() {
		e.TLP = r.o.TLP
	}
	if e.ValidUntil.IsZero() {
		e.ValidUntil = r.o.ValidUntil
	}
	return e
}

func (r *reader) widened(line int, why i18n.Text) {
	r.report.Wider++
	if len(r.report.WhyWider) < r.o.MaxListed {
		r.report.WhyWider = append(r.report.WhyWider, Problem{r.name, line, why})
	}
}

// give passes on what one record says, all of it or nothing.
func (r *reader) give(line int, it Item) error {
	it.Line = line
	for i, e := range it.Entries {
		e = r.fill(e)
		it.Stated = e.TLP.Known()
		if !r.o.Now.IsZero() && !e.ValidUntil.IsZero() && !e.ValidUntil.After(r.o.Now) {
			r.report.Passed++
			return nil
		}
		checked, err := watchlist.Check(e)
		if err != nil {
			r.refuse(line, fault.TextOf(err))
			return nil
		}
		if e.Type == event.IPv4 || e.Type == event.IPv6 {
			if p, err := netip.ParsePrefix(strings.TrimSpace(e.Value)); err == nil && p.Masked() != p {
				r.refuse(line, hostBits.With(quote(e.Value), p.Masked()))
				return nil
			}
		}
		it.Entries[i] = checked
	}
	silent := len(it.Entries) > 0
	for _, e := range it.Entries {
		why := Silent(e)
		if silent = silent && !why.Zero(); silent {
			it.Silent = why
		}
	}
	if !silent {
		it.Silent = i18n.Text{}
	}
	if it.Text == "" && len(it.Entries) > 0 {
		it.Text = it.Entries[0].Value
	}
	return r.take(it)
}

// label reads a TLP label; one that is not understood counts as RED.
func (r *reader) label(s string) policy.TLP {
	if s == "" {
		return 0
	}
	t, ok := policy.ParseTLP(s)
	if !ok {
		r.report.Unlabelled++
		return policy.Red
	}
	return t
}

var badTime = i18n.T("{0} is no time such as 2026-01-31T12:30:00Z or 2026-01-31",
	"{0} は 2026-01-31T12:30:00Z や 2026-01-31 のような日時ではありません")

// instant reads a time; a day ends when it is over, in UTC.
func instant(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
		"2006-01-02 15:04:05 MST"} {
		if t, err := time.Parse(layout, s); err == nil &&
			(layout != "2006-01-02 15:04:05 MST" || t.Location() == time.UTC) {
			return t.UTC(), true
		}
	}
	t, err := time.Parse(time.DateOnly, s)
	return t.AddDate(0, 0, 1), err == nil
}

// moment reads a time for a detail, in which a day begins with itself.
func moment(s string) (time.Time, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true
	}
	for _, layout := range []string{"2006/01/02", "2006/1/2", "2006/01/02 15:04:05", "2006/01/02 15:04", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	t, ok := instant(s)
	return t, ok && s != ""
}

// text reports whether s is text in UTF-8, and refuses the line if not.
func (r *reader) text(line int, s []byte) bool {
	if bytes.IndexByte(s, 0) >= 0 {
		r.refuse(line, zeros)
		return false
	}
	if utf8.Valid(s) {
		return true
	}
	r.refuse(line, i18n.T("it is not UTF-8", "UTF-8 ではありません"))
	return false
}

// line returns the next line without its end; long is true if it was longer than
// max and is not returned. At the end it returns io.EOF.
func nextLine(in *bufio.Reader, buf []byte, most int) (out []byte, long bool, err error) {
	out = buf[:0]
	for {
		part, err := in.ReadSlice('\n')
		if len(out)+len(part) <= most {
			out = append(out, part...)
		} else {
			long = true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(out) > 0 || long):
			return out, long, nil
		case err != nil:
			return nil, false, err
		}
		for len(out) > 0 && (out[len(out)-1] == '\n' || out[len(out)-1] == '\r') {
			out = out[:len(out)-1]
		}
		return out, long, nil
	}
}
