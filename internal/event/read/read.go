// Package read turns foreign bytes into events. It knows the JSON shapes in
// which Windows events, Suricata EVE, Zeek and CloudTrail records are stored,
// audit and syslog lines, and the containers they lie in (.gz, .zst, .zip,
// folders). The format is found out record by record; a broken record is
// reported with its place and reading goes on behind it.
package read

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

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
	Epoch       string      // what RecordID starts from, together with the member's name in an archive; empty: the source's sensor and name
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

func (r *Report) skip(name string, why i18n.Text) {
	r.SkipN++
	if len(r.Skipped) < listed {
		r.Skipped = append(r.Skipped, SkippedFile{name, why})
	}
}

// Paths reads files and folders, in the order given, folders recursively in
// sorted order, and calls yield for every event. In a folder, files that hold no
// log (by content, and for pcap, CSV and the like by name) are passed by
// and listed; a file that was named is read if it is text at all. An error of
// yield ends reading and is returned as it is; so does the end of ctx.
//
// A path that does not exist is a fault of kind NotFound; nothing is read then.
func Paths(ctx context.Context, paths []string, opts Options, yield func(*event.Event) error) (Report, error) {
	r := newReader(opts, yield)
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return r.report, openFault(p, err)
		}
	}
	for _, p := range paths {
		if err := r.path(ctx, p); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

// Stream reads one stream, unpacking it if it is packed, as Paths reads a file
// of that name.
func Stream(ctx context.Context, name string, in io.Reader, opts Options, yield func(*event.Event) error) (Report, error) {
	r := newReader(opts, yield)
	err := r.stream(ctx, name, in, true, 0)
	return r.report, err
}

type reader struct {
	opts     Options
	yield    func(*event.Event) error
	report   Report
	unpacked int64 // what is left of MaxUnpacked for the present file
	cut      bool  // a stream ended with an error, which was reported
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

func openFault(p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.NotFound, i18n.T("{0} does not exist", "{0} がありません").With(p), err).
			WithHint(i18n.T("check the path; a relative path starts from the current folder", "パスを確認してください。相対パスは現在のフォルダーから数えます"))
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(fault.Denied, i18n.T("{0} may not be read", "{0} を読む権限がありません").With(p), err).
			WithHint(i18n.T("give the user that runs meneki the right to read it", "meneki を実行する利用者に読み取り権限を与えてください"))
	}
	return fault.Wrap(fault.Unavailable, i18n.T("{0} cannot be read", "{0} を読めません").With(p), err)
}

func (r *reader) path(ctx context.Context, p string) error {
	info, err := os.Stat(p)
	if err != nil {
		return openFault(p, err)
	}
	if !info.IsDir() {
		return r.file(ctx, p, info, true)
	}
	return filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			if name == p {
				return openFault(p, err)
			}
			r.report.skip(name, fault.TextOf(openFault(name, err)))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if name != p && strings.HasPrefix(e.Name(), ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			r.report.skip(name, i18n.T("hidden file", "隠しファイル"))
			return nil
		}
		if e.IsDir() {
			return nil
		}
		info, err := os.Stat(name) // follows links to files; links to folders may go in circles
		if err != nil {
			r.report.skip(name, fault.TextOf(openFault(name, err)))
			return nil
		}
		if info.IsDir() {
			r.report.skip(name, i18n.T("link to a folder", "フォルダーへのリンク"))
			return nil
		}
		return r.file(ctx, name, info, false)
	})
}

func (r *reader) file(ctx context.Context, name string, info fs.FileInfo, named bool) error {
	if !info.Mode().IsRegular() {
		r.report.skip(name, i18n.T("not a regular file", "通常のファイルではありません"))
		return nil
	}
	if why := skipName(name, named); !why.Zero() {
		r.report.skip(name, why)
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		if named {
			return openFault(name, err)
		}
		r.report.skip(name, fault.TextOf(openFault(name, err)))
		return nil
	}
	defer f.Close()
	r.unpacked = r.opts.MaxUnpacked
	return r.stream(ctx, name, f, named, 0)
}

// records reads the records of one unpacked stream.
func (r *reader) records(ctx context.Context, name string, in io.Reader) error {
	r.report.Files++
	f := newFramer(in, r.opts.MaxRecord)
	d := new(Decoder)
	source := event.Source{Sensor: r.opts.Sensor, Name: name}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		fr, err := f.next()
		if err != nil {
			break
		}
		source.Offset = fr.offset
		source.Record++
		hint := r.hint(name)
		var ev *event.Event
		if err = fr.err; err == nil {
			ev, err = d.record(source, fr.raw, fr.json, hint)
		}
		if err == nil && !fr.json && f.jsonSeen && ev.Product == "" && ev.Categories == nil {
			err = fault.New(fault.Invalid, i18n.T("not a JSON record", "JSON の記録ではありません"))
		}
		if err != nil {
			r.cut = r.cut || f.err != nil && fr.err == f.err
			r.report.bad(BadRecord{Name: name, Offset: fr.offset, Record: source.Record, Reason: reason(err)})
			continue
		}
		r.report.Events++
		if err := r.yield(ev); err != nil {
			return err
		}
	}
	r.report.Bytes += f.offset()
	return nil
}

// hint is what is known of the records of a file beforehand.
func (r *reader) hint(name string) Hint {
	hint := r.opts.Hint
	hint.Seen = r.opts.Clock()
	if r.opts.Epoch != "" {
		_, member, _ := strings.Cut(name, "!")
		hint.Seed = r.opts.Epoch + "!" + member
	}
	return hint
}

// reason says why a record was refused, to anybody.
func reason(err error) i18n.Text {
	if _, ok := fault.As(err); ok {
		return fault.TextOf(err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return i18n.T("the file is cut short: what came before was read", "ファイルが途中で切れています。それより前は読み込みました")
	}
	return i18n.T("the file is damaged from here on: what came before was read", "ここから先のファイルが壊れています。それより前は読み込みました")
}

// budget lets n more bytes through and then fails: what a small archive unpacks
// to must not fill memory, time or disk.
type budget struct {
	in   io.Reader
	left *int64
	max  int64
}

func (b budget) Read(p []byte) (int, error) {
	if *b.left <= 0 {
		return 0, fault.New(fault.TooLarge, i18n.T("the archive unpacks to more than {0} bytes; the rest was not read", "展開後の大きさが {0} バイトを超えるため、残りは読み込みませんでした").With(b.max))
	}
	if int64(len(p)) > *b.left {
		p = p[:min(*b.left, math.MaxInt32)]
	}
	n, err := b.in.Read(p)
	*b.left -= int64(n)
	return n, err
}
