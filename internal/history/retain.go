package history

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"github.com/meneki/meneki/internal/clock"
)

// retain drops the files whose events were read longest ago, as far as the
// bounds on age and size ask for it.
func (h *History) retain() {
	if h.opt.MaxAge <= 0 && h.opt.MaxBytes <= 0 {
		return
	}
	h.mu.RLock()
	files := slices.Clone(h.files)
	bytes := h.open.view().at.Bytes
	for _, s := range h.sealing {
		bytes += s.view().at.Bytes
	}
	h.mu.RUnlock()
	slices.SortFunc(files, func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.meta.SeenMax, b.meta.SeenMax), cmp.Compare(a.id, b.id))
	})
	for _, f := range files {
		bytes += f.size
	}
	oldest := h.opt.Clock().Add(-h.opt.MaxAge).UnixMicro()
	for _, f := range files {
		aged := h.opt.MaxAge > 0 && f.meta.SeenMax < oldest
		if !aged && (h.opt.MaxBytes <= 0 || bytes <= h.opt.MaxBytes) {
			return
		}
		if err := h.dropFile(f); err != nil {
			h.opt.Log.Error("history: cannot drop a file", "path", f.path, "err", err)
			return
		}
		bytes -= f.size
		h.opt.Log.Info("history: dropped the oldest events", "path", f.path, "events", f.meta.Events, "bytes", f.size,
			"read_until", clock.FromMicros(f.meta.SeenMax), "too_old", aged)
	}
}

func (h *History) dropFile(f *file) error {
	f.repairing.Lock()
	defer f.repairing.Unlock()
	h.unlist(f)
	for _, path := range []string{f.path, f.index} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
