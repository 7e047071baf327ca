package watchlist

// merged puts streams together; of several records of one key the one of the
// first stream that has it counts, so the newest stream comes first.
type merged struct {
	heads []head // a heap: the smallest first
	last  record // what was returned, to recognise its duplicates
	some  bool
	due   bool // heads[0] was returned and must be advanced
}

type head struct {
	from stream
	age  int // 0 is the newest
	r    *record
}

func merge(newestFirst ...stream) (*merged, error) {
	m := &merged{}
	for age, s := range newestFirst {
		r, err := s.next()
		if err != nil {
			return nil, err
		}
		if r != nil {
			m.heads = append(m.heads, head{s, age, r})
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

func (h *head) before(o *head) bool {
	if h.r.fp != o.r.fp {
		return h.r.fp < o.r.fp
	}
	if c := h.r.compare(o.r); c != 0 {
		return c < 0
	}
	return h.age < o.age
}

func (m *merged) sink(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m.heads); c++ {
			if m.heads[c].before(&m.heads[least]) {
				least = c
			}
		}
		if least == i {
			return
		}
		m.heads[i], m.heads[least] = m.heads[least], m.heads[i]
		i = least
	}
}

func (m *merged) next() (*record, error) {
	for {
		if m.due {
			m.due = false
			// The given record's bytes go away with the next call: keep its key.
			h := &m.heads[0]
			m.last.fp, m.last.kind, m.last.match, m.last.source = h.r.fp, h.r.kind, h.r.match, h.r.source
			m.last.value, m.last.id = append(m.last.value[:0], h.r.value...), append(m.last.id[:0], h.r.id...)
			m.some = true
			r, err := h.from.next()
			if err != nil {
				return nil, err
			}
			if r == nil {
				m.heads[0] = m.heads[len(m.heads)-1]
				m.heads = m.heads[:len(m.heads)-1]
			} else {
				h.r = r
			}
			m.sink(0)
		}
		if len(m.heads) == 0 {
			return nil, nil
		}
		m.due = true
		if r := m.heads[0].r; !m.some || r.compare(&m.last) != 0 {
			return r, nil
		}
	}
}

// kept is a stream without the records that keep refuses.
type kept struct {
	from stream
	keep func(*record) bool
}

func (k kept) next() (*record, error) {
	for {
		r, err := k.from.next()
		if r == nil || err != nil || k.keep(r) {
			return r, err
		}
	}
}
