package evtx

// A writer writes one record, and stops when it grows too large.
type writer struct {
	r       *Record
	dst     []byte
	start   int
	budget  int
	scratch []byte
	sets    []*keyset // one for each object that is open, and those used before
	depth   int
}

// writer returns the record's writer, which is used again for each text.
func (r *Record) writer(dst []byte) *writer {
	w := &r.w
	w.r, w.dst, w.start, w.budget, w.depth = r, dst, len(dst), maxSteps, 0
	return w
}

// push returns an empty keyset for an object that begins.
func (w *writer) push() *keyset {
	if w.depth == len(w.sets) {
		w.sets = append(w.sets, &keyset{})
	}
	s := w.sets[w.depth]
	s.few, s.many = s.few[:0], nil
	w.depth++
	return s
}

func (w *writer) pop() { w.depth-- }

// full reports whether to stop, and counts a step.
func (w *writer) full() bool {
	w.budget--
	return w.budget < 0 || len(w.dst)-w.start > MaxOutput
}

func (w *writer) done(before []byte) ([]byte, error) {
	if w.budget < 0 || len(w.dst)-w.start > MaxOutput {
		w.dst = nil
		return before, w.r.tooLarge()
	}
	dst := w.dst
	w.dst = nil // it is the caller's
	return dst, nil
}

func (r *Record) tooLarge() error {
	return &Error{Offset: r.Offset, Chunk: r.Chunk, Record: r.ID, Lost: true,
		Err: because("evtx.large.bounds", ErrTooLarge, MaxOutput, maxSteps)}
}
