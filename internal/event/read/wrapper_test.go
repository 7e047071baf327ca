package read_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

func streamed(t *testing.T, in io.Reader) (ns []string, rep read.Report) {
	t.Helper()
	rep, err := read.Stream(context.Background(), "x.json", in, options(), func(e *event.Event) error {
		ns = append(ns, fmt.Sprint(e.Fields["n"]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ns, rep
}

// one byte at a time
type dripping struct{ in io.Reader }

func (d dripping) Read(p []byte) (int, error) { return d.in.Read(p[:min(len(p), 1)]) }

// Objects that wrap a list of records give the records, however they arrive; those
// that only look like one are records themselves.
func TestWrappers(t *testing.T) {
	for in, want := range map[string]string{
		`{"took":5,"timed_out":false,"_shards":{"total":1},"hits":{"total":{"value":2,"relation":"eq"},` +
			`"max_score":1.0,"hits":[{"_index":"i","_id":"1","_source":{"n":1}},{"_index":"i","_source":{"n":2}}]},` +
			`"aggregations":{"a":[1]}}`: "1 2",
		"{\n  \"hits\": {\n    \"hits\": [\n      {\"_index\": \"i\", \"_source\": {\"n\": 1}}\n    ]\n  " +
			"}\n}\n{\"n\":2}\n": "1 2",
		`{"_scroll_id":"` + strings.Repeat("x", 3000) +
			`","hits":{"hits":[{"n":1}]}}{"n":2}`: "1 2",
		`{"events":[{"n":1},{"n":2}],"nextToken":"t"}`: "1 2",
		`{"@odata.context":"https://graph.example/x","@odata.nextLink":"https://graph.example/y","value":[{"n":1},` +
			`{"n":2}]}`: "1 2",
		`{"value":[{"n":1}]}` + "\n" + `{"value":[{"n":2}]}`:   "1 2",
		`{"Records":[{"n":1},{"n":2}]}`:                        "1 2",
		`{"@odata.context":"x","value":[]}` + "\n" + `{"n":1}`: "1",
		`{"hits":{"hits":[]}}`:                                 "",
		"{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"n\":1}\n{\"create\":{}}\n{\"n\":2}\n" +
			"{\"delete\":{\"_id\":\"1\"}}\n": "1 2",
		`{"value":5,"n":1}`:                         "1",
		`{"events":[],"n":1}`:                       "1",
		`{"events":["a"],"n":1}`:                    "1",
		`{"value":[1,2],"n":1}`:                     "1",
		`{"hits":5,"n":1}`:                          "1",
		`{"n":1,"events":[{"n":2}]}`:                "1",
		`{"took":5,"n":1}`:                          "1",
		`{"index":{"_id":"1"},"n":1}`:               "1",
		`{"index":{"name":"x"}}` + "\n" + `{"n":1}`: "<nil> 1",
	} {
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(in),
			"byte by byte": dripping{strings.NewReader(in)}} {
			ns, rep := streamed(t, r)
			if got := strings.Join(ns, " "); got != want || rep.BadN > 0 {
				t.Errorf("%s, %s:\n%s, want %s %v", in, how, got, want, rep.Bad)
			}
		}
	}
}

// A wrapper that is broken, cut short or holds a broken record says so with its place.
func TestWrappersBroken(t *testing.T) {
	for in, want := range map[string]string{
		"{\"hits\":{\"hits\":[{\"n\":1},\n{\"n\":},\n{\"n\":3}]}}": "1 3 at 26",
		`{"value":[{"n":1}`:                   "1 at 17",
		`{"hits":{"hits":[{"n":1}]}`:          "1 at 25",
		"{\"events\":[{\"n\":1}]]\n{\"n\":2}": "1 2 at 19",
	} {
		ns, rep := streamed(t, strings.NewReader(in))
		got := strings.Join(ns, " ")
		for _, b := range rep.Bad {
			got += fmt.Sprintf(" at %d", b.Offset)
		}
		if got != want {
			t.Errorf("%q: %s, want %s %v", in, got, want, rep.Bad)
		}
	}
}

// What wraps a great many records is never held as a whole.
func TestWrapperIsBounded(t *testing.T) {
	one := []byte(`{"_source":{"n":1,"x":"` + strings.Repeat("y", 1000) + `"}},`)
	in := io.MultiReader(strings.NewReader(`{"hits":{"hits":[`),
		io.LimitReader(&endless{one: one}, int64(40_000*len(one))), strings.NewReader(`{"n":2}]}}`))
	n := 0
	rep, err := read.Stream(context.Background(), "x.json", in, read.Options{MaxRecord: 4096},
		func(e *event.Event) error { n++; return nil })
	if err != nil || n != 40_001 || rep.BadN != 0 {
		t.Errorf("%d, %v, %v", n, err, rep.Bad)
	}
}

type endless struct {
	one  []byte
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = bytes.Clone(e.one)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
