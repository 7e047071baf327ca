package listen

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meneki/meneki/internal/clock"
)

func str(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func kv(k string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: v}
}

func list(kvs ...*commonpb.KeyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: kvs}}}
}

func request(records ...*logspb.LogRecord) *collector.ExportLogsServiceRequest {
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{kv("host.name", str("web1")),
			kv("service.name", str("shop"))}},
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}},
	}}}
}

func sample() *collector.ExportLogsServiceRequest {
	at := uint64(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).UnixNano())
	return request(
		&logspb.LogRecord{TimeUnixNano: at, SeverityText: "WARN", SeverityNumber: 13,
			Body:    str("login failed from 203.0.113.7"),
			TraceId: bytes.Repeat([]byte{0xab}, 16),
			Attributes: []*commonpb.KeyValue{kv("client.address", str("203.0.113.8")),
				kv("n", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 7}})}},
		&logspb.LogRecord{ObservedTimeUnixNano: at,
			Body: str(`{"Event":{"System":{"EventID":4104,"Channel":"Microsoft-Windows-PowerShell/Operational",` +
				`"Computer":"pc1","TimeCreated":{"#attributes":{"SystemTime":"2026-01-01T00:00:00Z"}}},` +
				`"EventData":{"ScriptBlockText":"iex"}}}`)},
		&logspb.LogRecord{ObservedTimeUnixNano: at,
			Body: list(kv("channel", str("Security")), kv("computer", str("pc2")),
				kv("system_time", str("2026-01-01T00:00:01Z")),
				kv("event_id", list(kv("id", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 4688}}))),
				kv("provider", list(kv("name", str("Microsoft-Windows-Security-Auditing")))),
				kv("event_data", list(kv("NewProcessName", str(`C:\x.exe`)))))},
		&logspb.LogRecord{ObservedTimeUnixNano: at,
			Body:       str(`{"ts":1,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","uid":"C"}`),
			Attributes: []*commonpb.KeyValue{kv("log.file.name", str("conn.log"))}},
		&logspb.LogRecord{ObservedTimeUnixNano: at, Body: str(`{"broken": `)},
		&logspb.LogRecord{ObservedTimeUnixNano: at, Body: list(kv("a", list(kv("b", str("c\x00d")))))},
	)
}

func post(t *testing.T, h http.Handler, kind string, body []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "/v1/logs", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func receiver(st *store, opts OTLPOptions) *OTLP {
	opts.Clock, _ = clock.Fixed(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	opts.Log = slog.New(slog.DiscardHandler)
	return NewOTLP(opts, st.sink)
}

const protobuf = "application/x-protobuf"

func TestOTLP(t *testing.T) {
	st := &store{}
	srv := httptest.NewServer(receiver(st, OTLPOptions{}))
	defer srv.Close()
	body, err := proto.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	g.Write(body)
	g.Close()
	req, _ := http.NewRequest("POST", srv.URL+"/v1/logs", &z)
	req.Header.Set("Content-Type", protobuf)
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	var out collector.ExportLogsServiceResponse
	if err := proto.Unmarshal(answer, &out); err != nil || resp.StatusCode != 200 || out.PartialSuccess != nil ||
		resp.Header.Get("Content-Type") != protobuf {
		t.Fatalf("%v %v %v", resp.Status, err, &out)
	}
	if len(st.events) != 6 {
		t.Fatalf("%d events", len(st.events))
	}
	type row struct{ Source, Host, Time, Message string }
	var got []row
	for _, e := range st.events {
		m, _ := e.Fields["message"].(string)
		got = append(got, row{e.Product + "/" + e.Service + "/" + strings.Join(e.Categories, ","), e.Host,
			e.Time.Format(time.RFC3339Nano), m})
		if e.From.Sensor != "otlp" || e.Raw == nil || e.Fields["service.name"] != "shop" {
			t.Errorf("%+v %s", e.From, e.Raw)
		}
	}
	want := []row{
		{"//", "web1", "2026-01-02T03:04:05.000006Z", "login failed from 203.0.113.7"},
		{"windows/powershell/ps_script", "pc1", "2026-01-01T00:00:00Z", ""},
		{"windows/security/process_creation", "pc2", "2026-01-01T00:00:01Z", ""},
		{"zeek/conn/firewall,network", "web1", "1970-01-01T00:00:01Z", ""},
		{"//", "web1", "2026-01-02T03:04:05.000006Z", `{"broken": `},
		{"//", "web1", "2026-01-02T03:04:05.000006Z", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	first := st.events[0]
	for k, v := range map[string]any{"client.address": "203.0.113.8", "n": int64(7), "severity_text": "WARN",
		"severity_number": int64(13), "trace_id": strings.Repeat("ab", 16), "host.name": "web1"} {
		if first.Fields[k] != v {
			t.Errorf("%s is %v", k, first.Fields[k])
		}
	}
	if v, _ := st.events[2].Lookup("Image"); v != `C:\x.exe` {
		t.Errorf("Image is %v", v)
	}
	if v, _ := st.events[5].Lookup("a.b"); v != "c\uFFFDd" {
		t.Errorf("a.b is %v", v)
	}
}

// TestOTLPAgain sends the same request twice, as a client does whose answer was
// lost: the IDs are the same, and distinct within the request.
func TestOTLPAgain(t *testing.T) {
	st := &store{}
	h := receiver(st, OTLPOptions{})
	same := &logspb.LogRecord{Body: str("the same words")}
	body, _ := proto.Marshal(request(same, same, &logspb.LogRecord{Body: str(`{"a":1}{"a":1}`)},
		&logspb.LogRecord{Body: str(`   {"a":1}`)}))
	post(t, h, protobuf, body)
	post(t, h, protobuf, body)
	ids := map[string]int{}
	for _, e := range st.events {
		ids[e.ID]++
	}
	if len(st.events) != 10 || len(ids) != 5 {
		t.Errorf("%d events, %d ids", len(st.events), len(ids))
	}
}

func TestOTLPJSON(t *testing.T) {
	st := &store{}
	h := receiver(st, OTLPOptions{})
	w := post(t, h, "application/json; charset=utf-8",
		[]byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h"}}]},
		"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{"timeUnixNano":"1767323045000000000","severityNumber":9,"severityText":"INFO","traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
		"body":{"stringValue":"hi"},"attributes":[{"key":"i","value":{"intValue":"5"}}],"future":true},{}]}]}]}`))
	var out collector.ExportLogsServiceResponse
	if err := protojson.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	if p := out.GetPartialSuccess(); p.GetRejectedLogRecords() != 1 || p.GetErrorMessage() == "" {
		t.Errorf("%v", p)
	}
	e := st.events[0]
	if e.Fields["trace_id"] != "5B8EFFF798038103D269B633813FC60C" || e.Fields["span_id"] != "EEE19B7EC3C1B174" ||
		e.Fields["i"] != int64(5) || e.Host != "h" {
		t.Errorf("%v", e.Fields)
	}
}

func TestOTLPErrors(t *testing.T) {
	good, _ := proto.Marshal(sample())
	var bomb bytes.Buffer
	g := gzip.NewWriter(&bomb)
	g.Write(make([]byte, 1<<20))
	g.Close()
	var whole bytes.Buffer
	g = gzip.NewWriter(&whole)
	g.Write(good)
	g.Close()
	deep := str("x")
	for range 100 {
		deep = list(kv("d", deep))
	}
	deepBody, _ := proto.Marshal(request(&logspb.LogRecord{Body: deep}, &logspb.LogRecord{Body: str("fine")}))
	st := &store{}
	for name, c := range map[string]struct {
		kind, encoding string
		body           []byte
		refuse         error
		status         int
	}{
		"not protobuf":   {protobuf, "", []byte("\xff\xff\xff"), nil, 400},
		"not JSON":       {"application/json", "", []byte("{"), nil, 400},
		"not gzip":       {protobuf, "gzip", good, nil, 400},
		"cut gzip":       {protobuf, "gzip", whole.Bytes()[:whole.Len()/2], nil, 400},
		"bomb":           {protobuf, "gzip", bomb.Bytes(), nil, 413},
		"too large":      {protobuf, "", make([]byte, 100_000), nil, 413},
		"brotli":         {protobuf, "br", good, nil, 415},
		"text":           {"text/plain", "", good, nil, 415},
		"sink refuses":   {protobuf, "", good, errors.New("full"), 503},
		"empty":          {protobuf, "", nil, nil, 200},
		"partly":         {protobuf, "", deepBody, nil, 200},
		"empty document": {"application/json", "", []byte("{}"), nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			st.refuse = c.refuse
			w := post(t, receiver(st, OTLPOptions{MaxBody: 50_000}), c.kind, c.body, "Content-Encoding", c.encoding)
			if w.Code != c.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			switch {
			case c.status == 200:
			case c.kind == "application/json":
				var s struct{ Message string }
				if json.Unmarshal(w.Body.Bytes(), &s) != nil || s.Message == "" {
					t.Errorf("%s", w.Body)
				}
			default:
				var s status.Status
				if err := proto.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Message == "" || s.Code == 0 {
					t.Errorf("%v %q", err, w.Body)
				}
			}
			if c.status == 503 && w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if name == "partly" {
				var out collector.ExportLogsServiceResponse
				if err := proto.Unmarshal(w.Body.Bytes(), &out); err != nil ||
					out.GetPartialSuccess().GetRejectedLogRecords() != 1 {
					t.Errorf("%v %v", err, &out)
				}
			}
		})
	}
	r := httptest.NewRequest("GET", "/v1/logs", nil)
	w := httptest.NewRecorder()
	receiver(st, OTLPOptions{}).ServeHTTP(w, r)
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("%d", w.Code)
	}
}

func TestOTLPBusy(t *testing.T) {
	st := &store{block: make(chan struct{})}
	h := receiver(st, OTLPOptions{MaxRequests: 1})
	body, _ := proto.Marshal(sample())
	done := make(chan int)
	go func() { done <- post(t, h, protobuf, body).Code }()
	wait(t, "the first request", func() bool { return len(h.slots) == 1 })
	if w := post(t, h, protobuf, body); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
	close(st.block)
	if code := <-done; code != 200 {
		t.Errorf("%d", code)
	}
	if c := h.Counters(); c.Requests != 1 || c.Refused != 1 || c.Kept != 6 {
		t.Errorf("%+v", c)
	}
}

func FuzzOTLP(f *testing.F) {
	b, _ := proto.Marshal(sample())
	f.Add(b, false)
	j, _ := protojson.Marshal(sample())
	f.Add(j, true)
	st := &store{}
	h := receiver(st, OTLPOptions{MaxBody: 1 << 16})
	f.Fuzz(func(t *testing.T, b []byte, isJSON bool) {
		st.events = nil
		kind := protobuf
		if isJSON {
			kind = "application/json"
		}
		if w := post(t, h, kind, b); w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("%d", w.Code)
		}
		for _, e := range st.events {
			if e.ID == "" || e.Time.IsZero() || e.Raw == nil {
				t.Errorf("%+v", e)
			}
		}
	})
}
