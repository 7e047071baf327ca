package read

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
)

// result is a record, or why it could not be read, as a Splitter and a Decoder return it.
type result struct {
	Offset, Record int64
	Raw, Reason    string
}

// cutUp reads a stream; lines says whether whole lines are cut without looking into them.
func cutUp(in string, most int, lines bool) (out []result, last int64) {
	c := NewSplitter(strings.NewReader(in), most)
	c.f.lines = lines
	d := new(Decoder)
	source := event.Source{Sensor: "file", Name: "x.json"}
	for {
		cut, err := c.Next()
		if err != nil {
			return out, c.Offset()
		}
		source.Offset, source.Record = cut.Offset, source.Record+1
		n, err := d.Chunk(source, cut, Hint{Seen: time.Unix(1, 0)}, func(ev *event.Event) error {
			out = append(out, result{Offset: ev.From.Offset, Record: ev.From.Record, Raw: string(ev.Raw)})
			return nil
		}, func(b BadRecord) {
			out = append(out, result{Offset: b.Offset, Record: b.Record, Reason: b.Reason.In("en")})
		})
		if err != nil {
			panic(err)
		}
		source.Record += n - 1
	}
}

// Lines that are cut without looking into them yield the records, places and
// reasons that following the structure of all bytes yields, whatever they hold.
func TestPlainLines(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 256) + "1" + strings.Repeat("}", 256)
	deeper := strings.Repeat(`{"a":`, 257) + "1" + strings.Repeat("}", 257)
	pieces := []string{`{"a":1}`, `{"a":{"b":[1,2]}}`, "\n", "\n", "\n", "\r\n", " ", "\t", `{"a":}`, `{"a":"x}`,
		`{"a":1}{"b":2}`, `{"a":1} {"b":`, `}`, `{`, `{"a":{"b":1}`, `,`, `"b":2}`,
		`[`, `]`, `[{"a":1},`, `{"Records":[{"a":1}`, `]}`, `{"records":[]}`, `{"events":[{"a":1}`, `{"events":[]}`,
		`{"hits":{"hits":[{"a":1}`, `]}}`, `{"took":5,"hits":{"total":{"value":1},"hits":[`,
		`{"@odata.context":"x","value":[{"b":1},`, `{"index":{"_id":"1"}}`, "\x00", "\xff", `{"a":"\ud800"}`, `text}`,
		`{text}`, `<14>Jan  2 03:04:05 host app: hello`, "\xef\xbb\xbf",
		`type=SYSCALL msg=audit(1.5:7): exe="/bin/sh"`, strings.Repeat("x", 300), `{"a":"` + strings.Repeat("y", 300) +
			`"}`, deep, deeper, "{}", `{"a":1}[{"b":2}]`, "\n  {\"c\":3}\n", "{\n  \"a\": 1\n}\n"}
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 25).Draw(t, "in"), "")
		if rapid.Bool().Draw(t, "one a line") {
			in = strings.ReplaceAll(in, "}", "}\n")
		}
		most := rapid.SampledFrom([]int{200, 1 << 20}).Draw(t, "most")
		want, wantAt := cutUp(in, most, false)
		got, at := cutUp(in, most, true)
		if d := cmp.Diff(want, got); d != "" || at != wantAt {
			t.Fatalf("%q\nto %d, not %d\n%s", in, at, wantAt, d)
		}
	})
}

// The short way is taken, and finds the end of a line across fills.
func TestPlainLinesTaken(t *testing.T) {
	line := `{"a":"` + strings.Repeat("x", 50_000) + `"}` + "\r\n"
	c := NewSplitter(bytes.NewReader([]byte("\xef\xbb\xbf"+strings.Repeat(line, 20))), 0)
	n := 0
	for {
		cut, err := c.Next()
		if err == io.EOF {
			break
		}
		if !cut.Line || string(cut.Raw)+"\n" != line || cut.Offset != int64(3+n*len(line)) {
			t.Fatalf("cut %d at %d: line %v, %d bytes", n, cut.Offset, cut.Line, len(cut.Raw))
		}
		n++
	}
	if n != 20 || c.Broken() {
		t.Errorf("%d cuts", n)
	}
}
