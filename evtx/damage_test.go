package evtx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// recordAt gives where the n-th record of a chunk begins, from 0.
func recordAt(t *testing.T, chunk []byte, n int) int {
	t.Helper()
	pos := chunkHeaderSize
	for range n {
		pos += int(le.Uint32(chunk[pos+4:]))
	}
	if !bytes.HasPrefix(chunk[pos:], recordSignature) {
		t.Fatal("no record there")
	}
	return pos
}

// Whatever is broken in the second of three chunks, all else is read, and the
// error says where.
func TestDamage(t *testing.T) {
	middle := sampleChunk(11, 10)
	third := recordAt(t, middle, 2)
	next := recordAt(t, middle, 3)
	all := ids(11, 10)
	without13 := slices.Concat(ids(11, 2), ids(14, 7))
	for name, c := range map[string]struct {
		change func(b []byte)
		ids    []uint64 // of the chunk
		lost   string
		warned string
	}{
		"record signature": {func(b []byte) { b[third] = 'x'; seal(b) }, without13, "no record begins here", ""},
		"record size zero": {func(b []byte) { le.PutUint32(b[third+4:], 0); seal(b) }, without13,
			"it has 0 bytes, and a record has at least 28", ""},
		"record size huge": {func(b []byte) { le.PutUint32(b[third+4:], 1<<31); seal(b) }, without13,
			"it has 2147483648 bytes, and", ""},
		"record size lies": {func(b []byte) { le.PutUint32(b[third+4:], 100); seal(b) }, without13,
			"is 100 at its start and", ""},
		"size at the end": {func(b []byte) { le.PutUint32(b[next-4:], 100); seal(b) }, without13,
			"at its start and 100 at its end", ""},
		"content": {func(b []byte) { b[third+24] = 0x99; seal(b) }, without13, "record 13, ", ""},
		"template": {func(b []byte) { le.PutUint32(b[third+34:], 70000); seal(b) }, without13,
			"a template is said to be at 0x11170", ""},
		"template in name": {func(b []byte) { le.PutUint32(b[third+34:], 700); seal(b) }, without13, "record 13, ", ""},
		"values": {func(b []byte) { le.PutUint32(b[third+38:], 1<<30); seal(b) }, without13,
			"1073741824 values are said to follow", ""},
		"fewer values": {func(b []byte) { le.PutUint32(b[third+38:], 2); seal(b) }, without13,
			"the template asks for value 17, and the record has 2", ""},
		"value size": {func(b []byte) { le.PutUint16(b[third+42:], 60000); seal(b) }, without13,
			"value 0 has 60000 bytes, and", ""},
		"value type": {func(b []byte) { b[third+44] = 0x44; seal(b) }, without13,
			"value 0: a value of type 0x44, which is not known", ""},
		"number's size": {func(b []byte) { b[third+44] = typeUint16; seal(b) }, without13, "must have 2", ""},
		"records checksum": {func(b []byte) { b[52]++; b[third+100]++; seal(b); b[third+100]-- }, all, "",
			"the records' checksum"},
		"header checksum": {func(b []byte) { b[124]++ }, all, "", "the chunk header's checksum"},
		"free space lies": {func(b []byte) { le.PutUint32(b[48:], 100000) }, all, "", "the records end at 0x186a0"},
		"free space zero": {func(b []byte) { le.PutUint32(b[48:], 0) }, all, "", "the records end at 0x0"},
		"records wiped": {func(b []byte) { clear(b[third:]); seal(b) }, ids(11, 2),
			"records end with 12, and its header says that they go on to 20", ""},
		"free space early": {func(b []byte) { le.PutUint32(b[48:], uint32(third)); seal(b) }, ids(11, 2),
			"records end with 12, and its header", ""},
		"free space late":  {func(b []byte) { le.PutUint32(b[48:], ChunkSize); seal(b) }, all, "", ""},
		"chunk signature":  {func(b []byte) { b[0] = 'x' }, nil, "65536 bytes are not a chunk", ""},
		"a chunk of zeros": {func(b []byte) { clear(b) }, nil, "", ""},
		"a chunk of noise": {func(b []byte) {
			for i := range b {
				b[i] = byte(i*i>>3) | 1
			}
		}, nil, "65536 bytes are not a chunk", ""},
	} {
		b := slices.Clone(middle)
		c.change(b)
		file := logFile(sampleChunk(1, 10), b, sampleChunk(21, 10))
		file[120] = 1 // in use: its counts mean nothing
		for kind, seq := range map[string]func() collected{
			"file":   func() collected { return collect(open(t, file).All()) },
			"stream": func() collected { return collect(stream1(t, bytes.NewReader(file))) },
		} {
			got := seq()
			if want := slices.Concat(ids(1, 10), c.ids, ids(21, 10)); !slices.Equal(got.ids, want) {
				t.Errorf("%s, %s: records %v, want %v", name, kind, got.ids, want)
			}
			one := func(what string, got []string, want string) {
				if want == "" && len(got) > 0 || want != "" && !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("%s, %s: %s %q, want %q", name, kind, what, got, want)
				}
				for _, e := range got {
					if !strings.Contains(e, "chunk 1, ") || !strings.Contains(e, "offset 0x1") {
						t.Errorf("%s: no place in %q", name, e)
					}
				}
			}
			one("lost", got.lost, c.lost)
			one("warned", got.warned, c.warned)
		}
	}
}

// A file may end anywhere.
func TestCut(t *testing.T) {
	file := logFile(sampleChunk(1, 10), sampleChunk(11, 10))
	for n := headerSize; n < len(file); n += 997 {
		got := collect(open(t, file[:n]).All())
		if s := collect(stream1(t, bytes.NewReader(file[:n]))); fmt.Sprint(s) != fmt.Sprint(got) {
			t.Fatalf("%d bytes: stream %+v, file %+v", n, s, got)
		}
		if want := ids(1, uint64(len(got.ids))); !slices.Equal(got.ids, want) {
			t.Fatalf("%d bytes: %v", n, got.ids)
		}
		whole := (n - headerSize) / ChunkSize * 10
		if len(got.ids) < whole || len(got.ids) < 20 && len(got.lost)+len(got.warned) == 0 {
			t.Fatalf("%d bytes: %+v", n, got)
		}
		inside := n - headerSize - whole/10*ChunkSize
		if chunk := file[headerSize+whole/10*ChunkSize:]; inside > chunkHeaderSize &&
			inside > int(le.Uint32(chunk[48:])) && len(got.lost) != 0 {
			t.Fatalf("%d bytes: all records are there, and %v", n, got.lost)
		}
	}
}

// Bytes that came in between, or went missing, shift the chunks.
func TestShift(t *testing.T) {
	file := logFile(sampleChunk(1, 10), sampleChunk(11, 10), sampleChunk(21, 10))
	file[120] = 1
	second := headerSize + ChunkSize
	for name, c := range map[string]struct {
		file []byte
		ids  []uint64
	}{
		"in between": {slices.Concat(file[:second], []byte(strings.Repeat("junk", 25)), file[second:]),
			ids(1, 30)},
		"missing":                 {slices.Concat(file[:second-3000], file[second:]), ids(1, 30)},
		"two chunks, cut in both": {slices.Concat(file[:second+700], file[second+ChunkSize-90:]), nil},
	} {
		got := collect(open(t, c.file).All())
		if name == "two chunks, cut in both" {
			if !slices.Equal(got.ids[:10], ids(1, 10)) || len(got.ids) < 10 || len(got.lost) == 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if s := collect(stream1(t, bytes.NewReader(c.file))); !slices.Equal(s.ids, got.ids) {
			t.Errorf("%s: stream %v, file %v", name, s.ids, got.ids)
		}
		for _, id := range c.ids {
			if !slices.Contains(got.ids, id) && (name != "missing" || id > 10) {
				t.Errorf("%s: record %d is missing: %+v", name, id, got)
			}
		}
	}
}

// failing cannot read some of its bytes.
type failing struct {
	*bytes.Reader
	from, to int64
}

var errDisk = errors.New("disk error")

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(b)) > f.from {
		return 0, errDisk
	}
	return f.Reader.ReadAt(b, off)
}

func TestReadError(t *testing.T) {
	file := logFile(sampleChunk(1, 5), sampleChunk(6, 5), sampleChunk(11, 5))
	file[120] = 1
	r, err := NewReader(failing{bytes.NewReader(file), headerSize + ChunkSize, headerSize + 2*ChunkSize},
		int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	got := collect(r.All())
	if !slices.Equal(got.ids, slices.Concat(ids(1, 5), ids(11, 5))) || len(got.lost) != 1 ||
		!strings.Contains(got.lost[0], "disk error") {
		t.Errorf("%+v", got)
	}
	if _, err := NewReader(failing{bytes.NewReader(file), 0, 1}, int64(len(file))); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	s := stream1(t, io.MultiReader(bytes.NewReader(file[:headerSize+ChunkSize]), failingReader{}))
	if got = collect(s); !slices.Equal(got.ids, ids(1, 5)) || len(got.lost) != 1 ||
		!strings.Contains(got.lost[0], "disk error") {
		t.Errorf("%+v", got)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errDisk }

// Errors carry their place as data.
func TestErrorPlace(t *testing.T) {
	chunk := sampleChunk(11, 10)
	third := recordAt(t, chunk, 2)
	chunk[third+44] = 0x44
	for _, err := range open(t, logFile(sampleChunk(1, 1), chunk)).All() {
		var e *Error
		if err == nil || !errors.As(err, &e) || !e.Lost {
			continue
		}
		if e.Chunk != 1 || e.Record != 13 || e.Offset <= headerSize+ChunkSize+int64(third) || e.Offset > headerSize+
			ChunkSize+int64(third)+200 {
			t.Errorf("%+v", e)
		}
		if got := e.Error(); !strings.HasPrefix(got, "evtx: chunk 1, record 13, offset 0x1") {
			t.Error(got)
		}
		return
	}
	t.Error("no error")
}

// What is nested too deep, or grows too large, is refused at bounded cost.
func TestBounds(t *testing.T) {
	deep := &el{name: "a"}
	for range MaxDepth + 1 {
		deep = &el{name: "a", kids: []any{deep}}
	}
	nested := func(n int) func(c *chunkBuilder) {
		inner := &tmpl{[]any{text("a", sub{0, typeBinXML})}}
		var f func(n int) func(c *chunkBuilder)
		f = func(n int) func(c *chunkBuilder) {
			return func(c *chunkBuilder) {
				if n == 0 {
					c.node(&el{name: "b", kids: []any{"x"}}, false)
					return
				}
				c.instance(inner, val{typ: typeBinXML, frag: f(n - 1)})
			}
		}
		return f(n)
	}
	doubling := func(depth, times int) func(c *chunkBuilder) {
		root := &el{name: "a"}
		for range times {
			root.kids = append(root.kids, sub{0, typeBinXML})
		}
		t := &tmpl{[]any{root}}
		var f func(n int) func(c *chunkBuilder)
		f = func(n int) func(c *chunkBuilder) {
			return func(c *chunkBuilder) {
				if n == 0 {
					c.node(&el{name: "b"}, false)
					return
				}
				c.instance(t, val{typ: typeBinXML, frag: f(n - 1)})
			}
		}
		return f(depth)
	}
	many := &el{name: "Event"}
	for range 500 {
		many.kids = append(many.kids, text("EventData", data("x", sub{0, typeString})))
	}
	large := func(c *chunkBuilder) { c.instance(&tmpl{[]any{many}}, str(strings.Repeat("議", 10000))) }
	for name, c := range map[string]struct {
		do   func(c *chunkBuilder)
		read string
	}{
		"elements":      {func(c *chunkBuilder) { c.node(deep, false) }, "elements are nested more than 64 deep"},
		"values":        {nested(maxFragments + 1), "binary XML is nested more than 16 deep"},
		"values, not":   {nested(maxFragments - 1), ""},
		"powers of two": {doubling(14, 4), "too large"},
		"large text":    {large, "too large"},
	} {
		b := newChunk()
		b.record(1, func() { c.do(b) })
		n := 0
		for r, err := range open(t, logFile(b.bytes())).All() {
			n++
			if err != nil {
				if c.read == "" || !strings.Contains(err.Error(), c.read) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			_, errF := r.Fields()
			j, errJ := r.AppendJSON([]byte("before"))
			x, errX := r.AppendXML([]byte("before"))
			for what, err := range map[string]error{"JSON": errJ, "XML": errX} {
				if (c.read == "") != (err == nil) || err != nil && !errors.Is(err, ErrTooLarge) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			if c.read != "" && (string(j) != "before" || string(x) != "before") {
				t.Errorf("%s: %d bytes of JSON, %d of XML", name, len(j), len(x))
			}
			if errF != nil && !errors.Is(errF, ErrTooLarge) {
				t.Errorf("%s: %v", name, errF)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d records", name, n)
		}
	}
}

// Templates that overlap, so that each record has its own to compile, cost no
// more than eight chunks.
func TestOverlap(t *testing.T) {
	c := newChunk()
	// Every fourth byte of this begins what looks like a template of 20,495 bytes.
	filler := bytes.Repeat([]byte{tokenFragment, 0x50, 0, 0}, 10000)
	at := 0
	c.record(1, func() {
		c.instance(process, val{typ: typeBinary, b: filler}, null(), null(), null(), null(), null(), null())
		at = bytes.Index(c.b, filler)
	})
	for i := range 200 {
		c.record(uint64(2+i), func() {
			c.byte(tokenTemplate, 1)
			c.u32(1)
			c.u32(at + 4*i)
			c.u32(0)
		})
	}
	got := collect(open(t, logFile(c.bytes())).All())
	overlap := 0
	for _, e := range got.lost {
		if strings.Contains(e, "the chunk's templates overlap") {
			overlap++
		}
	}
	if !slices.Equal(got.ids, ids(1, 1)) || len(got.lost) != 200 || overlap != 200-25 {
		t.Errorf("%v read, %d lost, %d as overlapping", got.ids, len(got.lost), overlap)
	}
}

// Bytes of a good file changed at random: the rest is read, and nothing breaks.
func TestMutations(t *testing.T) {
	c := newChunk()
	for i, do := range seedContents() {
		c.record(uint64(1+2*i), func() { do(c) })
		c.record(uint64(2+2*i), func() { do(c) })
	}
	good := c.bytes()
	rounds := 1000
	if testing.Short() {
		rounds = 300
	}
	read := 0
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := slices.Clone(good)
		for range 1 + r.IntN(4) {
			at := chunkHeaderSize + r.IntN(len(c.b)-chunkHeaderSize)
			switch r.IntN(4) {
			case 0:
				b[at] = byte(r.Uint32())
			case 1:
				b[at] ^= 1 << r.IntN(8)
			case 2:
				le.PutUint16(b[at:], uint16(r.Uint32()))
			case 3:
				le.PutUint32(b[at:], r.Uint32()>>r.IntN(32))
			}
		}
		read += drain(t, open(t, logFile(b)).All())
	}
	if read < 2*rounds || read > 6*rounds {
		t.Errorf("%d records in %d rounds", read, rounds)
	}
}
