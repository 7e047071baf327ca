package correlate

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
)

// coder writes or reads values in one and the same sequence of calls, so that
// both directions cannot drift apart. After an error it does nothing more, and
// what it reads is zero.
type coder struct {
	reading bool
	out     *bytes.Buffer
	in      []byte
	err     error
}

var errCut = reasons.New("correlate.snapshot.cut")

func (c *coder) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *coder) uint(v *uint64) {
	if !c.reading {
		c.out.Write(binary.AppendUvarint(c.out.AvailableBuffer(), *v))
		return
	}
	n, size := binary.Uvarint(c.in)
	if *v = 0; c.err == nil {
		if size <= 0 {
			c.fail(errCut)
			return
		}
		*v, c.in = n, c.in[size:]
	}
}

func (c *coder) int(v *int64) {
	u := uint64(*v<<1) ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *coder) float(v *float64) {
	bits := math.Float64bits(*v)
	c.uint(&bits)
	*v = math.Float64frombits(bits)
	if c.reading && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		c.fail(reasons.New("correlate.snapshot.not-finite"))
		*v = 0
	}
}

func (c *coder) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.uint(&u)
	if *v = u == 1; u > 1 {
		c.fail(reasons.New("correlate.snapshot.bool"))
	}
}

// index is a number from least to below limit.
func (c *coder) index(v *int32, least, limit int) {
	n := int64(*v)
	c.int(&n)
	if c.reading && c.err == nil && (n < int64(least) || n >= int64(limit)) {
		c.fail(reasons.New("correlate.snapshot.index"))
	}
	if *v = int32(n); c.err != nil {
		*v = int32(least)
	}
}

func (c *coder) text(v *string) {
	n := uint64(len(*v))
	c.uint(&n)
	if !c.reading {
		c.out.WriteString(*v)
		return
	}
	if *v = ""; c.err == nil {
		if n > uint64(len(c.in)) {
			c.fail(errCut)
			return
		}
		*v, c.in = string(c.in[:n]), c.in[n:]
	}
}

// list writes or reads a list. Every member takes at least one byte, so a wrong
// length ends at the end of the data.
func list[T any](c *coder, v *[]T, each func(*T)) {
	n := uint64(len(*v))
	c.uint(&n)
	if !c.reading {
		for i := range *v {
			each(&(*v)[i])
		}
		return
	}
	*v = nil
	for ; n > 0 && c.err == nil; n-- {
		var one T
		each(&one)
		*v = append(*v, one)
	}
	if c.err == nil && n > 0 {
		c.fail(errCut)
	}
}

func (c *coder) texts(v *[]string) { list(c, v, c.text) }

// section writes what do writes with its length before it, or reads that much and
// gives it to do. What is left of it is skipped.
func (c *coder) section(do func(c *coder)) {
	if !c.reading {
		part := coder{out: &bytes.Buffer{}}
		do(&part)
		n := uint64(part.out.Len())
		c.uint(&n)
		c.out.Write(part.out.Bytes())
		return
	}
	var n uint64
	c.uint(&n)
	if c.err != nil {
		return
	}
	if n > uint64(len(c.in)) {
		c.fail(errCut)
		return
	}
	part := coder{reading: true, in: c.in[:n]}
	c.in = c.in[n:]
	do(&part)
	if part.err != nil {
		c.fail(part.err)
	}
}

// flush writes what was collected.
func (c *coder) flush(w io.Writer) error {
	_, err := c.out.WriteTo(w)
	return err
}

func (p *plan) codeRef(c *coder, r *ref) {
	c.int(&r.at)
	c.index(&r.rule, 0, len(p.numbers))
	c.text(&r.event)
	if c.reading && c.err == nil {
		if r.rule = p.numbers[r.rule]; r.rule < 0 {
			c.fail(reasons.New("correlate.snapshot.rule-missing"))
			r.rule = 0
		}
	}
}

// extra codes what entries and items have in common.
func (p *plan) extra(c *coder, carry *[][]string, in **inner) {
	list(c, carry, func(v *[]string) { c.texts(v) })
	if c.reading && c.err == nil && len(*carry) != len(p.carry) {
		c.fail(reasons.New("correlate.snapshot.fields"))
	}
	has := *in != nil
	c.bool(&has)
	if !has {
		return
	}
	if c.reading {
		*in = &inner{}
	}
	c.int(&(*in).first)
	omitted := int64((*in).omitted)
	c.int(&omitted)
	(*in).omitted = int(omitted)
	list(c, &(*in).refs, func(r *ref) { p.codeRef(c, r) })
	if c.reading && c.err == nil && len((*in).refs) == 0 {
		c.fail(reasons.New("correlate.snapshot.alert-empty"))
	}
}

func (p *plan) code(c *coder, en *entry) {
	c.int(&en.at)
	c.index(&en.step, 0, len(p.steps))
	c.text(&en.event)
	p.extra(c, &en.carry, &en.inner)
	if c.reading && c.err == nil && en.inner == nil && p.steps[en.step].rule < 0 {
		c.fail(reasons.New("correlate.snapshot.alert-events"))
	}
}

func (w *countWindow) code(c *coder) {
	c.int(&w.gone)
	all := w.entries.all()
	list(c, &all, func(en *entry) { w.plan.code(c, en) })
	if c.reading {
		w.entries.items = all
		for i := range all {
			w.size += all[i].cost()
		}
	}
}

func (w *distinctWindow) code(c *coder) {
	c.int(&w.gone)
	var all []*seen
	for s := w.head; s != nil; s = s.next {
		all = append(all, s)
	}
	list(c, &all, func(s **seen) {
		if c.reading {
			*s = &seen{}
		}
		c.text(&(*s).value)
		w.plan.code(c, &(*s).last)
	})
	if c.reading {
		for _, s := range all {
			if w.byValue[s.value] != nil {
				c.fail(reasons.New("correlate.snapshot.value-twice"))
				return
			}
			w.byValue[s.value] = s
			w.push(s)
			w.size += s.cost()
		}
	}
}

func (w *numberWindow) code(c *coder) {
	c.int(&w.gone)
	all := w.entries.all()
	list(c, &all, func(one *numbered) {
		w.plan.code(c, &one.entry)
		c.float(&one.n)
	})
	if c.reading {
		for _, one := range all {
			w.add(one)
		}
	}
}

func (w *togetherWindow) code(c *coder) {
	for i := range w.last {
		old := &w.last[i]
		has := old.at != never
		c.bool(&has)
		if !has {
			continue
		}
		w.plan.code(c, old)
		if c.reading && c.err == nil {
			if int(old.step) != i || old.at == never {
				c.fail(reasons.New("correlate.snapshot.step"))
			}
			w.count++
			w.size += old.cost()
		}
	}
}

func (w *chainWindow) code(c *coder) {
	for i := range w.last {
		c.int(&w.last[i])
	}
	w.size = 0
	for i := range w.chains {
		ch := &w.chains[i]
		for j := range ch.best {
			b := &ch.best[j]
			c.bool(&b.ok)
			if !b.ok {
				continue
			}
			c.int(&b.start)
			list(c, &b.links, func(en *entry) { w.plan.code(c, en) })
			if c.reading && c.err == nil && len(b.links) != j+1 {
				c.fail(reasons.New("correlate.snapshot.chain"))
			}
		}
		w.size += ch.cost()
	}
}

func (l *later) code(c *coder) {
	c.int(&l.gone)
	all := l.moments.all()
	p := l.owner
	list(c, &all, func(m *moment) {
		c.int(&m.at)
		c.uint(&m.alive)
		list(c, &m.found, func(found *[]entry) {
			list(c, found, func(en *entry) { p.code(c, en) })
		})
		if !c.reading || c.err != nil {
			return
		}
		if len(m.found) != len(p.presentIn) && (m.alive != 0 || m.found != nil) {
			c.fail(reasons.New("correlate.snapshot.alternatives"))
			return
		}
		for i := range 64 {
			if m.alive>>i&1 != 0 && (i >= len(m.found) || len(m.found[i]) == 0) {
				c.fail(reasons.New("correlate.snapshot.evidence"))
				return
			}
		}
	})
	if c.reading {
		l.moments.items = all
		for i := range all {
			l.held += all[i].cost()
		}
	}
}

func (w *absentTogether) code(c *coder) {
	w.togetherWindow.code(c)
	w.later.code(c)
}

func (w *absentChain) code(c *coder) {
	w.chainWindow.code(c)
	w.later.code(c)
}
