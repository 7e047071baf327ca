package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// objectOut is an object as programs get it.
type objectOut struct {
	ID      string          `json:"id" doc:"STIX id | STIX 番号"`
	Type    string          `json:"type"`
	Name    string          `json:"name" doc:"what it is called | 呼び名"`
	Realm   string          `json:"realm" doc:"live, or the id of an exercise | live または演習の番号"`
	Version string          `json:"version" doc:"STIX version | STIX の版"`
	Came    time.Time       `json:"came" doc:"when it came here | 受領時刻"`
	Revoked bool            `json:"revoked,omitempty"`
	TLP     string          `json:"tlp" doc:"TLP 2.0 label | TLP 2.0 の区分"`
	From    string          `json:"from,omitempty" doc:"member that gave it; for the hub's people and that member | 提供した構成員（ハブの担当者と当の構成員のみ）"`
	STIX    json.RawMessage `json:"stix" doc:"the STIX 2.1 object | STIX 2.1 オブジェクト"`
}

func (p *pages) out(v policy.Viewer, o object.Object) objectOut {
	out := objectOut{ID: o.ID, Type: o.Type(), Name: o.ID, Realm: o.Realm, Version: o.Version, Came: came(o),
		Revoked: o.Flags&object.Revoked != 0, TLP: o.Handling.TLP.String(), STIX: o.Body}
	if so, err := stix.Parse(o.Body); err == nil {
		out.Name = named(so)
	}
	if v.Hub || v.Member != "" && v.Member == o.Handling.Owner {
		out.From = o.Handling.Owner
	}
	return out
}

// api adds the operations on objects.
func (p *pages) api(a *api.API) {
	type listIn struct {
		api.Paging
		Q         string `query:"q" maxLength:"500" doc:"words, a value or an id | 語句・値・番号"`
		Type      string `query:"type" maxLength:"100" doc:"STIX type | STIX の種類"`
		TLP       string `query:"tlp" enum:"clear,green,amber,amber+strict,red"`
		From      string `query:"from" maxLength:"100" doc:"us, hub or, for the hub's people, a member's id | us・hub、ハブの担当者は構成員番号も可"`
		Label     string `query:"label" maxLength:"200"`
		Technique string `query:"technique" maxLength:"20" doc:"ATT&CK id; its sub-techniques are found too | ATT&CK の番号（サブテクニックも含む）"`
		Since     string `query:"since" maxLength:"40" doc:"1h, 24h, 7d, 30d, a day or an RFC 3339 time | 1h・24h・7d・30d、日付または RFC 3339 の時刻"`
		Until     string `query:"until" maxLength:"40"`
		Realm     string `query:"realm" maxLength:"100" doc:"live if absent | 省略時は live"`
		Sort      string `query:"sort" maxLength:"20" doc:"new (the default) or -new | new（既定）または -new"`
	}
	type listOut struct{ Body api.Page[objectOut] }
	api.Register(a, api.Op{ID: "list-objects", Method: http.MethodGet, Path: "/api/v1/objects", Tag: "objects",
		Need: policy.RoleReader, Summary: i18n.T("STIX objects, newest first", "STIX オブジェクトの一覧（新しい順）"),
		Description: i18n.T("Only those that the caller may see.", "呼び出し元が閲覧できるものだけを返します。")},
		func(ctx context.Context, in *listIn) (*listOut, error) {
			v := api.Viewer(ctx)
			ask := list.Ask{Values: map[string]string{"q": in.Q, "type": in.Type, "tlp": in.TLP, "from": in.From,
				"label": in.Label, "technique": in.Technique, "since": in.Since, "until": in.Until, "realm": in.Realm},
				Sort: in.Sort, After: in.After, Limit: in.Limit, Strict: true}
			var page list.Page[Row]
			err := p.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
				page, err = p.read(ctx, tx, v, p.spec(v, tx.Now()), ask)
				return err
			})
			if err != nil {
				return nil, err
			}
			return &listOut{list.Body(page, func(r Row) objectOut { return p.out(v, r.Object) })}, nil
		})
	type getIn struct {
		ID    string `path:"id" maxLength:"300" doc:"STIX id | STIX 番号"`
		Realm string `query:"realm" maxLength:"100" default:"live"`
	}
	type getOut struct{ Body objectOut }
	api.Register(a, api.Op{ID: "get-object", Method: http.MethodGet, Path: "/api/v1/objects/{id}", Tag: "objects",
		Need: policy.RoleReader, Summary: i18n.T("One object in its latest version", "オブジェクト 1 件（最新の版）"),
		Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *getIn) (*getOut, error) {
			v := api.Viewer(ctx)
			var o object.Object
			err := p.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
				o, err = object.Get(tx, in.Realm, in.ID)
				return err
			})
			if err != nil {
				return nil, err
			}
			return &getOut{p.out(v, o)}, nil
		})
	if !p.hub() {
		return
	}
	type putIn struct {
		Body struct {
			Objects  []json.RawMessage `json:"objects" minItems:"1" maxItems:"1000" nullable:"false" doc:"STIX 2.1 objects | STIX 2.1 オブジェクト"`
			TLP      string            `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"who may see them; a stricter marking of an object itself counts | 取扱区分。オブジェクト自身の区分のほうが厳しければそれに従う"`
			Audience []string          `json:"audience,omitempty" nullable:"false" maxItems:"50" doc:"community, sector:NAME, member:ID, hub | 宛先"`
		}
	}
	type outcome struct {
		ID      string `json:"id,omitempty"`
		Version string `json:"version,omitempty"`
		State   string `json:"state" enum:"new,here,refused" doc:"here: it was here already | here：登録済み"`
		Reason  string `json:"reason,omitempty"`
	}
	type putOut struct {
		Body struct {
			Outcomes []outcome `json:"outcomes" nullable:"false" doc:"one for each object, in their order | 送信順の結果"`
		}
	}
	api.Register(a, api.Op{ID: "put-objects", Method: http.MethodPost, Path: "/api/v1/objects", Tag: "objects",
		Need: policy.RoleAnalyst, Summary: i18n.T("Give objects in the name of one's organisation", "自組織の名でオブジェクトを登録"),
		Description: i18n.T("Each is taken or refused on its own.", "1 件ごとに受け付けまたは拒否します。")},
		func(ctx context.Context, in *putIn) (*putOut, error) {
			v := api.Viewer(ctx)
			if !v.Hub && v.Member == "" {
				return nil, denied(fault.Denied.Title())
			}
			tlp, _ := policy.ParseTLP(in.Body.TLP)
			h := policy.Handling{TLP: tlp, Owner: v.Member}
			for _, t := range in.Body.Audience {
				h.Audience = append(h.Audience, marking.Party(t))
			}
			if err := marking.Check(h.Audience); err != nil {
				return nil, err
			}
			out := make([]outcome, len(in.Body.Objects))
			var items []object.Item
			var place []int
			for i, raw := range in.Body.Objects {
				o, err := readObject(raw)
				if err != nil {
					out[i] = outcome{State: "refused", Reason: err.Error()}
					continue
				}
				place, items = append(place, i), append(items, object.Item{Object: o, Handling: h,
					Source: "api " + fmt.Sprintf("%q %q", v.Member, v.User)})
			}
			if err := p.strictest(ctx, v, items); err != nil {
				return nil, err
			}
			err := p.DB.Write(ctx, store.System("objects: given by a program"), func(tx *store.Tx) error {
				done, err := p.Objects.Put(tx, items)
				for k, o := range done {
					r := outcome{ID: items[k].Object.ID(), Version: o.Version, State: "here"}
					switch {
					case o.Err != nil:
						r.State, r.Reason, r.Version = "refused", fault.TextOf(o.Err).In(api.Lang(ctx)), ""
					case o.New:
						r.State = "new"
					}
					out[place[k]] = r
				}
				return err
			})
			if err != nil {
				return nil, err
			}
			p.notify()
			var answer putOut
			answer.Body.Outcomes = out
			return &answer, nil
		})
}

// readObject reads one object, which must be valid in every way.
func readObject(raw []byte) (*stix.Object, error) {
	o, err := stix.Parse(raw)
	if err != nil {
		return nil, err
	}
	if bad := stix.Validate(o); len(bad) > 0 {
		return nil, bad[0]
	}
	return o, nil
}

// strictest makes the handling of items as strict as their own markings ask for.
func (p *pages) strictest(ctx context.Context, v policy.Viewer, items []object.Item) error {
	objects := make([]*stix.Object, len(items))
	for i, it := range items {
		objects[i] = it.Object
	}
	return p.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		defs := marked.First(marked.Among(objects), object.Definitions(tx, live))
		for i, it := range items {
			own := marked.Of(it.Object, defs, it.Handling, tx.Now())
			items[i].Handling = policy.Combine(own, policy.Decision{Handling: it.Handling}).Handling
		}
		return nil
	})
}
