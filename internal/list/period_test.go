package list_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

// A period narrows by the days, hours and times that the address holds, in SQL and
// in memory alike; a choice that is none of its options stays in the form.
func TestPeriod(t *testing.T) {
	s := spec()
	s.Filters = list.Period(i18n.T("Changed", "更新"), "i.at", func(i item) time.Time { return i.At },
		start.Add(4*time.Minute+24*time.Hour))
	all := rows(90)
	db := storetest.SQLite(t, storetest.With(items))
	if err := db.Write(t.Context(), sys, func(tx *store.Tx) error { return save(tx, all...) }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		since, until string
		want         int64
	}{
		{"", "", 90}, {"24h", "", 50}, {"1h", "", 0}, {"30d", "", 90}, {start.Format(time.DateOnly), "", 90},
		{start.Add(8 * time.Minute).Format(time.RFC3339), "", 10},
		{"2026-11-22T14:01:00+09:00", "2026-11-22T05:03:00Z", 20}, {"", start.Format(time.DateOnly), 0},
	} {
		ask := list.Ask{Values: map[string]string{"since": c.since, "until": c.until}, Count: true, Strict: true}
		inMemory, err := s.Of(all, ask)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), sys, func(tx *store.Tx) error {
			p, err := s.Read(tx, ask)
			if p.Total != c.want || inMemory.Total != c.want {
				t.Errorf("%+v: %d in SQL, %d in memory", c, p.Total, inMemory.Total)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"1", "yesterday", "2026-13-01", "2h"} {
		ask := list.Ask{Values: map[string]string{"since": bad}, Strict: true}
		if _, err := s.Of(all, ask); !fault.Is(err, fault.Invalid) {
			t.Errorf("since %q: %v", bad, err)
		}
	}
	p, err := s.Of(all, list.Ask{Values: map[string]string{"since": "2026-11-22"}})
	if err != nil {
		t.Fatal(err)
	}
	l := s.View(&web.Request{Request: httptest.NewRequest("GET", "/items?since=2026-11-22", nil)}, p)
	options := l.Filter.Fields[0].Options
	if last := options[len(options)-1]; !last.On || last.Value != "2026-11-22" {
		t.Errorf("the day is not in the form: %+v", options)
	}
}
