package taxiitest

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/taxii"
)

// resources are the statements on resources, media types, who may what, and errors.
var resources = []statement{
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
}
