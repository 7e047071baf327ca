package read

import (
	"bytes"
	"errors"
	"io"

	"github.com/meneki/meneki/internal/event/jsonscan"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const chunk = 64 << 10

// frame is one record as it is in a stream. raw is valid until the next call
// of framer.next. If err is set the record was refused; raw is then empty.
type frame struct {
	raw    []byte
	offset int64
	json   bool
	line   bool // raw is a line that begins with { and ends with }, and was not looked into; see framer.lines
	last   bool // of such a line: nothing follows it
	xml    bool // an Event element; see xmlframe.go
	err    error
}

// framer cuts a stream into records: JSON values one after another (one a line,
// pretty-printed, members of a top-level list, of {"Records":[…]} and the
// like), Event elements of XML, or lines of text. It holds at most one record; a longer one is skipped to its end.
//
// After a broken JSON record reading goes on at the next line that looks like
// the start of a record: a line that is indented like the broken one and opens
// an object, or one at column 0 that does not continue a pretty-printed value.
// What was scanned in vain is scanned again at most a few times over the whole
// stream, so that cost stays linear.
type framer struct {
	r        io.Reader
	max      int
	buf      []byte
	pos, end int   // buf[pos:end] is unread
	base     int64 // offset in the stream of buf[0]
	ended    bool
	err      error // why reading ended, if not at the end

	s        jsonscan.Structure
	list     bool // within a top-level list
	wrapped  int  // … that is in so many objects: {"Records":
	indent   int  // of the record; -1 if it began in the middle of a line
	column0  bool // nothing but white space was read since the last line break
	blank    int  // … that many bytes of it
	began    bool
	rescan   int64
	reported bool
	jsonSeen bool // the stream's first record was JSON
	first    bool // the first record's kind is known
	live     bool // more may have to be waited for: see Part.Idle
	lines    bool // return lines that hold whole records as they are, without looking into them
}

func newFramer(r io.Reader, maxRecord int) *framer {
	return &framer{r: r, max: maxRecord, column0: true, s: jsonscan.Structure{MaxDepth: maxDepth}}
}

// frameAll makes a framer of a stream that is there as a whole. The frames are
// parts of it.
func frameAll(all []byte, maxRecord int) *framer {
	f := newFramer(nil, maxRecord)
	f.buf, f.end, f.ended = all, len(all), true
	return f
}

// fill reads more; false at the end of the stream. It moves unread bytes to the
// front, so that only offsets relative to pos stay good.
func (f *framer) fill() bool {
	if f.ended {
		return false
	}
	if f.pos > 0 && (f.pos == f.end || len(f.buf)-f.end < chunk/2) {
		copy(f.buf, f.buf[f.pos:f.end])
		f.base += int64(f.pos)
		f.end -= f.pos
		f.pos = 0
	}
	if f.end == len(f.buf) {
		size := max(chunk, 2*len(f.buf))
		size = min(size, max(f.max+chunk, f.end+chunk))
		b := make([]byte, size)
		copy(b, f.buf[:f.end])
		f.buf = b
	}
	for range 100 {
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		if err != nil {
			f.ended = true
			if !errors.Is(err, io.EOF) {
				f.err = err
			}
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	f.ended, f.err = true, io.ErrNoProgress
	return false
}

// peek makes n bytes available if the stream has them, and returns what there is.
func (f *framer) peek(n int) []byte {
	for f.end-f.pos < n && f.fill() {
	}
	return f.buf[f.pos:min(f.end, f.pos+n)]
}

func (f *framer) offset() int64 { return f.base + int64(f.pos) }

// next returns the next record, or io.EOF. A stream that was cut short returns one
// last frame with the reason.
func (f *framer) next() (frame, error) {
	if !f.began {
		f.began = true
		if bytes.HasPrefix(f.peek(3), []byte("\xef\xbb\xbf")) {
			f.pos += 3
		}
	}
	for {
		if !f.skipBlank() {
			return f.finish()
		}
		switch c := f.buf[f.pos]; {
		case f.list && c == ']':
			f.pos++
			f.list, f.column0 = false, false
			if f.wrapped > 0 {
				if fr, bad := f.unwrap(); bad {
					return fr, nil
				}
			}
			continue
		case !f.list && c == '[' && f.indent >= 0 && f.opensList():
			f.pos++
			f.list, f.column0 = true, false
			f.kind(true)
			continue
		case !f.list && c == '{' && f.indent >= 0 && f.opensWrapper():
			f.list, f.column0 = true, false
			f.kind(true)
			continue
		case !f.list && c == '<' && f.markup():
			f.column0 = false
			continue
		case f.list || c == '{':
			f.kind(true)
			if f.lines && !f.list && f.indent == 0 {
				if fr, ok := f.plain(); ok {
					return fr, nil
				}
			}
			return f.value()
		default:
			f.kind(false)
			if c == '<' {
				if p, n := f.piece(); p == xmlEvent {
					return f.event(n)
				}
			}
			return f.line()
		}
	}
}

func (f *framer) kind(isJSON bool) {
	if !f.first {
		f.first, f.jsonSeen = true, isJSON
	}
}

// skipBlank passes white space, NUL bytes (holes that a crash or a rotation
// left) and, in a list, commas. It is false at the end.
func (f *framer) skipBlank() bool {
	for {
		for f.pos < f.end {
			switch c := f.buf[f.pos]; {
			case c == '\n':
				f.column0, f.blank = true, 0
			case jsonscan.IsSpace(c) || c == 0:
				f.blank++
			case c == ',' && f.list:
				f.column0 = false
			default:
				f.indent = -1
				if f.column0 {
					f.indent = f.blank
				}
				f.column0 = false
				return true
			}
			f.pos++
		}
		if !f.fill() {
			return false
		}
	}
}

// finish ends the stream: with the reason it was cut short for, once.
func (f *framer) finish() (frame, error) {
	switch {
	case f.reported:
	case f.err != nil:
		f.reported = true
		return frame{offset: f.offset(), err: f.err}, nil
	case f.list:
		f.reported = true
		return frame{offset: f.offset(),
			err: fault.New(fault.Invalid,
				i18n.T("the JSON list is not closed: the file seems to be cut short",
					"JSON の配列が閉じていません。ファイルが途中で切れているようです"))}, nil
	}
	return frame{}, io.EOF
}

// opensList distinguishes a JSON list of objects from a line of text that begins with [.
func (f *framer) opensList() bool {
	for _, b := range [...]func() []byte{f.there, func() []byte { return f.peek(512) }} {
		for i, c := range b() {
			if i > 0 && !jsonscan.IsSpace(c) {
				return c == '{' || c == ']'
			}
		}
	}
	return false
}

// there is what is unread and need not be waited for.
func (f *framer) there() []byte { return f.buf[f.pos:f.end] }

func broken(at int64) error {
	return fault.New(fault.Invalid,
		i18n.T("not valid JSON at byte {0} of the record", "記録の {0} バイト目が JSON として正しくありません").With(at))
}

// cut says why a record ends too early.
func (f *framer) cut() error {
	if f.err != nil {
		return f.err
	}
	return fault.New(fault.Invalid,
		i18n.T("the record is not complete: the file ends in the middle of it", "記録が完結していません。ファイルがその途中で終わっています"))
}

func (f *framer) tooLarge() error {
	return fault.New(fault.TooLarge, i18n.T("the record is larger than {0} bytes", "記録が {0} バイトを超えています").With(f.max))
}

// plain cuts a line that begins with { at column 0 and ends with }, if the next
// line begins with { too or there is none. No JSON value goes on from } over a
// line break to {, and a broken record ends at such a line, so that what is
// in the line, whatever it is, concerns no other. Finding it costs a tenth of
// following its structure.
func (f *framer) plain() (frame, bool) {
	for n := 0; ; {
		i := bytes.IndexByte(f.buf[f.pos+n:f.end], '\n')
		if i < 0 {
			n = f.end - f.pos
			if n > f.max || !f.fill() {
				return frame{}, false
			}
			continue
		}
		n += i
		last := false
		if f.pos+n+1 == f.end {
			if f.live {
				return frame{}, false // more may not come for long: value need not see it
			}
			if f.fill() {
				continue
			}
			last = true
		}
		if n > f.max || !last && f.buf[f.pos+n+1] != '{' {
			return frame{}, false
		}
		raw := f.buf[f.pos : f.pos+n]
		if t := bytes.TrimRight(raw, " \t\r"); t[len(t)-1] != '}' {
			return frame{}, false
		}
		at := f.offset()
		f.pos += n // the line break stays, for the column
		return frame{raw: raw, offset: at, json: true, line: true, last: last}, true
	}
}

// value cuts one JSON value.
func (f *framer) value() (frame, error) {
	f.s.Reset()
	at := f.offset()
	n := 0
	skipping := false
	for {
		for f.pos+n < f.end {
			if f.s.InString() {
				if n += jsonscan.Ordinary(f.buf[f.pos+n : f.end]); f.pos+n == f.end {
					n-- // the last one is counted below
				}
			}
			switch f.s.Next(f.buf[f.pos+n]) {
			case jsonscan.Done:
				n++
				return f.took(at, n, skipping), nil
			case jsonscan.Before:
				return f.took(at, n, skipping), nil
			case jsonscan.Broken:
				err := broken(f.base + int64(f.pos+n) - at)
				if skipping {
					err = f.tooLarge()
				}
				f.resync(n)
				return frame{offset: at, json: true, err: err}, nil
			}
			n++
			if n > f.max {
				skipping = true
			}
			if skipping && n >= chunk {
				f.pos += n
				n = 0
			}
		}
		if !f.fill() {
			err := f.cut()
			if skipping && f.err == nil {
				err = f.tooLarge()
			}
			if f.err != nil || f.list {
				f.reported = true
			}
			if !skipping && f.err == nil {
				f.resync(n)
			} else {
				f.pos = f.end
			}
			return frame{offset: at, json: true, err: err}, nil
		}
	}
}

func (f *framer) took(at int64, n int, skipping bool) frame {
	raw := f.buf[f.pos : f.pos+n]
	f.pos += n
	switch {
	case skipping:
		return frame{offset: at, json: true, err: f.tooLarge()}
	case f.s.TooDeep():
		return frame{offset: at, json: true,
			err: fault.New(fault.TooLarge,
				i18n.T("the record nests deeper than {0} levels", "記録の入れ子が {0} 段を超えています").With(maxDepth))}
	}
	return frame{raw: raw, offset: at, json: true}
}

// resync moves to the next line that looks like a record, after a record that
// begins at pos and broke n bytes later.
func (f *framer) resync(n int) {
	f.rescan += int64(n)
	k := 0
	if f.rescan > 4*f.offset()+1<<20 {
		k = n // too much was scanned again already
	}
	for {
		j := bytes.IndexByte(f.buf[f.pos+k:f.end], '\n')
		if j < 0 {
			f.pos, k = f.end, 0
			if !f.fill() {
				return
			}
			continue
		}
		f.pos += k + j + 1
		k = 0
		f.column0, f.blank = true, 0
		if f.startsRecord() {
			return
		}
	}
}

func (f *framer) startsRecord() bool {
	starts, sure := f.starts(f.there())
	if !sure {
		starts, sure = f.starts(f.peek(maxDepth))
	}
	return sure && starts || !sure && f.ended
}

// starts is startsRecord for what is there; sure is false if that does not show it.
func (f *framer) starts(there []byte) (starts, sure bool) {
	for i, c := range there[:min(len(there), maxDepth)] {
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			continue
		case c == '{' && i == f.indent:
			return true, true
		case i > 0 || c == '\n' || c == '}' || c == '"':
			return false, true
		case c == ']' || c == ',':
			return f.list, true
		}
		return true, true
	}
	return false, false
}

// line cuts one line of text, without its line break.
func (f *framer) line() (frame, error) {
	at := f.offset()
	n := 0
	skipping := false
	for {
		j := bytes.IndexByte(f.buf[f.pos+n:f.end], '\n')
		if j >= 0 {
			raw := f.buf[f.pos : f.pos+n+j]
			f.pos += n + j // the line break stays, for the column
			if skipping || len(raw) > f.max {
				return frame{offset: at, err: f.tooLarge()}, nil
			}
			return frame{raw: bytes.TrimRight(raw, "\r\x00"), offset: at}, nil
		}
		n = f.end - f.pos
		if n > f.max {
			skipping = true
		}
		if skipping {
			f.pos, n = f.end, 0
		}
		if f.fill() {
			continue
		}
		if f.err != nil {
			f.pos, f.reported = f.end, true
			return frame{offset: at, err: f.err}, nil
		}
		raw := f.buf[f.pos:f.end]
		f.pos = f.end
		if skipping {
			return frame{offset: at, err: f.tooLarge()}, nil
		}
		return frame{raw: bytes.TrimRight(raw, "\r\x00"), offset: at}, nil
	}
}
