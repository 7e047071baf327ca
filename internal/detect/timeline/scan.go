package timeline

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// workers gives what makes a worker: with the fast engine, or with the evaluator
// that it is held against.
func workers(set *sigma.Set, reference bool) func() worker {
	if reference {
		return func() worker {
			return worker{match: func(ev *event.Event, yield func(*sigma.Match) bool) { set.Match(ev, yield) }}
		}
	}
	e := engine.Compile(set, engine.Options{})
	return func() worker {
		w := e.Worker()
		return worker{engine: e, match: func(ev *event.Event, yield func(*sigma.Match) bool) { w.Match(ev, ev.Fields, yield) }}
	}
}

// scanner reads inputs and matches their events. It holds nothing that changes.
type scanner struct {
	order      map[*sigma.Rule]int // place of each rule in its set; of those whose matches are shown
	correlator *correlator         // nil without correlations
	alert      func(*Match) error  // takes what the correlator finds during the reading
	filter     Filter
	opts       read.Options
	stdin      io.Reader

	observables bool
}

const maxSeen = 64 // observables of one match

// seenIn gives copies of what an event names.
func seenIn(ev *event.Event) []event.Observable {
	list := event.Observables(ev)
	list = list[:min(len(list), maxSeen)]
	for i := range list {
		list[i].Value = strings.Clone(list[i].Value)
	}
	return list
}

// scan reads one input and calls yield with each match, in the order of the
// records and, within one, of the rules. An error is one of yield or of ctx, or a
// fault of an input that was named and cannot be read.
func (s *scanner) scan(ctx context.Context, w worker, i int, in Input, m *Meter, yield func(*Match) error) (read.Report, error) {
	p := m.open(in)
	defer p.close()
	found := func(ev *event.Event, match *sigma.Match) error {
		if !s.filter.covers(ev.Time, !ev.Time.Equal(ev.Seen)) {
			return nil
		}
		if s.correlator != nil {
			for _, a := range s.correlator.add(match.Rule, ev, i) {
				if err := s.alert(s.correlator.match(a)); err != nil {
					return err
				}
			}
		}
		place, shown := s.order[match.Rule]
		if !shown {
			return nil
		}
		out := newMatch(match, ev, i, place)
		if s.observables {
			out.Seen = seenIn(ev)
		}
		return yield(out)
	}
	r := &reading{scanner: s, ctx: ctx, w: w, m: m, part: p, found: found, left: maxUnpacked}
	if in.Path == Stdin {
		return r.stream(in.Path, &counted{in: stopping(ctx, s.stdin), p: p}, true, 0)
	}
	return r.file(in)
}

// reading is how one input is read.
type reading struct {
	*scanner
	ctx   context.Context
	w     worker
	m     *Meter
	part  *part
	found hit
	left  int64 // bytes that it may still unpack to
}

const (
	maxUnpacked = 16 << 30 // bytes that one input may unpack to
	maxPacking  = 4        // how deep it may be packed
	maxMembers  = 100_000  // files in one archive
	zstdWindow  = 128 << 20
)

// event matches an event that was decoded.
func (r *reading) event(ev *event.Event) error {
	r.m.events.Add(1)
	return r.each(r.w, ev, r.found)
}

func (r *reading) file(in Input) (rep read.Report, err error) {
	f, err := os.Open(in.Path)
	if err != nil {
		if in.Named {
			return rep, openFault(in.Path, err)
		}
		return skippedFile(in.Path, openFault(in.Path, err)), nil
	}
	defer f.Close()
	if in.Size == 0 { // a pipe, or empty
		return r.stream(in.Path, &counted{in: stopping(r.ctx, f), p: r.part}, in.Named, 0)
	}
	head, _, err := headOf(f)
	switch {
	case err != nil:
		return skippedFile(in.Path, openFault(in.Path, err)), nil
	case isEVTX(in.Path, head):
		return r.eventLog(r.ctx, in, f, r.part, r.event)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return r.archive(in, f)
	}
	return r.stream(in.Path, &counted{in: f, p: r.part}, in.Named, 0)
}

// stream reads what comes once: unpacks it, reads JSON lines by the short way,
// and leaves the rest to event/read.
func (r *reading) stream(name string, in io.Reader, named bool, depth int) (read.Report, error) {
	b := bufio.NewReaderSize(in, maxLine)
	head, err := b.Peek(headSize)
	if depth < maxPacking {
		switch {
		case bytes.HasPrefix(head, []byte("\x1f\x8b")):
			if z, err := gzip.NewReader(b); err == nil {
				return r.stream(name, r.limit(z), named, depth+1)
			}
		case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
			if z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true)); err == nil {
				defer z.Close()
				return r.stream(name, r.limit(z), named, depth+1)
			}
		}
	}
	if !named {
		if why := foreign(name, head, err != nil, read.Hint{Seen: r.opts.Clock()}); !why.Zero() {
			return read.Report{Skipped: []read.SkippedFile{{Name: name, Reason: why}}, SkipN: 1}, nil
		}
	}
	if len(head) > 0 && head[0] == '{' && r.w.engine != nil {
		if form, _ := read.Sniff(name, head, err != nil); form == read.Lines {
			return r.lines(r.ctx, r.w, name, b, r.m, r.found)
		}
	}
	return read.Stream(r.ctx, name, b, r.opts, r.event)
}

// limit ends what unpacks to too much with an error.
func (r *reading) limit(in io.Reader) io.Reader { return &ceiling{in: in, left: &r.left} }

type ceiling struct {
	in   io.Reader
	left *int64
}

func (c *ceiling) Read(b []byte) (int, error) {
	if *c.left <= 0 {
		return 0, fault.New(fault.TooLarge, i18n.T("the archive unpacks to more than {0} bytes; the rest was not read", "展開後の大きさが {0} バイトを超えるため、残りは読み込みませんでした").With(int64(maxUnpacked)))
	}
	n, err := c.in.Read(b[:min(int64(len(b)), *c.left)])
	*c.left -= int64(n)
	return n, err
}

// archive reads the members of a zip file in their order. One whose list of
// members cannot be read is left to event/read, which looks for them.
func (r *reading) archive(in Input, f *os.File) (rep read.Report, err error) {
	z, err := zip.NewReader(f, in.Size)
	if err != nil || len(z.File) > maxMembers {
		return read.Paths(r.ctx, []string{in.Path}, r.opts, r.event)
	}
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(zstdWindow)))
	u := newUnpacking(z, in.Size)
	for _, m := range z.File {
		if r.ctx.Err() != nil {
			return rep, r.ctx.Err()
		}
		name := in.Path + "!" + m.Name
		if m.FileInfo().IsDir() || strings.HasSuffix(m.Name, "/") {
			continue
		}
		var one read.Report
		switch c, err := m.Open(); {
		case m.Flags&1 != 0:
			one = read.Report{Skipped: []read.SkippedFile{{Name: name, Reason: i18n.T("encrypted", "暗号化されています")}}, SkipN: 1}
		case err != nil:
			bad(&one, read.BadRecord{Name: name, Record: 1, Reason: i18n.T("the archive is damaged here", "書庫のこの部分が壊れています")})
		default:
			one, err = r.stream(name, r.limit(&inside{in: c, u: u, p: r.part}), false, 1)
			c.Close()
			if err != nil {
				merged(&rep, one)
				return rep, err
			}
		}
		u.done += int64(min(m.UncompressedSize64, 1<<50))
		merged(&rep, one)
		if r.left <= 0 {
			break // said already
		}
	}
	return rep, nil
}

// inside tells a part how far an archive was read by what came out of it.
type inside struct {
	in io.Reader
	u  *unpacking
	p  *part
	n  int64
}

func (i *inside) Read(b []byte) (int, error) {
	n, err := i.in.Read(b)
	i.n += int64(n)
	i.p.at(i.u.at(i.n))
	return n, err
}

// unpacking guesses how far an archive was read.
type unpacking struct {
	size, all int64 // bytes on disk and unpacked
	done      int64 // bytes of the members that were read
}

func newUnpacking(z *zip.Reader, size int64) *unpacking {
	u := &unpacking{size: size}
	for _, m := range z.File {
		u.all += int64(min(m.UncompressedSize64, 1<<40))
	}
	return u
}

// at gives the place on disk for a place in the present member.
func (u *unpacking) at(n int64) int64 {
	if u.all <= 0 {
		return 0
	}
	return int64(float64(u.size) * min(1, float64(u.done+n)/float64(u.all)))
}

// stopping ends a stream when ctx ends, although nothing comes.
func stopping(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.Close() })
	go func() {
		defer stop()
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	return r
}

func skippedFile(name string, err error) read.Report {
	return read.Report{Skipped: []read.SkippedFile{{Name: name, Reason: fault.TextOf(err)}}, SkipN: 1}
}
