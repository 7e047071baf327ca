package consent

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// ConsentBody is a request for consent as programs see it.
type ConsentBody struct {
	ID       string          `json:"id"`
	Object   string          `json:"object"`
	Giver    string          `json:"giver" doc:"member id | 構成員 ID"`
	Why      string          `json:"why"`
	Had      ConsentMarking  `json:"had"`
	Asked    ConsentMarking  `json:"asked"`
	Granted  *ConsentMarking `json:"granted,omitempty"`
	State    string          `json:"state" enum:"asked,granted,refused,lapsed,withdrawn,retracted"`
	Made     time.Time       `json:"made"`
	Deadline time.Time       `json:"deadline"`
	Answered time.Time       `json:"answered,omitzero"`
	Note     string          `json:"note,omitempty"`
}

// ConsentMarking is a marking in a request.
type ConsentMarking struct {
	TLP      string   `json:"tlp" enum:"TLP:CLEAR,TLP:GREEN,TLP:AMBER,TLP:AMBER+STRICT,TLP:RED"`
	Audience []string `json:"audience" nullable:"false" maxItems:"50"`
}

func markingOf(h policy.Handling) ConsentMarking {
	return ConsentMarking{h.TLP.String(), append([]string{}, h.Audience...)}
}

func (c Consent) body(now time.Time) ConsentBody {
	b := ConsentBody{ID: c.ID, Object: c.Object, Giver: c.Giver(), Why: c.Why, Had: markingOf(c.Had),
		Asked: markingOf(c.Asks), State: string(c.At(now)), Made: c.Made, Deadline: c.Deadline, Answered: c.Answered,
		Note: c.Note}
	if c.State == Granted {
		m := markingOf(c.Gave)
		b.Granted = &m
	}
	return b
}

// api adds the operations of consultations and consents.
func (s *Service) api(a *api.API) {
	type consentsOut struct {
		Body struct {
			Consents []ConsentBody `json:"consents" nullable:"false"`
		}
	}
	api.Register(a, api.Op{ID: "list-consents", Method: http.MethodGet, Path: "/api/v1/consents", Tag: "consent",
		Need: policy.RoleReader, Summary: i18n.T("List what the hub asked givers, as far as it concerns you",
			"提供元への同意依頼の一覧（自組織に関わるもの）")},
		func(ctx context.Context, _ *struct{}) (*consentsOut, error) {
			out := &consentsOut{}
			out.Body.Consents = []ConsentBody{}
			return out, s.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
				list, err := Consents(tx, "")
				for _, c := range list {
					out.Body.Consents = append(out.Body.Consents, c.body(tx.Now()))
				}
				return err
			})
		})
	type consentAskIn struct {
		Body struct {
			Object   string   `json:"object" minLength:"1" maxLength:"200"`
			Why      string   `json:"why" minLength:"1" maxLength:"4000"`
			TLP      string   `json:"tlp" maxLength:"40"`
			Audience []string `json:"audience,omitempty" maxItems:"50" nullable:"false"`
			Days     int      `json:"days" minimum:"1" maximum:"30"`
		}
	}
	type consentAskOut struct {
		Body struct {
			ID string `json:"id"`
		}
	}
	api.Register(a, api.Op{ID: "ask-consent", Method: http.MethodPost, Path: "/api/v1/consents", Tag: "consent",
		Need: policy.RoleAnalyst, Status: http.StatusCreated, Errors: []fault.Kind{fault.Conflict},
		Summary: i18n.T("Ask whoever gave an object whether others may see it", "共有範囲の拡大を提供元に依頼")},
		func(ctx context.Context, in *consentAskIn) (*consentAskOut, error) {
			tlp, ok := policy.ParseTLP(in.Body.TLP)
			if !ok {
				tlp = 0
			}
			id, err := s.Ask(ctx, api.Viewer(ctx), Request{Object: in.Body.Object, Why: in.Body.Why, TLP: tlp,
				Audience: in.Body.Audience, Days: in.Body.Days})
			out := &consentAskOut{}
			out.Body.ID = id
			return out, err
		})
	type consentAnswerIn struct {
		ID   string `path:"id" maxLength:"100"`
		Body struct {
			Answer   string   `json:"answer" enum:"yes,no,withdraw,retract"`
			Note     string   `json:"note,omitempty" maxLength:"4000"`
			TLP      string   `json:"tlp,omitempty" maxLength:"40" doc:"for a yes to less than was asked | 依頼と異なる区分での同意"`
			Audience []string `json:"audience,omitempty" maxItems:"50" nullable:"false"`
		}
	}
	api.Register(a, api.Op{ID: "answer-consent", Method: http.MethodPost, Path: "/api/v1/consents/{id}", Tag: "consent",
		Need: policy.RoleAnalyst, Status: http.StatusNoContent, Errors: []fault.Kind{fault.Conflict},
		Summary: i18n.T("Answer a request, or take an answer or a request back", "依頼への回答、撤回、取消し")},
		func(ctx context.Context, in *consentAnswerIn) (*struct{}, error) {
			v, b := api.Viewer(ctx), in.Body
			switch b.Answer {
			case "withdraw":
				return nil, s.Withdraw(ctx, v, in.ID, b.Note)
			case "retract":
				return nil, s.Retract(ctx, v, in.ID)
			}
			answer := Answer{Yes: b.Answer == "yes", Note: b.Note}
			if b.TLP != "" {
				tlp, _ := policy.ParseTLP(b.TLP) // what is none is RED
				answer.Instead = &policy.Handling{TLP: tlp, Audience: b.Audience}
			}
			return nil, s.Answer(ctx, v, in.ID, answer)
		})
}
