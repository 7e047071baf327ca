package share

import (
	"context"
	"encoding/json"
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

// IndicatorOut is an indicator as programs get it.
type IndicatorOut struct {
	ID         string          `json:"id" doc:"STIX id | STIX 番号"`
	Modified   time.Time       `json:"modified" doc:"STIX version | STIX の版"`
	Realm      string          `json:"realm" doc:"live, or the id of an exercise | live または演習の番号"`
	Name       string          `json:"name"`
	Kind       string          `json:"kind" doc:"observable type, or sigma | 観測値の種類または sigma"`
	Value      string          `json:"value" doc:"observable value, or rule id | 観測値または規則の番号"`
	Level      string          `json:"level"`
	Confidence int             `json:"confidence" doc:"0 to 100 | 0～100"`
	Made       time.Time       `json:"made" doc:"when it was made, or arrived at the node | 作成または受領の時刻"`
	ValidUntil time.Time       `json:"valid_until,omitzero"`
	State      string          `json:"state" enum:"active,expired,withdrawn,armed,refused,disarmed" doc:"at a node: how far it is | ノードでは防御の状況"`
	TLP        string          `json:"tlp" doc:"TLP 2.0 label | TLP 2.0 の区分"`
	Case       string          `json:"case,omitempty" doc:"id of its case | 事案の番号"`
	Armed      int             `json:"armed" doc:"members that are armed with it | 防御済みの構成員数"`
	Hunted     bool            `json:"hunted,omitempty" doc:"at a node: its past was searched | ノード：過去を調査済み"`
	Hits       int64           `json:"hits,omitempty" doc:"at a node: traces in its past | ノード：過去の痕跡"`
	STIX       json.RawMessage `json:"stix,omitempty" doc:"the STIX 2.1 object; of one indicator only | STIX 2.1 オブジェクト（1件の取得時のみ）"`
	Progress   []ProgressOut   `json:"progress,omitempty" doc:"member by member; for the hub's people only | 構成員ごとの状況（ハブの担当者のみ）"`
	Sightings  []SeenOut       `json:"sightings,omitempty" doc:"for members: their own | 構成員には自組織のもののみ"`
}

// ProgressOut is how far one member is.
type ProgressOut struct {
	Member   string    `json:"member"`
	State    string    `json:"state" doc:"empty: nothing came back yet | 空：応答待ち"`
	Sent     time.Time `json:"sent"`
	Armed    time.Time `json:"armed,omitzero"`
	Hunted   time.Time `json:"hunted,omitzero"`
	Searched int64     `json:"searched"`
	Hits     int64     `json:"hits" doc:"events in its past; -1 if the member does not say | 過去の一致件数。非開示は -1"`
	Reason   string    `json:"reason,omitempty"`
}

// SeenOut is one sighting.
type SeenOut struct {
	ID     string    `json:"id"`
	Member string    `json:"member"`
	Count  int       `json:"count"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Past   bool      `json:"past"`
	At     time.Time `json:"at"`
	TLP    string    `json:"tlp"`
}

func outOf(i Indicator, node bool, now time.Time) IndicatorOut {
	o := IndicatorOut{ID: i.ID, Modified: i.Modified, Realm: i.Realm, Name: i.Name, Kind: i.Kind, Value: i.Value, Level: i.Level, Confidence: i.Confidence,
		Made: i.Made, ValidUntil: i.ValidUntil, TLP: i.Handling.TLP.String(), Case: i.Case, Hunted: i.Hunted, Hits: i.Hits, State: "active"}
	switch {
	case node && i.State != "":
		o.State = i.State
	case !i.Withdrawn.IsZero():
		o.State = "withdrawn"
	case !i.ValidUntil.IsZero() && !now.Before(i.ValidUntil):
		o.State = "expired"
	}
	return o
}

type indicatorsIn struct {
	api.Paging
	Q     string `query:"q" maxLength:"500" doc:"part of a value, rule or id | 値・規則・番号の一部"`
	Kind  string `query:"kind" maxLength:"100" doc:"ipv4-addr, domain-name, SHA-256, sigma … | 種類"`
	State string `query:"state" enum:"active,expired,withdrawn"`
	Case  string `query:"case" maxLength:"100"`
	Sort  string `query:"sort" maxLength:"20" doc:"made (the default), level or until; - in front reverses it | made（既定）・level・until。先頭に - を付けると逆順"`
}

type indicatorsOut struct{ Body api.Page[IndicatorOut] }
type indicatorIn struct {
	ID string `path:"id" maxLength:"200" doc:"STIX id | STIX 番号"`
}
type indicatorOut struct{ Body IndicatorOut }

var listOp = api.Op{ID: "list-indicators", Method: http.MethodGet, Path: "/api/v1/indicators", Tag: "indicators", Need: policy.RoleReader,
	Summary:     i18n.T("Indicators, newest first", "指標の一覧（新しい順）"),
	Description: i18n.T("Only those that the caller may see.", "呼び出し元が閲覧できるものだけを返します。")}

var getOp = api.Op{ID: "get-indicator", Method: http.MethodGet, Path: "/api/v1/indicators/{id}", Tag: "indicators", Need: policy.RoleReader,
	Summary: i18n.T("One indicator with its STIX object", "指標1件（STIX オブジェクトを含む）"), Errors: []fault.Kind{fault.NotFound}}

func (in *indicatorsIn) ask() list.Ask {
	return list.Ask{Values: map[string]string{"q": in.Q, "kind": in.Kind, "state": in.State, "case": in.Case},
		Sort: in.Sort, After: in.After, Limit: in.Limit, Strict: true}
}

// listIndicators is the list at a hub.
func (c HubPageConfig) listIndicators(ctx context.Context, in *indicatorsIn) (*indicatorsOut, error) {
	var x extra
	var p list.Page[Indicator]
	err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
		p, err = c.read(tx, in.ask(), false, &x)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := c.DB.Now()
	return &indicatorsOut{list.Body(p, func(i Indicator) IndicatorOut {
		if c.CaseNumber != nil && x.numbers[i.Case] == "" {
			i.Case = ""
		}
		o := outOf(i, false, now)
		o.Armed = x.counts[i.ID].armed
		return o
	})}, nil
}

// hidden reports whether tx may not know a case: that two indicators came out
// of the same one is for those who may see it.
func hidden(tx *store.Tx, caseID string, number func(tx *store.Tx, caseID string) string) bool {
	return caseID != "" && number != nil && number(tx, caseID) == ""
}

func stixOf(i Indicator) json.RawMessage {
	if !json.Valid([]byte(i.Body)) {
		return nil
	}
	return json.RawMessage(i.Body)
}

// oneOf reads one indicator of the hub as the caller may see it.
func (c HubPageConfig) oneOf(ctx context.Context, id string) (*indicatorOut, error) {
	v := api.Viewer(ctx)
	out := &indicatorOut{}
	err := c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		i, err := Get(tx, id)
		if err != nil {
			return err
		}
		progress, err := ProgressOf(tx, i.ID)
		if err != nil {
			return err
		}
		seen, err := SightingsOf(tx, i.ID)
		if err != nil {
			return err
		}
		if hidden(tx, i.Case, c.CaseNumber) {
			i.Case = ""
		}
		o := outOf(i, false, tx.Now())
		o.STIX, o.Armed = stixOf(i), tally(progress)[i.ID].armed
		for _, p := range progress {
			if seers(v) || p.Member == v.Member {
				o.Progress = append(o.Progress, ProgressOut{p.Member, p.State, p.Sent, p.Armed, p.Hunted, p.Searched, p.Hits, reason.Read(p.Reason).Text})
			}
		}
		for _, s := range seen {
			if seers(v) || s.Member == v.Member {
				o.Sightings = append(o.Sightings, SeenOut{s.ID, s.Member, s.Count, s.First, s.Last, s.Retro, s.At, s.Handling.TLP.String()})
			}
		}
		out.Body = o
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type markIn struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		TLP      string   `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"the new label | 新しい区分"`
		Audience []string `json:"audience,omitempty" maxItems:"100" doc:"community, sector:NAME, member:ID, hub; left out: as it is | 省略時は変更なし"`
	}
}

// HubAPI adds the operations on indicators at a hub.
func HubAPI(a *api.API, c HubPageConfig) {
	api.Register(a, listOp, func(ctx context.Context, in *indicatorsIn) (*indicatorsOut, error) {
		return c.listIndicators(ctx, in)
	})
	api.Register(a, getOp, func(ctx context.Context, in *indicatorIn) (*indicatorOut, error) { return c.oneOf(ctx, in.ID) })
	api.Register(a, api.Op{ID: "mark-indicator", Method: http.MethodPost, Path: "/api/v1/indicators/{id}/marking", Tag: "indicators", Need: policy.RoleCoordinator,
		Summary:     i18n.T("Change the marking of an indicator", "指標の取扱区分を変更"),
		Description: i18n.T("The hub's coordinators may make it stricter; widening is for the member it came from. Members that may not have it any more are told to disarm.", "ハブの調整担当は厳しくすることができます。広げられるのは提供元の構成員です。配布できなくなる構成員には解除が指示されます。"),
		Errors:      []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *markIn) (*struct{}, error) {
			tlp, ok := policy.ParseTLP(in.Body.TLP)
			if !ok {
				return nil, fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
			}
			audience := policy.Audience(in.Body.Audience)
			for _, t := range audience {
				if !audienceToken(t) {
					return nil, Rules{Findings: Auto, Candidates: Auto, Sightings: Auto, FindingLevel: "low", CandidateLevel: "low", FindingTLP: tlp, CandidateTLP: tlp, Audience: audience}.Validate()
				}
			}
			if audience == nil {
				err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
					i, err := Get(tx, in.ID)
					audience = i.Handling.Audience
					return err
				})
				if err != nil {
					return nil, err
				}
			}
			return nil, c.Office.Remark(ctx, api.Viewer(ctx), in.ID, tlp, audience)
		})
	api.Register(a, api.Op{ID: "withdraw-indicator", Method: http.MethodPost, Path: "/api/v1/indicators/{id}/withdraw", Tag: "indicators", Need: policy.RoleCoordinator,
		Summary: i18n.T("Withdraw an indicator from every member", "指標を全構成員から取り下げ"), Errors: []fault.Kind{fault.NotFound, fault.Conflict}},
		func(ctx context.Context, in *indicatorIn) (*struct{}, error) {
			return nil, c.Office.Withdraw(ctx, api.Viewer(ctx), in.ID)
		})
}
