package read

import (
	"context"
	"io"
	"io/fs"

	"github.com/meneki/meneki/evtx"
)

// OnDisk is an open file that can be read at any place.
type OnDisk interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	Stat() (fs.FileInfo, error)
}

// Part is one stream of records, unpacked: a file, or a member of an archive.
type Part struct {
	Name string    // file path; inside an archive "a.zip!b.json"
	Log  bool      // a Windows event log, which EventLog opens; otherwise text for Splitter
	In   io.Reader // from its start

	opts     Options
	splitter *Splitter
	wait     *waiting // what the part comes out of, if that may have to be waited for
}

// PartReader reads a part, in place of the reader that found it: with one goroutine
// or many. Its report is added to the whole. An error ends everything.
type PartReader func(ctx context.Context, p *Part) (Report, error)

// Unpack opens a file, takes it out of what it is packed in, and returns its parts
// in their order: what Paths reads events from, for callers that read events
// themselves. wrap, if not nil, wraps the open file, for instance to count what is read.
func Unpack(ctx context.Context, f File, opts Options, wrap func(OnDisk) OnDisk, readPart PartReader) (Report, error) {
	r := newReader(opts, nil)
	r.readPart, r.wrap = readPart, wrap
	err := r.file(ctx, f)
	return r.report, err
}

// UnpackStream is Unpack for what can only be read once; it is read if it is
// text at all, and it ends when ctx does although nothing comes.
func UnpackStream(ctx context.Context, name string, in io.Reader, opts Options, readPart PartReader) (Report, error) {
	r := newReader(opts, nil)
	r.readPart = readPart
	err := r.stream(ctx, name, r.waitFor(ctx, in), true, 0)
	return r.report, err
}

// part calls the PartReader.
func (r *reader) part(ctx context.Context, p *Part) error {
	rep, err := r.readPart(ctx, p)
	r.report.Add(rep)
	r.cut = r.cut || p.splitter != nil && p.splitter.Broken()
	return err
}

// Splitter returns a Splitter of the part, which is text.
func (p *Part) Splitter() *Splitter {
	p.splitter = NewSplitter(p.In, p.opts.MaxRecord)
	p.splitter.f.live = p.wait != nil
	return p.splitter
}

// EventLog opens the part, which is a Windows event log.
func (p *Part) EventLog() (*evtx.Reader, error) {
	if f, ok := p.In.(OnDisk); ok {
		info, err := f.Stat()
		if err != nil {
			return nil, openFault(p.Name, err)
		}
		return evtx.NewReader(f, info.Size())
	}
	return evtx.NewStream(p.In)
}

// Hint is what is known of the part's records in advance.
func (p *Part) Hint() Hint { return p.opts.hint(p.Name) }

// Idle says what to do whenever more of a pipe has to be waited for, within reading
// from In: so that what came so far does not wait until more comes. An error ends the
// stream. A file never waits.
func (p *Part) Idle(do func() error) {
	if p.wait != nil {
		p.wait.idle = do
	}
}

// Sensor is the Source.Sensor of the part's records.
func (p *Part) Sensor() string { return p.opts.Sensor }
