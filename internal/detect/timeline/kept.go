package timeline

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// kept is something that is worked through by its time when all is read.
type kept struct {
	kind  keptKind
	file  int          // index of the input
	rule  int          // of a base: place in the set
	event *event.Event // Seen is its time if the record states none; no Raw
}

type keptKind uint8

const (
	keptFact   keptKind = iota // what an event says of who is who
	keptSignIn                 // an attempt to sign in
	keptBase                   // a match that correlations ask for, with the fields they look at
)

// keptBefore orders by time; what states none comes last. Of what happened at one
// moment, what is known comes before what is asked.
func keptBefore(a, b *kept) int {
	x, y := a.event, b.event
	if t, u := x.Time.Equal(x.Seen), y.Time.Equal(y.Seen); t != u {
		if u {
			return -1
		}
		return 1
	}
	return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(a.kind, b.kind), cmp.Compare(a.file, b.file),
		strings.Compare(x.From.Name, y.From.Name), cmp.Compare(x.From.Offset, y.From.Offset),
		cmp.Compare(x.From.Record, y.From.Record), cmp.Compare(a.rule, b.rule))
}

func spoolKept(dir string) *spool[*kept] {
	return &spool[*kept]{dir: dir, codec: codec[*kept]{encode: appendKept, decode: readKept, weight: (*kept).weight}}
}

func appendKept(b []byte, k *kept) []byte {
	ev := k.event
	b = append(b, byte(k.kind))
	b = binary.AppendUvarint(b, uint64(k.file))
	b = binary.AppendUvarint(b, uint64(k.rule))
	b = appendTime(appendTime(b, ev.Time), ev.Seen)
	b = binary.AppendVarint(binary.AppendVarint(b, ev.From.Offset), ev.From.Record)
	for _, s := range []string{ev.From.Sensor, ev.From.Name, ev.Product, ev.Service, ev.Host, ev.User} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(ev.Categories)))
	for _, c := range ev.Categories {
		b = appendText(b, c)
	}
	return appendValue(b, ev.Fields)
}

// maxMembers bounds what one value may hold; more than event/read lets through.
const maxMembers = 1 << 20

// appendValue writes a value of an event: its kind, and what it is.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(append(b, 's'), v)
	case int64:
		return binary.AppendVarint(append(b, 'i'), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'u')
	case []any:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v)))
		for _, x := range v {
			b = appendValue(b, x)
		}
		return b
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'm'), uint64(len(v)))
		for key, x := range v {
			b = appendValue(appendText(b, key), x)
		}
		return b
	}
	return append(b, 'n')
}

func (r *bits) value(depth int) any {
	if len(r.b) == 0 || depth > 1000 {
		r.fail()
		return nil
	}
	kind := r.b[0]
	r.b = r.b[1:]
	switch kind {
	case 's':
		return r.text()
	case 'i':
		return r.signed()
	case 'f':
		if len(r.b) < 8 {
			r.fail()
			return nil
		}
		f := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
		r.b = r.b[8:]
		return f
	case 't':
		return true
	case 'u':
		return false
	case 'n':
		return nil
	case 'l':
		list := make([]any, r.count(maxMembers))
		for i := range list {
			list[i] = r.value(depth + 1)
		}
		return list
	case 'm':
		n := r.count(maxMembers)
		m := make(map[string]any, n)
		for range n {
			key := r.text()
			m[key] = r.value(depth + 1)
		}
		return m
	}
	r.fail()
	return nil
}

func readKept(b []byte) (*kept, error) {
	r := &bits{b: b}
	ev := &event.Event{}
	k := &kept{kind: keptKind(r.number()), file: int(r.number()), rule: int(r.number()), event: ev}
	ev.Time, ev.Seen = r.time(), r.time()
	ev.From.Offset, ev.From.Record = r.signed(), r.signed()
	for _, s := range []*string{&ev.From.Sensor, &ev.From.Name, &ev.Product, &ev.Service, &ev.Host, &ev.User} {
		*s = r.text()
	}
	if n := r.count(64); n > 0 {
		ev.Categories = make([]string, n)
	}
	for i := range ev.Categories {
		ev.Categories[i] = r.text()
	}
	fields, ok := r.value(0).(map[string]any)
	if !ok || r.broken || len(r.b) > 0 || k.kind > keptBase || k.file < 0 || k.rule < 0 {
		return nil, errSpool
	}
	ev.Fields = fields
	return k, nil
}

// weight is about what it takes in memory, in bytes.
func (k *kept) weight() int {
	return 400 + len(k.event.From.Name) + len(k.event.Host) + len(k.event.User) + heavy(k.event.Fields)
}

func heavy(v any) int {
	switch v := v.(type) {
	case string:
		return 32 + len(v)
	case []any:
		n := 32
		for _, x := range v {
			n += heavy(x)
		}
		return n
	case map[string]any:
		n := 64
		for key, x := range v {
			n += 32 + len(key) + heavy(x)
		}
		return n
	}
	return 24
}

// keep copies what is kept of an event whose record is not.
func keepEvent(ev *event.Event, fields map[string]any) *event.Event {
	out := &event.Event{Time: ev.Time, Seen: ev.Seen, From: ev.From, Product: ev.Product, Service: ev.Service,
		Categories: slices.Clone(ev.Categories),
		Host:       strings.Clone(event.Clip(ev.Host, maxName)), User: strings.Clone(event.Clip(ev.User, maxName))}
	out.Fields, _ = keepValue(fields).(map[string]any)
	return out
}

func keepValue(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Clone(event.Clip(v, maxValue))
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = keepValue(x)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			out[strings.Clone(key)] = keepValue(x)
		}
		return out
	}
	return v
}

// facts are what one worker's events say of who is who. Most say the same again
// and again: once is enough, and, but for leased addresses, at any time.
type facts struct {
	ties  map[string]*event.Event // by what they say
	loans map[string]*kept        // by what they say, and the minute
	key   []byte
}

func newFacts() *facts { return &facts{ties: map[string]*event.Event{}, loans: map[string]*kept{}} }

// add takes a trace.
func (f *facts) add(t *event.Event, timed bool, file int) {
	f.key = append(append(append(f.key[:0], t.Product...), 0), t.Service...)
	names := make([]string, 0, 16)
	for name := range t.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s, _ := t.Fields[name].(string)
		f.part(name, s)
	}
	if !timed {
		if f.ties[string(f.key)] == nil {
			f.ties[string(f.key)] = timeless(t)
		}
		return
	}
	f.key = t.Time.Truncate(time.Minute).AppendFormat(append(f.key, 0), time.RFC3339)
	one := &kept{kind: keptFact, file: file, event: t}
	if old := f.loans[string(f.key)]; old == nil || keptBefore(one, old) < 0 {
		one.event = keepEvent(t, t.Fields)
		f.loans[string(f.key)] = one
	}
}

func (f *facts) part(name, value string) {
	f.key = append(append(f.key, 0), name...)
	f.key = append(append(f.key, 0), value...)
}

// tie is add for a record of the Windows security log that is not decoded; text
// gives its i-th field of names.
func (f *facts) tie(names []string, text func(i int) []byte) {
	f.key = append(f.key[:0], "windows\x00security"...)
	some := false
	for i, name := range names {
		if s := text(i); len(s) > 0 {
			some = true
			f.key = append(append(f.key, 0), name...)
			f.key = append(append(f.key, 0), s...)
		}
	}
	if !some || f.ties[string(f.key)] != nil {
		return
	}
	fields := map[string]any{}
	for i, name := range names {
		if s := text(i); len(s) > 0 {
			fields[name] = string(s)
		}
	}
	f.ties[string(f.key)] = &event.Event{Product: "windows", Service: "security", Fields: fields}
}

// machine is add for a Windows event that states nothing but its machine's name.
func (f *facts) machine(ev *event.Event) {
	name, _ := ev.Fields["Computer"].(string)
	f.key = append(append(f.key[:0], "computer\x00"...), name...)
	if name == "" || f.ties[string(f.key)] != nil {
		return
	}
	f.ties[string(f.key)] = timeless(&event.Event{Product: "windows", Fields: map[string]any{"Computer": name}})
}

// timeless is what a trace says whenever it was said.
func timeless(t *event.Event) *event.Event {
	out := keepEvent(t, t.Fields)
	out.Time, out.Seen, out.From = time.Time{}, time.Time{}, event.Source{}
	return out
}
