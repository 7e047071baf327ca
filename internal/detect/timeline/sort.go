package timeline

import (
	"container/heap"
	"errors"
	"io"
	"slices"
)

// sorter brings things into an order. It holds at most about limit
// bytes in memory; what is more goes to the spool in sorted runs, which are
// merged as they are read. Not safe for concurrent use.
type sorter[T any] struct {
	spool  *spool[T]
	limit  int
	before func(a, b T) int
	list   []T
	size   int
	runs   []segment
}

func (s *sorter[T]) add(m T) error {
	s.list = append(s.list, m)
	if s.size += s.spool.weight(m); s.size < s.limit {
		return nil
	}
	slices.SortFunc(s.list, s.before)
	seg, err := s.spool.write(s.list)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, seg)
	clear(s.list)
	s.list, s.size = s.list[:0], 0
	return nil
}

// each calls yield with everything in order. The sorter is used up then.
func (s *sorter[T]) each(yield func(T) error) error {
	slices.SortFunc(s.list, s.before)
	h := &merge[T]{before: s.before}
	if len(s.list) > 0 {
		list := s.list
		h.push(func() (m T, err error) {
			if len(list) == 0 {
				return m, io.EOF
			}
			m = list[0]
			list = list[1:]
			return m, nil
		})
	}
	for _, seg := range s.runs {
		h.push(s.spool.open(seg))
	}
	return h.each(yield)
}

// merge is a heap of sorted sources, the one with what comes first on top.
type merge[T any] struct {
	before func(a, b T) int
	heads  []head[T]
	err    error
}

type head[T any] struct {
	m    T
	next func() (T, error)
}

func (h *merge[T]) push(next func() (T, error)) {
	switch m, err := next(); {
	case err == nil:
		heap.Push(h, head[T]{m, next})
	case !errors.Is(err, io.EOF):
		h.err = errors.Join(h.err, err)
	}
}

func (h *merge[T]) each(yield func(T) error) error {
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
func (h *merge[T]) Len() int           { return len(h.heads) }
func (h *merge[T]) Less(i, j int) bool { return h.before(h.heads[i].m, h.heads[j].m) < 0 }
func (h *merge[T]) Swap(i, j int)      { h.heads[i], h.heads[j] = h.heads[j], h.heads[i] }
func (h *merge[T]) Push(x any)         { h.heads = append(h.heads, x.(head[T])) }
func (h *merge[T]) Pop() any {
	last := h.heads[len(h.heads)-1]
	h.heads = h.heads[:len(h.heads)-1]
	return last
}
