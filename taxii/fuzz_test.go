package taxii

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/taxii2/a/collections/c/objects/?limit=1&match[version]=all,last", "", "")
	f.Add("POST", "/taxii2/a/collections/c/objects/", MediaType, `{"objects":[{"type":"indicator"}]}`)
	f.Add("DELETE", "/taxii2/a/collections/c/objects/x/?match[version]=first", "", "")
	m := NewMemory(func() time.Time { return time.Unix(0, 0) })
	m.AddRoot("a", Root{Title: "A"}, Collection{ID: "c", Title: "C", CanRead: true, CanWrite: true})
	s, err := NewServer(Config{Backend: m, Key: bytes.Repeat([]byte{1}, 32), MaxContent: 1 << 16,
		Failed: func(r *http.Request, err error) { panic(r.Method + " " + r.URL.String() + ": " + err.Error()) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, address, contentType, body string) {
		u, err := url.Parse(address)
		if err != nil {
			return // no request has such an address
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"Content-Type": {contentType}},
			Body: http.NoBody, ContentLength: int64(len(body))}
		r.Body = readCloser{bytes.NewReader([]byte(body))}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || w.Header().Get("Content-Type") != MediaType {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func FuzzNext(f *testing.F) {
	s := &Server{key: bytes.Repeat([]byte{1}, 32)}
	at := cursor{Endpoint: "objects", Place: "a/c/", Filter: "f", After: "12", Limit: 3}
	good := s.seal(at)
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, next string) {
		got, err := s.open(next, at)
		if (err == nil) != (next == good) {
			t.Errorf("%q: %+v, %v", next, got, err)
		}
	})
}
