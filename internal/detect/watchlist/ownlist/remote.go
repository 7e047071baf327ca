package ownlist

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role/control"
)

// sentEntry is an entry on its way through the control socket.
type sentEntry struct {
	Type  event.ObservableType `json:"t,omitempty"`
	Match watchlist.Match      `json:"m,omitempty"`
	Value string               `json:"v,omitempty"`
	ID    string               `json:"i,omitempty"`
	TLP   int                  `json:"l,omitempty"`
	Until int64                `json:"u,omitempty"`   // µs
	End   int64                `json:"end,omitempty"` // in the last line: how many there were before it
}

// removal is a request to remove sources and ids.
type removal struct{ Sources, IDs []string }

// stageSearch is the part of an import in which the past is searched.
const stageSearch = "search"

// Serve answers the requests of commands beside the running node.
func (l *List) Serve(m *control.Mux) {
	m.Handle("GET /indicators", func(ctx context.Context, _ *control.Exchange) (any, error) { return l.State(ctx) })
	m.Handle("POST /indicators/remove", func(ctx context.Context, x *control.Exchange) (any, error) {
		var in removal
		if err := json.NewDecoder(x.Request.Body).Decode(&in); err != nil {
			return nil, fault.Coded(fault.NodeUnreadable, err)
		}
		return nil, l.Remove(ctx, in.Sources, in.IDs)
	})
	m.Handle("POST /indicators/check", func(ctx context.Context, x *control.Exchange) (any, error) {
		var in []event.Observable
		if err := json.NewDecoder(x.Request.Body).Decode(&in); err != nil {
			return nil, fault.Coded(fault.NodeUnreadable, err)
		}
		return l.Check(ctx, in)
	})
	m.Handle("POST /indicators/import", func(ctx context.Context, x *control.Exchange) (any, error) {
		q := x.Request.URL.Query()
		x.Duplex()
		o := Import{Source: q.Get("source"), Keep: q.Get("keep") == "true", Hunt: q.Get("hunt")}
		o.Tell = func(searching bool, done, total int64) {
			p := control.Progress{Done: done, Total: total}
			if searching {
				p.Stage = stageSearch
			}
			x.Tell(p)
		}
		return l.Import(ctx, o, func(add func(watchlist.Entry) error) error { return receive(x.Request.Body, add) })
	})
}

// receive reads entries up to the line that ends them. The sender has checked
// them: one that is refused here ends it all.
func receive(r io.Reader, add func(watchlist.Entry) error) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, 256<<10))
	for n := int64(0); ; n++ {
		var e sentEntry
		if err := in.Decode(&e); err != nil {
			return fault.Coded(fault.NodeImportEnded, err)
		}
		if e.End > 0 {
			if e.End != n+1 {
				return fault.Coded(fault.NodeImportEnded, nil)
			}
			return nil
		}
		x := watchlist.Entry{Type: e.Type, Match: e.Match, Value: e.Value, ID: e.ID, TLP: policy.TLP(e.TLP)}
		if e.Until != 0 {
			x.ValidUntil = time.UnixMicro(e.Until).UTC()
		}
		if err := add(x); err != nil {
			return err
		}
	}
}

// Remote is Access through the control socket of a running node.
type Remote struct{ *control.Client }

// State asks the node.
func (r Remote) State(ctx context.Context) (st State, err error) {
	return st, r.Call(ctx, control.Call{Method: http.MethodGet, Path: "/indicators"}, &st)
}

// Remove asks the node.
func (r Remote) Remove(ctx context.Context, sources, ids []string) error {
	return r.post(ctx, "/indicators/remove", removal{sources, ids}, nil)
}

// Check asks the node.
func (r Remote) Check(ctx context.Context, values []event.Observable) (hits []watchlist.Hit, err error) {
	return hits, r.post(ctx, "/indicators/check", values, &hits)
}

func (r Remote) post(ctx context.Context, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return r.Call(ctx, control.Call{Method: http.MethodPost, Path: path, Body: bytes.NewReader(b)}, out)
}

var errAnswered = errors.New("the node has answered")

// Import sends entries while it makes them. If fill fails, the last line does
// not come, and the node takes nothing.
func (r Remote) Import(
	ctx context.Context,
	o Import,
	fill func(add func(watchlist.Entry) error) error,
) (got Imported, err error) {
	in, out := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := send(out, o, fill)
		sent <- err
		out.CloseWithError(err)
	}()
	path := fmt.Sprintf(
		"/indicators/import?source=%s&keep=%t&hunt=%s",
		url.QueryEscape(o.Source),
		o.Keep,
		url.QueryEscape(o.Hunt),
	)
	err = r.Call(ctx, control.Call{Method: http.MethodPost, Path: path, Body: in, Progress: func(p control.Progress) {
		if p.Stage == stageSearch { // what is sent is counted here
			o.tell(true, p.Done, p.Total)
		}
	}}, &got)
	in.CloseWithError(errAnswered)
	// What ended the sending by itself says more than what the node made of it.
	if mine := <-sent; mine != nil && !errors.Is(mine, io.ErrClosedPipe) && !errors.Is(mine, errAnswered) {
		return got, mine
	}
	return got, err
}

// send writes what fill gives, and the line that ends it.
func send(w io.Writer, o Import, fill func(add func(watchlist.Entry) error) error) error {
	out := bufio.NewWriterSize(w, 256<<10)
	enc := json.NewEncoder(out)
	n := int64(0)
	err := fill(func(e watchlist.Entry) error {
		e.Source = o.Source
		if e.Type != "" {
			var err error
			if e, err = watchlist.Check(e); err != nil {
				return &watchlist.RefusedError{Err: err}
			}
		}
		if n++; n%tellEvery == 0 {
			o.tell(false, n, 0)
		}
		x := sentEntry{Type: e.Type, Match: e.Match, Value: e.Value, ID: e.ID, TLP: int(e.TLP)}
		if !e.ValidUntil.IsZero() {
			x.Until = e.ValidUntil.UnixMicro()
		}
		return enc.Encode(x)
	})
	if err != nil {
		return err
	}
	return errors.Join(enc.Encode(sentEntry{End: n + 1}), out.Flush())
}
