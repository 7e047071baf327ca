package history

import (
	"context"
	"errors"
	"os"
	"slices"
)

// withFile calls fn, which reads f. If fn fails because the file has been damaged,
// the file is set aside and the result is nil; if its index has been damaged, that
// is rebuilt and fn is called once more. A failure of the machine is returned.
func (h *History) withFile(f *file, fn func() error) error {
	err := fn()
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	again, err := h.repair(f, err)
	if err != nil || !again {
		return err
	}
	return fn()
}

// withPart is withFile for any part. Records of a log that have been damaged are
// listed as a problem.
func (h *History) withPart(p part, fn func() error) error {
	switch u := p.unit.(type) {
	case *file:
		return h.withFile(u, fn)
	case *view:
		err := fn()
		if damagedRecord(err) {
			h.problemOnce(u.path, err)
			return nil
		}
		return err
	}
	return fn()
}

func (h *History) repair(f *file, cause error) (again bool, err error) {
	f.repairing.Lock()
	defer f.repairing.Unlock()
	if !h.listed(f) {
		return false, nil // dropped or set aside meanwhile
	}
	if systemError(cause) && !errors.Is(cause, os.ErrNotExist) {
		return false, storageFault(cause)
	}
	switch err := f.check(); {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, errDamaged):
		return false, h.discard(f, errors.Join(err, cause))
	case err != nil:
		return false, storageFault(err)
	}
	// The events are what was written, so it is the index.
	h.opt.Log.Warn("history: index is made again", "path", f.index, "err", cause)
	if err := f.rebuild(); err != nil {
		return false, storageFault(err)
	}
	f.checked.Store(false)
	return true, nil
}

func (h *History) listed(f *file) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Contains(h.files, f)
}

// unlist takes a file out of the list; it stays on disk.
func (h *History) unlist(f *file) {
	h.mu.Lock()
	h.files = slices.DeleteFunc(slices.Clone(h.files), func(o *file) bool { return o == f })
	h.mu.Unlock()
	h.blooms.drop(f.id)
}

// discard sets a file aside that has been damaged.
func (h *History) discard(f *file, why error) error {
	h.unlist(f)
	if err := os.Remove(f.index); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.opt.Log.Warn("history: cannot remove an index", "path", f.index, "err", err)
	}
	return storageFault(h.setAside(f.path, why))
}
