package flatjson_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// written is fields as history writes them: a float has a point, a whole number none.
func written(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var list []string
		for k, x := range v {
			b, _ := json.Marshal(k)
			list = append(list, string(b)+":"+written(x))
		}
		return "{" + strings.Join(list, ",") + "}"
	case []any:
		var list []string
		for _, x := range v {
			list = append(list, written(x))
		}
		return "[" + strings.Join(list, ",") + "]"
	case string:
		if utf8.ValidString(v) {
			break
		}
		var b strings.Builder // a byte that is no UTF-8 is a low surrogate
		for _, r := range []byte(v) {
			if r < utf8.RuneSelf {
				part, _ := json.Marshal(string(rune(r)))
				b.Write(part[1 : len(part)-1])
			} else {
				fmt.Fprintf(&b, `\udc%02x`, r)
			}
		}
		return `"` + b.String() + `"`
	case float64:
		if math.IsInf(v, 0) {
			return map[bool]string{true: "1e999", false: "-1e999"}[v > 0]
		}
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func fieldValue(r *rand.Rand, depth int) any {
	switch r.IntN(14) {
	case 0:
		return nil
	case 1, 2:
		return pick(r, int64(0), int64(1), int64(10), int64(-5), int64(4688), int64(1<<62))
	case 3:
		return pick(r, 1.5, 1000.0, -0.25, 1e30, 12345678901234567890.0, math.Inf(1), math.Inf(-1))
	case 4:
		return r.IntN(2) == 0
	case 5:
		if depth > 2 {
			return []any{}
		}
		var list []any
		for range r.IntN(3) {
			list = append(list, fieldValue(r, depth+1))
		}
		return list
	case 6:
		if depth < 2 && r.IntN(3) == 0 {
			return map[string]any{pick(r, "b", "System", "x"): fieldValue(r, depth+1)}
		}
	}
	if r.IntN(20) == 0 {
		return pick(r, "cmd\x00.exe", "a\x07", "\x1b[0m", "caf\xe9", "\xff\xfe")
	}
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(pick(r, "a", "B", "wardog", "INFO", "S-1-5-18", `C:\Windows\System32\cmd.exe`, "é", "\u212a",
			"ſ", "/", `"`, "\n", "\t", "日本語", "10", " 5", "0", "-0", "007",
			"mimikatz", "keyword with ", `\ and`, "1", "4688", "true", "e999", `\ud`, "<&>", "\u2028"))
	}
	return b.String()
}

// What matches fields as they lie in the past is what matches the event.
func TestFields(t *testing.T) {
	set := rules(t, names...)
	var some []*sigma.Rule // without keywords, which are left to the event
	for _, r := range set.Rules {
		if _, whole := r.FieldNames(); !whole {
			some = append(some, r)
		}
	}
	const rounds = 400
	found, quickly := 0, 0
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 3))
		chosen := make([]*sigma.Rule, 0, 12)
		for range 1 + r.IntN(12) {
			chosen = append(chosen, some[r.IntN(len(some))])
		}
		if seed%10 == 0 {
			chosen = append(chosen, set.Rules...)
		}
		own := sigma.NewSet(chosen)
		m := flatjson.NewFields(engine.Compile(own, engine.Options{}))
		for range 40 {
			fields := map[string]any{}
			for range r.IntN(12) {
				fields[pick(r, keys...)] = fieldValue(r, 0)
			}
			if r.IntN(2) == 0 {
				fields["EventID"] = pick[any](r, int64(1), int64(4688), "12", "4657", "007", " 1", 1.5, nil)
			}
			ev := &event.Event{Product: pick(r, "windows", "windows", "linux", ""),
				Service:    pick(r, "sysmon", "security", ""),
				Categories: []string{pick(r, "process_creation", "registry_set", "antivirus")}, Fields: fields}
			want := false
			for range own.Match(ev) {
				want = true
				break
			}
			decoded := 0
			got, err := m.Matches(ev.Product, ev.Service, ev.Categories, []byte(written(fields)),
				func() (*event.Event, error) { decoded++; return ev, nil })
			if err != nil || got != want {
				t.Fatalf("seed %d: %v, %v, want %v\n%s\n%v", seed, got, err, want, written(fields), ev.Categories)
			}
			if got {
				found++
			}
			if decoded == 0 {
				quickly++
			}
		}
	}
	if found < rounds || quickly < rounds {
		t.Errorf("%d matches, %d without decoding: what is compared here?", found, quickly)
	}
}
