package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// file is one sealed Parquet file with its index. It does not change after it
// was made, except for found.
type file struct {
	id      string
	path    string // of the Parquet file
	index   string // path of its index
	meta    indexMeta
	size    int64 // of both files together
	blooms  *bloomCache
	checked atomic.Bool // the index's sums were compared since the start

	found     rowSet     // under History.mu
	repairing sync.Mutex // held while the files on disk are repaired or removed
}

// errDamaged says that a sealed file does not hold what was written.
var errDamaged = errors.New("damaged file")

func (f *file) span() span {
	return span{Events: f.meta.Events, Bytes: f.size, Min: f.meta.Min, Max: f.meta.Max}
}

// withIndex opens the index, compares its sums if that has not been done, and
// calls fn with it.
func (f *file) withIndex(fn func(r io.ReaderAt) error) error {
	r, err := os.Open(f.index)
	if err != nil {
		return err
	}
	defer r.Close()
	if !f.checked.Load() {
		if err := checkIndex(r, &f.meta); err != nil {
			return err
		}
		f.checked.Store(true)
	}
	return fn(r)
}

// mayHold asks the bloom filter.
func (f *file) mayHold(probes []probe) ([]probe, error) {
	if f.meta.Bloom.Len == 0 || len(probes) == 0 {
		return nil, nil
	}
	filter, err := f.blooms.get(f)
	if err != nil {
		return nil, err
	}
	var out []probe
	for _, p := range probes {
		if filter.Check(p.hash) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (f *file) rows(q *filter) ([]uint32, error) {
	if !q.meets(f.meta.Min, f.meta.Max) {
		return nil, nil
	}
	mask, any := q.mask(f.meta.Sources)
	if !any {
		return nil, nil
	}
	probes := q.probes
	if q.wanted != nil {
		var err error
		if probes, err = f.mayHold(probes); err != nil || len(probes) == 0 {
			return nil, err
		}
	}
	var out []uint32
	err := f.withIndex(func(r io.ReaderAt) error {
		var list []meeting
		for _, p := range probes {
			rows, err := f.meta.valueRows(r, p.key)
			if err != nil {
				return err
			}
			for _, at := range rows {
				if int64(at) >= f.meta.Events {
					return errIndex
				}
				list = append(list, meeting{at, int32(p.at)})
			}
		}
		if q.wanted != nil && len(list) == 0 {
			return nil
		}
		t, err := f.meta.table(r)
		if err != nil {
			return err
		}
		if q.wanted != nil {
			out = q.rows(list, mask, t.row)
			return nil
		}
		for at := range uint32(f.meta.Events) {
			if q.row(t.row(at), mask) {
				out = append(out, at)
			}
		}
		return nil
	})
	return out, err
}

func (f *file) read(ctx context.Context, places []uint32, outline bool, fn func(at uint32, r *row) bool) error {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close()
	pf, err := openParquet(r, f.meta.Bytes)
	if err != nil {
		return err
	}
	err = readParquet(pf, places, outline, func(at uint32, r *row) bool { return ctx.Err() == nil && fn(at, r) })
	return errors.Join(err, ctx.Err())
}

// fewRows is up to how many rows of a table are read one by one.
const fewRows = 32

func (f *file) occurrences(p probe, fn func(at uint32, m rowMeta)) error {
	if may, err := f.mayHold([]probe{p}); err != nil || len(may) == 0 {
		return err
	}
	return f.withIndex(func(r io.ReaderAt) error {
		places, err := f.meta.valueRows(r, p.key)
		if err != nil {
			return err
		}
		if len(places) <= fewRows {
			// fn is called when nothing can fail any more: it counts.
			rows := make([]rowMeta, len(places))
			for i, at := range places {
				if rows[i], err = f.meta.oneRow(r, at); err != nil {
					return err
				}
			}
			for i, at := range places {
				fn(at, rows[i])
			}
			return nil
		}
		t, err := f.meta.table(r)
		if err != nil {
			return err
		}
		for _, at := range places {
			fn(at, t.row(at))
		}
		return nil
	})
}

// locate calls fn for those of the keys that are event ids of this file. It does
// not compare the index's sums: what it says of a damaged index is harmless.
func (f *file) locate(keys []key, fn func(k key, at uint32, time int64)) error {
	r, err := os.Open(f.index)
	if err != nil {
		return err
	}
	defer r.Close()
	return f.meta.idRows(r, keys, func(k key, at uint32) error {
		m, err := f.meta.oneRow(r, at)
		if err == nil {
			fn(k, at, m.Time)
		}
		return err
	})
}

// ids returns the keys of all events' ids.
func (f *file) ids() ([]key, error) {
	var out []key
	err := f.withIndex(func(r io.ReaderAt) error {
		b := make([]byte, f.meta.IDs.Len)
		if _, err := r.ReadAt(b, f.meta.IDs.Off); err != nil {
			return err
		}
		for ; len(b) > 0; b = b[idSize:] {
			out = append(out, key(binary.LittleEndian.Uint64(b)))
		}
		return nil
	})
	return out, err
}

// check reads the Parquet file to its end and compares its sum.
func (f *file) check() error {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, r)
	if err != nil {
		return err
	}
	if n != f.meta.Bytes || sum.Sum32() != f.meta.CRC {
		return errDamaged
	}
	return nil
}

// openFile makes a sealed file out of what is on disk. An index that is lost
// or damaged is rebuilt.
func openFile(id, path, index string, blooms *bloomCache) (*file, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &file{id: id, path: path, index: index, blooms: blooms}
	n, err := f.loadIndex(st.Size())
	if errors.Is(err, errIndex) || errors.Is(err, os.ErrNotExist) {
		if err := f.rebuild(); err != nil {
			return nil, err
		}
		n, err = f.loadIndex(st.Size())
	}
	if err != nil {
		return nil, err
	}
	f.size = st.Size() + n
	return f, nil
}

func (f *file) loadIndex(parquetSize int64) (int64, error) {
	r, err := os.Open(f.index)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return 0, err
	}
	m, err := readIndexMeta(r, st.Size())
	if err != nil {
		return 0, err
	}
	if m.File != f.id {
		return 0, errIndex
	}
	if m.Bytes != parquetSize {
		return 0, fmt.Errorf("%w: %d bytes, %d were written", errDamaged, parquetSize, m.Bytes)
	}
	f.meta = m
	return st.Size(), nil
}

// rebuild makes the index from the Parquet file.
func (f *file) rebuild() error {
	r, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return err
	}
	pf, err := openParquet(r, st.Size())
	if err != nil {
		return err
	}
	var b indexBuilder
	places := make([]uint32, pf.NumRows())
	for i := range places {
		places[i] = uint32(i)
	}
	in := interner{}
	var bad error
	if err := readParquet(pf, places, false, func(_ uint32, r *row) bool {
		var fields map[string]any
		if fields, bad = parseFields(r.Fields, in); bad == nil {
			r.Number = numberOf(fields)
			b.add(r)
		}
		return bad == nil
	}); err != nil || bad != nil {
		return errors.Join(err, bad)
	}
	b.meta.File = f.id
	b.meta.Segment, _ = pf.Lookup(metaSegment)
	if b.meta.Bloom, err = findBloom(pf); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	if b.meta.Bytes, err = io.Copy(sum, io.NewSectionReader(r, 0, st.Size())); err != nil {
		return err
	}
	b.meta.CRC = sum.Sum32()
	out, err := b.bytes()
	if err != nil {
		return err
	}
	if err := writeWhole(f.index+newExt, out); err != nil {
		return err
	}
	return os.Rename(f.index+newExt, f.index)
}

// writeWhole writes a new file and syncs it.
func writeWhole(path string, b []byte) error {
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	if err == nil {
		err = w.Sync()
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// syncDir makes renames and removals in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
