package aside

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
)

// MessageOut is a message that was set aside as programs see it.
type MessageOut struct {
	Consumer string        `json:"consumer"`
	Seq      int64         `json:"seq" doc:"number in the outbox | 通番"`
	ID       string        `json:"id"`
	Topic    string        `json:"topic"`
	Member   string        `json:"member,omitempty" doc:"whose doing it is; absent for the hub itself | 発生元の構成員。ハブの場合はなし"`
	At       time.Time     `json:"at" doc:"when it was sent | 発生時刻"`
	Failed   time.Time     `json:"failed" doc:"when it failed last | 最後に失敗した時刻"`
	Tries    int64         `json:"tries" doc:"how often it was set aside | 失敗回数"`
	Asked    time.Time     `json:"asked,omitzero" doc:"since when it waits to be tried again | 再処理を指示した時刻"`
	Kind     string        `json:"kind" doc:"of the error | エラーの種別"`
	Reason   reason.Reason `json:"reason"`
	Size     int64         `json:"size" doc:"bytes | バイト数"`
	Handled  bool          `json:"handled" doc:"a consumer of this version can take it | この版で処理できるか"`
	Parts    []MessagePart `json:"parts,omitempty" doc:"in one message only | 1件の取得時のみ"`
}

// Out returns the message for programs.
func (m Message) Out() MessageOut {
	return MessageOut{m.Consumer, m.Seq, m.ID, m.Topic, m.Lane, m.At, m.Failed, m.Tries, m.Asked, m.Kind,
		reason.Read(m.Reason), m.Size, m.Handled, nil}
}

// API adds the same for programs.
func API(a *api.API, c PageConfig) {
	read := func(ctx context.Context, fn func(tx *store.Tx) error) error {
		if err := May(api.Viewer(ctx)); err != nil {
			return err
		}
		return c.DB.Read(ctx, System(), fn)
	}
	type listIn struct {
		api.Paging
		Q        string `query:"q" maxLength:"500" doc:"part of a topic, id or member id | トピック・番号の一部"`
		Consumer string `query:"consumer" maxLength:"100"`
		Sort     string `query:"sort" maxLength:"20" doc:"failed (the default), consumer, topic, tries or size; - reverses | 並び順"`
	}
	type listOut struct{ Body api.Page[MessageOut] }
	api.Register(a, api.Op{ID: "list-set-aside", Method: http.MethodGet, Path: "/api/v1/set-aside", Tag: "queue",
		Need: policy.RoleAdmin, Summary: i18n.T("Messages that could not be handled", "処理できなかったメッセージの一覧")},
		func(ctx context.Context, in *listIn) (out *listOut, err error) {
			var p list.Page[Message]
			err = read(ctx, func(tx *store.Tx) error {
				p, err = Page(tx, list.Ask{Values: map[string]string{"q": in.Q, "consumer": in.Consumer}, Sort: in.Sort,
					After: in.After, Limit: in.Limit, Strict: true})
				return err
			})
			return &listOut{list.Body(p, Message.Out)}, err
		})
	type oneIn struct {
		Consumer string `path:"consumer" maxLength:"100"`
		Seq      int64  `path:"seq"`
	}
	type oneOut struct{ Body MessageOut }
	api.Register(a, api.Op{ID: "get-set-aside", Method: http.MethodGet, Path: "/api/v1/set-aside/{consumer}/{seq}",
		Tag: "queue", Need: policy.RoleAdmin, Errors: []fault.Kind{fault.NotFound},
		Summary: i18n.T("One of them, with the names of its parts", "1件（構成部分の名前を含む）")},
		func(ctx context.Context, in *oneIn) (*oneOut, error) {
			out := &oneOut{}
			err := read(ctx, func(tx *store.Tx) error {
				m, of, err := Get(tx, in.Consumer, in.Seq)
				out.Body = m.Out()
				out.Body.Parts = of
				return err
			})
			return out, err
		})
	api.Register(a, api.Op{ID: "retry-set-aside", Method: http.MethodPost,
		Path: "/api/v1/set-aside/{consumer}/{seq}/retry", Tag: "queue", Need: policy.RoleAdmin,
		Status: http.StatusNoContent, Errors: []fault.Kind{fault.NotFound, fault.Conflict},
		Summary: i18n.T("Try a message again", "メッセージを再処理")},
		func(ctx context.Context, in *oneIn) (*struct{}, error) {
			v := api.Viewer(ctx)
			return nil, c.write(ctx, func(tx *store.Tx) error { return Retry(tx, v, in.Consumer, in.Seq) })
		})
	type allOut struct {
		Body struct {
			Messages int64 `json:"messages" doc:"how many are tried again | 再処理する件数"`
		}
	}
	api.Register(a, api.Op{ID: "retry-all-set-aside", Method: http.MethodPost, Path: "/api/v1/set-aside/retry",
		Tag: "queue", Need: policy.RoleAdmin, Summary: i18n.T("Try all again", "すべて再処理")},
		func(ctx context.Context, _ *struct{}) (*allOut, error) {
			v, out := api.Viewer(ctx), &allOut{}
			err := c.write(ctx, func(tx *store.Tx) (err error) {
				out.Body.Messages, err = RetryAll(tx, v)
				return err
			})
			return out, err
		})
	type dropIn struct {
		Consumer string `path:"consumer" maxLength:"100"`
		Seq      int64  `path:"seq"`
		Body     struct {
			Reason string `json:"reason" minLength:"1" maxLength:"250" doc:"kept in the audit trail | 監査記録に残る"`
		}
	}
	api.Register(a, api.Op{ID: "drop-set-aside", Method: http.MethodPost,
		Path: "/api/v1/set-aside/{consumer}/{seq}/drop", Tag: "queue", Need: policy.RoleAdmin,
		Status: http.StatusNoContent, Errors: []fault.Kind{fault.NotFound},
		Summary: i18n.T("Drop a message", "メッセージを破棄")},
		func(ctx context.Context, in *dropIn) (*struct{}, error) {
			v := api.Viewer(ctx)
			return nil, c.write(ctx, func(tx *store.Tx) error {
				return Drop(tx, v, in.Consumer, in.Seq, in.Body.Reason)
			})
		})
}
