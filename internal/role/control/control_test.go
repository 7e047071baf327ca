package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
)

// serve runs a control socket in a folder of its own, and returns the folder.
func serve(t *testing.T, m *Mux, data string) {
	t.Helper()
	short, err := os.MkdirTemp("", "c") // a path to a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	path := filepath.Join(short, "s")
	lis, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: lis, Config: &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}}
	s.Start()
	t.Cleanup(s.Close)
	for name, text := range map[string]string{File: path + "\n", Database: ""} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A command hears how far its request is, gets what is found, and then the result; what
// goes wrong keeps its kind and its texts.
func TestCall(t *testing.T) {
	data := t.TempDir()
	now, hand := clock.Fixed(time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC))
	m := NewMux(data, now)
	ended := make(chan error, 1)
	m.Handle("POST /count", func(ctx context.Context, x *Exchange) (any, error) {
		var to int
		if err := json.NewDecoder(x.Request.Body).Decode(&to); err != nil {
			return nil, fault.Coded(fault.NodeUnreadable, err)
		}
		for i := range to {
			hand.Add(150 * time.Millisecond)
			x.Tell(Progress{Stage: "count", Done: int64(i), Total: int64(to)})
			x.Give(i)
		}
		return to, nil
	})
	m.Handle("POST /for-ever", func(ctx context.Context, x *Exchange) (any, error) {
		for x.Give("more") && ctx.Err() == nil {
		}
		ended <- ctx.Err()
		return nil, nil
	})
	serve(t, m, data)
	c, err := Dial(t.Context(), data)
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	defer c.Close()
	call := func(body string) (total int, told, items []int64, err error) {
		q := Call{Method: http.MethodPost, Path: "/count", Body: strings.NewReader(body)}
		q.Progress = func(p Progress) { told = append(told, p.Done) }
		q.Item = func(b json.RawMessage) error {
			var n int64
			err := json.Unmarshal(b, &n)
			items = append(items, n)
			return err
		}
		return total, told, items, c.Call(t.Context(), q, &total)
	}
	total, told, items, err := call("5")
	if err != nil || total != 5 || !slices.Equal(items, []int64{0, 1, 2, 3, 4}) ||
		!slices.Equal(told, []int64{0, 2, 4}) {
		t.Errorf("%d, told %v, items %v, %v", total, told, items, err)
	}
	if _, _, _, err := call(`"x"`); !fault.Is(err, fault.Invalid) || fault.TextOf(err).JA != "要求を読み取れません" {
		t.Errorf("%v", err)
	}
	// A command that has enough ends the request at the node, too.
	enough := errors.New("enough")
	q := Call{Method: http.MethodPost, Path: "/for-ever", Item: func(json.RawMessage) error { return enough }}
	if err := c.Call(t.Context(), q, nil); !errors.Is(err, enough) {
		t.Error(err)
	}
	<-ended
}

// A folder without a node is told apart from one whose node does not run, or that
// is a copy.
func TestDial(t *testing.T) {
	data, copied := t.TempDir(), t.TempDir()
	if _, err := Dial(t.Context(), data); !fault.Is(err, fault.NotFound) || fault.HintOf(err).Zero() {
		t.Errorf("no node: %v", err)
	}
	serve(t, NewMux(data, clock.System), data)
	serve(t, NewMux(data, clock.System), copied) // its file leads to the node of the other folder
	if c, err := Dial(t.Context(), data); c == nil || err != nil {
		t.Errorf("the node: %v, %v", c, err)
	}
	if c, err := Dial(t.Context(), copied); c != nil || err != nil {
		t.Errorf("a copy of its folder: %v, %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(data, File), []byte("/nowhere"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Dial(t.Context(), data); c != nil || err != nil {
		t.Errorf("a node that does not run: %v, %v", c, err)
	}
}
