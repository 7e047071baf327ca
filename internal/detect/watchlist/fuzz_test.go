package watchlist

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// FuzzDecode passes any bytes to what reads records, batches and tables behind
// their checksums: no panic, and what is read is written the same way again.
func FuzzDecode(f *testing.F) {
	e, err := Check(Entry{Type: event.IPv4, Value: "10.0.0.0/8", Source: "s", ID: "i"})
	if err != nil {
		f.Fatal(err)
	}
	r := recordOf(1, e)
	f.Add(encodeFrame([]change{{add: &r}, {key: &r, tombstone: tombstoneKey(&r)}, {tombstone: tombstoneID([]byte("i"))},
		{tombstone: tombstoneSource("s")}})[frameHead:])
	w := writer{sources: newSources(), filter: newFilter(1)}
	if err := w.add(&r); err != nil {
		f.Fatal(err)
	}
	w.nets.seal()
	f.Add(w.tables())
	f.Fuzz(func(t *testing.T, b []byte) {
		if batch, err := decodeFrame(b); err == nil {
			again, err := decodeFrame(encodeFrame(batch)[frameHead:])
			if err != nil || len(again) != len(batch) || !bytes.Equal(encodeFrame(again), encodeFrame(batch)) {
				t.Errorf("%v became %v, %v", batch, again, err)
			}
		}
		var s segment
		if s.loadTables(bytes.NewReader(b), section{size: int64(len(b))}) == nil && !s.nets.sound() {
			t.Error("the union of networks is not sound")
		}
		for _, v := range []string{string(b), "http://a/" + string(b), "a." + string(b)} {
			if len(v) > maxValue {
				continue
			}
			cuts(v, func(c string, _ int) bool {
				if !strings.HasPrefix(v, c) {
					t.Errorf("%q is no beginning of %q", c, v)
				}
				return true
			})
		}
	})
}
