package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
)

// The control socket of a running node is a Unix socket in its data folder, for commands
// beside it: whoever can reach the folder is the operator, and nobody else can
// reach the socket. It speaks HTTP with JSON lines.
const (
	controlName    = "control"
	maxControlPath = 96
)

// controlEntry is an entry on its way through the control socket.
type controlEntry struct {
	Type  event.ObservableType `json:"t,omitempty"`
	Match watchlist.Match      `json:"m,omitempty"`
	Value string               `json:"v,omitempty"`
	ID    string               `json:"i,omitempty"`
	TLP   int                  `json:"l,omitempty"`
	Until int64                `json:"u,omitempty"`   // µs
	End   int64                `json:"end,omitempty"` // in the last line: how many there were before it
}

// controlReply is one line of the control socket's answer.
type controlReply struct {
	Hunting bool            `json:"hunting,omitempty"`
	Done    int64           `json:"done,omitempty"`
	Total   int64           `json:"total,omitempty"`
	Found   *PastHit        `json:"found,omitempty"`
	Problem fault.Answer    `json:"problem,omitzero"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// openControlSocket lets commands in until ctx ends.
func (n *Node) openControlSocket(ctx context.Context, g *errgroup.Group) error {
	data, err := filepath.Abs(n.cfg.Data)
	if err != nil {
		return role.StorageFault(n.cfg.Data, err)
	}
	path, made := filepath.Join(data, controlName), ""
	if len(path) > maxControlPath {
		if made, err = os.MkdirTemp("", "meneki-"); err != nil {
			return role.StorageFault(os.TempDir(), err)
		}
		path = filepath.Join(made, controlName)
	}
	_ = os.Remove(path) // one that a killed process left; the data folder is ours
	lis, err := net.Listen("unix", path)
	if err == nil {
		err = errors.Join(os.Chmod(path, 0o600), os.WriteFile(filepath.Join(data, role.ControlFile), []byte(path), 0o600))
	}
	if err != nil {
		return role.StorageFault(path, err)
	}
	var server *http.Server
	role.Serve(ctx, g, lis, n.controlHandler(data), n.cfg.Log, &server)
	g.Go(func() error {
		<-ctx.Done()
		_ = os.Remove(filepath.Join(data, role.ControlFile))
		if made != "" {
			_ = os.RemoveAll(made)
		}
		return nil
	})
	return nil
}

func (n *Node) controlHandler(data string) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any, err error) {
		a := controlReply{}
		if err == nil {
			a.Result, err = json.Marshal(v)
		}
		if err != nil {
			a = controlReply{Problem: fault.AnswerOf(err)}
		}
		_ = json.NewEncoder(w).Encode(a) // a command that went away hears nothing
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, data, nil) })
	mux.HandleFunc("POST /look", n.serveLook)
	mux.HandleFunc("GET /indicators", func(w http.ResponseWriter, r *http.Request) {
		st, err := n.watch.State(r.Context())
		answer(w, st, err)
	})
	mux.HandleFunc("POST /indicators/remove", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Sources, IDs []string }
		err := json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			err = n.watch.Remove(r.Context(), in.Sources, in.IDs)
		}
		answer(w, nil, err)
	})
	mux.HandleFunc("POST /indicators/check", func(w http.ResponseWriter, r *http.Request) {
		var in []event.Observable
		err := json.NewDecoder(r.Body).Decode(&in)
		var hits []watchlist.Hit
		if err == nil {
			hits, err = n.watch.Check(r.Context(), in)
		}
		answer(w, hits, err)
	})
	mux.HandleFunc("POST /indicators/import", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		flow := http.NewResponseController(w)
		_ = flow.EnableFullDuplex()
		out := json.NewEncoder(w)
		told := time.Time{}
		o := ImportOrder{Source: q.Get("source"), Keep: q.Get("keep") == "true", Hunt: q.Get("hunt"), Tell: func(hunting bool, done, total int64) {
			if now := n.cfg.Clock(); now.Sub(told).Abs() > 200*time.Millisecond {
				told = now
				_ = out.Encode(controlReply{Hunting: hunting, Done: done, Total: total})
				_ = flow.Flush()
			}
		}}
		got, err := n.watch.Import(r.Context(), o, func(add func(watchlist.Entry) error) error { return receive(r.Body, add) })
		answer(w, got, err)
	})
	return mux
}

// receive reads entries up to the line that ends them. The sender has checked
// them: one that is refused here ends it all.
func receive(r io.Reader, add func(watchlist.Entry) error) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, 256<<10))
	for n := int64(0); ; n++ {
		var e controlEntry
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

// controlClient is Indicators through the control socket of a running node.
type controlClient struct{ http *http.Client }

// dialControlSocket opens the control socket of the node in data; nil if there is none that answers.
func dialControlSocket(ctx context.Context, data string) (Indicators, error) {
	b, err := os.ReadFile(filepath.Join(data, role.ControlFile))
	if err != nil {
		return nil, nil //nolint:nilerr // no control socket: the node does not run
	}
	path := strings.TrimSpace(string(b))
	// One connection a question: an import that is refused leaves its own unread.
	d := &controlClient{&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var l net.Dialer
		return l.DialContext(ctx, "unix", path)
	}}}}
	var theirs string
	if err := d.call(ctx, http.MethodGet, "/", nil, &theirs, nil); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, nil //nolint:nilerr // a socket that a killed process left
	}
	// A copy of the folder leads to the control socket of the original.
	a, err1 := os.Stat(theirs)
	z, err2 := os.Stat(data)
	if err1 != nil || err2 != nil || !os.SameFile(a, z) {
		return nil, nil
	}
	return d, nil
}

// call asks and reads the answer's lines.
func (d *controlClient) call(ctx context.Context, method, path string, body io.Reader, out any, tell func(controlReply)) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, body)
	if err != nil {
		return err
	}
	gone := func(err error) error {
		return fault.Wrap(fault.Unavailable, i18n.T("the node went away before it answered", "ノードが応答する前に終了しました"), err)
	}
	res, err := d.http.Do(r)
	if err != nil {
		return errors.Join(ctx.Err(), gone(err))
	}
	defer res.Body.Close()
	in := json.NewDecoder(res.Body)
	for {
		var a controlReply
		switch err := in.Decode(&a); {
		case err != nil:
			return errors.Join(ctx.Err(), gone(err))
		case !a.Problem.IsZero():
			return a.Problem.Err()
		case a.Result != nil:
			if out == nil {
				return nil
			}
			return json.Unmarshal(a.Result, out)
		case tell != nil:
			tell(a)
		}
	}
}

func (d *controlClient) Close() { d.http.CloseIdleConnections() }

// State asks the node.
func (d *controlClient) State(ctx context.Context) (st WatchState, err error) {
	return st, d.call(ctx, http.MethodGet, "/indicators", nil, &st, nil)
}

// Remove asks the node.
func (d *controlClient) Remove(ctx context.Context, sources, ids []string) error {
	b, err := json.Marshal(struct{ Sources, IDs []string }{sources, ids})
	if err != nil {
		return err
	}
	return d.call(ctx, http.MethodPost, "/indicators/remove", bytes.NewReader(b), nil, nil)
}

// Check asks the node.
func (d *controlClient) Check(ctx context.Context, values []event.Observable) (hits []watchlist.Hit, err error) {
	b, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	return hits, d.call(ctx, http.MethodPost, "/indicators/check", bytes.NewReader(b), &hits, nil)
}

var errAnswered = errors.New("the node has answered")

// Import sends entries while it makes them. If fill fails, the last line does
// not come, and the node takes nothing.
func (d *controlClient) Import(ctx context.Context, o ImportOrder, fill func(add func(watchlist.Entry) error) error) (got Imported, err error) {
	r, w := io.Pipe()
	own := make(chan error, 1)
	go func() {
		out := bufio.NewWriterSize(w, 256<<10)
		enc := json.NewEncoder(out)
		n := int64(0)
		err := fill(func(e watchlist.Entry) error {
			e.Source = o.Source
			e, err := watchlist.Check(e)
			if err != nil {
				return &watchlist.RefusedError{Err: err}
			}
			if n++; o.Tell != nil && n%4096 == 0 {
				o.Tell(false, n, 0)
			}
			x := controlEntry{Type: e.Type, Match: e.Match, Value: e.Value, ID: e.ID, TLP: int(e.TLP)}
			if !e.ValidUntil.IsZero() {
				x.Until = e.ValidUntil.UnixMicro()
			}
			return enc.Encode(x)
		})
		if err == nil {
			err = errors.Join(enc.Encode(controlEntry{End: n + 1}), out.Flush())
		}
		own <- err
		w.CloseWithError(err)
	}()
	path := fmt.Sprintf("/indicators/import?source=%s&keep=%t&hunt=%s", url.QueryEscape(o.Source), o.Keep, url.QueryEscape(o.Hunt))
	err = d.call(ctx, http.MethodPost, path, r, &got, func(a controlReply) {
		if o.Tell != nil && a.Hunting {
			o.Tell(true, a.Done, a.Total)
		}
	})
	r.CloseWithError(errAnswered)
	// What ended the sending by itself says more than what the node made of it.
	if mine := <-own; mine != nil && !errors.Is(mine, io.ErrClosedPipe) && !errors.Is(mine, errAnswered) {
		return got, mine
	}
	return got, err
}
