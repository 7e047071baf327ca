package node

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/wire"
)

// LookOrder is what a person asks a node's past for: any of it.
type LookOrder struct {
	Values   []event.Observable `json:"values,omitempty"` // canonical, of the types in Indexed
	Networks []netip.Prefix     `json:"networks,omitempty"`
	Rules    []LookRule         `json:"rules,omitempty"`
	From     time.Time          `json:"from,omitzero"` // From <= t < To
	To       time.Time          `json:"to,omitzero"`
	Limit    int                `json:"limit,omitempty"` // hits; 0 is no limit
}

// LookRule is a file of Sigma rules.
type LookRule struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// PastHit is a past event, and what of an order it meets.
type PastHit struct {
	Time    time.Time         `json:"time"`
	Host    string            `json:"host,omitempty"`
	User    string            `json:"user,omitempty"`
	Rule    *wire.RuleRef     `json:"rule,omitempty"`
	Value   *event.Observable `json:"value,omitempty"`
	Network string            `json:"network,omitempty"`
	Matched []wire.FieldValue `json:"matched"`
	Event   PastEvent         `json:"event"`
}

// PastEvent says which event it is, and where it came from.
type PastEvent struct {
	ID     string `json:"id"`
	File   string `json:"file"`
	Record int64  `json:"record"`
}

// LookResult is what it came to.
type LookResult struct {
	hunt.Looked
	Refused []i18n.Text `json:"refused,omitempty"` // rules that were not searched for, and why
}

// Indexed are the types of values that the past is searched for.
func Indexed() []event.ObservableType { return append([]event.ObservableType(nil), indexed...) }

// Look searches the past of the node that runs in cfg.Data, through its control socket, and
// yields what it finds, one call after the other, until yield returns false. It
// writes nothing. tell hears how far it is.
func Look(ctx context.Context, cfg Config, o LookOrder, tell func(done, total int64), yield func(PastHit) bool) (out LookResult, err error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, "node.db")); err != nil {
		return out, fault.Wrap(fault.NotFound, i18n.T("there is no node in {0}", "{0} にノードがありません").With(cfg.Data), err).
			WithHint(i18n.T("name the node's data folder with --data", "--data でノードのデータフォルダーを指定してください"))
	}
	client, err := dialControlSocket(ctx, cfg.Data)
	if err != nil {
		return out, err
	}
	d, ok := client.(*controlClient)
	if !ok {
		return out, fault.New(fault.Unavailable, i18n.T("the node in {0} does not run", "{0} のノードは動作していません").With(cfg.Data)).
			WithHint(i18n.T("start it: it searches its own past; log files are searched by meneki detect", "ノードを起動してください。ログファイルの調査には meneki detect が使えます"))
	}
	defer d.Close()
	body, err := json.Marshal(o)
	if err != nil {
		return out, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	enough := false
	err = d.call(ctx, http.MethodPost, "/look", bytes.NewReader(body), &out, func(a controlReply) {
		switch {
		case enough:
		case a.Found == nil:
			tell(a.Done, a.Total)
		case !yield(*a.Found):
			enough = true
			stop()
		}
	})
	if enough {
		out.Stopped, err = true, nil
	}
	return out, err
}

// look is Look at the node.
func (n *Node) look(ctx context.Context, o LookOrder, tell func(done, total int64), yield func(PastHit) bool) (out LookResult, err error) {
	q := hunt.Question{From: o.From, To: o.To, Limit: o.Limit, Tell: tell}
	for _, v := range o.Values {
		q.Armed = append(q.Armed, match.Armed{Name: v.Value, Values: []event.Observable{v}})
	}
	networks := map[string]bool{}
	for _, p := range o.Networks {
		networks[p.String()] = true
		q.Armed = append(q.Armed, match.Armed{Name: p.String(), Networks: []netip.Prefix{p}})
	}
	for _, r := range o.Rules {
		rules, refused := n.matcher.reader.Rules(r.Name, r.Text)
		out.Refused = append(out.Refused, refused...)
		for _, r := range rules {
			q.Armed = append(q.Armed, match.Armed{Rule: r})
		}
	}
	if len(q.Armed) == 0 && len(out.Refused) > 0 {
		return out, fault.New(fault.Unsupported, i18n.T("no rule can be used; the first: {0}", "使えるルールがありません。最初の理由：{0}").With(out.Refused[0]))
	}
	out.Looked, err = n.detect.Look(ctx, q, func(ev *event.Event, h match.Hit) bool {
		x := PastHit{Time: ev.Time, Host: ev.Host, User: ev.User, Value: h.Value, Matched: h.Fields, Event: PastEvent{ev.ID, ev.From.Name, ev.From.Record}}
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

// maxLook bounds an order on its way through the control socket, in bytes.
const maxLook = 64 << 20

// serveLook answers one order.
func (n *Node) serveLook(w http.ResponseWriter, r *http.Request) {
	out, flow := json.NewEncoder(w), http.NewResponseController(w)
	var o LookOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLook)).Decode(&o); err != nil {
		_ = out.Encode(controlReply{Problem: fault.AnswerOf(fault.Coded(fault.NodeUnreadable, err))})
		return
	}
	told := time.Time{}
	got, err := n.look(r.Context(), o, func(done, total int64) {
		if now := n.cfg.Clock(); now.Sub(told).Abs() > 200*time.Millisecond {
			told = now
			_ = out.Encode(controlReply{Hunting: true, Done: done, Total: total})
			_ = flow.Flush()
		}
	}, func(h PastHit) bool { return out.Encode(controlReply{Found: &h}) == nil })
	a := controlReply{}
	if err == nil {
		a.Result, err = json.Marshal(got)
	}
	if err != nil {
		a = controlReply{Problem: fault.AnswerOf(err)}
	}
	_ = out.Encode(a) // a command that went away hears nothing
}
