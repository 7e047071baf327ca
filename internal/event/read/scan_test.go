package read

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// ordinary finds the first byte that means something in a string, wherever it
// is among the eight that are looked at together.
func TestOrdinary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte("ab\"\\\n\x00\x01\x0b\x21\x23\x5b\x5d\xff\x80\xa2\xdc\x8a")), 0,
			40).Draw(t, "b")
		want := bytes.IndexAny(b, "\"\\\n")
		if want < 0 {
			want = len(b)
		}
		if got := ordinary(b); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	})
}
