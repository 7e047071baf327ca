package correlate

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/meneki/meneki/sigma"
)

// snapshotHead names the format and its version.
const snapshotHead = "meneki correlate 1\n"

// ErrSnapshot is the error of a snapshot that is not one, is of another version,
// or is damaged.
var ErrSnapshot = reasons.New("correlate.snapshot.invalid")

// Snapshot writes the state of the engine: all groups and everything that waits.
// An engine that is restored from it and given the same matches from there on
// gives the same alerts. Matches that were added before the snapshot may be given
// again: those that wait are found to be duplicates, the others late.
//
// To change the rules of a running engine, restore its snapshot into one that was
// made for the new set. Take it before Flush, which ends an engine.
//
// It holds the engine's lock and needs about as much memory again as the state
// takes in the file.
func (e *Engine) Snapshot(w io.Writer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &coder{out: &bytes.Buffer{}}
	c.out.WriteString(snapshotHead)
	e.code(c, nil)
	sum := sha256.Sum256(c.out.Bytes())
	c.out.Write(sum[:])
	if err := c.flush(w); err != nil {
		return reasons.New("correlate.snapshot.write", err)
	}
	return nil
}

// Restore takes over the state from a snapshot. The engine must be new. State of
// correlations that the engine does not have, or that ask something else than
// when the snapshot was made, is left out: dropped is how many. After an error,
// which wraps [ErrSnapshot] or that of r, the engine is as new.
func (e *Engine) Restore(r io.Reader) (dropped int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.newest != never || e.mark != never || e.memory != 0 {
		return 0, reasons.New("correlate.snapshot.not-new")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, reasons.New("correlate.snapshot.read", err)
	}
	body, ok := bytes.CutPrefix(data, []byte(snapshotHead))
	if !ok || len(body) < sha256.Size {
		return 0, reasons.New("correlate.snapshot.head", ErrSnapshot, snapshotHead)
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return 0, reasons.New("correlate.snapshot.checksum", ErrSnapshot)
	}
	return e.restore(body[:len(body)-sha256.Size])
}

// restore reads the part of a snapshot between head and checksum.
func (e *Engine) restore(body []byte) (dropped int, err error) {
	c := &coder{reading: true, in: body}
	e.code(c, &dropped)
	if c.err == nil && len(c.in) > 0 {
		c.fail(reasons.New("correlate.snapshot.rest"))
	}
	if c.err != nil {
		e.newest, e.mark, e.waiting, e.held, e.memory = never, never, nil, 0, 0
		for _, p := range e.plans {
			p.groups, p.first, p.last = make(map[string]*group), nil, nil
		}
		return 0, reasons.New("correlate.snapshot.damaged", ErrSnapshot, c.err)
	}
	return dropped, nil
}

// code writes or reads the whole state.
func (e *Engine) code(c *coder, dropped *int) {
	c.int(&e.newest)
	c.int(&e.mark)
	// Rules and plans are named once; their numbers may be others in the engine
	// that reads.
	plans := slices.Clone(e.plans)
	list(c, &plans, func(p **plan) {
		var fingerprint string
		if !c.reading {
			fingerprint = (*p).fingerprint
		}
		if c.text(&fingerprint); c.reading {
			*p = nil
			if i := slices.IndexFunc(e.plans, func(p *plan) bool { return p.fingerprint == fingerprint }); i >= 0 {
				*p = e.plans[i]
			} else {
				*dropped++
			}
		}
	})
	rules := slices.Clone(e.rules)
	list(c, &rules, func(r **sigma.Rule) {
		var key string
		if !c.reading {
			key = (*r).Key()
		}
		if c.text(&key); c.reading {
			*r = nil
			if i := slices.IndexFunc(e.rules, func(r *sigma.Rule) bool { return r.Key() == key }); i >= 0 {
				*r = e.rules[i]
			}
		}
	})
	numbers := make([]int32, len(rules))
	for i, r := range rules {
		if numbers[i] = -1; r != nil {
			numbers[i] = int32(slices.Index(e.rules, r))
		}
	}
	for _, p := range plans {
		c.section(func(c *coder) {
			if p != nil {
				p.numbers = numbers
				e.codeGroups(c, p)
			}
		})
		if c.err != nil {
			return
		}
	}
	e.codeWaiting(c, plans)
}

func (e *Engine) codeGroups(c *coder, p *plan) {
	var groups []*group
	for g := p.first; g != nil; g = g.next {
		groups = append(groups, g)
	}
	list(c, &groups, func(g **group) {
		if c.reading {
			*g = &group{window: p.newWindow(e)}
		}
		c.text(&(*g).key)
		c.text(&(*g).shown)
		c.int(&(*g).touched)
		c.bool(&(*g).lit)
		(*g).window.code(c)
	})
	if !c.reading || c.err != nil {
		return
	}
	for _, g := range groups {
		if p.groups[g.key] != nil || p.last != nil && p.last.touched > g.touched {
			c.fail(reasons.New("correlate.snapshot.order"))
			return
		}
		p.groups[g.key] = g
		p.touch(g, true)
		e.memory += g.cost()
	}
}

func (e *Engine) codeWaiting(c *coder, plans []*plan) {
	waiting := []slot(slices.Clone(e.waiting))
	list(c, &waiting, func(s *slot) {
		c.section(func(c *coder) {
			var number int32
			if !c.reading {
				number = int32(slices.Index(plans, s.it.plan))
			}
			c.index(&number, 0, len(plans))
			if c.reading {
				s.it = nil
				if c.err != nil || plans[number] == nil {
					return
				}
				s.it = &item{plan: plans[number]}
			}
			s.it.code(c)
		})
	})
	if !c.reading {
		return
	}
	for _, s := range waiting {
		if s.it != nil && c.err == nil {
			e.put(s.it)
		}
	}
}

func (it *item) code(c *coder) {
	c.int(&it.at)
	c.bool(&it.timer)
	c.text(&it.key)
	if it.timer {
		return
	}
	c.index(&it.step, 0, len(it.plan.steps))
	c.text(&it.event)
	c.text(&it.shown)
	c.texts(&it.values)
	list(c, &it.numbers, c.float)
	it.plan.extra(c, &it.carry, &it.inner)
	if !c.reading || c.err != nil {
		return
	}
	switch t := it.plan.rule.Type; {
	case t.Numeric() != (len(it.numbers) > 0), (t == sigma.ValueCount) != (len(it.values) > 0):
		c.fail(reasons.New("correlate.snapshot.values"))
	case it.inner == nil && it.plan.steps[it.step].rule < 0:
		c.fail(reasons.New("correlate.snapshot.alert-events"))
	}
}
