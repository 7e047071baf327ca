package taxiitest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/meneki/meneki/taxii"
)

// adding are the statements on envelopes and their status.
var adding = []statement{
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
	{"T-38 objects stay as they were given", func(s *server) {
		odd := `{"type":"indicator","spec_version":"2.1","id":"` + indicatorID(1) +
			`","created":"2026-01-01T00:00:00.000Z",` +
			`"modified":"2026-01-01T00:00:01.000Z","pattern":"[file:name = '<b>&\u2028']","pattern_type":"stix",` +
			`"valid_from":"2026-01-01T00:00:00Z","confidence":0,"revoked":false,` +
			`"x_number":1.50e3,"x_big":12345678901234567890}`
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
