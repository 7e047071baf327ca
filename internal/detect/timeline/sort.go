package timeline

import (
	"container/heap"
	"errors"
	"io"
	"slices"
)

// sorter brings matches into the order of time. It holds at most about limit
// bytes in memory; what is more goes to the spool in sorted runs, which are
// merged as they are read. Not safe for concurrent use.
type sorter struct {
	spool *spool
	limit int
	list  []*Match
	size  int
	runs  []segment
}

func (s *sorter) add(m *Match) error {
	s.list = append(s.list, m)
	if s.size += m.weight(); s.size < s.limit {
		return nil
	}
	slices.SortFunc(s.list, before)
	seg, err := s.spool.write(s.list)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, seg)
	clear(s.list)
	s.list, s.size = s.list[:0], 0
	return nil
}

// each calls yield with all matches in order. The sorter is used up then.
func (s *sorter) each(yield func(*Match) error) error {
	slices.SortFunc(s.list, before)
	h := &merge{}
	if len(s.list) > 0 {
		list := s.list
		h.push(func() (*Match, error) {
			if len(list) == 0 {
				return nil, io.EOF
			}
			m := list[0]
			list = list[1:]
			return m, nil
		})
	}
	for _, seg := range s.runs {
		h.push(s.spool.open(seg).next)
	}
	return h.each(yield)
}

// merge is a heap of sorted sources, the one with the first match on top.
type merge struct {
	heads []head
	err   error
}

type head struct {
	m    *Match
	next func() (*Match, error)
}

func (h *merge) push(next func() (*Match, error)) {
	switch m, err := next(); {
	case err == nil:
		heap.Push(h, head{m, next})
	case !errors.Is(err, io.EOF):
		h.err = errors.Join(h.err, err)
	}
}

func (h *merge) each(yield func(*Match) error) error {
	for h.err == nil && len(h.heads) > 0 {
		top := &h.heads[0]
		if err := yield(top.m); err != nil {
			return err
		}
		m, err := top.next()
		switch {
		case err == nil:
			top.m = m
			heap.Fix(h, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(h)
		default:
			return err
		}
	}
	return h.err
}

// Len, Less, Swap, Push and Pop make it a heap.Interface.
func (h *merge) Len() int           { return len(h.heads) }
func (h *merge) Less(i, j int) bool { return before(h.heads[i].m, h.heads[j].m) < 0 }
func (h *merge) Swap(i, j int)      { h.heads[i], h.heads[j] = h.heads[j], h.heads[i] }
func (h *merge) Push(x any)         { h.heads = append(h.heads, x.(head)) }
func (h *merge) Pop() any {
	last := h.heads[len(h.heads)-1]
	h.heads = h.heads[:len(h.heads)-1]
	return last
}
