package fetch_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
)

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, c fetch.Config, q fetch.Request) (string, *fetch.Answer, error) {
	t.Helper()
	x := fetch.New(c)
	a, err := x.Get(context.Background(), q)
	if err != nil || a.Body == nil {
		return "", a, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	return string(b), a, x.Fault(q.Address, err)
}

func TestGet(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, "a.example")
		z.Close()
	})
	c := fetch.Config{Allow: here, Plain: true}
	text, a, err := get(t, c, fetch.Request{Address: address})
	if err != nil || text != "a.example" || a.ETag != `"1"` {
		t.Fatalf("%q %+v %v", text, a, err)
	}
	if _, a, err = get(t, c, fetch.Request{Address: address, ETag: a.ETag}); err != nil || !a.Unchanged {
		t.Errorf("%+v %v", a, err)
	}
	if _, _, err := get(t, fetch.Config{Allow: here}, fetch.Request{Address: address}); !fault.Is(err, fault.Invalid) {
		t.Errorf("http is spoken: %v", err)
	}
}

// What is not a public address is not dialled, however it is written and wherever it is named.
func TestNotPublic(t *testing.T) {
	asked := false
	address := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		_, _, err := get(t, fetch.Config{Plain: true, Timeout: 5 * time.Second}, fetch.Request{Address: "http://" +
			host + ":" + port})
		var refused *fetch.RefusedError
		if !errors.As(err, &refused) || !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"10.0.0.1", "169.254.169.254", "192.168.1.1", "[fd00:ec2::254]", "[fe80::1]",
		"100.64.0.1",
		"[64:ff9b::a00:1]", "[::127.0.0.1]", "[2002:7f00:1::]"} {
		_, _, err := get(t, fetch.Config{Plain: true, Timeout: 5 * time.Second}, fetch.Request{Address: "http://" +
			host + "/latest/meta-data"})
		var refused *fetch.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if asked {
		t.Error("it was dialled")
	}
}

// A redirect is looked at as an address is: one into the own network is refused too, and what was given
// for one host does not go to another.
func TestRedirects(t *testing.T) {
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Clone(); fmt.Fprint(w, "there") })
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		default:
			http.Redirect(w, r, other, http.StatusFound)
		}
	})
	c := fetch.Config{Allow: here, Plain: true}
	text, _, err := get(t, c, fetch.Request{Address: address, Header: http.Header{"Authorization": {"Bearer secret"},
		"X-Api-Key": {"secret"}, "Cookie": {"a=secret"}}})
	if err != nil || text != "there" {
		t.Fatalf("%q %v", text, err)
	}
	if s := fmt.Sprint(seen); strings.Contains(s, "secret") {
		t.Errorf("another host was sent %s", s)
	}
	for _, p := range []string{"/loop", "/inside", "/file"} {
		if _, _, err := get(t, c, fetch.Request{Address: address + p}); err == nil {
			t.Errorf("%s is followed", p)
		}
	}
}

// From https there is no way to http.
func TestDowngrade(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "there") })
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	if _, _, err := get(t, fetch.Config{Allow: here, Plain: true}, fetch.Request{Address: s.URL}); !fault.Is(err,
		fault.Denied) {
		t.Errorf("a certificate of nobody is taken: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	_, _, err := get(t, fetch.Config{Allow: here, Plain: true, TLS: &tls.Config{RootCAs: roots}},
		fetch.Request{Address: s.URL})
	if !fault.Is(err, fault.Denied) || !strings.Contains(fault.TextOf(err).EN, "sends from https") {
		t.Errorf("%v", err)
	}
}

// A body that never ends, one that unpacks to too much and one that stops are errors, never a short list.
func TestBounds(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 2000 {
				if _, err := z.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
			z.Close()
		case "/slow":
			fmt.Fprint(w, "a.example\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/short":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "a.example\n")
		case "/said":
			w.Header().Set("Content-Length", "10000000")
		case "/exact":
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		default:
			for {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
		}
	})
	for _, p := range []string{"/", "/bomb", "/slow", "/short", "/said"} {
		c := fetch.Config{Allow: here, Plain: true, MaxBytes: 1 << 20, Timeout: 300 * time.Millisecond}
		if p != "/slow" {
			c.Timeout = time.Minute
		}
		if text, _, err := get(t, c, fetch.Request{Address: address + p}); err == nil || len(text) > 1<<20 {
			t.Errorf("%s: %d bytes, %v", p, len(text), err)
		}
	}
	c := fetch.Config{Allow: here, Plain: true, MaxBytes: 1 << 20}
	if text, _, err := get(t, c, fetch.Request{Address: address + "/exact"}); err != nil || len(text) != 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// A name that points elsewhere the second time is seen: each connection is looked at as it is made.
func TestRebinding(t *testing.T) {
	asked := 0
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "x")
	})
	allowed := fetch.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Plain: true}
	if _, _, err := get(t, allowed, fetch.Request{Address: address}); err != nil || asked != 1 {
		t.Fatalf("%d %v", asked, err)
	}
	again := strings.Replace(address, "127.0.0.1", "127.0.0.2", 1)
	if _, _, err := get(t, allowed, fetch.Request{Address: again}); !fault.Is(err, fault.Denied) || asked != 1 {
		t.Errorf("%d %v", asked, err)
	}
}
