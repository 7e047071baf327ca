package objects

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/meneki/meneki/internal/i18n"
)

// Bounds of what is taken in: bytes of a file or a text, and parts and levels of a mail.
const (
	maxIntake = 2 << 20
	maxParts  = 60
	maxLevels = 6
)

// textOf returns what a file says as text: of a mail its subject and its texts, of other
// files their letters in UTF-8. What is no text is an error that says what to do.
func textOf(raw []byte) (string, error) {
	if len(raw) > maxIntake {
		return "", invalid(i18n.T("it has more than {0} bytes; share it in parts", "{0} バイトを超えています。分けて共有してください").
			With(maxIntake))
	}
	switch {
	case bytes.HasPrefix(raw, []byte("%PDF-")):
		return "", invalid(i18n.T("a PDF file cannot be read; open it, copy its text and paste that",
			"PDF ファイルは読み取れません。開いて本文をコピーし、貼り付けてください"))
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		return "", invalid(i18n.T("a packed or office file cannot be read; open it, copy its text and paste that",
			"圧縮ファイルや Office 文書は読み取れません。開いて本文をコピーし、貼り付けてください"))
	}
	if isMail(raw) {
		if text, ok := mailText(raw); ok {
			return text, nil
		}
	}
	text := decode(raw)
	if strings.Count(text, "\x00")+strings.Count(text, "\ufffd") > len(text)/20+2 {
		return "", invalid(i18n.T("this is no text; paste what it says instead", "テキストではありません。内容を貼り付けてください"))
	}
	return strings.ReplaceAll(text, "\x00", ""), nil
}

// decode returns bytes as text: UTF-8, UTF-16 with its mark, ISO-2022-JP, Shift_JIS or EUC-JP.
func decode(raw []byte) string {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}) {
		if out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(raw); err == nil {
			return string(out)
		}
	}
	if bytes.Contains(raw, []byte("\x1b$")) {
		if out, err := japanese.ISO2022JP.NewDecoder().Bytes(raw); err == nil {
			return string(out)
		}
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	best, wrong := strings.ToValidUTF8(string(raw), "\ufffd"), -1
	for _, enc := range []interface {
		Bytes([]byte) ([]byte, error)
	}{japanese.ShiftJIS.NewDecoder(), japanese.EUCJP.NewDecoder()} {
		out, err := enc.Bytes(raw)
		if err != nil {
			continue
		}
		if n := bytes.Count(out, []byte("\ufffd")); wrong < 0 || n < wrong {
			best, wrong = string(out), n
		}
	}
	return best
}

var mailHead = regexp.MustCompile(`(?i)^(?:[a-z][a-z0-9-]{1,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}\r?\n`)

// isMail reports whether bytes begin as a mail does: with heads, among them one of a mail.
func isMail(raw []byte) bool {
	head := raw[:min(len(raw), 64<<10)]
	found := mailHead.Find(head)
	lower := bytes.ToLower(found)
	return found != nil && (bytes.Contains(lower, []byte("\nmime-version:")) || bytes.Contains(lower,
		[]byte("received:")) ||
		bytes.Contains(lower, []byte("message-id:")) || bytes.Contains(lower, []byte("\nsubject:")))
}

// mailText returns the subject and the texts of a mail; ok is false if it is none.
func mailText(raw []byte) (text string, ok bool) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", false
	}
	var b strings.Builder
	words := mime.WordDecoder{CharsetReader: charset}
	for _, name := range []string{"Subject", "From", "Date"} {
		if s := m.Header.Get(name); s != "" {
			if plain, err := words.DecodeHeader(s); err == nil {
				s = plain
			}
			b.WriteString(name + ": " + s + "\n")
		}
	}
	b.WriteString("\n")
	parts := maxParts
	partText(&b, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, maxLevels, &parts)
	return b.String(), true
}

// partText appends the texts of a part of a mail. Of texts in several forms the plain one
// is taken; files that go along are named, and not looked into.
func partText(b *strings.Builder, kind, encoding string, body io.Reader, levels int, parts *int) {
	if *parts--; *parts < 0 || levels == 0 {
		return
	}
	typ, params, err := mime.ParseMediaType(kind)
	if err != nil {
		typ = "text/plain"
	}
	if strings.HasPrefix(typ, "multipart/") && params["boundary"] != "" {
		var first string
		r := multipart.NewReader(body, params["boundary"])
		for *parts > 0 {
			p, err := r.NextRawPart()
			if err != nil {
				return
			}
			if name := p.FileName(); name != "" {
				b.WriteString("[" + name + "]\n")
				*parts--
				continue
			}
			sub := p.Header.Get("Content-Type")
			if typ == "multipart/alternative" && first != "" && strings.HasPrefix(sub, "text/html") {
				continue
			}
			first = sub + " "
			partText(b, sub, p.Header.Get("Content-Transfer-Encoding"), p, levels-1, parts)
		}
		return
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	raw, _ := io.ReadAll(io.LimitReader(body, maxIntake)) // what can be read is taken
	switch {
	case typ == "message/rfc822":
		if text, ok := mailText(raw); ok {
			b.WriteString(text)
		}
	case strings.HasPrefix(typ, "text/"):
		text := decode(raw)
		if r, err := charset(params["charset"], bytes.NewReader(raw)); err == nil && params["charset"] != "" {
			if out, err := io.ReadAll(r); err == nil {
				text = string(out)
			}
		}
		if typ == "text/html" {
			text = htmlText(text)
		}
		b.WriteString(text + "\n")
	}
}

func charset(name string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(r), nil
}

var (
	htmlDrop  = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->`)
	htmlBreak = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>`)
	htmlLink  = regexp.MustCompile(`(?is)<a\b[^>]*\bhref\s*=\s*["']?([^"'\s>]+)[^>]*>`)
	htmlTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// htmlText is what a page says: its words, and where its links lead.
func htmlText(s string) string {
	s = htmlDrop.ReplaceAllString(s, " ")
	s = htmlLink.ReplaceAllString(s, " $1 ")
	s = htmlBreak.ReplaceAllString(s, "\n")
	s = htmlTag.ReplaceAllString(s, " ")
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&nbsp;", " ", "&amp;",
		"&").Replace(s)
}
