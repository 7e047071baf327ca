package hunt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role/control"
	"github.com/meneki/meneki/internal/wire"
)

// Indexed returns the types of values that the history finds events by.
func Indexed() []event.ObservableType {
	return []event.ObservableType{
		event.IPv4,
		event.IPv6,
		event.Domain,
		event.URL,
		event.Email,
		event.MD5,
		event.SHA1,
		event.SHA256,
	}
}

// Request is what a command searches a node's past for: any of it.
type Request struct {
	Values   []event.Observable `json:"values,omitempty"` // canonical, of the types in Indexed
	Networks []netip.Prefix     `json:"networks,omitempty"`
	Rules    []RuleFile         `json:"rules,omitempty"`
	From     time.Time          `json:"from,omitzero"` // From <= t < To
	To       time.Time          `json:"to,omitzero"`
	Limit    int                `json:"limit,omitempty"` // hits; 0 is no limit
}

// RuleFile is a file of Sigma rules.
type RuleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Hit is a past event, and what of a request it meets.
type Hit struct {
	Time    time.Time         `json:"time"`
	Host    string            `json:"host,omitempty"`
	User    string            `json:"user,omitempty"`
	Rule    *wire.RuleRef     `json:"rule,omitempty"`
	Value   *event.Observable `json:"value,omitempty"`
	Network string            `json:"network,omitempty"`
	Matched []wire.FieldValue `json:"matched"`
	Event   EventRef          `json:"event"`
}

// EventRef says which event it is, and where it came from.
type EventRef struct {
	ID     string `json:"id"`
	File   string `json:"file"`
	Record int64  `json:"record"`
}

// Answer is what a request came to.
type Answer struct {
	Summary
	Refused []i18n.Text `json:"refused,omitempty"` // rules that were not searched for, and why
}

// maxRequest bounds a request on its way through the control socket, in bytes.
const maxRequest = 64 << 20

// Serve answers the requests of commands beside the running node.
func (s *Searcher) Serve(m *control.Mux) {
	m.Handle("POST /hunt", func(ctx context.Context, x *control.Exchange) (any, error) {
		x.MaxBody(maxRequest)
		var q Request
		if err := json.NewDecoder(x.Request.Body).Decode(&q); err != nil {
			return nil, fault.Coded(fault.NodeUnreadable, err)
		}
		tell := func(done, total int64) { x.Tell(control.Progress{Done: done, Total: total}) }
		return s.answer(ctx, q, tell, func(h Hit) bool { return x.Give(h) })
	})
}

// answer searches the past for a request. It writes nothing.
func (s *Searcher) answer(
	ctx context.Context, r Request, tell func(done, total int64), yield func(Hit) bool,
) (out Answer, err error) {
	q := Query{From: r.From, To: r.To, Limit: r.Limit, Tell: tell}
	for _, v := range r.Values {
		q.Armed = append(q.Armed, match.Armed{Name: v.Value, Values: []event.Observable{v}})
	}
	networks := map[string]bool{}
	for _, p := range r.Networks {
		networks[p.String()] = true
		q.Armed = append(q.Armed, match.Armed{Name: p.String(), Networks: []netip.Prefix{p}})
	}
	for _, f := range r.Rules {
		rules, refused := s.Reader.Rules(f.Name, f.Text)
		out.Refused = append(out.Refused, refused...)
		for _, r := range rules {
			q.Armed = append(q.Armed, match.Armed{Rule: r})
		}
	}
	if len(q.Armed) == 0 && len(out.Refused) > 0 {
		text := i18n.T("no rule can be used; the first: {0}", "使えるルールがありません。最初の理由：{0}")
		return out, fault.New(fault.Unsupported, text.With(out.Refused[0]))
	}
	out.Summary, err = s.Search(ctx, q, func(ev *event.Event, h match.Hit) bool {
		x := Hit{Time: ev.Time, Host: ev.Host, User: ev.User, Value: h.Value, Matched: h.Fields,
			Event: EventRef{ev.ID, ev.From.Name, ev.From.Record}}
		if x.Time.IsZero() {
			x.Time = ev.Seen
		}
		switch {
		case h.Sigma != nil:
			x.Rule = &h.Rule
		case networks[h.Rule.Title]:
			x.Network = h.Rule.Title
		}
		return yield(x)
	})
	return out, err
}

// Ask searches the past of the node that runs in the folder data, through its control
// socket, and yields what it finds, one call after the other, until yield returns
// false. It writes nothing. tell hears how far it is.
func Ask(
	ctx context.Context, data string, q Request, tell func(done, total int64), yield func(Hit) bool,
) (out Answer, err error) {
	client, err := control.Dial(ctx, data)
	if err != nil {
		return out, err
	}
	if client == nil {
		text := i18n.T("the node in {0} does not run", "{0} のノードは動作していません").With(data)
		return out, fault.New(fault.Unavailable, text).WithHint(i18n.T(
			"start it: it searches its own past; log files are searched by meneki detect",
			"ノードを起動してください。ログファイルの調査には meneki detect が使えます",
		))
	}
	defer client.Close()
	body, err := json.Marshal(q)
	if err != nil {
		return out, err
	}
	err = client.Call(ctx, control.Call{
		Method: http.MethodPost, Path: "/hunt", Body: bytes.NewReader(body),
		Progress: func(p control.Progress) { tell(p.Done, p.Total) },
		Item: func(item json.RawMessage) error {
			var h Hit
			if err := json.Unmarshal(item, &h); err != nil {
				return err
			}
			if !yield(h) {
				out.Stopped = true
				return errEnough
			}
			return nil
		},
	}, &out)
	if errors.Is(err, errEnough) {
		return out, nil
	}
	return out, err
}

// errEnough ends a request because yield said so.
var errEnough = errors.New("hunt: no more is asked for")
