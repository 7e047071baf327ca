package finding

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// FindingOut is a finding as programs get it.
type FindingOut struct {
	ID          string             `json:"id"`
	Version     int                `json:"version" doc:"grows when count does | 件数が増えると上がる"`
	Member      string             `json:"member,omitempty" doc:"member id | 構成員の番号"`
	Realm       string             `json:"realm" doc:"live, or the id of an exercise | live または演習の番号"`
	Rule        wire.RuleRef       `json:"rule" doc:"what matched; author and licence go with every match | 一致したルール。作成者と使用許諾を伴う"`
	Indicator   string             `json:"indicator,omitempty" doc:"STIX id, if a shared indicator matched | 共有指標に一致した場合の STIX 番号"`
	First       time.Time          `json:"first" doc:"time of the first event | 最初の事象の時刻"`
	Last        time.Time          `json:"last" doc:"time of the last event | 最後の事象の時刻"`
	Count       int                `json:"count" doc:"events | 事象数"`
	Host        string             `json:"host,omitempty" doc:"as the member lets it be told, perhaps a pseudonym | 構成員が許す範囲。仮名の場合がある"`
	User        string             `json:"user,omitempty"`
	Matched     []wire.FieldValue  `json:"matched" nullable:"false" doc:"the fields that made the rule match | 一致した項目"`
	Observables []event.Observable `json:"observables" nullable:"false" doc:"distinctive values | 特徴的な観測値"`
	List        *msg.ListEntry     `json:"list,omitempty" doc:"the entry of the node's own watchlist that matched; never told to a hub | 一致した監視リストの項目。ハブには伝わらない"`
	Retro       bool               `json:"retro" doc:"found by a hunt in the past | 過去の調査による"`
	Sensed      time.Time          `json:"sensed" doc:"when the first event was read, by the hub's clock | 読み取り時刻（ハブの時計）"`
	Detected    time.Time          `json:"detected"`
	Arrived     time.Time          `json:"arrived" doc:"when it was stored here | ここに保存された時刻"`
	TLP         string             `json:"tlp" doc:"TLP 2.0 label | TLP 2.0 の区分"`
	Case        string             `json:"case,omitempty" doc:"id of the case that it is in | 属する事案の番号"`
}

func outOf(it Item) FindingOut {
	o := FindingOut{ID: it.ID, Version: it.Version, Member: it.Member, Realm: it.Realm, Rule: it.Rule,
		Indicator: it.Indicator, First: it.First, Last: it.Last,
		Count: it.Count, Host: it.Host, User: it.User, Matched: it.Matched, Observables: it.Observables,
		List: it.Listed, Retro: it.Retro, Sensed: it.Sensed, Detected: it.Detected,
		Arrived: it.Arrived, TLP: it.Handling.TLP.String()}
	if o.Matched == nil {
		o.Matched = []wire.FieldValue{}
	}
	if o.Observables == nil {
		o.Observables = []event.Observable{}
	}
	return o
}

type listIn struct {
	api.Paging
	Q         string `query:"q" maxLength:"500" doc:"part of a title, rule, host or value | 題名・ルール・ホスト・値の一部"`
	Level     string `query:"level" enum:"informational,low,medium,high,critical" doc:"this level or above | この重要度以上"`
	Member    string `query:"member" maxLength:"100"`
	Rule      string `query:"rule" maxLength:"200" doc:"rule id | ルールの番号"`
	Indicator string `query:"indicator" maxLength:"200" doc:"STIX id | STIX 番号"`
	When      string `query:"when" enum:"live,past"`
	Since     string `query:"since" maxLength:"40" doc:"arrived then or later: 1h, 24h, 7d or 30d back from now, a day in UTC, or a time as RFC 3339 has it | この時点以降に到着。1h・24h・7d・30d、日付（UTC）、または RFC 3339 の時刻"`
	Until     string `query:"until" maxLength:"40" doc:"arrived before then; as since | この時点より前に到着。形式は since と同じ"`
	Sort      string `query:"sort" maxLength:"20" doc:"arrived (the default), level, title, member, host, count, last, how or tlp; - in front reverses it | arrived（既定）・level・title・member・host・count・last・how・tlp。先頭に - を付けると逆順"`
}

func (in *listIn) ask() list.Ask {
	return list.Ask{Values: map[string]string{"q": in.Q, "level": in.Level, "member": in.Member, "rule": in.Rule,
		"indicator": in.Indicator, "when": in.When, "since": in.Since, "until": in.Until},
		Sort: in.Sort, After: in.After, Limit: in.Limit, Strict: true}
}

type listOut struct{ Body api.Page[FindingOut] }
type oneIn struct {
	ID string `path:"id" maxLength:"100"`
}
type oneOut struct{ Body FindingOut }

// API adds the operations on findings.
func API(a *api.API, c PageConfig) {
	api.Register(a, api.Op{ID: "list-findings", Method: http.MethodGet, Path: "/api/v1/findings", Tag: "findings",
		Need:        policy.RoleReader,
		Summary:     i18n.T("Findings, newest first", "検知の一覧（新しい順）"),
		Description: i18n.T("Only those that the caller may see.", "呼び出し元が閲覧できるものだけを返します。")},
		func(ctx context.Context, in *listIn) (*listOut, error) {
			var p list.Page[Item]
			err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
				p, err = List(tx, in.ask())
				return err
			})
			if err != nil {
				return nil, err
			}
			return &listOut{list.Body(p, outOf)}, nil
		})
	api.Register(a, api.Op{ID: "get-finding", Method: http.MethodGet, Path: "/api/v1/findings/{id}", Tag: "findings",
		Need:    policy.RoleReader,
		Summary: i18n.T("One finding", "検知1件"), Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *oneIn) (*oneOut, error) {
			var it Item
			v := api.Viewer(ctx)
			err := c.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
				it, err = Get(tx, in.ID)
				return err
			})
			if err != nil {
				return nil, err
			}
			panels, err := c.Site.Load(ctx, "finding", web.Subject{ID: it.ID, Viewer: v})
			res := &oneOut{outOf(it)}
			for _, of := range panels.Related(svg.KindCase) {
				res.Body.Case = of.ID
			}
			return res, err
		})
}
