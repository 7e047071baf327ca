package convert

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// Target is a form in which objects are written.
type Target struct {
	Name    string // as it is asked for
	Ending  string // of a file's name
	Media   string
	About   i18n.Text
	row     func(w *writer, r row) (string, i18n.Text) // one entry, or why it cannot be written
	head    func(w *writer) string
	Blocks  bool   // whoever reads it keeps traffic away; the others watch for it
	comment string // begins a comment; "": the form has none
	records bool   // a line break in a row is one of the row
}

// Targets lists the forms, but STIX and MISP, which hold objects and not values, first.
func Targets() []Target {
	return []Target{
		{Name: "csv", Ending: "csv", Media: "text/csv; charset=utf-8", row: csvRow, head: csvHead, records: true,
			About: i18n.T("a table, with marking, period and description", "表（取扱い区分、期間、説明を含む）")},
		{Name: "suricata", Ending: "rules", Media: "text/plain; charset=utf-8", row: suricataRow, comment: "# ",
			About: i18n.T("rules of Suricata 6 and later", "Suricata 6 以降のルール")},
		{Name: "snort", Ending: "rules", Media: "text/plain; charset=utf-8", row: snortRow, comment: "# ",
			About: i18n.T("rules of Snort 3", "Snort 3 のルール")},
		dataset("dataset-domain", i18n.T("a dataset of Suricata: domains in base64 (type string)",
			"Suricata のデータセット：ドメイン（base64、type string）"), event.Domain),
		dataset("dataset-url", i18n.T("a dataset of Suricata: URLs in base64 (type string)",
			"Suricata のデータセット：URL（base64、type string）"), event.URL),
		dataset("dataset-ip", i18n.T("a dataset of Suricata: addresses (type ip)",
			"Suricata のデータセット：アドレス（type ip）"), event.IPv4, event.IPv6),
		dataset("dataset-md5", i18n.T("a dataset of Suricata, and a file for filemd5",
			"Suricata のデータセット、filemd5 用のファイル"),
			event.MD5),
		dataset("dataset-sha256", i18n.T("a dataset of Suricata, and a file for filesha256",
			"Suricata のデータセット、filesha256 用のファイル"), event.SHA256),
		{Name: "zeek", Ending: "intel", Media: "text/plain; charset=utf-8", row: zeekRow, head: zeekHead,
			About: i18n.T("an intelligence file of Zeek", "Zeek のインテリジェンスファイル")},
		{Name: "hosts", Blocks: true, Ending: "hosts", Media: "text/plain; charset=utf-8", row: hostsRow, comment: "# ",
			About: i18n.T("a hosts file that blocks domains", "ドメインを遮断する hosts ファイル")},
		{Name: "rpz", Blocks: true, Ending: "zone", Media: "text/dns; charset=utf-8", row: rpzRow, head: rpzHead,
			comment: "; ",
			About:   i18n.T("a response policy zone for name servers", "ネームサーバー用のレスポンスポリシーゾーン")},
		{Name: "cdb", Ending: "cdb", Media: "text/plain; charset=utf-8", row: cdbRow,
			About: i18n.T("a CDB list of Wazuh", "Wazuh の CDB リスト")},
		{Name: "addresses", Blocks: true, Ending: "txt", Media: "text/plain; charset=utf-8", row: addressRow,
			comment: "# ",
			About:   i18n.T("addresses and networks, one a line", "アドレスとネットワークを 1 行に 1 件")},
		{Name: "text", Ending: "txt", Media: "text/plain; charset=utf-8", row: textRow, comment: "# ",
			About: i18n.T("values of every type, one a line", "すべての型の値を 1 行に 1 件")},
	}
}

// TargetNamed returns a form by its name.
func TargetNamed(name string) (Target, bool) {
	list := Targets()
	i := slices.IndexFunc(list, func(t Target) bool { return t.Name == name })
	if i < 0 {
		return Target{}, false
	}
	return list[i], true
}

// RedLeftOut is why what is TLP:RED is not in a file.
var RedLeftOut = i18n.T("it is TLP:RED, or has a marking that nobody here knows; say --include-red to write it",
	"TLP:RED か、解釈できない取扱い区分です。書き出すには --include-red を指定します")

// WriteOptions say how objects are written.
type WriteOptions struct {
	Title  string // what it is, for its first lines
	Now    time.Time
	Zone   string // of a response policy zone; default "rpz.meneki.invalid"
	Red    bool   // write what is TLP:RED, or marked with what nobody here knows
	Serial uint32 // of a zone; default: the newest change
}

// row is an entry of an object on its way out.
type row struct {
	watchlist.Entry
	o   *stix.Object
	tlp policy.TLP
}

// writer is the state of one output.
type writer struct {
	o      WriteOptions
	tlp    policy.TLP // the strictest of what is written
	newest time.Time
	sids   map[uint32]string
	lines  map[string]bool
	notes  []Note
	extra  map[Kind]i18n.Text // what the row just written does beside what it should
}

// Writer gathers what indicators ask for, and writes it. It holds the lines, not the objects. It is for
// one goroutine.
type Writer struct {
	t    Target
	w    *writer
	body []string
}

// NewWriter returns a writer of a form.
func NewWriter(t Target, o WriteOptions) *Writer {
	if o.Zone == "" {
		o.Zone = "rpz.meneki.invalid"
	}
	return &Writer{t: t, w: &writer{o: o, sids: map[uint32]string{}, lines: map[string]bool{}}}
}

// Add takes the newest version of an object. tlp is how it is handled where that is stricter than its own
// marking; zero where nobody says. What is revoked or over at Now is left out without a note: it is not
// meant to be looked for any more.
func (x *Writer) Add(o *stix.Object, tlp policy.TLP) {
	x.body = append(x.body, x.w.object(x.t, o, tlp)...)
}

// Notes are what could not be written and why.
func (x *Writer) Notes() []Note { return x.w.notes }

// Flush writes all of it. The first lines name the strictest marking of what follows, where the form has
// comments.
func (x *Writer) Flush(out io.Writer) error {
	b := bufio.NewWriter(out)
	if x.t.comment != "" {
		title := x.w.o.Title
		if title == "" {
			title = "meneki"
		}
		if x.w.tlp.Known() {
			title += " / " + x.w.tlp.String()
		}
		fmt.Fprintf(b, "%s%s\n", x.t.comment, oneLine(title))
	}
	if x.t.head != nil {
		b.WriteString(x.t.head(x.w))
	}
	for _, line := range x.body {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.Flush()
}

// Write writes what indicators ask for, the newest version of each, and returns what could not be written
// and why.
func Write(out io.Writer, t Target, objects []*stix.Object, o WriteOptions) ([]Note, error) {
	w := NewWriter(t, o)
	for _, x := range newest(objects) {
		w.Add(x, 0)
	}
	return w.Notes(), w.Flush(out)
}

// newest returns the newest version of each object, in the order of their ids: nothing comes after
// what is revoked.
func newest(objects []*stix.Object) []*stix.Object {
	best := map[string]*stix.Object{}
	for _, o := range objects {
		old, there := best[o.ID()]
		if !there || old.Revoked() == o.Revoked() && stix.CompareVersions(old, o) < 0 || o.Revoked() && !old.Revoked() {
			best[o.ID()] = o
		}
	}
	list := make([]*stix.Object, 0, len(best))
	for _, o := range best {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *stix.Object) int { return strings.Compare(a.ID(), b.ID()) })
	return list
}

// object returns the lines of an object.
func (w *writer) object(t Target, o *stix.Object, least policy.TLP) (lines []string) {
	if o.Type() != "indicator" || o.Revoked() {
		return nil
	}
	if until, ok := o.Time("valid_until"); ok && !w.o.Now.IsZero() && !until.Time().After(w.o.Now) {
		return nil
	}
	note := func(k Kind, why i18n.Text) { w.notes = append(w.notes, Note{Kind: k, Object: o.ID(), Reason: why}) }
	tlp := max(Marking(o), least)
	if tlp == policy.Red && !w.o.Red {
		note(NotCovered, RedLeftOut)
		return nil
	}
	list, why := feed.Wanted(o)
	if !why.Zero() {
		note(NotCovered, why)
		return nil
	}
	for _, e := range list {
		if e.Match == watchlist.Exact && (e.Type == event.IPv4 || e.Type == event.IPv6) && strings.Contains(e.Value,
			"/") {
			e.Match = watchlist.Network
		}
		e.Source = "meneki"
		checked, err := watchlist.Check(e)
		if err != nil {
			note(Refused, i18n.T("{0} is not a value of type {1}", "{0} は型 {1} の値として正しくありません").
				With(event.Clip(e.Value, 100), e.Type))
			continue
		}
		w.extra = nil
		if m := o.Modified().Time(); m.After(w.newest) {
			w.newest = m
		}
		line, why := t.row(w, row{checked, o, tlp})
		if !why.Zero() {
			note(NotCovered, why)
			continue
		}
		for _, k := range []Kind{Wider, NotCovered} {
			if why, ok := w.extra[k]; ok {
				note(k, why)
			}
		}
		w.tlp = max(w.tlp, tlp)
		some := []string{line}
		if !t.records {
			some = strings.Split(line, "\n")
		}
		for _, one := range some {
			if one != "" && !w.lines[one] {
				w.lines[one] = true
				lines = append(lines, one)
			}
		}
	}
	return lines
}

// also says what a row does beside what it should.
func (w *writer) also(k Kind, why i18n.Text) {
	if w.extra == nil {
		w.extra = map[Kind]i18n.Text{}
	}
	w.extra[k] = why
}

// oneLine is a text without line breaks, tabs and what is not seen.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e {
			return ' '
		}
		return r
	}, s)), " ")
}

// noRow says that a form has no place for a value.
func noRow(r row, form string) i18n.Text {
	return i18n.T("{1} has no place for {0}", "{1} では {0} を表せません").With(
		string(r.Type)+" "+event.Clip(r.Value, 100), form)
}

// onlyItself says that a form cannot ask for what is below a domain.
func (w *writer) onlyItself(r row, form string) {
	if r.Match == watchlist.Tree {
		w.also(NotCovered, i18n.T("{1} asks for {0} itself, and not for the names below it",
			"{1} では {0} だけが対象で、その下の名前は対象になりません").With(r.Value, form))
	}
}
