package evtx

import (
	"bytes"
	"testing"
)

// benchmark reads a log of 16 full chunks of process events.
func benchmark(b *testing.B, do func(r *Record) error) {
	var chunks [][]byte
	for i := range 16 {
		chunks = append(chunks, sampleChunk(uint64(1+90*i), 90))
	}
	file := logFile(chunks...)
	r, err := NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		for rec, err := range r.All() {
			if err != nil {
				b.Fatal(err)
			}
			if err := do(rec); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkRecords(b *testing.B) { benchmark(b, func(r *Record) error { return nil }) }

func BenchmarkFields(b *testing.B) {
	benchmark(b, func(r *Record) error { _, err := r.Fields(); return err })
}

func BenchmarkJSON(b *testing.B) {
	var buf []byte
	benchmark(b, func(r *Record) (err error) { buf, err = r.AppendJSON(buf[:0]); return err })
}

func BenchmarkXML(b *testing.B) {
	var buf []byte
	benchmark(b, func(r *Record) (err error) { buf, err = r.AppendXML(buf[:0]); return err })
}
