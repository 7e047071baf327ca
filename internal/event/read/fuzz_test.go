package read

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
)

var seeds = []string{
	`{"a":1}`, "{\"a\":1}\n{\"b\":[1,2,{\"c\":null}]}\n", `[{"a":"\u00e9\ud83d\ude00"},2]`,
	`{"Records":[{"x":1}],"y":2}`,
	"{\n  \"a\": 1\n}\n", "{\"a\":\"\n{\"b\":1}\n",
	`{"Event":{"System":{"EventID":1,"Channel":"Security"},"EventData":{"Data":["a"]}}}`,
	`{"event_type":"dns","timestamp":"2026-01-02T03:04:05Z","flow_id":1,"dns":{"rrname":"x.example"}}`,
	`type=EXECVE msg=audit(1767322245.250:9): argc=1 a0="x" a1=2F62`,
	`<34>1 2026-01-02T03:04:05Z h a p i [x@1 k="v\"w"] text`,
	`<13>Feb  3 12:04:05 h a[1]: @cee:{"a":1}`, `<Event><System><EventID>1</EventID></System></Event>`,
	`203.0.113.4 - - [02/Jan/2026:12:04:05 +0900] "GET / HTTP/1.1" 200 1`, "\x00\xff\xfe{\"a\":\"\xff\"}", "PK\x03\x04",
	"\x1f\x8b\x08",
	"192.0.2.1 6705: Feb 17 13:40:03.673: %PARSER-5-X: y", `{"SyslogMessage":"<Event>","EventData":"{"}`,
	`{"took":1,"_shards":{"total":1},"hits":{"total":{"value":1},"hits":[{"_index":"i","_source":{"a":1}}]}}`,
	`{"@odata.context":"x","value":[{"a":1}]}`,
	"#Software: x\n#Fields: date time cs-method cs-uri-stem cs-uri-query sc-win32-status cs(User-Agent)\n2026-01-02 " +
		"03:04:05 GET /a b=c 0 x+y\n",
	`{"time":"2026-01-02T03:04:05Z","operationName":"x","category":"AuditLogs","properties":{"category":"y",` +
		`"targetResources":[{"modifiedProperties":[{"displayName":"a.b","newValue":"c"}]}]}}`,
	`{"CreationTime":"2026-01-02T03:04:05","Operation":"x","RecordType":1,"Parameters":[{"Name":"a","Value":"b"}]}`,
	`{"RecordType":1,"AuditData":"{}"}`,
	`{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"admin.googleapis.com",` +
		`"metadata":{"event":[{"eventName":"x","parameter":[{"name":"a","value":"b"}]}]}}}`,
	`{"TimeGenerated":"2026-01-02T03:04:05Z","Type":"SigninLogs","Status":"{\"errorCode\":0}","LocationDetails":"{}"}`,
	`{"events":[{"a":1}],"next":null}`,
	"<?xml version=\"1.0\"?>\n<Events>\n<Event " +
		"xmlns='x'>\n<System><EventID>1</EventID></System>\n</Event><Event/></Events>",
	`<n:Events xmlns:n="x"><n:Event><n:System><n:EventID>1</n:EventID></n:System><!-- </n:Event> -->` +
		`<![CDATA[</n:Event>]]></n:Event></n:Events>`, "{\"index\":{\"_id\":\"1\"}}\n{\"a\":1}\n",
	`{"_source":{"_source":{}}}`,
}

func check(t *testing.T, e *event.Event) {
	if e.Time.IsZero() || e.ID == "" || e.Fields == nil {
		t.Errorf("event without time, id or fields: %+v", e)
	}
	valid(t, e.Fields)
	for _, o := range event.Observables(e) {
		if c, ok := event.Canonical(o.Type, o.Value); !ok || c != o.Value {
			t.Errorf("observable %v is not canonical: %q", o, c)
		}
	}
}

func valid(t *testing.T, v any) {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
			t.Errorf("field value %q", v)
		}
	case map[string]any:
		for k, w := range v {
			valid(t, k)
			valid(t, w)
		}
	case []any:
		for _, w := range v {
			valid(t, w)
		}
	case nil, int64, float64, bool:
	default:
		t.Errorf("field value of type %T", v)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		evs, _ := Line(event.Source{Name: "x"}, b, Hint{Seen: time.Unix(1, 0)})
		for _, e := range evs {
			check(t, e)
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		now, _ := clock.Fixed(time.Unix(1, 0))
		at := int64(-1)
		_, err := Stream(context.Background(), "x", bytes.NewReader(b),
			Options{Clock: now, MaxRecord: 512, MaxUnpacked: 1 << 20}, func(e *event.Event) error {
				check(t, e)
				if len(e.Raw) > 512 {
					t.Errorf("a record of %d bytes", len(e.Raw))
				}
				if strings.IndexByte(e.From.Name, '!') < 0 && e.From.Offset <= at {
					t.Errorf("offset %d after %d", e.From.Offset, at)
				}
				at = e.From.Offset
				return nil
			})
		if err != nil {
			t.Error(err)
		}
	})
}

// FuzzEvents holds the cutting of exported XML to what it promises: whole events come
// out as they lie there, however the bytes come in, and none is longer than allowed.
func FuzzEvents(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cut := func(in io.Reader) (out []string) {
			c := NewSplitter(in, 256)
			at := int64(-1)
			for {
				one, err := c.Next()
				if err != nil {
					return out
				}
				if one.Offset <= at || len(one.Raw) > 256 {
					t.Fatalf("a cut of %d bytes at %d after %d", len(one.Raw), one.Offset, at)
				}
				at = one.Offset
				if one.xml {
					out = append(out, fmt.Sprint(one.Offset, string(one.Raw), one.err))
				}
			}
		}
		b = append([]byte("<Events>"), b...)
		if whole, dripping := cut(bytes.NewReader(b)),
			cut(iotest.OneByteReader(bytes.NewReader(b))); !reflect.DeepEqual(whole, dripping) {
			t.Errorf("%q\n%q\n%q", b, whole, dripping)
		}
	})
}

func FuzzSyslog(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r := new(Decoder).text(clean(s), "x", Hint{Seen: time.Unix(1, 0)}, 0); r.fields == nil {
			t.Error("no fields")
		}
	})
}

// FuzzJSON holds the parser and the scanner against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range append(seeds, `{"a":[1,-2.5e3,true,null,"\\\"\/\b\f\n\r\t"]}`, `{"a":{},"b":[]}`,
		` {"a" : 1 } `) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.IndexByte(s, 0) >= 0 || strings.Contains(s, `\u0000`) || !utf8.ValidString(s) {
			return
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var want any
		err := d.Decode(&want)
		if err == nil && d.More() {
			return
		}
		got, gotErr := parseJSON(s)
		if err != nil || depthOf(want) > maxDepth || gotErr != nil && strings.TrimSpace(s[d.InputOffset():]) != "" {
			return // more lenient, and bounded
		}
		if gotErr != nil {
			t.Fatalf("%q: %v", s, gotErr)
		}
		if want = plain(want); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, encoding/json has %#v", s, got, want)
		}
		if m, ok := got.(map[string]any); ok && len(m) > 0 {
			fr, err := newFramer(strings.NewReader(strings.TrimSpace(s)), 1<<20).next()
			if err != nil || fr.err != nil || string(fr.raw) != strings.TrimSpace(s) {
				if _, isList := m["Records"]; !isList && m["records"] == nil && m["events"] == nil &&
					m["value"] == nil && m["hits"] == nil {
					t.Errorf("%q: framed as %q, %v %v", s, fr.raw, err, fr.err)
				}
			}
		}
	})
}

func depthOf(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, w := range v {
			n = max(n, depthOf(w))
		}
		n++
	case []any:
		for _, w := range v {
			n = max(n, depthOf(w))
		}
		n++
	}
	return n
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, _ := parseJSON(string(v))
		return n
	case map[string]any:
		for k, w := range v {
			v[k] = plain(w)
		}
	case []any:
		for i, w := range v {
			v[i] = plain(w)
		}
	}
	return v
}
