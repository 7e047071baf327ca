package evtx

import "strconv"

// A keyset counts how often each name came. Few names are looked through, many
// looked up.
type keyset struct {
	few  []counted
	many map[string]int
}

type counted struct {
	name string
	n    int
}

// unique returns name, or, if it was added before, name with the first number that
// makes it new.
func (s *keyset) unique(name string) string {
	n := s.add(name)
	if n == 0 {
		return name
	}
	for ; ; n++ {
		numbered := name + "_" + strconv.Itoa(n)
		if s.add(numbered) == 0 {
			return numbered
		}
	}
}

// add returns how often name came before.
func (s *keyset) add(name string) int {
	if s.many != nil {
		n := s.many[name]
		s.many[name] = n + 1
		return n
	}
	for i := range s.few {
		if s.few[i].name == name {
			s.few[i].n++
			return s.few[i].n - 1
		}
	}
	if len(s.few) == 48 {
		s.many = make(map[string]int, 128)
		for _, c := range s.few {
			s.many[c.name] = c.n
		}
		s.many[name] = 1
		return 0
	}
	s.few = append(s.few, counted{name, 1})
	return 0
}
