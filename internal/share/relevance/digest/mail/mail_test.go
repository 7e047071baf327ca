package mail_test

import (
	"crypto/tls"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	ours "github.com/meneki/meneki/internal/share/relevance/digest/mail"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail/mailtest"
)

var message = ours.Message{ID: "1", To: "soc@power.example", Subject: "自組織に関わる情報\r\nBcc: evil@example.net",
	Text: "本文 = text\n.\nend", HTML: "<p>本文</p>", At: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Urgent: true}

// A mail comes out as it went in, and what is in a heading makes no heading of its own.
func TestSend(t *testing.T) {
	server := mailtest.New(t)
	for _, how := range []ours.Server{{TLS: ours.None}, {TLS: ours.StartTLS}, {TLS: ours.StartTLS, User: "u",
		Password: "p"}} {
		how.Host, how.Port, how.From = server.Host, server.Port, "meneki@hub.example"
		if err := how.Send(t.Context(), message, server.TLS); err != nil {
			t.Fatalf("%s: %v", how.TLS, err)
		}
		got := server.Mails()
		if len(got) != 1 || !strings.Contains(got[0], "RCPT TO:<soc@power.example>") ||
			strings.Contains(got[0], "AUTH") != (how.User != "") {
			t.Fatalf("%s: %v", how.TLS, got)
		}
		_, raw, _ := strings.Cut(got[0], "From:")
		m, err := mail.ReadMessage(strings.NewReader("From:" + raw))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || !strings.Contains(subject, "自組織に関わる情報") || m.Header.Get("Bcc") != "" {
			t.Errorf("%q %v %v", subject, err, m.Header)
		}
		_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := multipart.NewReader(m.Body, params["boundary"])
		for _, want := range []string{"本文 = text\n.\nend", "<p>本文</p>"} {
			p, err := parts.NextRawPart()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(quotedprintable.NewReader(p))
			if got := strings.ReplaceAll(string(text), "\r\n", "\n"); err != nil || got != want {
				t.Errorf("%q %v", got, err)
			}
		}
	}
}

// A server that nobody vouches for, that refuses, or that is not there is said.
func TestNotSent(t *testing.T) {
	server := mailtest.New(t)
	s := ours.Server{Host: server.Host, Port: server.Port, From: "meneki@hub.example", TLS: ours.StartTLS}
	if err := s.Send(t.Context(), message, &tls.Config{MinVersion: tls.VersionTLS12}); !fault.Is(err,
		fault.Unavailable) {
		t.Errorf("of an unknown authority: %v", err)
	}
	server.Refuse(true)
	if err := s.Send(t.Context(), message, server.TLS); !fault.Is(err, fault.Unavailable) {
		t.Errorf("refused: %v", err)
	}
	if got := server.Mails(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestServersAndAddresses(t *testing.T) {
	good := ours.Server{Host: "mail.example", Port: 587, From: "a@example.jp", TLS: ours.StartTLS}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*ours.Server){
		"no host": func(s *ours.Server) { s.Host = "" }, "two lines": func(s *ours.Server) { s.Host = "a\r\nb" },
		"no port": func(s *ours.Server) { s.Port = 0 }, "no sender": func(s *ours.Server) { s.From = "x" },
		"in the clear": func(s *ours.Server) { s.TLS = ours.None }, "unheard-of": func(s *ours.Server) { s.TLS = "" },
		"a password in the clear": func(s *ours.Server) { s.Host, s.TLS, s.User = "localhost", ours.None, "u" },
	} {
		s := good
		edit(&s)
		if err := s.Validate(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{" soc@power.example ": "soc@power.example", "": "", "x": "",
		"A <a@b.example>": "", "a@b.example, c@d.example": "", "a@b.example\r\nBcc: x@y.example": ""} {
		if got, err := ours.Address(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("a@b.example", "subject", "text", "<p>html")
	f.Fuzz(func(t *testing.T, to, subject, text, html string) {
		to, err := ours.Address(to)
		if err != nil {
			return
		}
		raw, err := ours.Message{ID: "1", To: to, Subject: subject, Text: text, HTML: html}.Bytes("a@b.example")
		if err != nil {
			return
		}
		m, err := mail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for name := range m.Header {
			switch name {
			case "From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type":
			default:
				t.Errorf("a heading %q came in by %q %q", name, to, subject)
			}
		}
	})
}
