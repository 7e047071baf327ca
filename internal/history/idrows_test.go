package history

import (
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Many ids looked up at once are found where each of them is.
func TestIDRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, events := range []int{0, 1, 7, 4_000, 30_000} {
		set := map[key]uint32{}
		for len(set) < events {
			set[key(r.Uint64())] = uint32(len(set))
		}
		raw := make(rawReader, 100)
		sorted := slices.Sorted(maps.Keys(set))
		for _, k := range sorted {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(k))
			raw = binary.LittleEndian.AppendUint32(raw, set[k])
		}
		m := indexMeta{Events: int64(events)}
		m.IDs = section{Off: 100, Len: int64(events) * idSize}
		for _, asked := range []int{0, 1, 5, 59, 61, events} {
			keys := map[key]bool{}
			want := map[key]uint32{}
			for range asked {
				k := key(r.Uint64())
				if len(sorted) > 0 && r.IntN(2) == 0 {
					k = sorted[r.IntN(len(sorted))]
				}
				keys[k] = true
				if at, ok := set[k]; ok {
					want[k] = at
				}
			}
			got := map[key]uint32{}
			if err := m.idRows(raw, slices.Collect(maps.Keys(keys)), func(k key, at uint32) error {
				got[k] = at
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, want) {
				t.Errorf("%d of %d events: got %d rows, want %d", asked, events, len(got), len(want))
			}
		}
	}
}

type rawReader []byte

func (r rawReader) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, r[off:])
	if n < len(b) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}
