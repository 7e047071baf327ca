// Package mail writes a message with a plain and an HTML part, and hands it to an SMTP server
// over TLS. It is small on purpose: one recipient, no attachments, no retries.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Server is where mail is handed over.
type Server struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	From     string `json:"from"` // address
	// TLS is starttls (refused if the server cannot), tls from the first byte, or none, which is
	// for a server on this machine alone.
	TLS string `json:"tls"`
}

// The ways in which a connection is protected.
const (
	StartTLS = "starttls"
	Implicit = "tls"
	None     = "none"
)

// Validate refuses a server that cannot work, or that would send what is not for everybody in
// the clear over a network.
func (s Server) Validate() error {
	bad := func(en, ja string) error { return fault.New(fault.Invalid, i18n.Text{EN: en, JA: ja}) }
	switch _, err := mail.ParseAddress(s.From); {
	case s.Host == "" || len(s.Host) > 253 || strings.ContainsAny(s.Host, " \r\n/"):
		return bad("name the mail server's host", "メールサーバーのホスト名を入力してください")
	case s.Port < 1 || s.Port > 65535:
		return bad("the port is from 1 to 65535", "ポートは 1 から 65535 の間で指定してください")
	case err != nil:
		return bad("the sender is not a mail address", "差出人のメールアドレスが正しくありません")
	case s.TLS != StartTLS && s.TLS != Implicit && s.TLS != None:
		return bad("choose starttls, tls or none", "starttls、tls、none から選んでください")
	case s.TLS == None && !loopback(s.Host):
		return bad("mail leaves this machine only over TLS", "この端末の外へは TLS なしで送信できません")
	case s.TLS == None && s.User != "":
		return bad("a password is sent only over TLS", "TLS なしでパスワードは送信できません")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Address reads a recipient's address, alone and without a name.
func Address(text string) (string, error) {
	a, err := mail.ParseAddress(strings.TrimSpace(text))
	if err != nil || a.Name != "" || len(a.Address) > 254 {
		return "", fault.New(fault.Invalid, i18n.T("{0} is not a mail address", "{0} はメールアドレスではありません").With(text))
	}
	return a.Address, nil
}

// Message is one mail to one recipient.
type Message struct {
	ID         string // unique, without its domain
	To         string
	Subject    string
	Text, HTML string
	At         time.Time
	Urgent     bool
}

// Bytes writes the message as RFC 5322 has it.
func (m Message) Bytes(from string) ([]byte, error) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, p := range []struct{ kind, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {p.kind + "; charset=utf-8"},
			"Content-Transfer-Encoding": {"quoted-printable"}})
		if err != nil {
			return nil, err
		}
		q := quotedprintable.NewWriter(w)
		if _, err := q.Write([]byte(p.text)); err != nil {
			return nil, err
		}
		if err := q.Close(); err != nil {
			return nil, err
		}
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	domain := from[strings.LastIndex(from, "@")+1:]
	var out bytes.Buffer
	head := func(name, value string) { // a value has no line of its own, whatever is in it
		fmt.Fprintf(&out, "%s: %s\r\n", name, strings.NewReplacer("\r", " ", "\n", " ").Replace(value))
	}
	head("From", (&mail.Address{Name: "meneki", Address: from}).String())
	head("To", (&mail.Address{Address: m.To}).String())
	head("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	head("Date", m.At.UTC().Format(time.RFC1123Z))
	head("Message-ID", "<"+m.ID+"@"+domain+">")
	head("Auto-Submitted", "auto-generated")
	if m.Urgent {
		head("Importance", "high")
	}
	head("MIME-Version", "1.0")
	head("Content-Type", `multipart/alternative; boundary="`+parts.Boundary()+`"`)
	out.WriteString("\r\n")
	out.Write(body.Bytes())
	return out.Bytes(), nil
}

// patience bounds how long a server may take for all of it.
const patience = 30 * time.Second

// Send hands a message over. roots are the authorities that are trusted; nil are the machine's.
func (s Server) Send(ctx context.Context, m Message, tlsConfig *tls.Config) (err error) {
	if err := s.Validate(); err != nil {
		return err
	}
	raw, err := m.Bytes(s.From)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if err != nil {
			err = fault.Wrap(fault.Unavailable, i18n.T("the mail server {0} did not take the mail",
				"メールサーバー {0} がメールを受け付けませんでした").With(s.Host), err)
		}
	}()
	if tlsConfig == nil {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	tlsConfig = tlsConfig.Clone()
	tlsConfig.ServerName = s.Host
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends whatever waits for the server
	defer stop()
	if s.TLS == Implicit {
		conn = tls.Client(conn, tlsConfig)
	}
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer c.Close()
	if s.TLS == StartTLS {
		if err := c.StartTLS(tlsConfig); err != nil {
			return err
		}
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password, s.Host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
