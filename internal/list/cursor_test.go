package list_test

import (
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/list"
)

// What is given as a cursor is a place in the list or refused, in every order.
func FuzzCursor(f *testing.F) {
	all := rows(30)
	s := spec()
	for _, o := range s.Sorts {
		p, err := s.Of(all, list.Ask{Sort: o.Name, Limit: 7})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(o.Name, p.Next)
	}
	f.Add("", "bnVsbA")
	f.Add("-"+s.Sorts[0].Name, "!")
	f.Fuzz(func(t *testing.T, sort, after string) {
		p, err := s.Of(all, list.Ask{Sort: sort, After: after, Limit: 7})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q %q: %v", sort, after, err)
		}
		if b := list.Body(p, func(i item) string { return i.ID }); b.Items == nil || len(b.Items) > 7 {
			t.Errorf("%q %q: %v", sort, after, b.Items)
		}
	})
}
