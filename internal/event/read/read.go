// Package read decodes log records into events. It recognises the JSON shapes in
// which Windows events, Suricata EVE, Zeek and CloudTrail records are stored,
// audit and syslog lines, and the containers they are in (.gz, .zst, .zip,
// folders). The format is found out record by record; a broken record is
// reported with its place and reading goes on after it.
package read

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Options say how to read. The zero Options are good.
type Options struct {
	Sensor      string      // Source.Sensor of the events; "file" if empty
	Clock       clock.Clock // for Event.Seen; clock.System if nil
	MaxRecord   int         // greatest record in bytes; event.MaxRecord if 0, and never more
	MaxUnpacked int64       // how much one file may unpack to, in bytes; 16 GiB if 0
	Hint        Hint        // Seen is set for each record, and Seed if Epoch is set
	// what RecordID starts from, together with the member's name in an archive; empty: the source's sensor and name
	Epoch string
}

// listed bounds the lists of a Report.
const listed = 200

// Report says what was read. The lists are cut at 200 entries, the counts are not.
type Report struct {
	Files   int64 // streams that were read, members of archives one by one
	Events  int64
	Bytes   int64 // of what was read, unpacked
	Bad     []BadRecord
	BadN    int64
	Skipped []SkippedFile
	SkipN   int64
	// Records that were read although bytes of them are no UTF-8 (Shift_JIS, say):
	// those became U+FFFD, so that a rule for the characters they replace does not
	// match. The first of each file is listed.
	Garbled  []BadRecord
	GarbledN int64
	// Unknown counts the events of which no log source is known. Readers do not
	// count them, only callers that try rules of all log sources on them.
	Unknown int64
	// Timeless counts the matches that correlations wanted and could not use, since
	// their records have no time. Readers do not count them either.
	Timeless int64
}

// BadRecord is a record, or the rest of a file, that could not be read.
type BadRecord struct {
	Name   string // file path; inside an archive "a.zip!b.json"
	Offset int64  // bytes from the start of the unpacked stream
	Record int64  // number of the record, from 1
	Reason i18n.Text
}

// SkippedFile is a file that was not read.
type SkippedFile struct {
	Name   string
	Reason i18n.Text
}

func (r *Report) bad(b BadRecord) {
	r.BadN++
	if len(r.Bad) < listed {
		r.Bad = append(r.Bad, b)
	}
}

// Add counts and lists what another report has, after what is there.
func (r *Report) Add(o Report) {
	r.Files += o.Files
	r.Events += o.Events
	r.Bytes += o.Bytes
	r.BadN += o.BadN
	r.SkipN += o.SkipN
	r.Unknown += o.Unknown
	r.Timeless += o.Timeless
	r.Bad = append(r.Bad, o.Bad[:min(len(o.Bad), listed-len(r.Bad))]...)
	r.Skipped = append(r.Skipped, o.Skipped[:min(len(o.Skipped), listed-len(r.Skipped))]...)
	n := r.GarbledN + o.GarbledN
	for _, b := range o.Garbled {
		r.garble(b)
	}
	r.GarbledN = n
}

// NotUTF8 is what to say of a record that was read with other bytes in it.
var NotUTF8 = i18n.T("some bytes are not UTF-8 and were read as U+FFFD, so rules for the letters they stand for do "+
	"not match; convert the log to UTF-8 (for Shift_JIS: iconv -f CP932 -t UTF-8)",
	"UTF-8 でないバイトを U+FFFD として読みました。元の文字に対するルールは一致しません。ログを UTF-8 に変換してください（Shift_JIS なら iconv -f CP932 -t UTF-8）")

// CheckText notes a record that was read although it is not UTF-8.
func (r *Report) CheckText(raw []byte, source event.Source) {
	if !utf8.Valid(raw) {
		r.garble(BadRecord{Name: source.Name, Offset: source.Offset, Record: source.Record, Reason: NotUTF8})
	}
}

func (r *Report) garble(b BadRecord) {
	r.GarbledN++
	if n := len(r.Garbled); n < listed && (n == 0 || r.Garbled[n-1].Name != b.Name) {
		r.Garbled = append(r.Garbled, b)
	}
}

// AddBad counts a record that could not be read, and lists it.
func (r *Report) AddBad(b BadRecord) { r.bad(b) }

func (r *Report) skip(name string, why i18n.Text) {
	r.SkipN++
	if len(r.Skipped) < listed {
		r.Skipped = append(r.Skipped, SkippedFile{name, why})
	}
}

// Paths reads files and folders, as Files lists them, and calls yield for every
// event. In a folder, files that hold no log (by content, and for pcap, CSV and
// the like by name) are skipped and listed; a file that was named is read if it
// is text at all. An error of yield ends reading and is returned as it is; so
// does the end of ctx.
//
// A path that does not exist is a fault of kind NotFound; nothing is read then.
func Paths(ctx context.Context, paths []string, opts Options, yield func(*event.Event) error) (Report, error) {
	r := newReader(opts, yield)
	files, skipped, err := Files(paths)
	if err != nil {
		return r.report, err
	}
	for _, f := range skipped {
		r.report.skip(f.Name, f.Reason)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return r.report, err
		}
		if err := r.file(ctx, f); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

// Stream reads one stream, unpacking it if it is packed, as Paths reads a file
// of that name.
func Stream(ctx context.Context, name string, in io.Reader, opts Options, yield func(*event.Event) error) (Report,
	error) {
	r := newReader(opts, yield)
	err := r.stream(ctx, name, in, true, 0)
	return r.report, err
}

type reader struct {
	opts     Options
	yield    func(*event.Event) error
	readPart PartReader          // instead of yield; nil if not
	wrap     func(OnDisk) OnDisk // around files on disk; may be nil
	report   Report
	unpacked int64 // what is left of MaxUnpacked for the present file
	wait     *waiting
	cut      bool // a stream ended with an error, which was reported
}

func newReader(opts Options, yield func(*event.Event) error) *reader {
	if opts.Sensor == "" {
		opts.Sensor = "file"
	}
	if opts.Clock == nil {
		opts.Clock = clock.System
	}
	if opts.MaxRecord <= 0 || opts.MaxRecord > event.MaxRecord {
		opts.MaxRecord = event.MaxRecord
	}
	if opts.MaxUnpacked <= 0 {
		opts.MaxUnpacked = 16 << 30
	}
	return &reader{opts: opts, yield: yield, unpacked: opts.MaxUnpacked}
}

// records reads the records of one unpacked stream.
func (r *reader) records(ctx context.Context, name string, in io.Reader) error {
	if r.readPart != nil {
		return r.part(ctx, &Part{Name: name, In: in, opts: r.opts, wait: r.wait})
	}
	r.report.Files++
	c := NewSplitter(in, r.opts.MaxRecord)
	d := new(Decoder)
	source := event.Source{Sensor: r.opts.Sensor, Name: name}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		cut, err := c.Next()
		if err != nil {
			break
		}
		source.Offset, source.Record = cut.Offset, source.Record+1
		r.report.CheckText(cut.Raw, source)
		n, err := d.Chunk(source, cut, r.hint(name), func(ev *event.Event) error {
			r.report.Events++
			return r.yield(ev)
		}, r.report.bad)
		if err != nil {
			return err
		}
		source.Record += n - 1
	}
	r.cut = r.cut || c.Broken()
	r.report.Bytes += c.Offset()
	return nil
}

// hint is what is known of the records of a file in advance.
func (r *reader) hint(name string) Hint { return r.opts.hint(name) }

func (o *Options) hint(name string) Hint {
	hint := o.Hint
	hint.Seen = o.Clock()
	if o.Epoch != "" {
		_, member, _ := strings.Cut(name, "!")
		hint.Seed = o.Epoch + "!" + member
	}
	return hint
}

// whyNot returns why a record was refused.
func whyNot(err error) i18n.Text {
	if _, ok := fault.As(err); ok {
		return fault.TextOf(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return i18n.T("the file is cut short: what came before was read", "ファイルが途中で切れています。それより前は読み込みました")
	}
	return i18n.T("the file is damaged from here on: what came before was read", "ここから先のファイルが壊れています。それより前は読み込みました")
}

// budget passes n more bytes and then fails: what a small archive unpacks
// to must not fill memory, time or disk.
type budget struct {
	in   io.Reader
	left *int64
	max  int64
}

func (b budget) Read(p []byte) (int, error) {
	if *b.left <= 0 {
		return 0, fault.New(fault.TooLarge,
			i18n.T("the archive unpacks to more than {0} bytes; the rest was not read",
				"展開後の大きさが {0} バイトを超えるため、残りは読み込みませんでした").With(b.max))
	}
	if int64(len(p)) > *b.left {
		p = p[:min(*b.left, math.MaxInt32)]
	}
	n, err := b.in.Read(p)
	*b.left -= int64(n)
	return n, err
}
