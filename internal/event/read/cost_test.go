package read

import (
	"bytes"
	"io"
	"testing"
)

// TestFramingCostIsLinear counts the bytes that are scanned for streams made to
// be scanned again and again.
func TestFramingCostIsLinear(t *testing.T) {
	for _, unit := range []string{"{\"a\":\n", "{\n", "[{\"a\":[\n", "{\"a\":\"\n", "{}}\n", "{\"Records\":[{\n",
		"[\n{\"a\":1\n"} {
		in := bytes.Repeat([]byte(unit), 1<<20/len(unit))
		f := newFramer(bytes.NewReader(in), 1<<18)
		for {
			if _, err := f.next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if f.rescan > 8*int64(len(in))+1<<22 {
			t.Errorf("%q: %d bytes were scanned again of %d", unit, f.rescan, len(in))
		}
	}
}
