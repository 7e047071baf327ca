// Package control is how a command reaches the node that runs beside it: HTTP with
// JSON lines over a Unix socket in the node's data folder. Whoever can reach the
// folder is the operator, and nobody else can reach the socket. A request is answered
// with any number of lines on progress and of items, and one with the result or with
// what went wrong.
package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
)

// File says, in a data folder, where the socket of its running node is: a path to a
// socket may be only about 100 bytes long.
const File = "control.path"

// Database is the file by which a command knows the data folder of a node.
const Database = "node.db"

// Progress is how far a request is.
type Progress struct {
	Stage string `json:"stage,omitempty"` // which part of the work, if there are several
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0 if it is not known
}

// line is one line of an answer.
type line struct {
	Progress *Progress       `json:"progress,omitempty"`
	Item     json.RawMessage `json:"item,omitempty"`
	Problem  fault.Answer    `json:"problem,omitzero"`
	Result   json.RawMessage `json:"result,omitempty"`
}

// Mux serves the requests of commands. It is made with NewMux.
type Mux struct {
	mux   *http.ServeMux
	clock clock.Clock
}

// NewMux returns a Mux for the node in the folder data, which must be absolute: Dial
// tells by it whether the node is that of its folder.
func NewMux(data string, c clock.Clock) *Mux {
	m := &Mux{mux: http.NewServeMux(), clock: c}
	m.Handle("GET /{$}", func(context.Context, *Exchange) (any, error) { return data, nil })
	return m
}

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handle serves the requests of a pattern, as http.ServeMux has it. What fn returns is
// the last line of the answer.
func (m *Mux) Handle(pattern string, fn func(ctx context.Context, x *Exchange) (result any, err error)) {
	m.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		x := &Exchange{
			Request: r,
			writer:  w,
			out:     json.NewEncoder(w),
			flow:    http.NewResponseController(w),
			clock:   m.clock,
		}
		result, err := fn(r.Context(), x)
		last := line{}
		if err == nil {
			last.Result, err = json.Marshal(result)
		}
		if err != nil {
			last = line{Problem: fault.AnswerOf(err)}
		}
		_ = x.out.Encode(last) // a command that went away hears nothing
	})
}

// Exchange is a request and the answer to it. It is not safe for concurrent use.
type Exchange struct {
	Request *http.Request

	writer http.ResponseWriter
	out    *json.Encoder
	flow   *http.ResponseController
	clock  clock.Clock
	told   time.Time
}

// MaxBody ends the reading of a body that is larger, in bytes.
func (x *Exchange) MaxBody(n int64) {
	x.Request.Body = http.MaxBytesReader(x.writer, x.Request.Body, n)
}

// Duplex lets the answer begin while the body is still being read.
func (x *Exchange) Duplex() { _ = x.flow.EnableFullDuplex() }

// Tell says how far the request is, five times a second at most.
func (x *Exchange) Tell(p Progress) {
	now := x.clock()
	if now.Sub(x.told).Abs() <= 200*time.Millisecond {
		return
	}
	x.told = now
	_ = x.out.Encode(line{Progress: &p}) // a command that went away hears nothing
	_ = x.flow.Flush()
}

// Give sends an item of the answer, and reports whether the command is still there.
func (x *Exchange) Give(item any) bool {
	b, err := json.Marshal(item)
	return err == nil && x.out.Encode(line{Item: b}) == nil
}
