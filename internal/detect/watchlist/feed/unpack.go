package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/i18n"
)

const (
	sniffed    = 4096
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
	head, err = out.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(r.broken(0, err))
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		out.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return fail(r.fail(1, i18n.T("it is UTF-16: save it as UTF-8", "UTF-16 です。UTF-8 で保存し直してください"), nil))
	case bytes.HasPrefix(head, []byte("PK")):
		return fail(r.fail(1, i18n.T("it is a zip archive: unpack it first", "zip 書庫です。先に展開してください"), nil))
	}
	return out, done, nil
}

// sniff returns the format by the first bytes. A JSON list or an object that is
// neither of STIX nor of MISP is not guessed at.
func (r *reader) sniff(head []byte) (Format, error) {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		has := func(s string) bool { return bytes.Contains(head, []byte(s)) }
		line, _, _ := bytes.Cut(head, []byte("\n"))
		switch {
		case has(`"bundle"`) || has(`"bundle--`) || has(`"spec_version"`):
			return STIX, nil
		case has(`"Event"`) || has(`"response"`) || has(`"Attribute"`) || has(`"Orgc"`):
			return MISP, nil
		case head[0] == '{' && bytes.Contains(line, []byte(`"value"`)) && bytes.HasSuffix(bytes.TrimSpace(line),
			[]byte("}")):
			return JSONL, nil
		}
		return "", r.fail(1,
			i18n.T("it is JSON, and neither STIX, nor MISP, nor an object with a value a line: say the format",
				"JSON ですが、STIX でも MISP でも、1 行に 1 つ値を持つオブジェクトでもありません。形式を指定してください"), nil)
	}
	for line := range strings.Lines(string(head)) {
		line = strings.TrimSpace(line)
		bare := strings.TrimLeft(line, "# ")
		if parts := cells(bare, separatorOf(bare)); len(parts) > 1 && headerOf(parts).value >= 0 {
			return CSV, nil
		}
		if line == "" || comment(line) {
			continue
		}
		if words := strings.Fields(line); len(words) > 1 {
			if _, err := netip.ParseAddr(words[0]); err == nil {
				if hostName(words[1]) {
					return Hosts, nil
				}
				if strings.Contains(words[1], "local") || words[1] == words[0] {
					continue // localhost, ip6-localhost, 0.0.0.0 0.0.0.0: how such files begin
				}
			}
		}
		break
	}
	return Text, nil
}
