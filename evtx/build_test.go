package evtx

import (
	"hash/crc32"
	"time"
	"unicode/utf16"
)

// What tests write event logs with. It writes the least that the format asks for.

type (
	// el is an element: its kids are *el, string, sub, opt, cdata, char, entity, pi or lit.
	el struct {
		name  string
		attrs []at
		kids  []any
	}
	at struct {
		name  string
		parts []any
	}
	sub    struct{ n, typ int }
	opt    struct{ n, typ int }
	cdata  string
	char   uint16
	entity string
	pi     struct{ target, data string }
	lit    struct {
		typ byte
		b   []byte
	}
	// val is a template value; frag is nested binary XML, written where it lies.
	val struct {
		typ  byte
		b    []byte
		frag func(c *chunkBuilder)
	}
)

// tmpl is a template; it is written into a chunk when first used there.
type tmpl struct{ roots []any }

type chunkBuilder struct {
	b           []byte
	names       map[string]int
	tmpls       map[*tmpl]int
	first, last uint64
	lastRecord  int
}

func newChunk() *chunkBuilder {
	c := &chunkBuilder{b: make([]byte, chunkHeaderSize, ChunkSize), names: map[string]int{}, tmpls: map[*tmpl]int{}}
	copy(c.b, chunkSignature)
	return c
}

func (c *chunkBuilder) u16(n int)      { c.b = le.AppendUint16(c.b, uint16(n)) }
func (c *chunkBuilder) u32(n int)      { c.b = le.AppendUint32(c.b, uint32(n)) }
func (c *chunkBuilder) byte(n ...byte) { c.b = append(c.b, n...) }
func (c *chunkBuilder) wide(s string)  { c.b = append(c.b, wide(s)...) }

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

func (c *chunkBuilder) name(s string) {
	if off, ok := c.names[s]; ok {
		c.u32(off)
		return
	}
	off := len(c.b) + 4
	c.u32(off)
	c.names[s] = off
	c.u32(0)
	c.u16(0)
	c.u16(len(utf16.Encode([]rune(s))))
	c.wide(s)
	c.u16(0)
}

// sized writes a size of 4 bytes and what do writes.
func (c *chunkBuilder) sized(do func()) {
	at := len(c.b)
	c.u32(0)
	do()
	le.PutUint32(c.b[at:], uint32(len(c.b)-at-4))
}

func (c *chunkBuilder) text(s string) {
	c.u16(len(utf16.Encode([]rune(s))))
	c.wide(s)
}

func (c *chunkBuilder) node(n any, dep bool) {
	switch n := n.(type) {
	case *el:
		token := byte(tokenElement)
		if len(n.attrs) > 0 {
			token |= more
		}
		c.byte(token)
		if dep {
			c.u16(0xffff)
		}
		c.sized(func() {
			c.name(n.name)
			if len(n.attrs) > 0 {
				c.sized(func() {
					for i, a := range n.attrs {
						token := byte(tokenAttribute)
						if i+1 < len(n.attrs) {
							token |= more
						}
						c.byte(token)
						c.name(a.name)
						for _, p := range a.parts {
							c.node(p, dep)
						}
					}
				})
			}
			if len(n.kids) == 0 {
				c.byte(tokenCloseEmpty)
				return
			}
			c.byte(tokenCloseStart)
			for _, k := range n.kids {
				c.node(k, dep)
			}
			c.byte(tokenEnd)
		})
	case string:
		c.byte(tokenValue, typeString)
		c.text(n)
	case lit:
		c.byte(tokenValue, n.typ)
		c.byte(n.b...)
	case cdata:
		c.byte(tokenCDATA)
		c.text(string(n))
	case char:
		c.byte(tokenCharRef)
		c.u16(int(n))
	case entity:
		c.byte(tokenEntityRef)
		c.name(string(n))
	case pi:
		c.byte(tokenPITarget)
		c.name(n.target)
		c.byte(tokenPIData)
		c.text(n.data)
	case sub:
		c.byte(tokenNormalSub)
		c.u16(n.n)
		c.byte(byte(n.typ))
	case opt:
		c.byte(tokenOptSub)
		c.u16(n.n)
		c.byte(byte(n.typ))
	default:
		panic("no such node")
	}
}

var fragmentHeader = []byte{tokenFragment, 1, 1, 0}

// instance writes a template instance.
func (c *chunkBuilder) instance(t *tmpl, vals ...val) {
	c.byte(fragmentHeader...)
	c.byte(tokenTemplate, 1)
	c.u32(1)
	if off, ok := c.tmpls[t]; ok {
		c.u32(off)
	} else {
		off := len(c.b) + 4
		c.u32(off)
		c.tmpls[t] = off
		c.u32(0)
		c.byte(make([]byte, 16)...)
		c.sized(func() {
			c.byte(fragmentHeader...)
			for _, r := range t.roots {
				c.node(r, true)
			}
			c.byte(tokenEOF)
		})
	}
	c.u32(len(vals))
	specs := len(c.b)
	c.byte(make([]byte, 4*len(vals))...)
	for i, v := range vals {
		from := len(c.b)
		if v.frag != nil {
			v.frag(c)
		} else {
			c.byte(v.b...)
		}
		le.PutUint16(c.b[specs+4*i:], uint16(len(c.b)-from))
		c.b[specs+4*i+2] = v.typ
	}
}

// record writes a record whose content do writes.
func (c *chunkBuilder) record(id uint64, do func()) {
	if c.first == 0 {
		c.first = id
	}
	c.last, c.lastRecord = id, len(c.b)
	from := len(c.b)
	c.byte(recordSignature...)
	c.u32(0)
	c.b = le.AppendUint64(c.b, id)
	c.b = le.AppendUint64(c.b, fileTime(testTime.Add(time.Duration(id)*time.Second)))
	do()
	c.byte(tokenEOF)
	for (len(c.b)+4)%8 != 0 {
		c.byte(0)
	}
	size := len(c.b) + 4 - from
	c.u32(size)
	le.PutUint32(c.b[from+4:], uint32(size))
}

var testTime = time.Date(2026, 1, 5, 0, 0, 0, 123456700, time.UTC)

func fileTime(t time.Time) uint64 {
	return uint64(t.Unix()+11_644_473_600)*10_000_000 + uint64(t.Nanosecond()/100)
}

// bytes closes the chunk as Windows does.
func (c *chunkBuilder) bytes() []byte {
	if len(c.b) > ChunkSize {
		panic("the records do not fit into a chunk")
	}
	b := make([]byte, ChunkSize)
	copy(b, c.b)
	le.PutUint64(b[8:], c.first)
	le.PutUint64(b[16:], c.last)
	le.PutUint64(b[24:], c.first)
	le.PutUint64(b[32:], c.last)
	le.PutUint32(b[40:], 128)
	le.PutUint32(b[44:], uint32(c.lastRecord))
	le.PutUint32(b[48:], uint32(len(c.b)))
	seal(b)
	return b
}

// seal writes a chunk's checksums.
func seal(b []byte) {
	free := le.Uint32(b[48:])
	le.PutUint32(b[52:], crc32.ChecksumIEEE(b[chunkHeaderSize:free]))
	sum := crc32.NewIEEE()
	sum.Write(b[:120])
	sum.Write(b[128:chunkHeaderSize])
	le.PutUint32(b[124:], sum.Sum32())
}

// logFile puts chunks into a file that was closed in good order.
func logFile(chunks ...[]byte) []byte {
	b := make([]byte, headerSize)
	copy(b, fileSignature)
	le.PutUint64(b[16:], uint64(max(len(chunks)-1, 0)))
	le.PutUint32(b[32:], 128)
	le.PutUint16(b[36:], 1)
	le.PutUint16(b[38:], 3)
	le.PutUint16(b[40:], headerSize)
	le.PutUint16(b[42:], uint16(len(chunks)))
	sealHeader(b)
	for _, c := range chunks {
		b = append(b, c...)
	}
	return b
}

func sealHeader(b []byte) { le.PutUint32(b[124:], crc32.ChecksumIEEE(b[:120])) }

// The values of a record like Sysmon's.

func str(s string) val     { return val{typ: typeString, b: wide(s)} }
func u8(n byte) val        { return val{typ: typeUint8, b: []byte{n}} }
func u16(n uint16) val     { return val{typ: typeUint16, b: le.AppendUint16(nil, n)} }
func u32(n uint32) val     { return val{typ: typeUint32, b: le.AppendUint32(nil, n)} }
func u64(n uint64) val     { return val{typ: typeUint64, b: le.AppendUint64(nil, n)} }
func hex64(n uint64) val   { return val{typ: typeHex64, b: le.AppendUint64(nil, n)} }
func when(t time.Time) val { return val{typ: typeFileTime, b: le.AppendUint64(nil, fileTime(t))} }
func null() val            { return val{} }

func sid(parts ...uint32) val {
	b := []byte{1, byte(len(parts)), 0, 0, 0, 0, 0, 5}
	for _, p := range parts {
		b = le.AppendUint32(b, p)
	}
	return val{typ: typeSID, b: b}
}

func text(name string, part any) *el { return &el{name: name, kids: []any{part}} }

func data(name string, part any) *el {
	return &el{name: "Data", attrs: []at{{"Name", []any{name}}}, kids: []any{part}}
}

const namespace = "http://schemas.microsoft.com/win/2004/08/events/event"

var (
	// event is the outer template of nearly all records: the System part, and what value 17 holds.
	event = &tmpl{[]any{&el{name: "Event", attrs: []at{{"xmlns", []any{namespace}}}, kids: []any{
		&el{name: "System", kids: []any{
			&el{name: "Provider", attrs: []at{{"Name", []any{opt{0, typeString}}}, {"Guid", []any{opt{1, typeGUID}}}}},
			&el{name: "EventID", attrs: []at{{"Qualifiers", []any{opt{2, typeUint16}}}},
				kids: []any{sub{3, typeUint16}}},
			text("Version", opt{4, typeUint8}),
			text("Level", opt{5, typeUint8}),
			text("Task", opt{6, typeUint16}),
			text("Opcode", opt{7, typeUint8}),
			text("Keywords", opt{8, typeHex64}),
			&el{name: "TimeCreated", attrs: []at{{"SystemTime", []any{opt{9, typeFileTime}}}}},
			text("EventRecordID", opt{10, typeUint64}),
			&el{name: "Correlation", attrs: []at{{"ActivityID", []any{opt{11, typeGUID}}}}},
			&el{name: "Execution",
				attrs: []at{{"ProcessID", []any{opt{12, typeUint32}}}, {"ThreadID", []any{opt{13, typeUint32}}}}},
			text("Channel", opt{14, typeString}),
			text("Computer", sub{15, typeString}),
			&el{name: "Security", attrs: []at{{"UserID", []any{opt{16, typeSID}}}}},
		}},
		sub{17, typeBinXML},
	}}}}
	process = &tmpl{[]any{text("EventData", data("RuleName", sub{0, typeString})).with(
		data("UtcTime", sub{1, typeString}), data("ProcessId", sub{2, typeUint32}), data("Image", sub{3, typeString}),
		data("CommandLine", sub{4, typeString}), data("User", sub{5, typeString}), data("Hashes", opt{6, typeString}))}}
)

func (e *el) with(kids ...any) *el {
	e.kids = append(e.kids, kids...)
	return e
}

// fill gives the values of event.
func fill(id uint64, frag func(c *chunkBuilder)) []val {
	return []val{
		str("Microsoft-Windows-Sysmon"), {typ: typeGUID, b: []byte("0123456789abcdef")}, null(), u16(1), u8(5), u8(4),
		u16(1), u8(0),
		hex64(1 << 63), when(testTime), u64(id), null(), u32(2222), u32(3333),
		str("Microsoft-Windows-Sysmon/Operational"),
		str("ws01.example.jp"), sid(18), {typ: typeBinXML, frag: frag},
	}
}

// started writes a record of a process that started.
func (c *chunkBuilder) started(id uint64, image, line string) {
	c.record(id, func() {
		c.instance(event, fill(id, func(c *chunkBuilder) {
			c.instance(process, str("-"), str("2026-01-05 00:00:00.123"), u32(uint32(4000+id)), str(image), str(line),
				str(`EXAMPLE\sato`), null())
			c.byte(tokenEOF)
		})...)
	})
}

// sampleChunk has n such records, from id on.
func sampleChunk(id uint64, n int) []byte {
	c := newChunk()
	for i := range n {
		c.started(id+uint64(i), `C:\Windows\System32\cmd.exe`, `cmd.exe /c "type 議事録.txt"`)
	}
	return c.bytes()
}
