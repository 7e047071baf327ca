package list

import (
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// Ask is what a reader or a program wants of a list.
type Ask struct {
	Values map[string]string // by the names of filters
	Sort   string            // name of a Sort, with - in front for its reverse; empty: the default
	After  string            // Next of the page before
	Limit  int               // 0: PageRows
	// Download asks for as much as a file holds, from the start: what is in memory
	// as a whole, and DownloadRows of what is in the database.
	Download bool
	Count    bool // how many there are in all is wanted
	Strict   bool // what the list does not know is an error instead of being left out
}

// asked is an Ask that was understood.
type asked[T any] struct {
	values  map[string]string
	unknown []string // values that the list does not know: left out, and said
	chosen  string   // value of ?sort= as it was understood; empty: the default
	sort    Sort[T]
	back    bool
	after   string
	limit   int
	file    bool
}

// Ask returns what the address of a page asks for. A download begins at the
// start and holds more.
func (s Spec[T]) Ask(r *web.Request) Ask {
	a := Ask{Values: map[string]string{}, Sort: r.Value("sort"), After: r.Value("after"), Limit: PageRows, Count: true}
	for _, f := range s.Filters {
		a.Values[f.Name] = r.Value(f.Name)
	}
	if r.Download() {
		a.After, a.Limit, a.Download = "", DownloadRows, true
	}
	return a
}

// understand returns what is asked, in terms of the list.
func (s Spec[T]) understand(a Ask) (asked[T], error) {
	out, err := s.read(a)
	if err == nil && a.Strict && len(out.unknown) > 0 {
		err = fault.New(fault.Invalid, notKnown(out.unknown))
	}
	return out, err
}

func (s Spec[T]) read(a Ask) (asked[T], error) {
	out := asked[T]{values: map[string]string{}, after: a.After, limit: a.Limit, file: a.Download}
	if out.limit < 1 {
		out.limit = PageRows
	}
	for _, f := range s.Filters {
		v := a.Values[f.Name]
		if v == "" {
			v = f.Missing
		}
		if !f.knows(v) {
			out.unknown = append(out.unknown, f.Name+"="+v)
			v = f.Missing
		}
		out.values[f.Name] = v
	}
	if len(s.Sorts) == 0 || len(s.Key) == 0 {
		return out, fault.New(fault.Internal, i18n.T("the list has no order", "一覧の並び順が定義されていません"))
	}
	out.sort = s.Sorts[0]
	name, back := strings.CutPrefix(a.Sort, "-")
	for i, o := range s.Sorts {
		if a.Sort != "" && o.Name == name {
			out.sort, out.back = o, back
			if i > 0 || back {
				out.chosen = a.Sort
			}
			return out, nil
		}
	}
	if a.Sort != "" {
		out.unknown = append(out.unknown, "sort="+a.Sort)
	}
	return out, nil
}

// Value is the value of a filter as it was understood.
func (a asked[T]) Value(filter string) string { return a.values[filter] }

// narrowed reports whether a filter leaves something out that is there otherwise.
func (s Spec[T]) narrowed(a asked[T]) bool {
	for _, f := range s.Filters {
		if a.values[f.Name] != f.Missing {
			return true
		}
	}
	return false
}
