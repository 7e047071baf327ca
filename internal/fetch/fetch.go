// Package fetch is the one way in which meneki reads addresses that others name: lists, documents,
// TAXII servers, hubs of others, receivers of webhooks. An address may point into the network in which
// meneki stands, may never end, may send elsewhere and may unpack to more than a disk holds; so:
//
//   - where a name points is looked at when it is dialled, for every connection, and what is not a
//     public address is refused, unless it is allowed in so many words;
//   - redirects are counted, go to https or http only and never from https to http, and credentials go
//     to no other host than that for which they were given;
//   - an answer has a bound in bytes, packed and unpacked, and in time from the first to the last byte;
//   - TLS is verified, and a proxy is used only if it is allowed.
package fetch

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Config says how far a Client goes. Its zero value is good for addresses in the Internet.
type Config struct {
	// Allow are networks that may be dialled although they are not public, such as 10.1.2.0/24.
	Allow []netip.Prefix
	// Plain allows http beside https.
	Plain bool
	// Proxy uses the proxy that the environment names. It then decides what is dialled.
	Proxy bool
	// MaxBytes bounds an answer, unpacked; default 256 MiB.
	MaxBytes int64
	// Timeout bounds an exchange from its beginning to the last byte; default 5 minutes.
	Timeout time.Duration
	// Redirects bounds how often an answer sends elsewhere; default 5.
	Redirects int
	UserAgent string
	// TLS is for tests and for hubs with certificates of their own; nil: the system's.
	TLS *tls.Config
	// Resolver looks names up; nil: the system's.
	Resolver *net.Resolver
}

// Client reads addresses. It is safe for concurrent use.
type Client struct {
	c    Config
	http *http.Client
}

// The bounds where Config states none.
const (
	defaultBytes     = 256 << 20
	defaultTimeout   = 5 * time.Minute
	defaultRedirects = 5
	headerTimeout    = time.Minute
	dialTimeout      = 15 * time.Second
	maxHeader        = 64 << 10
)

// RefusedError says that an address is not dialled.
type RefusedError struct {
	Host string
	Addr netip.Addr
}

// Error is one line.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("fetch: %s is at %s, which is not a public address", e.Host, e.Addr)
}

// New returns a client.
func New(c Config) *Client {
	if c.MaxBytes <= 0 {
		c.MaxBytes = defaultBytes
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Redirects <= 0 {
		c.Redirects = defaultRedirects
	}
	if c.UserAgent == "" {
		c.UserAgent = "meneki"
	}
	x := &Client{c: c}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: c.Resolver, Control: x.control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: c.TLS, TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:     true,
		ResponseHeaderTimeout: headerTimeout, MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
		MaxIdleConns: 20, IdleConnTimeout: time.Minute,
	}
	if c.Proxy {
		transport.Proxy = http.ProxyFromEnvironment
	}
	x.http = &http.Client{Transport: guarded{x, transport}, CheckRedirect: x.redirect}
	return x
}

// control looks at the address that is about to be dialled: after the name was looked up, so that a
// name that points elsewhere the second time is seen.
func (x *Client) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("fetch: dial %s: %w", address, err)
	}
	if !x.allowed(ap.Addr()) {
		return &RefusedError{Host: address, Addr: ap.Addr().Unmap()}
	}
	return nil
}

// reserved are addresses that are not of the Internet, as registries have them (RFC 6890), and those
// behind which others of them may be (NAT64, 6to4, Teredo).
var reserved = func() (list []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24",
		"224.0.0.0/3", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "3fff::/20",
		"5f00::/16", "fc00::/7", "fe80::/9", "ff00::/8"} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// allowed reports whether an address may be dialled.
func (x *Client) allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range x.c.Allow {
		if p.Contains(a) {
			return true
		}
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// guarded checks every request, redirected ones too, before it goes out.
type guarded struct {
	x    *Client
	next http.RoundTripper
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.x.check(r.URL); err != nil {
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// check refuses addresses that are not spoken to.
func (x *Client) check(u *url.URL) error {
	if u.Scheme != "https" && !(u.Scheme == "http" && x.c.Plain) {
		return fault.New(fault.Invalid, i18n.T("{0} is not an https address", "{0} は https のアドレスではありません").With(
			u.Redacted())).
			WithHint(i18n.T("use https, or allow plain http in the settings", "https を使うか、設定で http を許可してください"))
	}
	if u.Host == "" {
		return fault.New(fault.Invalid, i18n.T("{0} names no host", "{0} にホスト名がありません").With(u.Redacted()))
	}
	return nil
}

var errRedirects = errors.New("fetch: too many redirects")

// redirect follows an answer that sends elsewhere. What was given for one host goes to no other.
func (x *Client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > x.c.Redirects {
		return errRedirects
	}
	last := via[len(via)-1].URL
	if last.Scheme == "https" && r.URL.Scheme != "https" {
		return fault.New(fault.Denied, i18n.T("{0} sends from https to {1}", "{0} が https から {1} へ転送しています").
			With(last.Host, r.URL.Scheme))
	}
	if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		for name := range r.Header {
			if !slices.Contains([]string{"User-Agent", "Accept", "Accept-Encoding", "If-None-Match",
				"If-Modified-Since",
				"Referer"}, name) {
				r.Header.Del(name)
			}
		}
		r.URL.User = nil
	}
	r.Header.Del("Referer")
	return nil
}

// HTTP returns the client for protocols that are built on one, such as TAXII. Answers are bounded by
// what reads them; connections and redirects are guarded as everywhere.
func (x *Client) HTTP() *http.Client { return x.http }

// Request is what is asked for.
type Request struct {
	Address string
	Header  http.Header // credentials among them; they go to the host of Address alone
	// ETag and Modified are what an earlier answer had: if nothing changed there is no body.
	ETag, Modified string
}

// Answer is what came. Body is to be closed.
type Answer struct {
	Body           io.ReadCloser // unpacked from what the transfer packed it in; nil if nothing changed
	Unchanged      bool
	ETag, Modified string
	Media          string
	Length         int64  // that was said; -1: none
	Address        string // after redirects
}

// Get asks for an address. The body is bounded in bytes and in time: reading past a bound is an error,
// so that what was cut off is never taken for the whole.
func (x *Client) Get(ctx context.Context, q Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, x.c.Timeout)
	a, err := x.get(ctx, q, cancel)
	if err != nil {
		cancel()
		return nil, x.fault(q.Address, err)
	}
	return a, nil
}

func (x *Client) get(ctx context.Context, q Request, cancel func()) (*Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, q.Address, nil)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("it is no address", "アドレスとして正しくありません"), err)
	}
	for name, values := range q.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	r.Header.Set("User-Agent", x.c.UserAgent)
	r.Header.Set("Accept-Encoding", "gzip")
	if q.ETag != "" {
		r.Header.Set("If-None-Match", q.ETag)
	}
	if q.Modified != "" {
		r.Header.Set("If-Modified-Since", q.Modified)
	}
	res, err := x.http.Do(r) //nolint:bodyclose // Answer closes it
	if err != nil {
		return nil, err
	}
	a := &Answer{ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified"),
		Media:  res.Header.Get("Content-Type"),
		Length: res.ContentLength, Address: res.Request.URL.Redacted()}
	switch {
	case res.StatusCode == http.StatusNotModified && (q.ETag != "" || q.Modified != ""):
		res.Body.Close()
		cancel()
		a.Unchanged = true
		return a, nil
	case res.StatusCode != http.StatusOK:
		res.Body.Close()
		return nil, StatusError{res.StatusCode, res.Header.Get("Retry-After")}
	case res.ContentLength > x.c.MaxBytes:
		res.Body.Close()
		return nil, errLarge
	}
	b := &body{in: res.Body, left: x.c.MaxBytes, close: func() error { cancel(); return res.Body.Close() }}
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			b.close()
			return nil, fmt.Errorf("fetch: unpack the answer: %w", err)
		}
		b.in, a.Length = z, -1
	} else if e := res.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		b.close()
		return nil, fmt.Errorf("fetch: the answer is packed with %q", e)
	}
	a.Body = b
	return a, nil
}

// StatusError is an answer that is none to what was asked.
type StatusError struct {
	Status     int
	RetryAfter string
}

// Error is one line.
func (e StatusError) Error() string {
	return fmt.Sprintf("fetch: the server answers %d %s", e.Status, http.StatusText(e.Status))
}

var errLarge = errors.New("fetch: the answer is longer than allowed")

// body lets a number of bytes through.
type body struct {
	in    io.Reader
	left  int64
	close func() error
}

func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLarge
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errLarge
	}
	return n, err
}

// Close ends the exchange.
func (b *body) Close() error { return b.close() }

// Fault says what an error of an exchange, or of reading its body, means to a person.
func (x *Client) Fault(address string, err error) error {
	if err == nil {
		return nil
	}
	return x.fault(address, err)
}

func (x *Client) fault(address string, err error) error {
	host := address
	if u, bad := url.Parse(address); bad == nil {
		host = u.Host
	}
	wrap := func(k fault.Kind, t i18n.Text) *fault.Error { return fault.Wrap(k, t, err) }
	var status StatusError
	var refused *RefusedError
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return wrap(fault.Denied, i18n.T("{0} is at {1}, which is not a public address",
			"{0} は公開されていないアドレス {1} を指しています").
			With(host, refused.Addr)).
			WithHint(i18n.T("allow its network in the settings if it is meant", "意図したものであれば、設定でそのネットワークを許可してください"))
	case errors.As(err, &status):
		return wrap(fault.Unavailable, i18n.T("{0} answers {1}", "{0} の応答は {1} です").With(host,
			fmt.Sprintf("%d %s", status.Status, http.StatusText(status.Status))))
	case errors.Is(err, errLarge):
		return wrap(fault.Unsupported, i18n.T("the answer of {0} is longer than {1} MB", "{0} の応答が {1} MB を超えています").
			With(host, x.c.MaxBytes>>20))
	case errors.Is(err, errRedirects):
		return wrap(fault.Unavailable, i18n.T("{0} sends elsewhere more than {1} times", "{0} の転送が {1} 回を超えています").
			With(host, x.c.Redirects))
	case errors.As(err, &cert):
		return wrap(fault.Denied, i18n.T("the certificate of {0} is not valid for it", "{0} の証明書を検証できません").With(host))
	case errors.As(err, &dns):
		return wrap(fault.Unavailable, i18n.T("the name {0} is not known", "{0} の名前を解決できません").With(host))
	case errors.Is(err, context.DeadlineExceeded):
		return wrap(fault.Unavailable, i18n.T("{0} did not answer to the end in {1}", "{0} の応答が {1} 以内に終わりませんでした").
			With(host, x.c.Timeout))
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return wrap(fault.Unavailable, i18n.T("{0} cannot be reached", "{0} に接続できません").With(host))
}
