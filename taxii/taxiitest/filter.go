package taxiitest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/meneki/meneki/taxii"
)

// filters are the statements on match and what versions are.
var filters = []statement{
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
		if st := s.add(indicator(1, 1), old); st.FailureCount > 0 { // a server may take 2.1 alone
			if ids, _, _ := s.ids(s.get(s.at(s.ReadWrite, "objects/?match[spec_version]=2.0"))); len(ids) != 0 {
				s.Errorf("2.0 was refused, and %v are served as it", ids)
			}
			return
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
}
