package read_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

const zeekHead = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n" +
	"#open\t2026-01-02-03-04-05\n" +
	"#fields\tts\tuid\tid.orig_h\tid.orig_p\tquery\tAA\tanswers\tTTLs\tz\n" +
	"#types\ttime\tstring\taddr\tport\tstring\tbool\tvector[string]\tvector[interval]\tcount\n"

// A Zeek log in TSV has the events that the same log in JSON has.
func TestZeekTSV(t *testing.T) {
	text := zeekHead +
		"1767323045.250000\tC1\t10.0.0.1\t5353\tbad\\x09\\\\x.example\tT\t192.0.2.1,b.example\t60.000000,-\t-\r\n" +
		"1767323046.0\tC2\t10.0.0.1\t5353\t(empty)\tF\t(empty)\t-\t7\n" +
		"two\tcolumns\n" +
		"#path\tconn\n#fields\tts\tuid\tid.orig_h\tconn_state\n#types\ttime\tstring\taddr\tstring\n" +
		"1767323047.0\tC3\t10.0.0.2\tS0\n#close\t2026-01-02-04-00-00"
	var got []*event.Event
	report, err := read.Stream(t.Context(), "logs/zeek.log", strings.NewReader(text), read.Options{},
		func(ev *event.Event) error {
			got = append(got, ev)
			return nil
		})
	if err != nil || len(got) != 3 || report.BadN != 1 || report.SkipN != 0 {
		t.Fatalf("%d events, %+v, %v", len(got), report, err)
	}
	same := func(i int, json string) {
		t.Helper()
		want := one(t, json)
		if d := cmp.Diff(want.Fields, got[i].Fields); d != "" || !want.Time.Equal(got[i].Time) ||
			want.Product != got[i].Product || want.Service != got[i].Service {
			t.Errorf("%v %s/%s\n%s", got[i].Time, got[i].Product, got[i].Service, d)
		}
	}
	same(0, `{"_path":"dns","ts":1767323045.25,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":5353,`+
		`"query":"bad\t\\x.example","AA":true,"answers":["192.0.2.1","b.example"],"TTLs":[60.0,null]}`)
	same(1, `{"_path":"dns","ts":1767323046.0,"uid":"C2","id.orig_h":"10.0.0.1","id.orig_p":5353,"query":"",`+
		`"AA":false,"answers":[],"z":7}`)
	same(2, `{"_path":"conn","ts":1767323047.0,"uid":"C3","id.orig_h":"10.0.0.2","conn_state":"S0"}`)
}

// Whatever a Zeek log holds, reading it ends, and returns no more lines than it has.
func FuzzZeekTSV(f *testing.F) {
	f.Add(zeekHead + "1\tC\t\\x\t\\x4\t\xff\tX\t,\t-,\t1e999\n")
	f.Add("#separator \n#fields\n\n\x00\n")
	f.Add("#separator \\x09\n#fields\ta\n#types\tset[vector[set[\n\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		report, err := read.Stream(t.Context(), "x.log", strings.NewReader("#separator"+text),
			read.Options{MaxRecord: 4096}, func(*event.Event) error { return nil })
		if err != nil || report.Events+report.BadN > int64(strings.Count(text, "\n"))*8+int64(len(text))+1 {
			t.Errorf("%+v %v", report, err)
		}
	})
}
