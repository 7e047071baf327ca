package evtx

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"unicode/utf8"
)

// drain reads all of it in all forms, and holds what must always hold.
func drain(t *testing.T, seq iter.Seq2[*Record, error]) (records int) {
	t.Helper()
	for r, err := range seq {
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || err.Error() == "" {
				t.Fatalf("%T %v", err, err)
			}
			checkReason(t, err)
			continue
		}
		if records++; records > 300 {
			continue // the first ones tell enough
		}
		j, errJ := r.AppendJSON(nil)
		x, errX := r.AppendXML(nil)
		fields, errF := r.Fields()
		for _, err := range []error{errJ, errX, errF} {
			if err != nil && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
		}
		if len(j) > MaxOutput+2*ChunkSize*6 || len(x) > MaxOutput+2*ChunkSize*6 {
			t.Fatalf("%d bytes of JSON, %d of XML", len(j), len(x))
		}
		if errJ == nil && (!json.Valid(j) || !utf8.Valid(j)) {
			t.Fatalf("not JSON: %q", j)
		}
		if errX == nil {
			d := xml.NewDecoder(bytes.NewReader(x))
			d.Strict = false // names are wider than XML's
			d.AutoClose = nil
			depth := 0
			for {
				tok, err := d.RawToken()
				if err == io.EOF {
					break
				}
				if err != nil {
					if strings.Contains(err.Error(), "invalid XML name") ||
						strings.Contains(err.Error(), "expected element name") ||
						strings.Contains(err.Error(), "attribute name") ||
						strings.Contains(err.Error(), "expected target name") {
						depth = 0
						break
					}
					t.Fatalf("%v: %q", err, x)
				}
				switch tok.(type) {
				case xml.StartElement:
					depth++
				case xml.EndElement:
					depth--
				}
			}
			if depth != 0 {
				t.Fatalf("elements are left open: %q", x)
			}
		}
		if errF != nil {
			continue
		}
		got := map[string]string{}
		for i := range fields {
			f := &fields[i]
			if f.Name == "" || f.Value.kind == Null || !utf8.ValidString(f.Value.text) {
				t.Fatalf("field %+v", f)
			}
			got[f.Name] = f.Value.String()
		}
		n := len(fields)
		r.flat.reset(r)
		if r.flat.walk(); r.flat.full() {
			continue
		}
		r.flat.finish()
		if len(r.fields) != n {
			t.Fatalf("%d fields in one way, %d in the other: %v, %v", n, len(r.fields), got, r.fields)
		}
		for i := range r.fields {
			if f := &r.fields[i]; f.Value.String() != got[f.Name] {
				t.Fatalf("field %q is %q in one way and %q in the other", f.Name, got[f.Name], f.Value.String())
			}
		}
	}
	return records
}

// seedContents are the contents of records, each with what makes it special.
func seedContents() []func(c *chunkBuilder) {
	all := &tmpl{[]any{pi{"p", "x"},
		&el{name: "Event", attrs: []at{{"a", []any{"1", entity("quot"), sub{0, 1}}}}, kids: []any{
			"t", cdata("c"), char(0x8b70),
			text("System", text("EventID", opt{1, 6})).with(&el{name: "Provider",
				attrs: []at{{"EventSourceName", []any{sub{0, 1}}}}}),
			text("EventData", data("a b", sub{0, 1})).with(text("Data", sub{2, 0x81}), text("Data", sub{1, 6}),
				data("x", sub{3, 0x13}), data("x", sub{4, 0x11})),
			text("UserData", text("X", sub{5, typeBinXML})),
		}}}}
	return []func(c *chunkBuilder){
		func(c *chunkBuilder) {
			c.instance(event, fill(1, func(c *chunkBuilder) {
				c.instance(process, str("-"), str("t"), u32(1), str("i"), str("c"), str("u"), null())
			})...)
		},
		func(c *chunkBuilder) {
			c.instance(all, str("s"), u16(4), val{typ: 0x81, b: wide("a\x00b\x00")}, sid(18), when(testTime),
				val{typ: typeBinXML, frag: func(c *chunkBuilder) {
					c.node(text("Y", text("z", "1")), false)
					c.byte(tokenEOF)
				}})
		},
		func(c *chunkBuilder) { c.node(text("Event", text("System", text("EventID", "1"))), false) },
	}
}

// content cuts the bytes that do writes out of a chunk, and gives where they lay.
func content(do func(c *chunkBuilder)) []byte {
	c := newChunk()
	c.record(1, func() { do(c) })
	return c.b[chunkHeaderSize+24 : len(c.b)-4]
}

// FuzzBinXML reads any bytes as the content of a record.
func FuzzBinXML(f *testing.F) {
	for _, do := range seedContents() {
		f.Add(content(do))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > ChunkSize-2000 {
			t.Skip()
		}
		c := newChunk()
		c.record(1, func() { c.byte(b...) })
		drain(t, open(t, logFile(c.bytes())).All())
	})
}

// FuzzChunk reads any bytes as the records of a chunk, with checksums that hold or not.
func FuzzChunk(f *testing.F) {
	for _, do := range seedContents() {
		c := newChunk()
		c.record(7, func() { do(c) })
		c.record(8, func() { do(c) })
		f.Add(c.b[chunkHeaderSize:], true, uint32(len(c.b)))
		f.Add(c.b[chunkHeaderSize:], false, uint32(600))
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool, free uint32) {
		chunk := sampleChunk(1, 1)
		clear(chunk[chunkHeaderSize:])
		copy(chunk[chunkHeaderSize:], b)
		le.PutUint32(chunk[48:], free)
		if sealed && free >= chunkHeaderSize && free <= ChunkSize {
			seal(chunk)
		}
		var c Chunk
		if err := c.Reset(chunk, 4096, 0); err != nil {
			t.Fatal(err)
		}
		drain(t, c.All())
	})
}

// FuzzFile reads any bytes as a file, in all the ways that there are.
func FuzzFile(f *testing.F) {
	small := newChunk()
	small.record(1, func() { seedContents()[2](small) })
	b := logFile(small.bytes())
	f.Add(b[:headerSize+len(small.b)])
	f.Add(b[headerSize : headerSize+len(small.b)])
	f.Add(b[:128])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4*ChunkSize {
			t.Skip()
		}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)))
		s, errS := NewStream(bytes.NewReader(b))
		if (err == nil) != (errS == nil) {
			t.Fatalf("file: %v, stream: %v", err, errS)
		}
		if err != nil {
			return
		}
		if n, m := drain(t, r.All()), drain(t, s.All()); n != m {
			t.Fatalf("%d records of the file, %d of the stream", n, m)
		}
	})
}
