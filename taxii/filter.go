package taxii

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/stix"
)

// Filter is which objects of a collection are asked for (section 3.4). The values of
// one field are alternatives; all fields must hold. An empty field leaves nothing out.
type Filter struct {
	IDs          []string
	Types        []string
	SpecVersions []string // none: the latest that an object is there in
	Versions     Versioning
}

// Versioning is which versions of an object are asked for; its zero value is the last.
type Versioning struct {
	All         bool
	First, Last bool
	At          []time.Time
}

// Wants reports whether a version is among those that are asked for.
func (v Versioning) Wants(version time.Time, first, last bool) bool {
	switch {
	case v.All:
		return true
	case !v.First && !v.Last && len(v.At) == 0:
		return last
	}
	return v.First && first || v.Last && last || slices.ContainsFunc(v.At, version.Equal)
}

// Matches reports whether the filter lets an object of this id, type and spec version
// through. Which of its versions is another question.
func (f Filter) Matches(id, typ, spec string) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return in(f.IDs, id) && in(f.Types, typ) && in(f.SpecVersions, spec)
}

// key is the filter in a form in which equal filters are equal, to seal into cursors.
func (f Filter) key() string {
	sorted := func(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), ",") }
	var at []string
	for _, t := range f.Versions.At {
		at = append(at, t.UTC().Format(time.RFC3339Nano))
	}
	flag := func(b bool, s string) string {
		if b {
			return s
		}
		return ""
	}
	v := f.Versions
	return strings.Join([]string{sorted(f.IDs), sorted(f.Types), sorted(f.SpecVersions), sorted(at),
		flag(v.All, "all"), flag(v.First, "first"), flag(v.Last || v.zero(), "last")}, "|")
}

func (v Versioning) zero() bool { return !v.All && !v.First && !v.Last && len(v.At) == 0 }

// query is what the address of a list asks for.
type query struct {
	filter Filter
	after  time.Time // added_after; zero: none
	limit  int       // 0: none was given
	next   string
}

// The fields of match that each endpoint knows. Others are left out, as section 3.4.1
// lets a server do.
var (
	matchAll     = []string{"id", "type", "version", "spec_version"}
	matchObject  = []string{"version", "spec_version"}
	matchVersion = []string{"spec_version"}
)

// maxAlternatives bounds the values of one field.
const maxAlternatives = 1000

func parseQuery(values url.Values, known []string) (query, error) {
	var q query
	for name, given := range values {
		switch {
		case len(given) > 1:
			return q, badRequest("the parameter " + name + " is given " + plural(len(given)) + "; give it once, " +
				"with commas between alternatives")
		case name == "added_after":
			t, err := parseTime(given[0])
			if err != nil {
				return q, badRequest("added_after is not a timestamp such as 2026-01-02T03:04:05.678Z")
			}
			q.after = t
		case name == "limit":
			n, ok := wholeNumber(given[0])
			if !ok || n < 1 {
				return q, badRequest("limit must be a whole number of 1 or more")
			}
			q.limit = n
		case name == "next":
			q.next = given[0]
		}
	}
	for _, field := range known {
		given := values.Get("match[" + field + "]")
		if !values.Has("match[" + field + "]") {
			continue
		}
		list, err := alternatives("match["+field+"]", given)
		if err != nil {
			return q, err
		}
		switch field {
		case "id":
			q.filter.IDs = list
		case "type":
			q.filter.Types = list
		case "spec_version":
			q.filter.SpecVersions = list
		case "version":
			if q.filter.Versions, err = parseVersions(list); err != nil {
				return q, err
			}
		}
	}
	return q, nil
}

func alternatives(name, given string) ([]string, error) {
	list := strings.Split(given, ",")
	if len(list) > maxAlternatives {
		return nil, badRequest(name + " has more than 1000 values")
	}
	seen := map[string]bool{}
	for i, v := range list {
		v = strings.TrimSpace(v)
		if v == "" {
			return nil, badRequest(name + " has an empty value")
		}
		if seen[v] {
			return nil, badRequest(name + " has a value twice")
		}
		seen[v], list[i] = true, v
	}
	return list, nil
}

func parseVersions(list []string) (v Versioning, err error) {
	for _, s := range list {
		switch s {
		case "all":
			v.All = true
		case "first":
			v.First = true
		case "last":
			v.Last = true
		default:
			t, err := parseTime(s)
			if err != nil {
				return v, badRequest("match[version] takes all, first, last and timestamps")
			}
			if slices.ContainsFunc(v.At, t.Equal) {
				return v, badRequest("match[version] has a value twice")
			}
			v.At = append(v.At, t)
		}
	}
	if v.All && len(list) > 1 {
		return v, badRequest("match[version]=all cannot be combined with other versions")
	}
	return v, nil
}

// parseTime reads a timestamp as clients write it: with Z, and 0 to 9 digits of a second.
func parseTime(s string) (time.Time, error) {
	t, err := stix.ParseTimestamp(s)
	if err != nil {
		return time.Time{}, err
	}
	return t.Time(), nil
}

func wholeNumber(s string) (n int, ok bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func plural(n int) string {
	if n == 2 {
		return "twice"
	}
	return "several times"
}

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
