// Package taxiitest holds a TAXII 2.1 server against the statements of the
// specification, and against what clients in the field need beside it. It is for
// tests of backends of package taxii, and works on any server.
package taxiitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/meneki/meneki/taxii"
)

// Fixture is a server to test. All collections are empty at first.
type Fixture struct {
	Discovery string       // address of discovery, whole
	Root      string       // address of the API root, whole, with a slash at its end
	HTTP      *http.Client // signs in
	Anonymous *http.Client // does not; nil if everybody may read

	ReadWrite, ReadOnly, WriteOnly, Closed string // ids of collections
	Alias                                  string // of ReadWrite; empty if it has none

	// Restarted returns the address of another process over the same store; nil skips.
	Restarted func(t *testing.T) (root string)
}

// Run runs all statements, each on a fixture of its own.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, s := range statements {
		t.Run(s.name, func(t *testing.T) {
			s.test(&server{T: t, Fixture: fixture(t)})
		})
	}
}

type server struct {
	*testing.T
	Fixture
}

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   string
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %q: %v", a.code, a.body, err)
	}
}

// option changes a request.
type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			r.Header[name] = nil
			return
		}
		r.Header.Set(name, value)
	}
}

func (s *server) do(method, address, body string, options ...option) answer {
	s.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.Context(), method, address, in)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept", taxii.MediaType)
	if body != "" {
		r.Header.Set("Content-Type", taxii.MediaType)
	}
	for _, o := range options {
		o(r)
	}
	client := s.HTTP
	if r.Header.Get("Anonymous") != "" {
		r.Header.Del("Anonymous")
		client = s.Anonymous
	}
	resp, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (s *server) get(address string, options ...option) answer {
	s.Helper()
	return s.do(http.MethodGet, address, "", options...)
}

// want fails if an answer has not the status.
func (s *server) want(code int, a answer) answer {
	s.Helper()
	if a.code != code {
		s.Errorf("status %d instead of %d: %.300s", a.code, code, a.body)
	}
	return a
}

func (s *server) at(collection string, rest ...string) string {
	return s.Root + "collections/" + collection + "/" + strings.Join(rest, "")
}

func (s *server) add(objects ...string) taxii.Status {
	s.Helper()
	a := s.want(http.StatusAccepted, s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), envelope(objects...)))
	var st taxii.Status
	a.into(s, &st)
	return st
}

func envelope(objects ...string) string { return `{"objects":[` + strings.Join(objects, ",") + `]}` }

// indicator is a valid object with a number, in the version of a second of a minute.
func indicator(n, second int) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z",`+
		`"modified":%q,"name":"indicator %d","pattern":"[ipv4-addr:value = '198.51.100.%d']","pattern_type":"stix",`+
		`"valid_from":"2026-01-01T00:00:00Z"}`, indicatorID(n), version(second), n, n%256)
}

func indicatorID(n int) string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", n) }

func version(second int) string {
	return fmt.Sprintf("2026-01-01T00:%02d:%02d.000Z", second/60, second%60)
}

// ids are the ids of a page of objects or of a manifest, in order.
func (s *server) ids(a answer) (list []string, more bool, next string) {
	s.Helper()
	var e struct {
		More    bool
		Next    string
		Objects []struct{ ID string }
	}
	a.into(s, &e)
	for _, o := range e.Objects {
		list = append(list, o.ID)
	}
	return list, e.More, e.Next
}

// all follows next to the end.
func (s *server) all(address string, values url.Values) (list []string) {
	s.Helper()
	for range 10_000 {
		a := s.want(http.StatusOK, s.get(address+"?"+values.Encode()))
		page, more, next := s.ids(a)
		list = append(list, page...)
		if !more {
			return list
		}
		if next == "" {
			s.Fatal("there is more, and no next")
		}
		values.Set("next", next)
	}
	s.Fatal("the pages never end")
	return nil
}

// noEmptyLists fails if JSON has an empty list or a null anywhere (section 2).
func (s *server) noEmptyLists(a answer) {
	s.Helper()
	for _, bad := range []string{"[]", "null"} {
		if bytes.Contains([]byte(a.body), []byte(bad)) {
			s.Errorf("%s in %s", bad, a.body)
		}
	}
}
