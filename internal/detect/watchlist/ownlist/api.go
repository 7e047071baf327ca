package ownlist

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// ListOut is a node's watchlist as programs get it.
type ListOut struct {
	Entries int64            `json:"entries" doc:"about: some may be expired | 概数。期限切れを含む"`
	Memory  int64            `json:"memory_bytes"`
	File    int64            `json:"file_bytes"`
	Sources map[string]int64 `json:"sources" nullable:"false" doc:"entries by source | 出所ごとの項目数"`
	Damage  string           `json:"damage,omitempty" doc:"what could not be read | 読めなかった箇所"`
}

// HitOut is an entry that a value meets.
type HitOut struct {
	Type   event.ObservableType `json:"type"`
	Value  string               `json:"value"`
	Match  string               `json:"match" enum:"exact,tree,below,prefix,network"`
	Source string               `json:"source"`
	ID     string               `json:"id,omitempty" doc:"under which the source knows it | 出所における番号"`
	TLP    string               `json:"tlp"`
	Until  time.Time            `json:"valid_until,omitzero"`
}

type listOut struct{ Body ListOut }

type checkIn struct {
	Value string `query:"value" required:"true" minLength:"1" maxLength:"4096" doc:"address, domain, URL, mail address, hash, path or file name; defanged ones too | アドレス、ドメイン、URL、メールアドレス、ハッシュ値、パス、ファイル名"`
}

type checkOut struct {
	Body struct {
		Type    event.ObservableType `json:"type"`
		Value   string               `json:"value" doc:"as it is compared | 照合に使う形"`
		Entries []HitOut             `json:"entries" nullable:"false"`
	}
}

// API adds /api/v1/watchlist.
func API(a *api.API, c PageConfig) {
	api.Register(
		a,
		api.Op{
			ID:      "watchlist",
			Method:  http.MethodGet,
			Path:    "/api/v1/watchlist",
			Tag:     "indicators",
			Need:    policy.RoleReader,
			Summary: i18n.T("Describe the node's own watchlist", "自組織の監視リストの概要"),
			Description: i18n.T(
				"Numbers and sources are for persons: a token gets none, "+
					"since they tell of entries that are for persons only.",
				"件数と出所は人だけに示します。人だけに示す項目の存在が分かるため、トークンには返しません。",
			),
		},
		func(ctx context.Context, _ *struct{}) (*listOut, error) {
			st, _ := c.stats(api.Viewer(ctx))
			out := &listOut{Body: ListOut{Entries: st.Entries, Memory: st.Memory, File: st.File, Sources: st.Sources}}
			if out.Body.Sources == nil {
				out.Body.Sources = map[string]int64{}
			}
			if st.Damage != nil {
				out.Body.Damage = st.Damage.Error()
			}
			return out, nil
		},
	)
	api.Register(
		a,
		api.Op{
			ID:     "check-watchlist",
			Method: http.MethodGet,
			Path:   "/api/v1/watchlist/check",
			Tag:    "indicators",
			Need:   policy.RoleReader,
			Summary: i18n.T(
				"Say which entries of the watchlist a value meets", "値が監視リストのどの項目に一致するか確認",
			),
		},
		func(ctx context.Context, in *checkIn) (*checkOut, error) {
			o, ok := feed.Observable(in.Value, "")
			if !ok {
				return nil, fault.New(
					fault.Invalid,
					i18n.T("{0} is no observable", "{0} は観測値ではありません").With(event.Clip(in.Value, 100)),
				)
			}
			hits, err := c.hits(ctx, api.Viewer(ctx), o)
			if err != nil {
				return nil, err
			}
			out := &checkOut{}
			out.Body.Type, out.Body.Value, out.Body.Entries = o.Type, o.Value, []HitOut{}
			for _, h := range hits {
				e := h.Entry
				out.Body.Entries = append(
					out.Body.Entries,
					HitOut{e.Type, e.Value, e.Match.String(), e.Source, e.ID, e.TLP.String(), e.ValidUntil},
				)
			}
			return out, nil
		},
	)
}
