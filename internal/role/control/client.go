package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Client asks a running node. It is safe for concurrent use.
type Client struct{ http *http.Client }

// Dial returns a client of the node that runs in the folder data; nil if it does not
// run, and fault.NotFound if no node has ever been there.
func Dial(ctx context.Context, data string) (*Client, error) {
	if _, err := os.Stat(filepath.Join(data, Database)); err != nil {
		text := i18n.T("there is no node in {0}", "{0} にノードがありません").With(data)
		return nil, fault.Wrap(fault.NotFound, text, err).WithHint(
			i18n.T("name the node's data folder with --data", "--data でノードのデータフォルダーを指定してください"))
	}
	b, err := os.ReadFile(filepath.Join(data, File))
	if err != nil {
		return nil, nil //nolint:nilerr // no control socket: the node does not run
	}
	path := strings.TrimSpace(string(b))
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	// One connection a request: one that is refused leaves its body unread.
	c := &Client{&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}}
	var theirs string
	if err := c.Call(ctx, Call{Method: http.MethodGet, Path: "/"}, &theirs); err != nil {
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
	return c, nil
}

// Call is one request.
type Call struct {
	Method, Path string
	Body         io.Reader
	Progress     func(Progress) // hears how far it is; may be nil
	// Item gets what is found, one after the other; may be nil. Its error ends the
	// request, and is what Call returns.
	Item func(json.RawMessage) error
}

// Call asks, and reads the result into out, which may be nil.
func (c *Client) Call(ctx context.Context, q Call, out any) error {
	r, err := http.NewRequestWithContext(ctx, q.Method, "http://node"+q.Path, q.Body)
	if err != nil {
		return err
	}
	gone := func(err error) error {
		text := i18n.T("the node went away before it answered", "ノードが応答する前に終了しました")
		return errors.Join(ctx.Err(), fault.Wrap(fault.Unavailable, text, err))
	}
	res, err := c.http.Do(r)
	if err != nil {
		return gone(err)
	}
	defer res.Body.Close()
	in := json.NewDecoder(res.Body)
	for {
		var l line
		switch err := in.Decode(&l); {
		case err != nil:
			return gone(err)
		case !l.Problem.IsZero():
			return l.Problem.Err()
		case l.Result != nil:
			if out == nil {
				return nil
			}
			return json.Unmarshal(l.Result, out)
		case l.Progress != nil && q.Progress != nil:
			q.Progress(*l.Progress)
		case l.Item != nil && q.Item != nil:
			if err := q.Item(l.Item); err != nil {
				return err
			}
		}
	}
}

// Close ends the use of the client.
func (c *Client) Close() { c.http.CloseIdleConnections() }
