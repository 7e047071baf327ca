package listen

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// OTLPOptions say how OTLP is received. The zero OTLPOptions are good.
type OTLPOptions struct {
	MaxBody     int64       // greatest request, packed and unpacked, in bytes; 16 MiB if 0
	MaxRequests int         // requests that are worked on at a time; 16 if 0
	Clock       clock.Clock // clock.System if nil
	Hint        read.Hint   // for records that do not state it
	Log         *slog.Logger
}

// OTLPCounters say what an OTLP receiver has done.
type OTLPCounters struct {
	Requests int64 // that were answered with 200
	Refused  int64 // that were answered otherwise
	Kept     int64 // events that the sink has kept
	Rejected int64 // records that were rejected in a request that was kept
}

// OTLP receives logs by OTLP/HTTP (opentelemetry.io, "OTLP Specification 1.x"),
// as protobuf and as JSON, at whatever path it is mounted; /v1/logs is usual.
//
// A request is answered with 200 only after the sink has kept its events, with
// a retryable status if it has not. Event IDs come from the whole request and
// the record's place in it, so a request that a client sends again, because the
// answer was lost, is not kept twice.
type OTLP struct {
	opts                              OTLPOptions
	sink                              Sink
	slots                             chan struct{}
	requests, refused, kept, rejected atomic.Int64
}

// NewOTLP makes a receiver. It is safe for concurrent use and calls sink from
// several goroutines.
func NewOTLP(opts OTLPOptions, sink Sink) *OTLP {
	if opts.MaxBody <= 0 {
		opts.MaxBody = 16 << 20
	}
	if opts.MaxRequests <= 0 {
		opts.MaxRequests = 16
	}
	if opts.Clock == nil {
		opts.Clock = clock.System
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	return &OTLP{opts: opts, sink: sink, slots: make(chan struct{}, opts.MaxRequests)}
}

// Counters returns the counters.
func (o *OTLP) Counters() OTLPCounters {
	return OTLPCounters{Requests: o.requests.Load(), Refused: o.refused.Load(), Kept: o.kept.Load(),
		Rejected: o.rejected.Load()}
}

// Codes of google.rpc.Status.
const (
	codeInvalid     = 3
	codeExhausted   = 8
	codeUnimplement = 12
	codeUnavailable = 14
)

// ServeHTTP answers one export request.
func (o *OTLP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		o.fail(w, false, http.StatusMethodNotAllowed, codeUnimplement, "logs are sent with POST")
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json"
	if !isJSON && kind != "application/x-protobuf" {
		o.fail(w, false, http.StatusUnsupportedMediaType, codeInvalid,
			"the content type must be application/x-protobuf or application/json")
		return
	}
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		o.fail(w, isJSON, http.StatusTooManyRequests, codeExhausted, "too many requests at a time; send it again")
		return
	}
	body, status, why := o.body(w, r)
	if status != 0 {
		o.fail(w, isJSON, status, codeInvalid, why)
		return
	}
	var logs logspb.LogsData // the same message as ExportLogsServiceRequest
	var err error
	if isJSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, &logs)
	} else {
		err = proto.Unmarshal(body, &logs)
	}
	if err != nil {
		o.fail(w, isJSON, http.StatusBadRequest, codeInvalid,
			"the request is not a valid ExportLogsServiceRequest; sending it again will not help")
		return
	}
	sum := sha256.Sum256(body)
	events, rejected, reason := o.events(&logs, r.RemoteAddr, hex.EncodeToString(sum[:]), isJSON)
	if len(events) > 0 {
		if err := o.sink(r.Context(), events); err != nil {
			if !errors.Is(err, context.Canceled) {
				o.opts.Log.Warn("the events of an OTLP request were not taken", "err", err)
			}
			w.Header().Set("Retry-After", "5")
			o.fail(w, isJSON, http.StatusServiceUnavailable, codeUnavailable,
				"the events could not be kept now; send them again")
			return
		}
	}
	o.requests.Add(1)
	o.kept.Add(int64(len(events)))
	o.rejected.Add(rejected)
	o.answer(w, isJSON, rejected, reason)
}

// body reads and unpacks the request within its bound; status is 0 if it could.
func (o *OTLP) body(w http.ResponseWriter, r *http.Request) (body []byte, status int, why string) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, o.opts.MaxBody)
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, http.StatusBadRequest, "the request is not valid gzip"
		}
		in = z
	default:
		return nil, http.StatusUnsupportedMediaType, "the content encoding must be gzip or none"
	}
	body, err := io.ReadAll(io.LimitReader(in, o.opts.MaxBody+1))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig), int64(len(body)) > o.opts.MaxBody:
		return nil, http.StatusRequestEntityTooLarge, "the request is too large; send smaller batches"
	case err != nil:
		return nil, http.StatusBadRequest, "the request could not be read to its end"
	}
	return body, 0, ""
}

// events makes the events of a request, and counts the records that it cannot
// take, with the reason of the first.
func (o *OTLP) events(logs *logspb.LogsData, peer, seed string, isJSON bool) (out []*event.Event, rejected int64,
	reason string) {
	d := new(read.Decoder)
	now := o.opts.Clock()
	n := int64(0)
	for _, rl := range logs.GetResourceLogs() {
		resource := map[string]any{}
		flatten(resource, rl.GetResource().GetAttributes())
		for _, sl := range rl.GetScopeLogs() {
			for _, lr := range sl.GetLogRecords() {
				n++
				r := received{record: lr, resource: resource, scope: sl.GetScope().GetName(), isJSON: isJSON}
				hint := o.opts.Hint
				hint.Seen, hint.Seed = now, seed
				evs, why := r.events(d, event.Source{Sensor: "otlp", Name: peer, Offset: n - 1, Record: n}, hint)
				if why != "" {
					if rejected++; reason == "" {
						reason = why
					}
				}
				out = append(out, evs...)
			}
		}
	}
	return out, rejected, reason
}

// received is one log record and what holds for all beside it.
type received struct {
	record   *logspb.LogRecord
	resource map[string]any
	scope    string
	isJSON   bool
}

func (r received) events(d *read.Decoder, source event.Source, hint read.Hint) ([]*event.Event, string) {
	lr := r.record
	attributes := map[string]any{}
	deep := flatten(attributes, lr.GetAttributes())
	if lr.GetBody().GetValue() == nil && len(attributes) == 0 {
		return nil, "a record has neither body nor attributes"
	}
	if proto.Size(lr) > event.MaxRecord {
		return nil, "a record is too large"
	}
	for k, v := range map[string]any{"severity_text": lr.GetSeverityText(), "trace_id": r.id(lr.GetTraceId()),
		"span_id": r.id(lr.GetSpanId()), "event_name": lr.GetEventName()} {
		if v != "" && attributes[k] == nil {
			attributes[k] = v
		}
	}
	if v := lr.GetSeverityNumber(); v != 0 {
		attributes["severity_number"] = int64(v)
	}
	for k, v := range r.resource {
		if _, ok := attributes[k]; !ok {
			attributes[k] = v
		}
	}
	stamp := nanos(lr.GetTimeUnixNano())
	hint.Time = stamp
	if stamp.IsZero() {
		hint.Time = nanos(lr.GetObservedTimeUnixNano())
	}
	if h, ok := attributes["host.name"].(string); ok {
		hint.Host = h
	}
	if f, ok := attributes["log.file.name"].(string); ok && f != "" {
		source.Name += "!" + f // Zeek says what a log is by its file's name
	}
	var evs []*event.Event
	switch b := lr.GetBody().GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		evs = r.line(d, source, []byte(b.StringValue), hint)
	case *commonpb.AnyValue_KvlistValue:
		m, _ := value(lr.GetBody(), 0, &deep).(map[string]any)
		evs = []*event.Event{d.Map(source, m, encode(m), hint)}
	case nil:
		m := map[string]any{}
		flatten(m, lr.GetAttributes())
		evs = []*event.Event{d.Map(source, m, encode(m), hint)}
	default:
		m := map[string]any{"body": value(lr.GetBody(), 0, &deep)}
		evs = []*event.Event{d.Map(source, m, encode(m), hint)}
	}
	if deep {
		return nil, "a record nests deeper than 64 levels"
	}
	for _, e := range evs {
		unknown := e.Product == "" && len(e.Categories) == 0
		if unknown && !stamp.IsZero() {
			e.Time = stamp // the sender's time goes before a guess at a field's
		}
		for k, v := range attributes {
			if _, ok := e.Fields[k]; !ok {
				e.Fields[k] = v
			}
		}
		if u, ok := e.Fields["user.name"].(string); ok && e.User == "" {
			e.User = u
		}
		if unknown && e.Raw != nil && len(attributes) > 0 {
			e.Raw = encode(e.Fields)
		}
	}
	return evs, ""
}

// line reads a body that is text: a record of a known shape, or a message.
func (r received) line(d *read.Decoder, source event.Source, b []byte, hint read.Hint) []*event.Event {
	evs, err := d.Line(source, b, hint)
	if err != nil || len(evs) == 0 {
		evs = []*event.Event{d.Text(source, b, hint)}
	}
	for i, e := range evs {
		// Offset is the record's place in the request, also for a second event of it.
		e.From.Offset, e.From.Record = source.Offset, source.Record
		e.ID = read.RecordID(hint.Seed, source.Offset+int64(i)<<40, e.Raw)
	}
	return evs
}

// id writes a trace or span id in hexadecimal. OTLP's JSON has them so already;
// the general protobuf JSON reader took that for base64, which undoes itself.
func (r received) id(b []byte) string {
	if r.isJSON {
		return base64.StdEncoding.EncodeToString(b)
	}
	return hex.EncodeToString(b)
}

func nanos(n uint64) time.Time {
	if n == 0 || n > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC().Truncate(time.Microsecond)
}

// flatten puts attributes into m, and reports whether one nests too deep.
func flatten(m map[string]any, list []*commonpb.KeyValue) (deep bool) {
	for _, kv := range list {
		if v := value(kv.GetValue(), 0, &deep); kv.GetKey() != "" && v != nil {
			m[text(kv.GetKey())] = v
		}
	}
	return deep
}

// text is s without NUL, which the stores cannot hold.
func text(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

// value converts a value, and sets deep if it nests deeper than 64 levels.
func value(v *commonpb.AnyValue, depth int, deep *bool) any {
	if depth > 64 {
		*deep = true
		return nil
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return text(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		if math.IsNaN(v.DoubleValue) || math.IsInf(v.DoubleValue, 0) {
			return map[bool]string{true: "NaN", false: "Infinity"}[math.IsNaN(v.DoubleValue)]
		}
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(v.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		out := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, e := range v.ArrayValue.GetValues() {
			out = append(out, value(e, depth+1, deep))
		}
		return out
	case *commonpb.AnyValue_KvlistValue:
		out := map[string]any{}
		for _, kv := range v.KvlistValue.GetValues() {
			out[text(kv.GetKey())] = value(kv.GetValue(), depth+1, deep)
		}
		return out
	}
	return nil
}

// encode writes fields as JSON with sorted keys: the raw form of a record that
// was no text.
func encode(m map[string]any) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		return nil // not reached: m holds what JSON can hold
	}
	return b
}

// answer writes an ExportLogsServiceResponse.
func (o *OTLP) answer(w http.ResponseWriter, isJSON bool, rejected int64, reason string) {
	if isJSON {
		type partial struct {
			Rejected string `json:"rejectedLogRecords"` // int64 in protobuf JSON
			Message  string `json:"errorMessage"`
		}
		var out struct {
			Partial *partial `json:"partialSuccess,omitempty"`
		}
		if rejected > 0 {
			out.Partial = &partial{itoa(rejected), reason}
		}
		b, _ := json.Marshal(out)
		send(w, true, http.StatusOK, b)
		return
	}
	var b []byte
	if rejected > 0 {
		var p []byte
		p = protowire.AppendTag(p, 1, protowire.VarintType)
		p = protowire.AppendVarint(p, uint64(rejected))
		p = protowire.AppendTag(p, 2, protowire.BytesType)
		p = protowire.AppendString(p, reason)
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, p)
	}
	send(w, false, http.StatusOK, b)
}

// fail writes a google.rpc.Status. Its message is for the operator of the
// sender, in English as the protocol's other side expects it.
func (o *OTLP) fail(w http.ResponseWriter, isJSON bool, status, code int, message string) {
	o.refused.Add(1)
	if isJSON {
		b, _ := json.Marshal(struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}{code, message})
		send(w, true, status, b)
		return
	}
	var b []byte
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(code))
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, message)
	send(w, false, status, b)
}

func send(w http.ResponseWriter, isJSON bool, status int, b []byte) {
	kind := "application/x-protobuf"
	if isJSON {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", itoa(int64(len(b))))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
