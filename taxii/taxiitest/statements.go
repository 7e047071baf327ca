package taxiitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/taxii"
)

// statement is one thing that must hold. Sections are those of the specification.
type statement struct {
	name string
	test func(*server)
}

var statements = []statement{
	{"T-01 with and without a slash at the end", func(s *server) {
		for _, address := range []string{s.Discovery, s.Root, s.Root + "collections/", s.at(s.ReadWrite),
			s.at(s.ReadWrite, "manifest/"), s.at(s.ReadWrite, "objects/")} {
			s.want(http.StatusOK, s.get(address))
			s.want(http.StatusOK, s.get(strings.TrimSuffix(address, "/")))
		}
		id := s.add(indicator(1, 1)).ID
		s.want(http.StatusOK, s.get(s.Root+"status/"+id))
		s.want(http.StatusOK, s.get(s.Root+"status/"+id+"/"))
	}},
	{"T-02 the media type on success and error (3.1)", func(s *server) {
		s.add(indicator(1, 1))
		for _, address := range []string{s.Discovery, s.Root, s.at(s.ReadWrite, "objects/"), s.Root + "nothing/",
			s.at(s.ReadWrite, "objects/?limit=0"), s.at(s.ReadWrite, "objects/", indicatorID(9), "/")} {
			if a := s.get(address); a.header.Get("Content-Type") != taxii.MediaType {
				s.Errorf("%s: %d with %q", address, a.code, a.header.Get("Content-Type"))
			}
		}
	}},
	{"T-03 Accept", func(s *server) {
		for _, accept := range []string{"application/taxii+json", "application/taxii+json;version=2.1",
			"application/taxii+json; version=2.1", `application/taxii+json;version="2.1"`, "*/*", "application/*",
			"text/html, application/taxii+json;version=2.1;q=0.5", "application/vnd.x+json,application/taxii+json",
			"application/taxii+json;version=2.1,application/stix+json;version=2.1", ""} {
			s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "manifest/"), header("Accept", accept)))
		}
		for _, accept := range []string{"text/html", "application/taxii+json;version=2.0", "application/json",
			"application/taxii+json;version=2.1;q=0"} {
			s.want(http.StatusNotAcceptable, s.get(s.at(s.ReadWrite, "manifest/"), header("Accept", accept)))
		}
	}},
	{"T-04 Content-Type", func(s *server) {
		body := envelope(indicator(1, 1))
		for _, kind := range []string{"application/taxii+json;version=2.1", "application/taxii+json",
			"application/taxii+json; version=2.1; charset=utf-8"} {
			s.want(http.StatusAccepted, s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), body,
				header("Content-Type", kind)))
		}
		for _, kind := range []string{"application/json", "application/taxii+json;version=2.0", "text/plain", "",
			"application/stix+json;version=2.1"} {
			s.want(http.StatusUnsupportedMediaType,
				s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), body, header("Content-Type", kind)))
		}
	}},
	{"T-05 discovery (4.1, 8.2.1)", func(s *server) {
		u, err := url.Parse(s.Discovery)
		if err != nil || u.Path != "/taxii2/" {
			s.Errorf("discovery is at %s, %v", s.Discovery, err)
		}
		var d taxii.Discovery
		s.want(http.StatusOK, s.get(s.Discovery)).into(s, &d)
		if d.Title == "" || len(d.APIRoots) == 0 || !slices.Contains(d.APIRoots, d.Default) {
			s.Errorf("%+v", d)
		}
		for _, root := range d.APIRoots {
			relative := strings.HasPrefix(root, "/") && !strings.HasPrefix(root, "//") && !strings.Contains(root, "..")
			if !relative && !strings.HasPrefix(root, "https://") || strings.ContainsAny(root, "?#") ||
				!strings.HasSuffix(root, "/") {
				s.Errorf("API root %q", root)
			}
		}
	}},
	{"T-06 versions of an API root (4.2)", func(s *server) {
		var r taxii.Root
		s.want(http.StatusOK, s.get(s.Root)).into(s, &r)
		if r.Title == "" || !slices.Contains(r.Versions, taxii.MediaType) {
			s.Errorf("%+v", r)
		}
	}},
	{"T-07 max_content_length, with a length and without", func(s *server) {
		var r taxii.Root
		s.want(http.StatusOK, s.get(s.Root)).into(s, &r)
		if r.MaxContentLength <= 0 {
			s.Fatalf("%+v", r)
		}
		if r.MaxContentLength > 64<<20 {
			s.Skipf("max_content_length is %d bytes: too many to send in a test", r.MaxContentLength)
		}
		pad := func(n int64) string {
			body := envelope(indicator(1, 1))
			return strings.Repeat(" ", int(n)-len(body)) + body
		}
		chunked := func(r *http.Request) { r.ContentLength, r.Body = -1, io.NopCloser(io.MultiReader(r.Body)) }
		for _, how := range [][]option{nil, {chunked}} {
			s.want(http.StatusAccepted, s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), pad(r.MaxContentLength),
				how...))
			s.want(http.StatusRequestEntityTooLarge,
				s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), pad(r.MaxContentLength+1), how...))
		}
	}},
	{"T-08 without credentials (3.2)", func(s *server) {
		if s.Anonymous == nil {
			s.Skip("everybody may read this server")
		}
		anonymous := header("Anonymous", "1")
		for _, address := range []string{s.Root + "collections/", s.at(s.ReadWrite), s.at(s.ReadWrite, "objects/")} {
			a := s.get(address, anonymous)
			if a.code != http.StatusUnauthorized && a.code != http.StatusNotFound {
				s.Errorf("%s: %d", address, a.code)
			}
			if a.code == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "" {
				s.Errorf("%s: no WWW-Authenticate", address)
			}
		}
	}},
	{"T-09 can_read and can_write (5)", func(s *server) {
		refuses := func(a answer) {
			s.Helper()
			if a.code != http.StatusForbidden && a.code != http.StatusNotFound {
				s.Errorf("%d: %s", a.code, a.body)
			}
		}
		for _, path := range []string{"manifest/", "objects/", "objects/" + indicatorID(1) + "/",
			"objects/" + indicatorID(1) + "/versions/"} {
			refuses(s.get(s.at(s.WriteOnly, path)))
			refuses(s.get(s.at(s.Closed, path)))
		}
		for _, id := range []string{s.ReadOnly, s.Closed} {
			refuses(s.do(http.MethodPost, s.at(id, "objects/"), envelope(indicator(1, 1))))
		}
	}},
	{"T-10 who may delete (5.7)", func(s *server) {
		s.add(indicator(1, 1))
		for id, code := range map[string]int{s.Closed: 404, s.ReadOnly: 403, s.WriteOnly: 403, s.ReadWrite: 200} {
			s.want(code, s.do(http.MethodDelete, s.at(id, "objects/", indicatorID(1), "/"), ""))
		}
	}},
	{"T-11 deleted is gone", func(s *server) {
		s.add(indicator(1, 1), indicator(1, 2), indicator(2, 1))
		s.want(http.StatusOK, s.do(http.MethodDelete, s.at(s.ReadWrite, "objects/", indicatorID(1), "/"), ""))
		s.want(http.StatusNotFound, s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/")))
		s.want(http.StatusNotFound, s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/versions/")))
		s.want(http.StatusNotFound, s.do(http.MethodDelete, s.at(s.ReadWrite, "objects/", indicatorID(1), "/"), ""))
		for _, list := range []string{"objects/", "manifest/"} {
			if ids := s.all(s.at(s.ReadWrite, list), url.Values{}); !slices.Equal(ids, []string{indicatorID(2)}) {
				s.Errorf("%s: %v", list, ids)
			}
		}
	}},
	{"T-11 one version is deleted", func(s *server) {
		s.add(indicator(1, 1), indicator(1, 2))
		s.want(http.StatusOK, s.do(http.MethodDelete,
			s.at(s.ReadWrite, "objects/", indicatorID(1), "/?match[version]=", version(2)), ""))
		var v taxii.Versions
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/versions/"))).into(s, &v)
		if !slices.Equal(v.Versions, []string{version(1)}) {
			s.Errorf("%v", v.Versions)
		}
	}},
	{"T-12 empty lists are left out (2)", func(s *server) {
		for _, path := range []string{"objects/", "manifest/"} {
			if a := s.want(http.StatusOK, s.get(s.at(s.ReadWrite, path))); strings.TrimSpace(a.body) != "{}" {
				s.Errorf("%s: %s", path, a.body)
			}
		}
		s.want(http.StatusNotFound, s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/")))
		s.add(indicator(1, 1))
		a := s.want(http.StatusOK,
			s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/?added_after=2999-01-01T00:00:00Z")))
		if strings.TrimSpace(a.body) != "{}" {
			s.Errorf("filtered out: %s", a.body)
		}
		for _, address := range []string{s.Root + "collections/", s.at(s.ReadWrite), s.at(s.ReadWrite, "manifest/"),
			s.Discovery} {
			s.noEmptyLists(s.get(address))
		}
	}},
	{"T-13 the date headers (3.2)", func(s *server) {
		s.add(indicator(1, 1), indicator(2, 1))
		for _, path := range []string{"objects/", "manifest/", "objects/" + indicatorID(1) + "/",
			"objects/" + indicatorID(1) + "/versions/"} {
			a := s.want(http.StatusOK, s.get(s.at(s.ReadWrite, path)))
			first, err1 := time.Parse("2006-01-02T15:04:05.000000Z", a.header.Get("X-TAXII-Date-Added-First"))
			last, err2 := time.Parse("2006-01-02T15:04:05.000000Z", a.header.Get("X-TAXII-Date-Added-Last"))
			if err1 != nil || err2 != nil || first.After(last) {
				s.Errorf("%s: %v, %v, %v", path, a.header, err1, err2)
			}
		}
		a := s.get(s.at(s.ReadWrite, "objects/?added_after=2999-01-01T00:00:00Z"))
		for _, name := range []string{"X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"} {
			if v := a.header.Get(name); v != "" {
				if _, err := time.Parse("2006-01-02T15:04:05.000000Z", v); err != nil {
					s.Errorf("of an empty page: %v", err)
				}
			}
		}
	}},
	{"T-14 ascending by date added (3.3)", func(s *server) {
		for n := range 20 {
			s.add(indicator(20-n, n+1))
		}
		var m taxii.Manifest
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "manifest/"))).into(s, &m)
		if len(m.Objects) != 20 || !slices.IsSortedFunc(m.Objects, func(a, b taxii.ManifestEntry) int {
			return strings.Compare(a.DateAdded, b.DateAdded)
		}) {
			s.Errorf("%+v", m.Objects)
		}
		if ids := s.all(s.at(s.ReadWrite, "objects/"), url.Values{"limit": {"3"}}); len(ids) != 20 ||
			ids[0] != indicatorID(20) {
			s.Errorf("%v", ids)
		}
		one, two := s.get(s.Root+"collections/"), s.get(s.Root+"collections/")
		if one.body != two.body {
			s.Errorf("collections in another order: %s, %s", one.body, two.body)
		}
	}},
	{"T-15 added_after is strict and not modified", func(s *server) {
		s.add(indicator(1, 50))
		a := s.get(s.at(s.ReadWrite, "objects/"))
		last := a.header.Get("X-TAXII-Date-Added-Last")
		s.add(indicator(2, 1)) // modified long before
		after := url.Values{"added_after": {last}}
		if ids := s.all(s.at(s.ReadWrite, "objects/"), after); !slices.Equal(ids, []string{indicatorID(2)}) {
			s.Errorf("after %s: %v", last, ids)
		}
	}},
	{"T-16 each once, with many in one request", func(s *server) {
		const most = 10_000
		want := make([]string, 0, most)
		for from := 0; from < most; from += 1000 {
			var objects []string
			for n := from; n < from+1000; n++ {
				objects, want = append(objects, indicator(n, 1)), append(want, indicatorID(n))
			}
			s.add(objects...)
		}
		for _, limit := range []string{"", "997"} {
			values := url.Values{}
			if limit != "" {
				values.Set("limit", limit)
			}
			if ids := s.all(s.at(s.ReadWrite, "objects/"), values); !slices.Equal(ids, want) {
				s.Errorf("limit %q: %d objects, in another order or not each once", limit, len(ids))
			}
		}
	}},
	{"T-17 a poller beside writers misses nothing", func(s *server) {
		const writers, each = 4, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for n := range each {
					s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), envelope(indicator(w*1000+n, 1)))
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen, after, ended := map[string]bool{}, "", false
		for !ended {
			select {
			case <-done:
				ended = true // and one more look
			default:
			}
			for more := true; more; {
				address := s.at(s.ReadWrite, "objects/?limit=7")
				if after != "" {
					address += "&added_after=" + url.QueryEscape(after)
				}
				a := s.want(http.StatusOK, s.get(address))
				var ids []string
				if ids, more, _ = s.ids(a); len(ids) > 0 {
					after = a.header.Get("X-TAXII-Date-Added-Last")
				}
				for _, id := range ids {
					seen[id] = true
				}
			}
		}
		if len(seen) != writers*each {
			s.Errorf("the poller saw %d of %d objects", len(seen), writers*each)
		}
	}},
	{"T-18 the same next gives the same page", func(s *server) {
		s.fill(9)
		_, _, next := s.ids(s.get(s.at(s.ReadWrite, "objects/?limit=3")))
		address := s.at(s.ReadWrite, "objects/?limit=3&next=", url.QueryEscape(next))
		one, two := s.want(http.StatusOK, s.get(address)), s.want(http.StatusOK, s.get(address))
		if one.body != two.body {
			s.Errorf("%s, then %s", one.body, two.body)
		}
	}},
	{"T-19 next elsewhere, later, and forged", func(s *server) {
		s.fill(9)
		_, _, next := s.ids(s.get(s.at(s.ReadWrite, "objects/?limit=3")))
		for _, bad := range []string{"x", "", next + "A", next[1:], flip(next), strings.Repeat("A", 100_000)} {
			if bad == "" {
				continue
			}
			a := s.get(s.at(s.ReadWrite, "objects/?next=", url.QueryEscape(bad)))
			if a.code != http.StatusBadRequest && a.code != http.StatusRequestURITooLong &&
				a.code != http.StatusRequestHeaderFieldsTooLarge {
				s.Errorf("next=%.40q: %d", bad, a.code)
			}
		}
		s.want(http.StatusBadRequest, s.get(s.at(s.ReadOnly, "objects/?next=", url.QueryEscape(next))))
		s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "manifest/?next=", url.QueryEscape(next))))
		if s.Restarted == nil {
			return
		}
		here := s.get(s.at(s.ReadWrite, "objects/?next=", url.QueryEscape(next)))
		there := s.want(http.StatusOK,
			s.get(s.Restarted(s.T)+"collections/"+s.ReadWrite+"/objects/?next="+url.QueryEscape(next)))
		if here.body != there.body {
			s.Errorf("another process: %s instead of %s", there.body, here.body)
		}
	}},
	{"T-20 next with the same filters, added_after and another limit", func(s *server) {
		s.fill(9)
		first := url.Values{"limit": {"3"}, "added_after": {"2001-01-01T00:00:00Z"}, "match[type]": {"indicator"}}
		_, _, next := s.ids(s.get(s.at(s.ReadWrite, "objects/?", first.Encode())))
		first.Set("next", next)
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?", first.Encode())))
		first.Set("limit", "5")
		if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?", first.Encode()))); len(ids) != 5 ||
			ids[0] != indicatorID(3) {
			s.Errorf("with another limit: %v", ids)
		}
		first.Del("added_after")
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?", first.Encode())))
		first.Set("match[type]", "malware")
		s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "objects/?", first.Encode())))
	}},
	{"T-21 more comes with next everywhere", func(s *server) {
		s.fill(5)
		s.add(indicator(1, 2), indicator(1, 3))
		for _, path := range []string{"objects/", "manifest/", "objects/" + indicatorID(1) + "/versions/"} {
			a := s.want(http.StatusOK, s.get(s.at(s.ReadWrite, path+"?limit=2")))
			var m struct {
				More bool
				Next string
			}
			if a.into(s, &m); !m.More || m.Next == "" {
				s.Errorf("%s: %s", path, a.body)
			}
		}
		a := s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/", indicatorID(1), "/?match[version]=all&limit=2")))
		if ids, more, next := s.ids(a); len(ids) != 2 || !more || next == "" {
			s.Errorf("%s", a.body)
		}
	}},
	{"T-22 limit", func(s *server) {
		s.fill(5)
		for _, bad := range []string{"0", "-1", "x", "1.5", "", "1e3", "%2B1", "99999999999999999999"} {
			s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "objects/?limit=", bad)))
		}
		for n := 1; n <= 6; n++ {
			if ids, more, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?limit=", strconv.Itoa(n)))); len(ids) != min(n,
				5) ||
				more != (n < 5) {
				s.Errorf("limit %d: %d objects, more %v", n, len(ids), more)
			}
		}
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?limit=999999999")))
	}},
	{"T-23 timestamps and parameters twice (3.4)", func(s *server) {
		for _, bad := range []string{"yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
			"2026-13-01T00:00:00Z", "2026-01-01T00:00:00%2B09:00", "1"} {
			s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "objects/?added_after=", bad)))
		}
		for _, query := range []string{"added_after=2026-01-01T00:00:00Z&added_after=2026-01-01T00:00:00Z",
			"limit=1&limit=1",
			"match[type]=a&match[type]=b", "match[id]=a&match[id]=a"} {
			s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "objects/?", query)))
		}
		for digits := range 10 {
			at := "2026-01-01T00:00:00"
			if digits > 0 {
				at += "." + strings.Repeat("1", digits)
			}
			s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?added_after=", at, "Z")))
		}
	}},
	{"T-24 match[version] (3.4.1)", func(s *server) {
		s.add(indicator(1, 1), indicator(1, 2), indicator(1, 3))
		for given, want := range map[string][]int{"": {3}, "last": {3}, "first": {1}, "all": {1, 2, 3},
			"first,last": {1, 3},
			version(2):   {2}, version(2) + ",last": {2, 3}, version(9): nil} {
			address := s.at(s.ReadWrite, "objects/")
			if given != "" {
				address += "?match[version]=" + given
			}
			var e struct{ Objects []struct{ Modified string } }
			s.want(http.StatusOK, s.get(address)).into(s, &e)
			var got, expect []string
			for _, o := range e.Objects {
				got = append(got, o.Modified)
			}
			for _, n := range want {
				expect = append(expect, version(n))
			}
			if !slices.Equal(got, expect) {
				s.Errorf("match[version]=%s: %v instead of %v", given, got, expect)
			}
		}
		for _, bad := range []string{"all,last", "all," + version(1), "last,last", version(1) + "," + version(1),
			"newest", ""} {
			s.want(http.StatusBadRequest, s.get(s.at(s.ReadWrite, "objects/?match[version]=", bad)))
		}
	}},
	{"T-24 versions that came in another order", func(s *server) {
		s.add(indicator(1, 3))
		s.add(indicator(1, 1))
		if a := s.get(s.at(s.ReadWrite, "objects/")); !strings.Contains(a.body, version(3)) ||
			strings.Contains(a.body, version(1)) {
			s.Errorf("the last version is not the latest: %s", a.body)
		}
	}},
	{"T-25 versions are instants", func(s *server) {
		s.add(indicator(1, 1))
		short := strings.ReplaceAll(version(1), ".000Z", "Z")
		if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?match[version]=", short))); len(ids) != 1 {
			s.Errorf("match[version]=%s: %v", short, ids)
		}
		st := s.add(strings.ReplaceAll(indicator(1, 1), version(1), strings.ReplaceAll(version(1), "000Z", "000000Z")))
		var m taxii.Manifest
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "manifest/?match[version]=all"))).into(s, &m)
		if len(m.Objects) != 1 {
			s.Errorf("%+v and %+v", st, m)
		}
	}},
	{"T-26 match[spec_version] (3.4.1)", func(s *server) {
		old := strings.ReplaceAll(indicator(1, 9), `"spec_version":"2.1"`, `"spec_version":"2.0"`)
		if st := s.add(indicator(1, 1), old); st.FailureCount > 0 {
			s.Skip("this server takes no other spec version than 2.1")
		}
		for given, want := range map[string]string{"": version(1), "2.1": version(1), "2.0": version(9)} {
			address := s.at(s.ReadWrite, "objects/")
			if given != "" {
				address += "?match[spec_version]=" + given
			}
			var e struct{ Objects []struct{ Modified string } }
			s.want(http.StatusOK, s.get(address)).into(s, &e)
			if len(e.Objects) != 1 || e.Objects[0].Modified != want {
				s.Errorf("match[spec_version]=%s: %+v", given, e)
			}
		}
	}},
	{"T-27 alternatives and fields (3.4.1)", func(s *server) {
		s.fill(3)
		s.add(sco("198.51.100.3", ""))
		for query, want := range map[string]int{"match[id]=" + indicatorID(0) + "," + indicatorID(2): 2,
			"match[type]=indicator": 3, "match[type]=indicator,ipv4-addr": 4, "match[type]=x-unknown": 0,
			"match[id]=" + indicatorID(0) + "&match[type]=ipv4-addr": 0, "match[nothing]=x": 4,
			"match[id]=indicator--ffffffff-0000-4000-8000-000000000000": 0} {
			if ids, _, _ := s.ids(s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?", query)))); len(ids) !=
				want {
				s.Errorf("%s: %d objects instead of %d", query, len(ids), want)
			}
		}
	}},
	{"T-28 objects without versions (3.4.1)", func(s *server) {
		o := sco("198.51.100.3", "")
		st := s.add(o, marking)
		var m taxii.Manifest
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "manifest/"))).into(s, &m)
		if len(m.Objects) != 2 || len(st.Successes) != 2 {
			s.Fatalf("%+v, %+v", m, st)
		}
		if m.Objects[1].Version != "2026-01-01T00:00:00.000Z" {
			s.Errorf("a marking's version is %s and not its created", m.Objects[1].Version)
		}
		entry := m.Objects[0]
		if entry.Version == "" || st.Successes[0].Version != entry.Version {
			s.Errorf("manifest %+v, status %+v", entry, st.Successes[0])
		}
		var v taxii.Versions
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/", entry.ID, "/versions/"))).into(s, &v)
		if !slices.Equal(v.Versions, []string{entry.Version}) {
			s.Errorf("versions %v, manifest %s", v.Versions, entry.Version)
		}
		if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?match[version]=", entry.Version))); !slices.Contains(
			ids, entry.ID,
		) {
			s.Errorf("not found by its version %s", entry.Version)
		}
	}},
	{"T-29 the manifest says what the objects are (5.3)", func(s *server) {
		s.fill(3)
		var c taxii.Collection
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite))).into(s, &c)
		var m taxii.Manifest
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "manifest/?match[id]="+indicatorID(1)))).into(s, &m)
		if len(m.Objects) != 1 || m.Objects[0].ID != indicatorID(1) || m.Objects[0].Version != version(1) ||
			!slices.Contains(c.MediaTypes, m.Objects[0].MediaType) {
			s.Errorf("%+v, %+v", m, c)
		}
	}},
	{"T-30 the status (4.3)", func(s *server) {
		st := s.add(indicator(1, 1), `{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000002"}`,
			`{"id":7}`, `7`)
		if st.TotalCount != 4 || st.TotalCount != st.SuccessCount+st.FailureCount+st.PendingCount ||
			len(st.Successes) != st.SuccessCount || len(st.Failures) != st.FailureCount ||
			len(st.Pendings) != st.PendingCount {
			s.Errorf("%+v", st)
		}
		if st.Status != taxii.Complete && st.Status != taxii.Pending || len(st.ID) != 36 || st.ID[14] != '4' {
			s.Errorf("%+v", st)
		}
		for _, d := range slices.Concat(st.Successes, st.Failures, st.Pendings) {
			if d.ID == "" || d.Version == "" {
				s.Errorf("%+v", d)
			}
		}
		var again taxii.Status
		s.want(http.StatusOK, s.get(s.Root+"status/"+st.ID+"/")).into(s, &again)
		if again.ID != st.ID || again.TotalCount != 4 {
			s.Errorf("%+v", again)
		}
	}},
	{"T-31 one bad object among a thousand", func(s *server) {
		var objects []string
		for n := range 999 {
			objects = append(objects, indicator(n, 1))
		}
		objects = slices.Insert(objects, 500, `{"type":"indicator","spec_version":"2.1","id":"indicator--nonsense"}`)
		st := s.add(objects...)
		if st.SuccessCount != 999 || st.FailureCount != 1 || st.Failures[0].Message == "" {
			s.Errorf("%d taken, failures %+v", st.SuccessCount, st.Failures)
		}
		if ids := s.all(s.at(s.ReadWrite, "objects/"), url.Values{}); len(ids) != 999 {
			s.Errorf("%d objects", len(ids))
		}
	}},
	{"T-32 the same again", func(s *server) {
		s.add(indicator(1, 1))
		before := s.get(s.at(s.ReadWrite, "manifest/"))
		if st := s.add(indicator(1, 1)); st.SuccessCount != 1 {
			s.Errorf("%+v", st)
		}
		if after := s.get(s.at(s.ReadWrite, "manifest/")); before.body != after.body {
			s.Errorf("%s, then %s", before.body, after.body)
		}
		other := strings.ReplaceAll(indicator(1, 1), "indicator 1", "something else")
		if st := s.add(other); st.FailureCount != 1 {
			s.Errorf("the same version with other content: %+v", st)
		}
		if a := s.get(s.at(s.ReadWrite, "objects/")); strings.Contains(a.body, "something else") {
			s.Errorf("replaced silently: %s", a.body)
		}
	}},
	{"T-33 observables without spec_version", func(s *server) {
		bare := `{"type":"ipv4-addr","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}`
		if st := s.add(bare); st.SuccessCount != 1 {
			s.Errorf("%+v", st)
		}
		if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?match[spec_version]=2.1"))); len(ids) != 1 {
			s.Errorf("%v", ids)
		}
	}},
	{"T-34 a status that is not there", func(s *server) {
		s.want(http.StatusNotFound, s.get(s.Root+"status/2f6c0000-0000-4000-8000-000000000000/"))
	}},
	{"T-35 errors (3.6)", func(s *server) {
		for address, code := range map[string]int{s.Root + "nothing/": 404, s.at(s.ReadWrite, "objects/?limit=0"): 400,
			s.at("nothing", "objects/"): 404} {
			var e taxii.Error
			s.want(code, s.get(address)).into(s, &e)
			if e.Title == "" || e.HTTPStatus != strconv.Itoa(code) {
				s.Errorf("%s: %+v", address, e)
			}
		}
		a := s.want(http.StatusMethodNotAllowed, s.do(http.MethodPut, s.at(s.ReadWrite, "objects/"), "{}"))
		if !strings.Contains(a.header.Get("Allow"), "POST") {
			s.Errorf("Allow: %q", a.header.Get("Allow"))
		}
	}},
	{"T-36 no User-Agent", func(s *server) {
		s.want(http.StatusOK, s.get(s.Discovery, header("User-Agent", "")))
	}},
	{"T-37 the alias is an address (5.2)", func(s *server) {
		if s.Alias == "" {
			s.Skip("the collection has no alias")
		}
		s.add(indicator(1, 1))
		for _, path := range []string{"", "objects/", "manifest/"} {
			byID, byAlias := s.get(s.at(s.ReadWrite, path)), s.get(s.at(s.Alias, path))
			if byID.code != 200 || byID.body != byAlias.body {
				s.Errorf("%s: %d %s and %d %s", path, byID.code, byID.body, byAlias.code, byAlias.body)
			}
		}
		_, _, next := s.ids(s.get(s.at(s.Alias, "objects/?limit=1")))
		if next != "" {
			s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/?next=", url.QueryEscape(next))))
		}
	}},
	{"T-38 objects stay as they were given", func(s *server) {
		odd := `{"type":"indicator","spec_version":"2.1","id":"` + indicatorID(1) +
			`","created":"2026-01-01T00:00:00.000Z",` +
			`"modified":"2026-01-01T00:00:01.000Z","pattern":"[file:name = '<b>&\u2028']","pattern_type":"stix",` +
			`"valid_from":"2026-01-01T00:00:00Z","confidence":0,"revoked":false,"x_number":1.50e3,"x_big":12345678901234567890}`
		s.add(odd)
		var e taxii.Envelope
		s.want(http.StatusOK, s.get(s.at(s.ReadWrite, "objects/"))).into(s, &e)
		if len(e.Objects) != 1 || string(e.Objects[0]) != odd {
			s.Errorf("%s", e.Objects)
		}
	}},
	{"envelopes that are none", func(s *server) {
		for body, code := range map[string]int{"": 400, "{": 400, "[]": 422, "{}": 422, `{"objects":[]}`: 422,
			`{"objects":{}}`: 422, `{"type":"bundle","id":"bundle--1","objects":[` + indicator(1, 1) + `]}`: 422,
			`{"objects":[` + indicator(1, 1): 400} {
			a := s.do(http.MethodPost, s.at(s.ReadWrite, "objects/"), body, header("Content-Type", taxii.MediaType))
			s.want(code, a)
		}
		if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/"))); len(ids) != 0 {
			s.Errorf("%v were taken", ids)
		}
	}},
	{"the address of an object that is none", func(s *server) {
		for _, id := range []string{"nothing", "..%2f..%2fstatus", "indicator--", "%00", "%ff",
			strings.Repeat("a", 5000)} {
			if a := s.get(s.at(s.ReadWrite, "objects/", id, "/")); a.code != http.StatusNotFound &&
				a.code != http.StatusBadRequest {
				s.Errorf("%.40q: %d", id, a.code)
			}
		}
	}},
}

// fill adds objects with the numbers below n.
func (s *server) fill(n int) {
	s.Helper()
	var list []string
	for i := range n {
		list = append(list, indicator(i, 1))
	}
	s.add(list...)
}

// flip changes one bit of a cursor.
func flip(next string) string {
	b := []byte(next)
	if b[10]++; b[10] > 'y' {
		b[10] = 'A'
	}
	return string(b)
}

const marking = `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-000000000001",` +
	`"created":"2026-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"example"}}`

// sco is an IPv4 address as an observable.
func sco(value, id string) string {
	if id == "" {
		id = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
	}
	b, err := json.Marshal(map[string]string{"type": "ipv4-addr", "spec_version": "2.1", "id": id, "value": value})
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(b)
}
