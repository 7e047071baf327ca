package release

import (
	"cmp"
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
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// OutgoingOut is one message that leaves, or would.
type OutgoingOut struct {
	Kind    string          `json:"kind" enum:"finding,candidate,receipt,sighting,rule-health"`
	ID      string          `json:"id"`
	State   string          `json:"state" enum:"waiting,ready,sent,held,failed"`
	Level   string          `json:"level,omitempty"`
	Title   string          `json:"title,omitempty"`
	TLP     string          `json:"tlp"`
	At      time.Time       `json:"at" doc:"when it was offered | 発生した時刻"`
	Decided time.Time       `json:"decided,omitzero"`
	By      string          `json:"by,omitempty" doc:"who decided | 判断者"`
	Sent    time.Time       `json:"sent,omitzero"`
	Reason  string          `json:"reason,omitempty" doc:"why the hub refused it | ハブが拒否した理由"`
	Body    json.RawMessage `json:"body" doc:"exactly what is sent | 送信内容そのもの"`
}

type listIn struct {
	api.Paging
	State string `query:"state" enum:"waiting,ready,sent,held,failed"`
	Kind  string `query:"kind" enum:"finding,candidate,receipt,sighting,rule-health"`
}

type listOut struct{ Body api.Page[OutgoingOut] }

type sendIn struct {
	Kind string `path:"kind" enum:"finding,candidate,receipt,sighting,rule-health"`
	ID   string `path:"id" maxLength:"300"`
	Body *struct {
		TLP string `json:"tlp,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"another label; left out: as it is | 省略時は変更なし"`
	}
}

type holdIn struct {
	Kind string `path:"kind" enum:"finding,candidate,receipt,sighting,rule-health"`
	ID   string `path:"id" maxLength:"300"`
}

// PolicyBody is a sharing policy as programs read and write it.
type PolicyBody struct {
	Findings       string   `json:"findings" enum:"auto,ask,never" doc:"that a rule matched | ルールが一致したこと"`
	Details        bool     `json:"details" doc:"with host, account and matched values | 機器名・アカウント・一致した値を含む"`
	FindingLevel   string   `json:"finding_level" enum:"informational,low,medium,high,critical" doc:"findings below it stay | 下回る検知は送らない"`
	FindingTLP     string   `json:"finding_tlp" enum:"clear,green,amber,amber+strict,red"`
	Candidates     string   `json:"candidates" enum:"auto,ask,never" doc:"values and rules for the others | ほかの構成員が探す値とルール"`
	CandidateLevel string   `json:"candidate_level" enum:"informational,low,medium,high,critical"`
	CandidateTLP   string   `json:"candidate_tlp" enum:"clear,green,amber,amber+strict,red"`
	Audience       []string `json:"audience" nullable:"false" maxItems:"50" doc:"community, sector:NAME, group:ID, member:ID, hub | 受信者"`
	Sightings      string   `json:"sightings" enum:"auto,ask,never"`
}

type policyOut struct{ Body PolicyBody }

type policyIn struct{ Body PolicyBody }

func bodyOf(r Policy) PolicyBody {
	b := PolicyBody{
		Findings:       string(r.Findings),
		Details:        r.Details,
		FindingLevel:   r.FindingLevel,
		FindingTLP:     r.FindingTLP.Slug(),
		Candidates:     string(r.Candidates),
		CandidateLevel: r.CandidateLevel,
		CandidateTLP:   r.CandidateTLP.Slug(),
		Audience:       r.Audience,
		Sightings:      string(r.Sightings),
	}
	if b.Audience == nil {
		b.Audience = []string{}
	}
	return b
}

func (b PolicyBody) policy() (Policy, error) {
	r := Policy{
		Findings:       Mode(b.Findings),
		Details:        b.Details,
		FindingLevel:   b.FindingLevel,
		Candidates:     Mode(b.Candidates),
		CandidateLevel: b.CandidateLevel,
		Sightings:      Mode(b.Sightings),
	}
	for _, t := range b.Audience {
		r.Audience = append(r.Audience, marking.Party(t))
	}
	r.FindingTLP, _ = policy.ParseTLP(b.FindingTLP) // an unknown one is RED
	r.CandidateTLP, _ = policy.ParseTLP(b.CandidateTLP)
	return r, r.Validate()
}

// API adds the operations on what leaves and on the policy.
func API(a *api.API, c PageConfig) {
	c.outgoingAPI(a)
	c.policyAPI(a)
}

func (c PageConfig) policyAPI(a *api.API) {
	api.Register(
		a,
		api.Op{
			ID:      "get-sharing-policy",
			Method:  http.MethodGet,
			Path:    "/api/v1/sharing-policy",
			Tag:     "sharing",
			Need:    policy.RoleReader,
			Summary: i18n.T("The node's policy on what leaves it", "ノードの共有方針"),
		},
		func(context.Context, *struct{}) (*policyOut, error) {
			return &policyOut{bodyOf(c.Outgoing.Policy())}, nil
		},
	)
	api.Register(
		a,
		api.Op{
			ID:     "set-sharing-policy",
			Method: http.MethodPut,
			Path:   "/api/v1/sharing-policy",
			Tag:    "sharing",
			Need:   policy.RoleAdmin,
			Summary: i18n.T(
				"Replace the policy, for what is offered from now on", "共有方針の変更（以後に発生するものに適用）",
			),
		},
		func(ctx context.Context, in *policyIn) (*policyOut, error) {
			p, err := in.Body.policy()
			if err == nil {
				err = c.Outgoing.SetPolicy(ctx, p)
			}
			if err != nil {
				return nil, err
			}
			c.changed()
			return &policyOut{bodyOf(c.Outgoing.Policy())}, nil
		},
	)
}

func (c PageConfig) outgoingAPI(a *api.API) {
	api.Register(
		a,
		api.Op{
			ID:      "list-outgoing",
			Method:  http.MethodGet,
			Path:    "/api/v1/outgoing",
			Tag:     "sharing",
			Need:    policy.RoleReader,
			Summary: i18n.T("What leaves, left, or waits for a person, newest first", "外部送信の一覧（新しい順）"),
		},
		func(ctx context.Context, in *listIn) (*listOut, error) {
			ask := list.Ask{
				Values: map[string]string{"state": cmp.Or(in.State, "all"), "kind": in.Kind}, After: in.After,
				Limit: in.Limit, Strict: true,
			}
			var p list.Page[Message]
			err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
				p, err = List(tx, ask)
				return err
			})
			if err != nil {
				return nil, err
			}
			return &listOut{list.Body(p, func(l Message) OutgoingOut {
				return OutgoingOut{
					string(l.Kind), l.ID, l.State, l.Level, l.Title, l.Handling.TLP.String(), l.At, l.Decided, l.By,
					l.Sent, reason.Read(l.Reason).Text, json.RawMessage(l.Body),
				}
			})}, nil
		},
	)
	errs := []fault.Kind{fault.NotFound, fault.Conflict}
	api.Register(
		a,
		api.Op{
			ID:      "send-outgoing",
			Method:  http.MethodPost,
			Path:    "/api/v1/outgoing/{kind}/{id}/send",
			Tag:     "sharing",
			Need:    policy.RoleAnalyst,
			Summary: i18n.T("Send a message that waits to the hub", "判断待ちのものをハブに送る"),
			Errors:  errs,
		},
		func(ctx context.Context, in *sendIn) (*struct{}, error) {
			var tlp *policy.TLP
			if in.Body != nil && in.Body.TLP != "" {
				t, ok := policy.ParseTLP(in.Body.TLP)
				if !ok {
					return nil, fault.New(
						fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"),
					)
				}
				tlp = &t
			}
			return nil, c.decide(ctx, in.Kind, in.ID, true, tlp)
		},
	)
	api.Register(
		a,
		api.Op{
			ID:      "hold-outgoing",
			Method:  http.MethodPost,
			Path:    "/api/v1/outgoing/{kind}/{id}/hold",
			Tag:     "sharing",
			Need:    policy.RoleAnalyst,
			Summary: i18n.T("Hold a message back", "送らずに保留する"),
			Errors:  errs,
		},
		func(ctx context.Context, in *holdIn) (*struct{}, error) {
			return nil, c.decide(ctx, in.Kind, in.ID, false, nil)
		},
	)
}

func (c PageConfig) decide(ctx context.Context, kind, id string, let bool, tlp *policy.TLP) error {
	err := c.Outgoing.Decide(ctx, wire.Kind(kind), id, let, tlp, api.Viewer(ctx).Name)
	if err == nil {
		c.changed()
	}
	return err
}
