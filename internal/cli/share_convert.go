package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/stix"
)

// readFlags say how lists and documents are read.
type readFlags struct {
	Format string         `help:"How they are written: text, csv, jsonl, json, hosts, cdb, rpz, rules, stix, misp. Default: told by the content." ja:"入力の形式：text、csv、jsonl、json、hosts、cdb、rpz、rules、stix、misp。既定は内容から判別" placeholder:"FORMAT" jaholder:"形式"`
	Column map[string]int `help:"Which column of a table is what, from 1: value=2;type=1. Default: told by the heading, or by the look." ja:"表の列の指定（1 から）：value=2;type=1。既定は見出しか内容から判別" placeholder:"NAME=N" jaholder:"名前=番号"`
	Type   string         `help:"Type of values that state none, such as domain-name. Default: told by the value." ja:"記載のない値の型（domain-name など）。既定は値から判別" placeholder:"TYPE" jaholder:"型"`
	Source string         `help:"Name of who says so; it is a part of the ids. Default: the name of the file." ja:"情報の出所の名前。ID の一部になる。既定はファイル名" placeholder:"NAME" jaholder:"名前"`
	TLP    string         `help:"Marking of what states none: clear, green, amber, amber+strict, red. Default: none." ja:"記載のないものの TLP の区分：clear、green、amber、amber+strict、red。既定はなし" placeholder:"LABEL" jaholder:"区分"`
}

// writeFlags say how objects are written.
type writeFlags struct {
	To         string `help:"Form to write: stix, csv, suricata, snort, dataset-domain, dataset-url, dataset-ip, dataset-md5, dataset-sha256, zeek, hosts, rpz, cdb, addresses, text, misp." ja:"出力の形式：stix、csv、suricata、snort、dataset-domain、dataset-url、dataset-ip、dataset-md5、dataset-sha256、zeek、hosts、rpz、cdb、addresses、text、misp" placeholder:"FORMAT" jaholder:"形式" default:"stix"`
	Output     string `short:"o" help:"File to write. Default: standard output." ja:"出力先のファイル。既定は標準出力" placeholder:"FILE" jaholder:"ファイル" type:"path"`
	Zone       string `help:"Name of the zone for rpz." ja:"rpz のゾーン名" placeholder:"NAME" jaholder:"名前"`
	IncludeRed bool   `help:"Write what is TLP:RED, or has a marking that is not known here, too." ja:"TLP:RED のものと、解釈できない区分のものも書き出し"`
}

type shareConvert struct {
	Files []string `arg:"" name:"file" jaholder:"ファイル" help:"Files to read; .gz, .zst and .zip too; - is standard input." ja:"読み取るファイル。.gz、.zst、.zip も可。- は標準入力"`
	readFlags
	writeFlags
	Now    string `help:"Time to take for now: 2026-12-31T12:00:00Z. Default: the clock." ja:"現在とみなす時刻：2026-12-31T12:00:00Z。既定は時計" placeholder:"TIME" jaholder:"時刻"`
	Strict bool   `help:"Write nothing if anything is refused." ja:"一つでも拒否があれば何も書き出さない"`
	JSON   bool   `help:"Print what became of each file as JSON to standard error." ja:"各ファイルの結果を JSON で標準エラーに表示"`
}

// convertNote is a note as it is printed as JSON.
type convertNote struct {
	Kind   convert.Kind `json:"kind"`
	File   string       `json:"file,omitempty"`
	Line   int          `json:"line,omitempty"`
	Object string       `json:"object,omitempty"`
	Reason string       `json:"reason"`
}

// convertedFile is what became of one file.
type convertedFile struct {
	File     string                 `json:"file"`
	Format   feed.Format            `json:"format"`
	Encoding string                 `json:"encoding,omitempty"`
	Records  int64                  `json:"records"`
	Objects  int                    `json:"objects"`
	Same     int64                  `json:"same"`
	Counts   map[convert.Kind]int64 `json:"counts"`
	Notes    []convertNote          `json:"notes"`
}

// options are those of the reader.
func (c readFlags) options(now time.Time) (o convert.Options, err error) {
	bad := func(what, is string, list ...string) error {
		return fault.New(fault.Invalid, i18n.T("{0} is not a {1}", "{0} は {1} として正しくありません").With(clean(is), what)).
			WithHint(i18n.T("use one of: {0}", "次のいずれかを指定してください：{0}").With(strings.Join(list, ", ")))
	}
	o = convert.Options{Options: feed.Options{Format: feed.Format(strings.ToLower(c.Format)), Source: c.Source,
		Type: event.ObservableType(c.Type), Columns: c.Column, Now: now}, MISP: convert.MISP}
	if o.Format != "" && !slices.Contains(feed.Formats(), o.Format) {
		var list []string
		for _, f := range feed.Formats() {
			list = append(list, string(f))
		}
		return o, bad("--format", c.Format, list...)
	}
	for name, at := range c.Column {
		if !slices.Contains(feed.ColumnNames(), name) || at < 1 {
			return o, bad("--column", fmt.Sprintf("%s=%d", name, at), feed.ColumnNames()...)
		}
	}
	if o.Type != "" && !slices.Contains(watchlist.Types(), o.Type) {
		var list []string
		for _, t := range watchlist.Types() {
			list = append(list, string(t))
		}
		return o, bad("--type", c.Type, list...)
	}
	if c.TLP != "" {
		var ok bool
		if o.TLP, ok = policy.ParseTLP(c.TLP); !ok {
			return o, bad("--tlp", c.TLP, "clear", "green", "amber", "amber+strict", "red")
		}
	}
	return o, nil
}

// check reports a form that there is not, before anything is read.
func (c writeFlags) check() error {
	if c.To == "stix" || c.To == "misp" {
		return nil
	}
	if _, ok := convert.TargetNamed(c.To); ok {
		return nil
	}
	list := []string{"stix", "misp"}
	for _, t := range convert.Targets() {
		list = append(list, t.Name)
	}
	return fault.New(fault.Invalid, i18n.T("there is no form {0} to write", "{0} という出力形式はありません").With(clean(c.To))).
		WithHint(i18n.T("use one of: {0}", "次のいずれかを指定してください：{0}").With(strings.Join(list, ", ")))
}

// write writes objects, and returns what of them is not in it.
func (c writeFlags) write(s *session, objects []*stix.Object, now time.Time) (notes []convert.Note, err error) {
	var b bytes.Buffer
	if c.To == "stix" || c.To == "misp" {
		var out []*stix.Object
		for _, o := range objects {
			if convert.Marking(o) == policy.Red && !c.IncludeRed {
				notes = append(notes, convert.Note{Kind: convert.NotCovered, Object: o.ID(),
					Reason: convert.RedLeftOut})
				continue
			}
			out = append(out, o)
		}
		if c.To == "misp" {
			err = convert.WriteMISP(&b, out, "", now)
		} else {
			err = stix.WriteBundle(&b, "", withMarkings(out)...)
			b.WriteByte('\n')
		}
	} else {
		t, _ := convert.TargetNamed(c.To)
		notes, err = convert.Write(&b, t, objects, convert.WriteOptions{Now: now, Zone: c.Zone, Red: c.IncludeRed})
	}
	if err != nil {
		return notes, err
	}
	return notes, c.save(s, b.Bytes())
}

// withMarkings puts the definitions of the TLP labels in front of what has them.
func withMarkings(objects []*stix.Object) []*stix.Object {
	there, list := map[string]bool{}, []*stix.Object{}
	for _, o := range objects {
		there[o.ID()] = true
	}
	for _, o := range objects {
		for _, id := range o.ObjectMarkingRefs() {
			if name, ok := stix.TLPName(id); ok && !there[id] {
				if m := stix.TLPMarking(name); m != nil && m.ID() == id {
					there[id] = true
					list = append(list, m)
				}
			}
		}
	}
	return append(list, objects...)
}

// save writes the output as a whole or not at all.
func (c writeFlags) save(s *session, body []byte) error {
	if c.Output == "" || c.Output == "-" {
		_, err := s.out.Write(body)
		return err
	}
	return saveFile(c.Output, body)
}

// saveFile puts a file in the place of another one.
func saveFile(name string, body []byte) error {
	fail := func(err error) error {
		return fault.Wrap(fault.Storage, i18n.T("{0} cannot be written", "{0} に書き込めません").With(name), err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".meneki-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(body); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// Run reads every file, and writes what all of them hold.
func (c *shareConvert) Run(s *session) error {
	now := clock.System()
	if c.Now != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, c.Now); err != nil {
			return fault.New(fault.Invalid, i18n.T("--now {0} is no time", "--now {0} は時刻として正しくありません").With(
				clean(c.Now))).
				WithHint(i18n.T("write it as {0}", "{0} のように書いてください").With("2026-12-31T12:00:00Z"))
		}
	}
	o, err := c.readFlags.options(now)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return err
	}
	var objects []*stix.Object
	reports, refused := []convertedFile{}, int64(0)
	for _, name := range c.Files {
		open, err := input(name)
		if err != nil {
			return err
		}
		of := o
		of.Source = cmp.Or(o.Source, filepath.Base(name))
		r, err := convert.Read(s.ctx, name, open, of)
		if err != nil {
			return fileFault(err)
		}
		list, err := r.Objects(now)
		if err != nil {
			return err
		}
		objects = append(objects, list...)
		reports = append(reports, c.report(s, name, r))
		refused += r.Counts[convert.Refused]
	}
	if c.Strict && refused > 0 {
		c.say(s, reports)
		return fault.New(fault.Unsupported, i18n.T("{0} {0:record was|records were} refused, so nothing was written",
			"{0} 件が拒否されたため、何も書き出しませんでした").With(refused))
	}
	left, err := c.write(s, objects, now)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		reports = append(reports, c.report(s, cmp.Or(c.Output, "-"), notesOf(left)))
	}
	if c.JSON {
		return adminFlags{}.print(&session{ctx: s.ctx, out: s.err, err: s.err, lang: s.lang, log: s.log}, reports)
	}
	c.say(s, reports)
	return nil
}

// notesOf holds the notes of the writer.
func notesOf(list []convert.Note) *convert.Result {
	r := &convert.Result{}
	for _, n := range list {
		r.Note(n)
	}
	return r
}

func (shareConvert) report(s *session, name string, r *convert.Result) convertedFile {
	f := convertedFile{File: name, Format: r.Format, Encoding: r.Encoding, Records: r.Records, Objects: len(r.Things),
		Same: r.Same, Counts: r.Counts, Notes: []convertNote{}}
	for _, n := range r.Notes {
		f.Notes = append(f.Notes, convertNote{n.Kind, n.File, n.Line, n.Object, n.Reason.In(s.lang)})
	}
	return f
}

// maxSaid bounds the notes of a file that are printed to a terminal.
const maxSaid = 100

// noteKinds name what became of something.
var noteKinds = map[convert.Kind]i18n.Text{
	convert.Refused:    i18n.T("refused", "拒否"),
	convert.NotCovered: i18n.T("not covered", "対象外"),
	convert.Wider:      i18n.T("wider", "より広く一致"),
	convert.Silent:     i18n.T("kept as an observation", "観測として保持"),
	convert.Changed:    i18n.T("changed", "変更"),
}

// say prints to standard error what became of each file.
func (shareConvert) say(s *session, reports []convertedFile) {
	for _, f := range reports {
		for i, n := range f.Notes {
			if i == maxSaid {
				more(s.err, s.lang, len(f.Notes)-i)
				break
			}
			at := clean(cmp.Or(n.File, f.File))
			if n.Line > 0 {
				at += fmt.Sprintf(":%d", n.Line)
			}
			if n.Object != "" {
				at += " " + clean(n.Object)
			}
			fmt.Fprintf(s.err, "%s: %s: %s\n", at, noteKinds[n.Kind].In(s.lang), clean(n.Reason))
		}
		if f.Format == "" {
			continue
		}
		as := string(f.Format)
		if f.Encoding != "" {
			as += ", " + f.Encoding
		}
		fmt.Fprintln(s.err, i18n.T("{0} ({1}): {2} {2:object|objects} of {3} {3:record|records}; {4} refused, {5} "+
			"not covered",
			"{0}（{1}）：記録 {3} 件からオブジェクト {2} 件。拒否 {4}、対象外 {5}").With(clean(f.File), as, f.Objects,
			thousands(f.Records), f.Counts[convert.Refused], f.Counts[convert.NotCovered]).In(s.lang))
	}
}
