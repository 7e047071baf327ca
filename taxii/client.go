package taxii

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client reads and writes TAXII 2.1 servers. It is safe for concurrent use; its fields
// must not change meanwhile.
type Client struct {
	HTTP *http.Client // nil: http.DefaultClient
	// User and Password are sent as Basic authentication, Authorization as it is.
	User, Password string
	Authorization  string
	UserAgent      string
	// MaxContent is how many bytes of an answer are read. Default: 100 MiB.
	MaxContent int64
	// PageSize is the limit that pages are asked for with; 0 leaves it to the server.
	PageSize int
}

// errNoServer says that a domain announces no TAXII server.
var errNoServer = errors.New("taxii: the domain announces no server")

// Locate returns the address of discovery of a domain that announces its server by the
// SRV record _taxii2._tcp (section 8.2.1).
func Locate(ctx context.Context, r *net.Resolver, domain string) (string, error) {
	_, list, err := r.LookupSRV(ctx, "taxii2", "tcp", domain)
	if err != nil {
		return "", fmt.Errorf("look up _taxii2._tcp.%s: %w", domain, err)
	}
	for _, s := range list {
		if host := strings.TrimSuffix(s.Target, "."); host != "" {
			return "https://" + net.JoinHostPort(host, strconv.Itoa(int(s.Port))) + "/taxii2/", nil
		}
	}
	return "", errNoServer
}

// Discover returns what a server says at its address of discovery, with the API roots
// as whole addresses.
func (c *Client) Discover(ctx context.Context, address string) (Discovery, error) {
	var d Discovery
	base, err := c.get(ctx, address, &d)
	if err != nil {
		return d, err
	}
	resolve := func(s string) (string, error) {
		u, err := base.Parse(s)
		if err != nil {
			return "", fmt.Errorf("taxii: the server names the API root %q: %w", s, err)
		}
		return withSlash(u.String()), nil
	}
	for i, root := range d.APIRoots {
		if d.APIRoots[i], err = resolve(root); err != nil {
			return d, err
		}
	}
	if d.Default != "" {
		d.Default, err = resolve(d.Default)
	}
	return d, err
}

// Root returns what an API root says of itself.
func (c *Client) Root(ctx context.Context, root string) (r Root, err error) {
	_, err = c.get(ctx, withSlash(root), &r)
	return r, err
}

// Collections returns the collections of an API root.
func (c *Client) Collections(ctx context.Context, root string) ([]Collection, error) {
	var v struct {
		Collections []Collection `json:"collections"`
	}
	_, err := c.get(ctx, withSlash(root)+"collections/", &v)
	return v.Collections, err
}

// Progress is how far a collection has been read. It can be kept, and reading goes on
// there after an interruption: nothing is missed, and of a page that was not finished
// the objects come again.
type Progress struct {
	AddedAfter string `json:"added_after,omitempty"` // the last page that was finished ends here
	// Next is the page to go on with, of a reading that began at AddedAfter.
	Next string `json:"next,omitempty"`
	// Last is the date up to which pages were read since.
	Last string `json:"last,omitempty"`
}

// Read reads a collection from p on, page by page, and calls page for each with what
// to keep once its objects are safe. It returns when everything there is was read. An
// error of page ends the reading and is returned.
func (c *Client) Read(ctx context.Context, root, collection string, f Filter, p Progress,
	page func(objects []json.RawMessage, p Progress) error) error {
	address := withSlash(root) + "collections/" + url.PathEscape(collection) + "/objects/"
	for {
		values := f.values()
		if p.AddedAfter != "" {
			values.Set("added_after", p.AddedAfter)
		}
		if p.Next != "" {
			values.Set("next", p.Next)
		}
		if c.PageSize > 0 {
			values.Set("limit", strconv.Itoa(c.PageSize))
		}
		var e Envelope
		header, err := c.getHeader(ctx, address+encoded(values), &e)
		if p.Next != "" && refused(err) {
			// The server does not know the page any more: from the start of this reading.
			p = Progress{AddedAfter: p.AddedAfter}
			continue
		}
		if err != nil {
			return err
		}
		before := p
		p.Last = cmp.Or(validDate(header.Get("X-TAXII-Date-Added-Last")), p.Last)
		switch {
		case e.More && e.Next != "":
			p.Next = e.Next
		case e.More:
			// The server says that there is more and not where: its date tells.
			if p.Last == "" || p.Last == before.AddedAfter {
				return errors.New("taxii: the server has more and gives neither next nor a later date to go on with")
			}
			p = Progress{AddedAfter: p.Last}
		default:
			p = Progress{AddedAfter: cmp.Or(p.Last, p.AddedAfter)}
		}
		if e.More && p == before {
			return errors.New("taxii: the server gives the same page again and again")
		}
		if len(e.Objects) > 0 || p != before {
			if err := page(e.Objects, p); err != nil {
				return err
			}
		}
		if !e.More {
			return nil
		}
	}
}

// refused reports whether a server answered that a request is not right.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.HTTPStatus == strconv.Itoa(http.StatusBadRequest)
}

// Add adds objects to a collection, in as many envelopes as maxContent asks for; 0 is
// one. It returns a status for each envelope. An object larger than that is refused
// before anything is sent.
func (c *Client) Add(ctx context.Context, root, collection string, objects []json.RawMessage,
	maxContent int64) ([]Status, error) {
	bodies, err := envelopes(objects, maxContent)
	if err != nil {
		return nil, err
	}
	address := withSlash(root) + "collections/" + url.PathEscape(collection) + "/objects/"
	var out []Status
	for _, body := range bodies {
		var st Status
		if _, _, err := c.do(ctx, http.MethodPost, address, body, &st); err != nil {
			return out, err
		}
		out = append(out, st)
	}
	return out, nil
}

// envelopes packs objects into bodies of at most most bytes.
func envelopes(objects []json.RawMessage, most int64) (bodies [][]byte, err error) {
	const head, tail = `{"objects":[`, `]}`
	var b []byte
	for i, o := range objects {
		if most > 0 && int64(len(head)+len(o)+len(tail)) > most {
			return nil, fmt.Errorf("taxii: object %d has %d bytes, and the server takes %d in one message", i,
				len(o), most)
		}
		if len(b) > 0 && most > 0 && int64(len(b)+1+len(o)+len(tail)) > most {
			bodies, b = append(bodies, append(b, tail...)), nil
		}
		if len(b) == 0 {
			b = append(b, head...)
		} else {
			b = append(b, ',')
		}
		b = append(b, o...)
	}
	if len(b) > 0 {
		bodies = append(bodies, append(b, tail...))
	}
	return bodies, nil
}

// Status returns a status of objects that were added.
func (c *Client) Status(ctx context.Context, root, id string) (st Status, err error) {
	_, err = c.get(ctx, withSlash(root)+"status/"+url.PathEscape(id)+"/", &st)
	return st, err
}

// Wait asks for a status until it is complete, first after every and then less and
// less often, and returns it. One that is complete is not asked for.
func (c *Client) Wait(ctx context.Context, root string, st Status, every time.Duration) (Status, error) {
	for st.Status != Complete {
		t := time.NewTimer(every)
		select {
		case <-ctx.Done():
			t.Stop()
			return st, ctx.Err()
		case <-t.C:
		}
		next, err := c.Status(ctx, root, st.ID)
		var e *Error
		if errors.As(err, &e) && e.RetryAfter > 0 {
			every = max(every, e.RetryAfter)
			continue
		}
		if err != nil {
			return st, err
		}
		st = next
		every = min(every*2, time.Minute)
	}
	return st, nil
}

// values is the filter as parameters of an address.
func (f Filter) values() url.Values {
	v := url.Values{}
	set := func(name string, list []string) {
		if len(list) > 0 {
			v.Set("match["+name+"]", strings.Join(list, ","))
		}
	}
	set("id", f.IDs)
	set("type", f.Types)
	set("spec_version", f.SpecVersions)
	var versions []string
	for _, x := range []struct {
		set  bool
		name string
	}{{f.Versions.All, "all"}, {f.Versions.First, "first"}, {f.Versions.Last, "last"}} {
		if x.set {
			versions = append(versions, x.name)
		}
	}
	for _, t := range f.Versions.At {
		versions = append(versions, t.UTC().Format(time.RFC3339Nano))
	}
	set("version", versions)
	return v
}

func encoded(v url.Values) string {
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func withSlash(s string) string {
	if strings.HasSuffix(s, "/") {
		return s
	}
	return s + "/"
}

// validDate returns a date that is one, or nothing: servers in the field send dates of
// other forms, and the word undefined.
func validDate(s string) string {
	if _, err := parseTime(s); err != nil {
		return ""
	}
	return s
}

func (c *Client) get(ctx context.Context, address string, into any) (*url.URL, error) {
	u, _, err := c.do(ctx, http.MethodGet, address, nil, into)
	return u, err
}

func (c *Client) getHeader(ctx context.Context, address string, into any) (http.Header, error) {
	_, h, err := c.do(ctx, http.MethodGet, address, nil, into)
	return h, err
}

// do sends a request and reads the answer. The address that answered is returned, which
// is another after a redirection.
func (c *Client) do(ctx context.Context, method, address string, body []byte, into any) (*url.URL, http.Header, error) {
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return nil, nil, fmt.Errorf("taxii: %w", err)
	}
	req.Header.Set("Accept", MediaType)
	if body != nil {
		req.Header.Set("Content-Type", MediaType)
	}
	if c.UserAgent != "" {
		req.Header.Set("User-Agent", c.UserAgent)
	}
	switch {
	case c.Authorization != "":
		req.Header.Set("Authorization", c.Authorization)
	case c.User != "" || c.Password != "":
		req.SetBasicAuth(c.User, c.Password)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("taxii: %w", err)
	}
	defer resp.Body.Close()
	most := c.MaxContent
	if most <= 0 {
		most = 100 << 20
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, nil, fmt.Errorf("taxii: read the answer of %s: %w", address, err)
	}
	if int64(len(b)) > most {
		return nil, nil, fmt.Errorf("taxii: the answer of %s has more than %d bytes", address, most)
	}
	if resp.StatusCode/100 != 2 {
		return nil, nil, errorOf(resp, b)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return nil, nil, fmt.Errorf("taxii: the answer of %s is not what TAXII says: %w", address, err)
	}
	return resp.Request.URL, resp.Header, nil
}

// errorOf is the error message of an answer, or one made of its status.
func errorOf(resp *http.Response, body []byte) error {
	e := &Error{}
	if json.Unmarshal(body, e) != nil || e.Title == "" {
		e = &Error{Title: cmp.Or(http.StatusText(resp.StatusCode), "the server refuses")}
	}
	e.HTTPStatus = strconv.Itoa(resp.StatusCode)
	if n, ok := wholeNumber(resp.Header.Get("Retry-After")); ok {
		e.RetryAfter = time.Duration(n) * time.Second
	}
	return e
}
