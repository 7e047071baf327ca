package read_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
)

// wide is text in UTF-16.
func wide(s string, big, mark bool) []byte {
	var out []byte
	if mark {
		s = "\ufeff" + s
	}
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

// exported is a Windows event log as Event Viewer exports it, and as its reader returns it.
func exported(t *testing.T) (xml []string, want []*event.Event) {
	t.Helper()
	log := sampleLog(t)
	l, err := evtx.NewReader(bytes.NewReader(log), int64(len(log)))
	if err != nil {
		t.Fatal(err)
	}
	for rec, err := range l.All() {
		if err != nil {
			t.Fatal(err)
		}
		x, err := rec.AppendXML(nil)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := new(read.Decoder).Log(event.Source{}, rec, read.Hint{Seen: seen})
		if err != nil {
			t.Fatal(err)
		}
		xml, want = append(xml, string(x)), append(want, ev)
	}
	return xml, want
}

// An export has the fields that the event log has, in whatever encoding and however it
// is laid out.
func TestExportedEvents(t *testing.T) {
	xml, want := exported(t)
	const head = `<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + "\r\n"
	one := head + "<Events>" + strings.Join(xml, "") + "</Events>"
	many := head + "<!-- exported -->\r\n<Events xmlns='x'>\r\n  " +
		strings.ReplaceAll(strings.Join(xml, "\r\n  "), "><", ">\r\n    <") + "\r\n</Events>\r\n"
	prefixed := strings.NewReplacer("<Event ", `<ns0:Event `, "</Event>", "</ns0:Event>", "<System>", "<ns0:System>",
		"</System>", "</ns0:System>").Replace(one)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"one line": []byte(one), "many lines": []byte(many), "prefix": []byte(prefixed),
		"bare": []byte(strings.Join(xml, "")), "a line each": []byte(strings.Join(xml, "\n") + "\n"),
		"UTF-8 with mark": []byte("\ufeff" + one), "UTF-16": wide(one, false, true),
		"UTF-16 BE": wide(many, true, true), "UTF-16 without mark": wide(many, false, false),
		"UTF-16 BE without mark": wide(one, true, false),
	} {
		file := write(t, filepath.Join(dir, name, "export.xml"), content)
		got, rep := paths(t, options(), filepath.Dir(file))
		if len(got) != len(want) || rep.BadN+rep.SkipN+rep.GarbledN > 0 {
			t.Errorf("%s: %d events, not %d: %v %v", name, len(got), len(want), rep.Bad, rep.Skipped)
			continue
		}
		for i, e := range got {
			same(t, name, want[i], e)
			if e.From.Record != int64(i+1) || !strings.HasPrefix(string(e.Raw), "<") ||
				!strings.HasSuffix(string(e.Raw), "Event>") {
				t.Errorf("%s: record %d at %d: %.40s", name, e.From.Record, e.From.Offset, e.Raw)
			}
		}
	}
	evs, err := read.Line(event.Source{}, []byte(one), read.Hint{Seen: seen})
	if err != nil || len(evs) != len(want) {
		t.Errorf("as one line: %d events, %v", len(evs), err)
	}
}

// same holds an event of an export against that of the log, by what rules see.
func same(t *testing.T, name string, want, got *event.Event) {
	t.Helper()
	if got.Service != want.Service || !cmp.Equal(got.Categories, want.Categories) ||
		!got.Time.Truncate(time.Microsecond).Equal(want.Time.Truncate(time.Microsecond)) || got.Host != want.Host ||
		got.User != want.User {
		t.Errorf("%s: %s %v %s of %s", name, got.Service, got.Categories, got.Time, got.Host)
	}
	texts := func(fields map[string]any) map[string]string {
		out := map[string]string{}
		for k, v := range fields {
			if list, ok := v.([]any); ok { // XML does not distinguish an empty text from none
				v = slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == "" })
			}
			if s, ok := sigma.TextOf(v); ok {
				out[k] = s
			} else {
				out[k] = fmt.Sprint(v)
			}
			if k == "TimeCreated" && len(out[k]) > 26 {
				out[k] = out[k][:26] // of the event log there are microseconds
			}
			if len(out[k]) == 38 && out[k][0] == '{' { // some logs have GUIDs as texts
				out[k] = strings.ToUpper(strings.Trim(out[k], "{}"))
			}
			out[k] = strings.TrimSuffix(out[k], "Z")
		}
		return out
	}
	if d := cmp.Diff(texts(want.Fields), texts(got.Fields)); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

// Broken exports lose what is broken and no more, and say where.
func TestBrokenExport(t *testing.T) {
	ev := func(n int) string {
		return fmt.Sprintf(`<Event xmlns="x"><System><EventID>%d</EventID><Channel>Security</Channel></System>`+
			`<EventData><Data Name="n">%d</Data></EventData></Event>`, n, n)
	}
	size := len(ev(1))
	for in, want := range map[string]string{
		"<Events>" + ev(1) + ev(2)[:60] + ev(3) +
			"</Events>": fmt.Sprintf("1 3 at %d", 8+size),
		"<Events>" + ev(1) + ev(2)[:60]: fmt.Sprintf("1 at %d", 8+size),
		"<Events>\n" + ev(1) + "\n<Event><Sys tem><EventID>2</System></Event>\n" +
			ev(3): fmt.Sprintf("1 3 at %d", 9+size+1),
		"<Events>" + ev(1) + "<Event></Event>" +
			ev(3): fmt.Sprintf("1 3 at %d", 8+size),
		"<Events>" + ev(1) + "<Event/>" + ev(3): fmt.Sprintf("1 3 at %d", 8+size),
		ev(1) + strings.Replace(ev(2), "2</Data>", "<![CDATA[</Event>]]><!-- </Event> --></Data>", 1) +
			ev(3): "1 </Event> 3",
		ev(1) + strings.Replace(ev(2), ">2</Data>", ` x="/Event>">2</Data>`, 1) +
			ev(3): "1 2 3",
		ev(1) + strings.Replace(ev(2), "2</Data>", strings.Repeat("x", 300_000)+"</Data>", 1) +
			ev(3): fmt.Sprintf("1 3 at %d", size),
		ev(1) + strings.Replace(ev(2), "<EventData>", "<UserData><Event><a/></Event></UserData><EventData>", 1) +
			ev(3): "1 2 3",
	} {
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(in),
			"byte by byte": dripping{strings.NewReader(in)}} {
			var got []string
			opts := options()
			opts.MaxRecord = 100_000
			rep, err := read.Stream(context.Background(), "x.xml", r, opts,
				func(e *event.Event) error { got = append(got, fmt.Sprint(e.Fields["n"])); return nil })
			for _, b := range rep.Bad {
				got = append(got, fmt.Sprintf("at %d", b.Offset))
			}
			if strings.Join(got, " ") != want || err != nil {
				t.Errorf("%.300s, %s: %v, want %s %v", in, how, got, want, rep.Bad)
			}
		}
	}
}

// Text and other documents that begin with < are what they were.
func TestNotAnExport(t *testing.T) {
	for in, want := range map[string]int{"<34>Jan  2 03:04:05 h app: x\n<34>Jan  2 03:04:05 h app: y\n": 2,
		"<Eventual> x\n<Events without end\n<Event_1>\n": 3, "<a>\n": 1} {
		n := 0
		rep, err := read.Stream(context.Background(), "x", strings.NewReader(in), options(),
			func(e *event.Event) error {
				n++
				if e.Product == "windows" {
					t.Errorf("%q", e.Raw)
				}
				return nil
			})
		if n != want || err != nil || rep.BadN > 0 {
			t.Errorf("%q: %d, %v %v", in, n, err, rep.Bad)
		}
	}
	xml, _ := exported(t)
	for head, want := range map[string]read.Form{xml[0] + "\n" + xml[1]: read.Lines, "<Events>" + xml[0]: read.Whole,
		"<?xml version='1.0'?>\n<Events>\n": read.Whole, "<34>x\n": read.Lines,
		"<Event>\n<System>": read.Whole, string(wide("<Events>\n", false, false)): read.Whole} {
		if got, _ := read.Sniff("a.xml", []byte(head), false); got != want {
			t.Errorf("%.60q is %d, want %d", head, got, want)
		}
	}
}

// The same holds for recorded event logs.
func TestExportedRecordings(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(dataDir(t), "evtx", "*.evtx"))
	n := 0
	for _, file := range files {
		log, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l, err := evtx.NewReader(bytes.NewReader(log), int64(len(log)))
		if err != nil {
			continue
		}
		some := 0
		for rec, err := range l.All() {
			if some++; err != nil || some > 20 {
				break
			}
			x, err := rec.AppendXML(nil)
			if err != nil {
				continue
			}
			want, err := new(read.Decoder).Log(event.Source{}, rec, read.Hint{Seen: seen})
			if err != nil {
				continue
			}
			got, err := read.Line(event.Source{}, x, read.Hint{Seen: seen})
			if err != nil || len(got) != 1 {
				t.Errorf("%s: %d events, %v", file, len(got), err)
				continue
			}
			same(t, filepath.Base(file), want, got[0])
			n++
		}
	}
	t.Logf("%d events of %d logs", n, len(files))
}
