package read

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const (
	maxPacking = 4         // how deep containers may be nested
	maxMembers = 100_000   // how many files one archive may hold
	sniff      = 4096      // how much of a stream is looked at to find out what it is
	window     = 128 << 20 // zstd's window, in bytes of memory
)

// foreign are file types that hold no log or one that is not read here.
var foreign = map[string]i18n.Text{
	".etl": i18n.T("trace file", "トレースファイル"),
	".pcap": i18n.T("packet capture; use Suricata or Zeek to make events of it",
		"パケットキャプチャです。Suricata か Zeek で事象に変換してください"),
	".pcapng": i18n.T("packet capture; use Suricata or Zeek to make events of it",
		"パケットキャプチャです。Suricata か Zeek で事象に変換してください"),
	".cap": i18n.T("packet capture; use Suricata or Zeek to make events of it",
		"パケットキャプチャです。Suricata か Zeek で事象に変換してください"),
	".csv":  i18n.T("CSV is not read: its columns have no known meaning", "CSV は列の意味が分からないため読みません"),
	".tsv":  i18n.T("TSV is not read: its columns have no known meaning", "TSV は列の意味が分からないため読みません"),
	".yml":  i18n.T("YAML file: not a log", "YAML ファイル: ログではありません"),
	".yaml": i18n.T("YAML file: not a log", "YAML ファイル: ログではありません"),
	".md":   i18n.T("document: not a log", "文書: ログではありません"),
	".html": i18n.T("document: not a log", "文書: ログではありません"),
	".7z": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
	".rar": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
	".tar": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
	".tgz": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
	".bz2": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
	".xz": i18n.T("this kind of archive is not unpacked; use .zip, .gz or .zst",
		"この形式の書庫は展開しません。.zip、.gz、.zst を使ってください"),
}

var (
	noLog   = i18n.T("not a log that can be recognised", "認識できるログではありません")
	notLog  = i18n.T("not a Windows event log, whatever it is called", "名前に反して、Windows イベントログではありません")
	notText = i18n.T("binary file: not a log", "バイナリファイル: ログではありません")
	zeekTSV = i18n.T("Zeek log in TSV, which cannot be followed while it grows; let Zeek write JSON "+
		"(LogAscii::use_json=T)", "TSV 形式の Zeek ログは、書き込み中に追跡できません。JSON で書き出してください (LogAscii::use_json=T)")
	macDebris = i18n.T("macOS folder data", "macOS の付随ファイル")
)

// skipName returns why a file of a name is not read. Documents are skipped in folders
// only: to name one is to mean it.
func skipName(name string, named bool) i18n.Text {
	base := baseName(name)
	if strings.HasPrefix(base, "._") || strings.Contains(name, "__MACOSX/") || base == ".DS_Store" {
		return macDebris
	}
	if why, ok := foreign[strings.ToLower(path.Ext(base))]; ok {
		return why
	}
	if !named {
		switch strings.ToUpper(strings.TrimSuffix(base, path.Ext(base))) {
		case "LICENSE", "LICENCE", "COPYING", "NOTICE", "README":
			return i18n.T("document: not a log", "文書: ログではありません")
		}
	}
	return i18n.Text{}
}

// magic are the first bytes of files that are no text.
var magic = [...]struct {
	bytes string
	why   i18n.Text
}{
	{"\xd4\xc3\xb2\xa1", foreign[".pcap"]}, {"\xa1\xb2\xc3\xd4", foreign[".pcap"]},
	{"\x0a\x0d\x0d\x0a", foreign[".pcap"]},
	{"7z\xbc\xaf\x27\x1c", foreign[".7z"]}, {"Rar!", foreign[".rar"]}, {"BZh", foreign[".bz2"]},
	{"\xfd7zXZ", foreign[".xz"]},
	{"\x00\x05\x16\x07", macDebris}, {"SQLite format 3\x00", notText}, {"PAR1", notText}, {"\x7fELF", notText},
	{"MZ\x90", notText}, {"\x89PNG", notText}, {"%PDF-", notText}, {"\xff\xd8\xff", notText}, {"GIF8", notText},
	{zeekMagic, zeekTSV}, // of a file that grows: its header is read only once
}

// peeked returns n bytes that are there.
func peeked(b *bufio.Reader, n int) []byte {
	head, _ := b.Peek(n)
	return head
}

// stream reads one stream: unpacks it, or finds that it is text and reads its records.
func (r *reader) stream(ctx context.Context, name string, in io.Reader, named bool, depth int) error {
	b := bufio.NewReaderSize(in, chunk)
	_, err := b.Peek(1)
	n := b.Buffered()
	if r.wait == nil || n < sniff && !bytes.Contains(peeked(b, n), []byte("\n")) {
		_, err = b.Peek(sniff) // else a line came, and perhaps nothing more for long
		n = b.Buffered()
	}
	head := peeked(b, min(n, sniff))
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			r.report.bad(BadRecord{Name: name, Record: 1, Reason: whyNot(err)})
		}
		return nil // an empty file holds no records
	}
	if depth >= maxPacking {
		r.report.skip(name, i18n.T("archives lie more than {0} deep in one another",
			"書庫の入れ子が {0} 段を超えています").With(maxPacking))
		return nil
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(b)
		if err != nil {
			r.report.bad(BadRecord{Name: name, Record: 1, Reason: whyNot(io.ErrUnexpectedEOF)})
			return nil
		}
		return r.stream(ctx, name, r.limit(z), named, depth+1)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return fault.Wrap(fault.Internal, i18n.Text{}, err)
		}
		defer z.Close()
		return r.stream(ctx, name, r.limit(z), named, depth+1)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		if f, ok := in.(OnDisk); ok {
			return r.zip(ctx, name, f, depth)
		}
		return r.zipStream(ctx, name, b, depth)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		d := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
		return r.records(ctx, name, transform.NewReader(b, d))
	}
	if wideXML(head) != nil {
		return r.records(ctx, name, transform.NewReader(b, wideXML(head).NewDecoder()))
	}
	called := strings.HasSuffix(strings.ToLower(name), ".evtx")
	if called && !bytes.HasPrefix(head, []byte(logMagic)) && !holdsChunk(b) {
		r.report.skip(name, notLog)
		return nil
	}
	if called || bytes.HasPrefix(head, []byte(logMagic)) {
		if _, ok := in.(OnDisk); ok {
			return r.eventLog(ctx, name, in) // by place, whatever was peeked at
		}
		return r.eventLog(ctx, name, b)
	}
	if bytes.HasPrefix(head, []byte(zeekMagic)) {
		return r.records(ctx, name, newZeekLines(b, r.opts.MaxRecord))
	}
	if w3cHead(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))) {
		if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
			_, _ = b.Discard(3) // it is there
		}
		return r.records(ctx, name, newW3CLines(b, r.opts.MaxRecord))
	}
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			r.report.skip(name, m.why)
			return nil
		}
	}
	if isBinary(head) {
		r.report.skip(name, notText)
		return nil
	}
	if !named && !r.looksLikeLog(head, name) {
		r.report.skip(name, noLog)
		return nil
	}
	return r.records(ctx, name, b)
}

// wideXML returns the encoding of XML in UTF-16 that has no byte order mark, as wevtutil
// writes it into a file.
func wideXML(head []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(head, []byte("<\x00")) && len(head) > 3 && head[2] != 0 && head[3] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(head, []byte("\x00<\x00")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// holdsChunk reports whether a Windows event log without its header begins here.
func holdsChunk(b *bufio.Reader) bool {
	head, _ := b.Peek(4096 + len(chunkMagic))
	return bytes.HasPrefix(head, []byte(chunkMagic)) || len(head) > 4096 &&
		bytes.HasPrefix(head[4096:], []byte(chunkMagic))
}

func (r *reader) limit(in io.Reader) io.Reader {
	return budget{in: in, left: &r.unpacked, max: r.opts.MaxUnpacked}
}

// isBinary reports whether a tenth of head is control characters, or nearly a
// third NUL, but for the NULs at its start, where a rotation may have left a hole.
func isBinary(head []byte) bool {
	head = bytes.TrimLeft(head, "\x00")
	n, nul := 0, 0
	for _, c := range head {
		switch {
		case c == 0:
			nul++
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b && c != 0x1d:
			n++
		}
	}
	return n*10 > len(head) || nul*10 > 3*len(head)
}

// looksLikeLog reports whether one of the first lines is a record of a known kind.
func (r *reader) looksLikeLog(head []byte, name string) bool {
	if r.opts.Hint.Product != "" {
		return true // the caller has said what it is
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(head) == 0 || head[0] == '{' {
		return true
	}
	if head[0] == '[' {
		if t := bytes.TrimLeft(head[1:], " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == ']') {
			return true
		}
	}
	if head[0] == '<' && eventsXML(head) {
		return true
	}
	d := new(Decoder)
	for i := 0; i < 10 && len(head) > 0; i++ {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		if d.text(clean(string(bytes.TrimSpace(line))), name, Hint{Seen: r.opts.Clock()}, 0).known {
			return true
		}
		head = rest
	}
	return false
}

// zip reads the members of an archive on disk, in their order in the archive.
func (r *reader) zip(ctx context.Context, name string, f OnDisk, depth int) error {
	info, err := f.Stat()
	if err != nil {
		return openFault(name, err)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil || len(z.File) > maxMembers {
		// The list of members is at its end; without it the members are found
		// one after another.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return openFault(name, err)
		}
		return r.zipStream(ctx, name, bufio.NewReaderSize(f, chunk), depth)
	}
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(window)))
	for _, m := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		inner := name + "!" + m.Name
		if m.FileInfo().IsDir() || !r.wants(inner, m.Flags) {
			continue
		}
		in, err := m.Open()
		if err != nil {
			r.report.bad(BadRecord{Name: inner, Record: 1, Reason: whyNot(err)})
			continue
		}
		err = r.stream(ctx, inner, r.limit(in), false, depth+1)
		in.Close()
		if err != nil {
			return err
		}
		if r.unpacked <= 0 {
			return nil // said already
		}
	}
	return nil
}

// wants reports whether a member is to be read, and lists it if not.
func (r *reader) wants(inner string, flags uint16) bool {
	if strings.HasSuffix(inner, "/") {
		return false
	}
	if why := skipName(inner, false); !why.Zero() {
		r.report.skip(inner, why)
		return false
	}
	if flags&1 != 0 {
		r.report.skip(inner, i18n.T("encrypted", "暗号化されています"))
		return false
	}
	return true
}
