package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/i18n"
)

const (
	sniffed    = 32 << 10
	zstdWindow = 32 << 20
)

var errTooLarge = errors.New("too large")

// budget lets Options.MaxBytes through.
type budget struct {
	r    *reader
	in   io.Reader
	left int64
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// broken says why a stream cannot be read further.
func (r *reader) broken(line int, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return r.fail(line, i18n.T("it unpacks to more than {0} bytes", "展開後の大きさが {0} バイトを超えています").With(r.o.MaxBytes),
			nil)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail(line, i18n.T("the file is cut short", "ファイルが途中で切れています"), err)
	}
	return r.fail(line, i18n.T("the file cannot be read further", "ファイルをこれ以上読めません"), err)
}

// unpack opens the feed; what it returns begins behind a byte order mark.
func (r *reader) unpack(open func() (io.ReadCloser, error)) (*bufio.Reader, func(), error) {
	f, err := open()
	if err != nil {
		return nil, nil, r.fail(0, i18n.T("it cannot be opened", "開けません"), err)
	}
	done := func() { f.Close() }
	fail := func(err error) (*bufio.Reader, func(), error) {
		done()
		return nil, nil, err
	}
	raw := bufio.NewReaderSize(f, 64<<10)
	head, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(r.broken(0, err))
	}
	var in io.Reader = raw
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return fail(r.broken(0, err))
		}
		in = z
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return fail(r.broken(0, err))
		}
		in, done = z, func() { z.Close(); f.Close() }
	}
	out := bufio.NewReaderSize(&budget{r: r, in: in, left: r.o.MaxBytes}, 64<<10)
	if head, err = out.Peek(3); err != nil && !errors.Is(err, io.EOF) {
		return fail(r.broken(0, err))
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return fail(r.fail(1, i18n.T("it is a zip archive in another one: unpack it first",
			"書庫の中の zip 書庫です。先に展開してください"), nil))
	}
	out, name := decode(out)
	r.report.Encoding = name
	return out, done, nil
}
