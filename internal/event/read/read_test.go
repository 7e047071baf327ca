package read_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
)

var seen = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func options() read.Options {
	now, _ := clock.Fixed(seen)
	return read.Options{Clock: now}
}

// paths returns every event and the report.
func paths(t *testing.T, opts read.Options, ps ...string) ([]*event.Event, read.Report) {
	t.Helper()
	var out []*event.Event
	rep, err := read.Paths(context.Background(), ps, opts,
		func(e *event.Event) error { out = append(out, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if int(rep.Events) != len(out) {
		t.Errorf("report says %d events, %d came", rep.Events, len(out))
	}
	return out, rep
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func one(t *testing.T, line string) *event.Event {
	t.Helper()
	return oneIn(t, "test", line)
}

func oneIn(t *testing.T, name, line string) *event.Event {
	t.Helper()
	evs, err := read.Line(event.Source{Sensor: "file", Name: name}, []byte(line), read.Hint{Seen: seen})
	if err != nil || len(evs) != 1 {
		t.Fatalf("%d events, %v", len(evs), err)
	}
	return evs[0]
}

func fields(t *testing.T, e *event.Event, want map[string]any) {
	t.Helper()
	for k, v := range want {
		got, _ := e.Lookup(k)
		if d := cmp.Diff(v, got); d != "" {
			t.Errorf("field %s: %s", k, d)
		}
	}
}

func TestContainers(t *testing.T) {
	dir := t.TempDir()
	lines := []byte("{\"n\":1}\n{\"n\":2}\n\n{\"n\":3}")
	var gz, zs, zp bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write(lines)
	g.Close()
	z, _ := zstd.NewWriter(&zs)
	z.Write(lines)
	z.Close()
	w := zip.NewWriter(&zp)
	for _, n := range []string{"b.json", "dir/c.json.gz", "d.pcap", "__MACOSX/._b.json"} {
		f, _ := w.Create(n)
		if strings.HasSuffix(n, ".gz") {
			f.Write(gz.Bytes())
		} else {
			f.Write(lines)
		}
	}
	var inner bytes.Buffer
	wi := zip.NewWriter(&inner)
	f, _ := wi.Create("deep.json")
	f.Write(lines)
	wi.Close()
	f, _ = w.Create("inner.zip")
	f.Write(inner.Bytes())
	w.Close()
	write(t, filepath.Join(dir, "1.json"), lines)
	write(t, filepath.Join(dir, "2.json.gz"), gz.Bytes())
	write(t, filepath.Join(dir, "3.json.zst"), zs.Bytes())
	write(t, filepath.Join(dir, "sub", "4.zip"), zp.Bytes())
	write(t, filepath.Join(dir, "sub", "LICENSE"), []byte("Permission is hereby granted\n"))
	write(t, filepath.Join(dir, "sub", "prose"), []byte("Once upon a time\nthere was a log.\n"))
	write(t, filepath.Join(dir, "utf16.json"), []byte("\xff\xfe{\x00\"\x00n\x00\"\x00:\x004\x00}\x00\n\x00"))
	write(t, filepath.Join(dir, "utf8.json"), []byte("\xef\xbb\xbf{\"n\":5}\r\n"))
	write(t, filepath.Join(dir, "x.bin"), []byte{0, 1, 2, 3, 4, 5, 6, 7, 0, 1})
	evs, rep := paths(t, options(), dir)
	var got []string
	for _, e := range evs {
		rel, _ := filepath.Rel(dir, e.From.Name)
		got = append(got, fmt.Sprintf("%s %v @%d #%d", filepath.ToSlash(rel), e.Fields["n"], e.From.Offset,
			e.From.Record))
	}
	var want []string
	for _, n := range []string{"1.json", "2.json.gz", "3.json.zst", "sub/4.zip!b.json", "sub/4.zip!dir/c.json.gz",
		"sub/4.zip!inner.zip!deep.json"} {
		want = append(want, n+" 1 @0 #1", n+" 2 @8 #2", n+" 3 @17 #3")
	}
	want = append(want, "utf16.json 4 @0 #1", "utf8.json 5 @3 #1")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if rep.BadN != 0 || rep.Files != 8 {
		t.Errorf("%d files, bad %v", rep.Files, rep.Bad)
	}
	var skipped []string
	for _, s := range rep.Skipped {
		if s.Reason.EN == "" || s.Reason.JA == "" {
			t.Errorf("no reason for %s", s.Name)
		}
		skipped = append(skipped, filepath.Base(s.Name))
	}
	if d := cmp.Diff([]string{"d.pcap", "._b.json", "LICENSE", "prose", "x.bin"}, skipped,
		cmp.Transformer("base", func(s string) string { return s[strings.LastIndexAny(s, "!/")+1:] })); d != "" {
		t.Error(d)
	}
	// A file that is named is read as lines, whatever it holds.
	evs, _ = paths(t, options(), filepath.Join(dir, "sub", "prose"))
	if len(evs) != 2 || evs[1].Fields["message"] != "there was a log." {
		t.Errorf("%d lines of prose", len(evs))
	}
	// Reading again returns the same ids.
	again, _ := paths(t, options(), dir)
	for i, e := range again[:len(again)-1] {
		if i < len(evs) && e.ID == again[i+1].ID {
			t.Error("ids are not distinct")
		}
	}
	first, _ := paths(t, options(), filepath.Join(dir, "1.json"))
	if again[0].ID != first[0].ID {
		t.Error("the same record read twice has two ids")
	}
}

func TestMissingPath(t *testing.T) {
	_, err := read.Paths(context.Background(), []string{"/no/such/place"}, options(), nil)
	if !fault.Is(err, fault.NotFound) || !strings.Contains(fault.TextOf(err).EN, "/no/such/place") ||
		fault.HintOf(err).Zero() {
		t.Error(err)
	}
}

func TestYieldStops(t *testing.T) {
	p := write(t, filepath.Join(t.TempDir(), "a.json"), []byte("{}\n{}\n{}\n"))
	stop := errors.New("enough")
	n := 0
	_, err := read.Paths(context.Background(), []string{p}, options(), func(*event.Event) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := read.Paths(ctx, []string{p}, options(), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestFraming compares what is in a stream with the records that come out.
func TestFraming(t *testing.T) {
	big := `{"big":"` + strings.Repeat("x", 5000) + `"}`
	for name, c := range map[string]struct {
		in   string
		want string // n of each event, ! for each bad record
	}{
		"lines":                {"{\"n\":1}\n{\"n\":2}\n", "1 2"},
		"one line":             {`{"n":1}{"n":2} {"n":3}`, "1 2 3"},
		"pretty":               {"{\n  \"n\": 1,\n  \"o\": {\n    \"p\": [1, 2]\n  }\n}\n{\n  \"n\": 2\n}\n", "1 2"},
		"list":                 {`[{"n":1},{"n":2}]`, "1 2"},
		"pretty list":          {"[\n  {\n    \"n\": 1\n  },\n  {\n    \"n\": 2\n  }\n]\n", "1 2"},
		"lists":                {"[{\"n\":1}]\n[]\n[{\"n\":2}]", "1 2"},
		"records":              {`{"Records":[{"n":1},{"n":2}],"x":{"y":[1]}} {"n":3}`, "1 2 3"},
		"records pretty":       {"{\n \"Records\" : [\n {\"n\":1} ]\n}", "1"},
		"empty records":        {`{"Records":[]}`, ""},
		"records of numbers":   {`{"records":[1,2],"n":7}`, "7"},
		"list of scalars":      {`[{"n":1}, 5, "x", null, {"n":2}]`, "1 ! ! ! 2"},
		"unclosed list":        {`[{"n":1},{"n":2}`, "1 2 !"},
		"cut record":           {"{\"n\":1}\n{\"n\":", "1 !"},
		"broken line":          {"{\"n\":1}\n{\"n\":oops}\n{\"n\":2}\n", "1 ! 2"},
		"unclosed string":      {"{\"n\":1}\n{\"n\":\"x\n{\"n\":2}\n", "1 ! 2"},
		"unclosed brace":       {"{\"n\":1}\n{\"n\":9\n{\"n\":2}\n{\"n\":3}\n", "1 ! 2 3"},
		"unclosed list inside": {"{\"n\":[1,\n{\"n\":2}\n{\"n\":3}\n", "! 2 3"},
		"unclosed at end":      {"{\"n\":{\n{\"n\":2}\n", "! 2"},
		"broken pretty":        {"{\n  \"n\": 1,,\n  \"o\": {\n    \"p\": 2\n  }\n}\n{\n  \"n\": 2\n}\n", "! 2"},
		"broken in pretty list": {"[\n  {\n    \"n\": 1 1,\n    \"o\": {\n      \"p\": 2\n    }\n  },\n  {\n    " +
			"\"n\": 2\n  }\n]\n", "! 2"},
		"garbage between":      {"{\"n\":1}\nwhat is this\n{\"n\":2}\n", "1 ! 2"},
		"garbage behind":       {"{\"n\":1}}}\n{\"n\":2}\n", "1 ! 2"},
		"too large":            {"{\"n\":1}\n" + big + "\n{\"n\":2}\n", "1 ! 2"},
		"too large in list":    {"[{\"n\":1}," + big + ",{\"n\":2}]", "1 ! 2"},
		"too large and broken": {"{\"n\":1}\n" + big[:4000] + "\n{\"n\":2}\n", "1 ! 2"},
		"too large text": {"Jan  2 03:04:05 h a: b\n" + strings.Repeat("y", 9000) + "\nJan  2 03:04:05 h a: c\n",
			"- ! -"},
		"too deep":        {strings.Repeat(`{"n":`, 300) + "1" + strings.Repeat("}", 300) + "\n{\"n\":2}\n", "! 2"},
		"too deep list":   {`{"n":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}\n{\"n\":2}\n", "! 2"},
		"hole of NULs":    {"\x00\x00\x00\x00\x00{\"n\":1}\n\x00\x00{\"n\":2}\n", "1 2"},
		"NUL in a string": {"{\"n\":\"a\x00b\"}\n", "a\uFFFDb"},
		"bad UTF-8":       {"{\"n\":\"a\xffb\"}\n", "a\uFFFDb"},
		"lone surrogate":  {`{"n":"\ud83d"}`, "\uFFFD"},
		"escapes":         {`{"n":"\u65e5\ud83d\ude00\u0031\/\""}`, "日😀1/\""},
		"twice":           {`{"n":1,"n":2}`, "2"},
		"long number":     {`{"n":18446744073709551616}`, "18446744073709551616"},
		"number forms":    {`{"n":-1.5e3}`, "-1500"},
		"bad number":      {"{\"n\":01}\n{\"n\":2}", "! 2"},
		"elastic":         {`{"_index":"x","_source":{"n":1}}`, "1"},
		"empty":           {"", ""},
		"blank":           {" \n\n\t", ""},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options()
			opts.MaxRecord = 4096
			var got []string
			next := 0
			collect := func(e *event.Event) error {
				if v, ok := e.Fields["n"]; ok {
					got = append(got, fmt.Sprint(v))
				} else {
					got = append(got, "-")
				}
				next++
				if int64(next) > e.From.Record {
					t.Errorf("record %d is number %d", next, e.From.Record)
				}
				if !bytes.HasPrefix([]byte(c.in)[e.From.Offset:], e.Raw) {
					t.Errorf("at offset %d is not %q", e.From.Offset, e.Raw)
				}
				return nil
			}
			for _, in := range []io.Reader{strings.NewReader(c.in), oneByte{strings.NewReader(c.in)}} {
				got, next = nil, 0
				rep, err := read.Stream(context.Background(), "x.json", in, opts, collect)
				if err != nil {
					t.Fatal(err)
				}
				want := strings.Fields(c.want)
				bad := strings.Count(c.want, "!")
				var good []string
				for _, w := range want {
					if w != "!" {
						good = append(good, w)
					}
				}
				if d := cmp.Diff(good, got); d != "" || int(rep.BadN) != bad {
					t.Errorf("%s\n%d bad, want %d: %v", d, rep.BadN, bad, rep.Bad)
				}
			}
		})
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// TestTruncated cuts archives at every tenth of their length: what is before
// the cut comes out, and one record says that the rest is missing.
func TestTruncated(t *testing.T) {
	var lines bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&lines, "{\"n\":%d,\"s\":\"%x\"}\n", i, i*i*7919)
	}
	pack := map[string]func() []byte{
		"a.gz": func() []byte {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			w.Write(lines.Bytes())
			w.Close()
			return b.Bytes()
		},
		"a.zst": func() []byte {
			var b bytes.Buffer
			w, _ := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
			for l := range bytes.Lines(lines.Bytes()) {
				w.Write(l)
				if b.Len()%7 == 0 {
					w.Flush()
				}
			}
			w.Close()
			return b.Bytes()
		},
		"a.zip": func() []byte {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			f, _ := w.Create("first.json")
			f.Write(lines.Bytes())
			f, _ = w.CreateHeader(&zip.FileHeader{Name: "second.json", Method: zip.Store})
			f.Write(lines.Bytes())
			w.Close()
			return b.Bytes()
		},
	}
	for name, f := range pack {
		t.Run(name, func(t *testing.T) {
			whole := f()
			last := -1
			for tenth := 2; tenth <= 9; tenth++ {
				p := write(t, filepath.Join(t.TempDir(), name), whole[:len(whole)*tenth/10])
				evs, rep := paths(t, options(), p)
				if rep.BadN != 1 || rep.Bad[0].Reason.EN == "" {
					t.Errorf("cut at %d/10: %d bad %v", tenth, rep.BadN, rep.Bad)
				}
				if len(evs) < last {
					t.Errorf("cut at %d/10: %d events, fewer than before", tenth, len(evs))
				}
				last = len(evs)
			}
			if last == 0 {
				t.Error("nothing was read")
			}
			p := write(t, filepath.Join(t.TempDir(), name), whole)
			if evs, rep := paths(t, options(), p); rep.BadN != 0 || len(evs)%3000 != 0 || len(evs) == 0 {
				t.Errorf("whole: %d events, %v", len(evs), rep.Bad)
			}
		})
	}
}

func TestBomb(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	line := bytes.Repeat([]byte("{\"n\":1}\n"), 1<<13)
	for range 64 {
		w.Write(line)
	}
	w.Close()
	p := write(t, filepath.Join(t.TempDir(), "bomb.gz"), b.Bytes())
	opts := options()
	opts.MaxUnpacked = 1 << 20
	evs, rep := paths(t, opts, p)
	if len(evs) != 1<<17 || rep.BadN != 1 || !strings.Contains(rep.Bad[0].Reason.EN, "1048576") {
		t.Errorf("%d events, bad %v", len(evs), rep.Bad)
	}
	var z bytes.Buffer
	zw := zip.NewWriter(&z)
	for i := range 20 {
		f, _ := zw.Create(fmt.Sprintf("%d.json", i))
		f.Write(line)
	}
	zw.Close()
	p = write(t, filepath.Join(t.TempDir(), "bomb.zip"), z.Bytes())
	opts.MaxUnpacked = 5 * int64(len(line))
	_, rep = paths(t, opts, p)
	if rep.BadN != 1 || rep.Events != 5<<13 {
		t.Errorf("%d events, bad %v", rep.Events, rep.Bad)
	}
}

// TestLargeLine is the 50 MB line: refused with its place, and the rest read.
func TestLargeLine(t *testing.T) {
	const size = 50 << 20
	in := io.MultiReader(
		strings.NewReader("{\"n\":1}\n{\"x\":\""),
		io.LimitReader(filler{}, size),
		strings.NewReader("\"}\n{\"n\":2}\n"))
	var got []any
	rep, err := read.Stream(context.Background(), "x.json", in, options(), func(e *event.Event) error {
		got = append(got, e.Fields["n"])
		return nil
	})
	if err != nil || rep.BadN != 1 || rep.Bad[0].Offset != 8 || rep.Bad[0].Record != 2 || len(got) != 2 {
		t.Errorf("%v %v %+v", err, got, rep.Bad)
	}
	if rep.Bytes != size+8+6+3+8 {
		t.Errorf("%d bytes", rep.Bytes)
	}
}

type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
