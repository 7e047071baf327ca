package evtx

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// collected is what a sequence of records gave.
type collected struct {
	ids    []uint64
	lost   []string
	warned []string
}

func collect(seq iter.Seq2[*Record, error]) collected {
	var c collected
	for r, err := range seq {
		var e *Error
		switch {
		case err == nil:
			c.ids = append(c.ids, r.ID)
		case errors.As(err, &e) && !e.Lost:
			c.warned = append(c.warned, err.Error())
		default:
			c.lost = append(c.lost, err.Error())
		}
	}
	return c
}

func open(t testing.TB, b []byte) *Reader {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(from, n uint64) []uint64 {
	var out []uint64
	for i := range n {
		out = append(out, from+i)
	}
	return out
}

// only gives the one record of a chunk made by do, in all forms.
func only(t *testing.T, do func(c *chunkBuilder)) (fields map[string]any, jsonText, xmlText string) {
	t.Helper()
	c := newChunk()
	c.record(1, func() { do(c) })
	n := 0
	for r, err := range open(t, logFile(c.bytes())).All() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		j, err := r.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.AppendXML(nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Fields()
		if err != nil {
			t.Fatal(err)
		}
		fields, jsonText, xmlText = toMap(t, f), string(j), string(x)
		sameSlow(t, r)
	}
	if n != 1 {
		t.Fatalf("%d records", n)
	}
	return fields, jsonText, xmlText
}

func toMap(t *testing.T, fields []Field) map[string]any {
	t.Helper()
	m := map[string]any{}
	for i := range fields {
		if _, twice := m[fields[i].Name]; twice {
			t.Errorf("field %q comes twice", fields[i].Name)
		}
		m[fields[i].Name] = fields[i].Value.Any()
	}
	return m
}

// sameSlow holds the two ways to fields against one another.
func sameSlow(t *testing.T, r *Record) {
	t.Helper()
	f, err := r.Fields()
	if err != nil {
		t.Fatal(err)
	}
	fast := toMap(t, f)
	r.flat.reset(r)
	r.flat.walk()
	r.flat.finish()
	if d := cmp.Diff(toMap(t, r.fields), fast); d != "" {
		t.Errorf("record %d (-walk +fast):\n%s", r.ID, d)
	}
}

func TestSample(t *testing.T) {
	fields, j, x := only(t, func(c *chunkBuilder) {
		c.instance(event, fill(7, func(c *chunkBuilder) {
			c.instance(process, str("-"), str("2026-01-05 00:00:00.123"), u32(4007), str(`C:\a "b"\議.exe`),
				str("a<b>&\n\x01"), str(`EXAMPLE\sato`), null())
		})...)
	})
	want := map[string]any{
		"Provider_Name": "Microsoft-Windows-Sysmon", "Provider_Guid": "33323130-3534-3736-3839-616263646566",
		"EventID": int64(1), "Version": int64(5), "Level": int64(4), "Task": int64(1), "Opcode": int64(0),
		"Keywords": "0x8000000000000000", "TimeCreated": "2026-01-05T00:00:00.123456Z", "EventRecordID": int64(7),
		"Execution_ProcessID": int64(2222), "Execution_ThreadID": int64(3333),
		"Channel":  "Microsoft-Windows-Sysmon/Operational",
		"Computer": "ws01.example.jp", "Security_UserID": "S-1-5-18",
		"RuleName": "-", "UtcTime": "2026-01-05 00:00:00.123", "ProcessId": int64(4007), "Image": `C:\a "b"\議.exe`,
		"CommandLine": "a<b>&\n\x01", "User": `EXAMPLE\sato`,
	}
	if d := cmp.Diff(want, fields); d != "" {
		t.Errorf("fields (-want +got):\n%s", d)
	}
	wantJSON := `{"Event":{"#attributes":{"xmlns":"` + namespace +
		`"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon",` +
		`"Guid":"33323130-3534-3736-3839-616263646566"}},` +
		`"EventID":1,"Version":5,"Level":4,"Task":1,"Opcode":0,"Keywords":"0x8000000000000000",` +
		`"TimeCreated":{"#attributes":{"SystemTime":"2026-01-05T00:00:00.123456Z"}},"EventRecordID":7,` +
		`"Correlation":null,"Execution":{"#attributes":{"ProcessID":2222,"ThreadID":3333}},` +
		`"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws01.example.jp",` +
		`"Security":{"#attributes":{"UserID":"S-1-5-18"}}},` +
		`"EventData":{"RuleName":"-","UtcTime":"2026-01-05 00:00:00.123","ProcessId":4007,"Image":"C:\\a ` +
		`\"b\"\\議.exe","CommandLine":"a<b>&\n\u0001","User":"EXAMPLE\\sato"}}}`
	if j != wantJSON {
		t.Errorf("JSON\n%s\nwant\n%s", j, wantJSON)
	}
	wantXML := `<Event xmlns="` + namespace +
		`"><System><Provider Name="Microsoft-Windows-Sysmon" Guid="{33323130-3534-3736-3839-616263646566}"/><EventID>` +
		`1</EventID><Version>5</Version><Level>4</Level><Task>1</Task>` +
		`<Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated ` +
		`SystemTime="2026-01-05T00:00:00.1234567Z"/><EventRecordID>7</EventRecordID><Correlation/><Execution ` +
		`ProcessID="2222" ThreadID="3333"/>` +
		`<Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>ws01.example.jp</Computer><Security ` +
		`UserID="S-1-5-18"/></System><EventData><Data Name="RuleName">-</Data><Data Name="UtcTime">2026-01-05 ` +
		`00:00:00.123</Data>` +
		`<Data Name="ProcessId">4007</Data><Data Name="Image">C:\a &quot;b&quot;\議.exe</Data><Data ` +
		`Name="CommandLine">a&lt;b&gt;&amp;` + "\n\uFFFD" +
		`</Data><Data Name="User">EXAMPLE\sato</Data></EventData></Event>`
	if x != wantXML {
		t.Errorf("XML\n%s\nwant\n%s", x, wantXML)
	}
}

func TestManyRecords(t *testing.T) {
	b := logFile(sampleChunk(1, 60), sampleChunk(61, 60), sampleChunk(121, 7))
	for name, seq := range map[string]iter.Seq2[*Record, error]{
		"file":   open(t, b).All(),
		"stream": stream1(t, bytes.NewReader(b)),
		"bytes":  stream1(t, iotest.OneByteReader(bytes.NewReader(b))),
	} {
		got := collect(seq)
		if d := cmp.Diff(collected{ids: ids(1, 127)}, got, cmp.AllowUnexported(collected{})); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func stream1(t *testing.T, r io.Reader) iter.Seq2[*Record, error] {
	t.Helper()
	s, err := NewStream(r)
	if err != nil {
		t.Fatal(err)
	}
	return s.All()
}

// Texts and fields may be kept after the record is gone.
func TestKept(t *testing.T) {
	r := open(t, logFile(sampleChunk(1, 40), sampleChunk(41, 40)))
	var images, lines []string
	for rec, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		fields, _ := rec.Fields()
		for i := range fields {
			switch fields[i].Name {
			case "CommandLine":
				lines = append(lines, fields[i].Value.String())
			case "Image":
				images = append(images, fields[i].Value.String())
			}
		}
	}
	if len(lines) != 80 || len(images) != 80 {
		t.Fatal(len(lines), len(images))
	}
	for i := range lines {
		if lines[i] != `cmd.exe /c "type 議事録.txt"` || images[i] != `C:\Windows\System32\cmd.exe` {
			t.Fatalf("%q %q", lines[i], images[i])
		}
	}
}

func TestHeader(t *testing.T) {
	b := logFile(sampleChunk(1, 3), sampleChunk(4, 3))
	h, ok := open(t, b).Header()
	if !ok || h.Chunks != 2 || h.Major != 3 || h.Minor != 1 || h.Dirty || h.LastChunk != 1 {
		t.Errorf("%+v %v", h, ok)
	}
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		warn   string
	}{
		"count": {func(b []byte) []byte { le.PutUint16(b[42:], 900); sealHeader(b); return b },
			"says that there are 900 chunks, and 2 were found"},
		"checksum":  {func(b []byte) []byte { b[124]++; return b }, "the file header's checksum"},
		"version":   {func(b []byte) []byte { b[38] = 9; sealHeader(b); return b }, "format version 9.1 is not known"},
		"block":     {func(b []byte) []byte { b[41] = 1; sealHeader(b); return b }, "says that it takes 256 bytes"},
		"signature": {func(b []byte) []byte { b[0] = 'X'; return b }, "the file header is damaged"},
		"no header": {func(b []byte) []byte { return b[headerSize:] }, "the file begins with a chunk"},
	} {
		changed := c.change(slices.Clone(b))
		for _, seq := range []iter.Seq2[*Record, error]{open(t, changed).All(), stream1(t, bytes.NewReader(changed))} {
			got := collect(seq)
			if !slices.Equal(got.ids, ids(1, 6)) || len(got.lost) != 0 || len(got.warned) != 1 ||
				!strings.Contains(got.warned[0], c.warn) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	dirty := slices.Clone(b)
	dirty[120], dirty[42] = 1, 0
	sealHeader(dirty)
	if got := collect(open(t, dirty).All()); len(got.ids) != 6 || got.lost != nil || got.warned != nil {
		t.Errorf("dirty: %+v", got)
	}
	for _, bad := range [][]byte{nil, []byte("ElfFil"), []byte(strings.Repeat("x", 9000)), make([]byte, 100)} {
		if _, err := NewReader(bytes.NewReader(bad), int64(len(bad))); !errors.Is(err, ErrFormat) {
			t.Errorf("%.10q: %v", bad, err)
		}
		if _, err := NewStream(bytes.NewReader(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	if got := collect(open(t, b[:1000]).All()); len(got.lost) != 1 ||
		!strings.Contains(got.lost[0], "cut off after 1000 bytes") {
		t.Errorf("cut: %+v", got)
	}
}

// A log that has gone round begins in its middle.
func TestRound(t *testing.T) {
	b := logFile(sampleChunk(31, 10), sampleChunk(41, 5), sampleChunk(11, 10), sampleChunk(21, 10))
	if got := collect(open(t, b).All()); !slices.Equal(got.ids, ids(11, 35)) || got.lost != nil || got.warned != nil {
		t.Errorf("%+v", got)
	}
	// In a stream, and where chunks lie in no order at all, the file's order is all there is.
	if got := collect(stream1(t, bytes.NewReader(b))); !slices.Equal(got.ids[:15], ids(31, 15)) || len(got.ids) != 35 {
		t.Errorf("%+v", got)
	}
	mixed := logFile(sampleChunk(31, 10), sampleChunk(11, 10), sampleChunk(21, 10), sampleChunk(1, 10))
	if got := collect(open(t, mixed).All()); !slices.Equal(got.ids[:10], ids(31, 10)) || len(got.ids) != 40 {
		t.Errorf("%+v", got)
	}
}
