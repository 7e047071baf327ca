package taxii_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meneki/meneki/taxii"
)

func object(n int) json.RawMessage {
	return fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012d",`+
		`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern_type":"stix",`+
		`"pattern":"[ipv4-addr:value = '198.51.100.3']","valid_from":"2026-01-01T00:00:00Z"}`, n)
}

func objects(n int) (list []json.RawMessage) {
	for i := range n {
		list = append(list, object(i))
	}
	return list
}

func TestClient(t *testing.T) {
	h := serve(t, memory())
	c := &taxii.Client{User: "a", Password: "b", PageSize: 10}
	d, err := c.Discover(t.Context(), h.URL+"/taxii2/")
	if err != nil || d.Default != h.URL+"/taxii2/first/" || len(d.APIRoots) != 2 { // C-03
		t.Fatalf("%+v, %v", d, err)
	}
	root, err := c.Root(t.Context(), d.Default)
	if err != nil || root.Title != "First" || root.MaxContentLength != 2<<20 {
		t.Fatalf("%+v, %v", root, err)
	}
	list, err := c.Collections(t.Context(), d.Default)
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	given := objects(95)
	sts, err := c.Add(t.Context(), d.Default, readWrite, given, 10_000) // C-06
	if err != nil || len(sts) < 3 {
		t.Fatalf("%d envelopes, %v", len(sts), err)
	}
	taken := 0
	for _, st := range sts {
		taken += st.SuccessCount
	}
	if taken != len(given) {
		t.Errorf("%d of %d were taken", taken, len(given))
	}
	// C-07: after an interruption the page that was not kept comes again, and all others once.
	var got []string
	var kept taxii.Progress
	stop := errors.New("the power is gone")
	for round := 0; ; round++ {
		pages := 0
		err = c.Read(t.Context(), d.Default, readWrite, taxii.Filter{}, kept,
			func(page []json.RawMessage, p taxii.Progress) error {
				if pages++; pages == 3 {
					return stop
				}
				for _, o := range page {
					got = append(got, string(o))
				}
				kept = p
				return nil
			})
		if err == nil {
			break
		}
		if !errors.Is(err, stop) || round > 20 {
			t.Fatal(err)
		}
	}
	if len(got) != len(given) {
		t.Fatalf("%d of %d objects were read", len(got), len(given))
	}
	for i, o := range got {
		if o != string(given[i]) {
			t.Errorf("%d: %s", i, o)
		}
	}
	if kept.Next != "" || kept.AddedAfter == "" {
		t.Errorf("at the end: %+v", kept)
	}
	calls := 0
	if _, err := c.Add(t.Context(), d.Default, readWrite, []json.RawMessage{object(1000)}, 0); err != nil {
		t.Fatal(err)
	}
	err = c.Read(t.Context(), d.Default, readWrite, taxii.Filter{}, kept,
		func(page []json.RawMessage, p taxii.Progress) error {
			calls += len(page)
			return nil
		})
	if err != nil || calls != 1 {
		t.Errorf("%d objects are new, %v", calls, err)
	}
	_, err = c.Add(t.Context(), d.Default, readOnly, given, 0)
	var e *taxii.Error
	if !errors.As(err, &e) || e.HTTPStatus != "403" {
		t.Errorf("a collection that is not to be written: %v", err)
	}
	if _, err := c.Add(t.Context(), d.Default, readWrite, given, 100); err == nil {
		t.Error("an object larger than the server takes was sent")
	}
}

// pages serves envelopes one after another, whatever is asked for, and notes the addresses.
func pages(t *testing.T, list ...string) (root string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len(*asked)
		*asked = append(*asked, r.URL.RawQuery)
		head, body, _ := strings.Cut(list[min(n, len(list)-1)], " ")
		if code, ok := strings.CutPrefix(head, "!"); ok {
			status := 0
			_, _ = fmt.Sscan(code, &status)
			w.WriteHeader(status)
			return
		}
		if head != "-" {
			w.Header().Set("X-TAXII-Date-Added-Last", head)
		}
		w.Header().Set("Content-Type", taxii.MediaType)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(h.Close)
	return h.URL + "/r/", asked
}

func TestClientWithServersInTheField(t *testing.T) {
	const day1, day2 = "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
	o := string(object(1))
	tests := map[string]struct {
		from   taxii.Progress
		pages  []string
		n      int
		fails  string
		asked  []string
		result taxii.Progress
	}{
		"next (C-01)": {pages: []string{day1 + ` {"more":true,"next":"a b","objects":[` + o + `]}`,
			day2 + ` {"objects":[` + o + `]}`},
			n: 2, asked: []string{"", "next=a+b"}, result: taxii.Progress{AddedAfter: day2}},
		"next keeps added_after": {from: taxii.Progress{AddedAfter: day1},
			pages: []string{day2 + ` {"more":true,"next":"1","objects":[` + o + `]}`, day2 + ` {}`}, n: 1,
			asked: []string{"added_after=2026-01-01T00%3A00%3A00.000000Z",
				"added_after=2026-01-01T00%3A00%3A00.000000Z&next=1"},
			result: taxii.Progress{AddedAfter: day2}},
		"more without next": {pages: []string{day1 + ` {"more":true,"objects":[` + o + `]}`,
			day2 + ` {"objects":[` + o + `]}`},
			n: 2, asked: []string{"", "added_after=2026-01-01T00%3A00%3A00.000000Z"},
			result: taxii.Progress{AddedAfter: day2}},
		"more without anything": {pages: []string{`- {"more":true,"objects":[` + o + `]}`}, n: 0,
			fails: "neither next nor a later date"},
		"the same next for ever": {from: taxii.Progress{Next: "x", Last: day1},
			pages: []string{day1 + ` {"more":true,"next":"x"}`}, fails: "again and again"},
		"headers that are none (C-02)": {pages: []string{`undefined {"objects":[` + o + `]}`}, n: 1,
			asked: []string{""}},
		"an empty page with a date": {pages: []string{day1 + ` {}`}, asked: []string{""},
			result: taxii.Progress{AddedAfter: day1}},
		"next is not known any more": {from: taxii.Progress{AddedAfter: day1, Next: "old", Last: day1},
			pages: []string{"!400", day2 + ` {"objects":[` + o + `]}`}, n: 1, result: taxii.Progress{AddedAfter: day2}},
		"refused":  {pages: []string{"!400"}, fails: "400"},
		"not JSON": {pages: []string{"- <html>"}, fails: "not what TAXII says"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root, asked := pages(t, test.pages...)
			n, last := 0, taxii.Progress{}
			err := (&taxii.Client{}).Read(t.Context(), root, "c", taxii.Filter{}, test.from,
				func(list []json.RawMessage, p taxii.Progress) error {
					n, last = n+len(list), p
					return nil
				})
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || n != test.n || last != test.result {
				t.Errorf("%d objects, %+v, %v", n, last, err)
			}
			if test.asked != nil && !slices.Equal(*asked, test.asked) {
				t.Errorf("asked %q instead of %q", *asked, test.asked)
			}
		})
	}
}

// statusServer answers with statuses one after another, without a network.
type statusServer struct {
	calls   atomic.Int32
	pending int32
}

func (s *statusServer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	st := taxii.Status{ID: "x", Status: taxii.Complete, TotalCount: 1, SuccessCount: 1}
	switch n := s.calls.Add(1); {
	case n == 1:
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	case n <= s.pending:
		st.Status = taxii.Pending
	}
	if err := json.NewEncoder(w).Encode(st); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// C-05: a status is asked for until it is complete, and then never again.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &statusServer{pending: 4}
		c := &taxii.Client{HTTP: &http.Client{Transport: s}}
		began := time.Now()
		st, err := c.Wait(t.Context(), "https://x.example/r", taxii.Status{ID: "x", Status: taxii.Pending}, time.Second)
		if err != nil || st.Status != taxii.Complete || s.calls.Load() != 5 {
			t.Errorf("%+v after %d calls, %v", st, s.calls.Load(), err)
		}
		if d := time.Since(began); d < 31*time.Second {
			t.Errorf("Retry-After was not kept: %v", d)
		}
		if _, err := c.Wait(t.Context(), "https://x.example/r", st, time.Second); err != nil || s.calls.Load() != 5 {
			t.Errorf("asked again: %v", err)
		}
	})
}

// A redirection changes what relative API roots are relative to, and credentials do not
// follow it to another host.
func TestClientRedirected(t *testing.T) {
	h := serve(t, memory())
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok {
			leaked.Store(true)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/", http.StatusFound)
			return
		}
		http.Redirect(w, r, h.URL+"/taxii2/", http.StatusFound)
	}))
	defer first.Close()
	c := &taxii.Client{User: "a", Password: "b"}
	if d, err := c.Discover(t.Context(), first.URL+"/taxii2/"); err == nil && d.Default != h.URL+"/taxii2/first/" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := c.Discover(t.Context(), first.URL+"/away"); err == nil || leaked.Load() {
		t.Errorf("%v, credentials went along: %v", err, leaked.Load())
	}
}

func TestClientBoundsAnswers(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"title":"` + strings.Repeat("x", 2000) + `"}`))
	}))
	defer h.Close()
	if _, err := (&taxii.Client{MaxContent: 1000}).Discover(t.Context(), h.URL); err == nil ||
		!strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("%v", err)
	}
}
