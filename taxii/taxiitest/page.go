package taxiitest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/meneki/meneki/taxii"
)

// pages are the statements on the order of records, dates, next and limit.
var pages = []statement{
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
}
