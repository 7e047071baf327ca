package indicator

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
)

// IndicatorOut is an indicator as programs get it.
type IndicatorOut struct {
	ID         string          `json:"id" doc:"STIX id | STIX 番号"`
	Modified   time.Time       `json:"modified" doc:"STIX version | STIX の版"`
	Realm      string          `json:"realm" doc:"live, or the id of an exercise | live または演習の番号"`
	Name       string          `json:"name"`
	Kind       string          `json:"kind" doc:"observable type, or sigma | 観測値の種類または sigma"`
	Value      string          `json:"value" doc:"observable value, or rule id | 観測値またはルールの番号"`
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
	Retro  bool      `json:"retro"`
	At     time.Time `json:"at"`
	TLP    string    `json:"tlp"`
}

// Out returns an indicator for programs, at a node with how far the node is.
func (i Indicator) Out(node bool, now time.Time) IndicatorOut {
	o := IndicatorOut{
		ID:         i.ID,
		Modified:   i.Modified,
		Realm:      i.Realm,
		Name:       i.Name,
		Kind:       i.Kind,
		Value:      i.Value,
		Level:      i.Level,
		Confidence: i.Confidence,
		Made:       i.Made,
		ValidUntil: i.ValidUntil,
		TLP:        i.Handling.TLP.String(),
		Case:       i.Case,
		Hunted:     i.Hunted,
		Hits:       i.Hits,
		State:      "active",
	}
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

// ListIn asks for a list of indicators.
type ListIn struct {
	api.Paging
	Q     string `query:"q" maxLength:"500" doc:"part of a value, rule or id | 値・ルール・番号の一部"`
	Kind  string `query:"kind" maxLength:"100" doc:"ipv4-addr, domain-name, SHA-256, sigma … | 種類"`
	State string `query:"state" enum:"active,expired,withdrawn"`
	Case  string `query:"case" maxLength:"100"`
	Sort  string `query:"sort" maxLength:"20" doc:"made (the default), level or until; - in front reverses it | made（既定）・level・until。先頭に - を付けると逆順"`
}

// ListOut is a page of them.
type ListOut struct{ Body api.Page[IndicatorOut] }

// OneIn asks for one indicator.
type OneIn struct {
	ID string `path:"id" maxLength:"200" doc:"STIX id | STIX 番号"`
}

// OneOut is one indicator.
type OneOut struct{ Body IndicatorOut }

// ListOp lists indicators.
var ListOp = api.Op{
	ID:          "list-indicators",
	Method:      http.MethodGet,
	Path:        "/api/v1/indicators",
	Tag:         "indicators",
	Need:        policy.RoleReader,
	Summary:     i18n.T("Indicators, newest first", "指標の一覧（新しい順）"),
	Description: i18n.T("Only those that the caller may see.", "呼び出し元が閲覧できるものだけを返します。"),
}

// GetOp reads one indicator.
var GetOp = api.Op{
	ID:     "get-indicator",
	Method: http.MethodGet,
	Path:   "/api/v1/indicators/{id}",
	Tag:    "indicators",
	Need:   policy.RoleReader,
	Summary: i18n.T(
		"One indicator with its STIX object", "指標1件（STIX オブジェクトを含む）",
	),
	Errors: []fault.Kind{fault.NotFound},
}

// Ask is what the list is asked for.
func (in *ListIn) Ask() list.Ask {
	return list.Ask{Values: map[string]string{"q": in.Q, "kind": in.Kind, "state": in.State, "case": in.Case},
		Sort: in.Sort, After: in.After, Limit: in.Limit, Strict: true}
}

// JSON returns the STIX object, or nothing of one that could not be read.
func (i Indicator) JSON() json.RawMessage {
	if !json.Valid([]byte(i.Body)) {
		return nil
	}
	return json.RawMessage(i.Body)
}
