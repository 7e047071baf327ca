package community

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// MemberBody is a member as programs see it.
type MemberBody struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Sector     string    `json:"sector"`
	Prefecture string    `json:"prefecture,omitempty" doc:"JIS X 0401 code | 都道府県コード"`
	State      string    `json:"state" enum:"invited,joined,revoked"`
	Online     bool      `json:"online"`
	Invited    time.Time `json:"invited"`
	Joined     time.Time `json:"joined,omitzero"`
	LastSeen   time.Time `json:"last_seen,omitzero"`
	Version    string    `json:"version,omitempty"`
	Rules      int64     `json:"rules"`
	Indicators int64     `json:"indicators"`
	Waiting    int64     `json:"waiting" doc:"messages that wait for a person there | 先方で確認待ちの件数"`
}

// InvitationBody is an invitation; its token is a secret and is not shown again.
type InvitationBody struct {
	Member  string    `json:"member"`
	Name    string    `json:"name"`
	Hub     string    `json:"hub"`
	Token   string    `json:"token" doc:"works once | 一度だけ使える"`
	Command string    `json:"command" doc:"what the organisation runs | 組織側で実行するコマンド"`
	Until   time.Time `json:"until"`
}

// joinIn is what a node sends, with the address that it came from.
type joinIn struct {
	Body wire.JoinRequest
	addr string
}

// Resolve notes the caller's address.
func (in *joinIn) Resolve(ctx huma.Context) []error {
	in.addr = ctx.RemoteAddr()
	return nil
}

// api adds the members' operations, and the one by which a node joins.
func (s *Service) api(a *api.API) {
	type listIn struct{ api.Paging }
	type listOut struct{ Body api.Page[MemberBody] }
	api.Register(a, api.Op{ID: "list-members", Method: http.MethodGet, Path: "/api/v1/members", Tag: "members",
		Need: policy.RoleReader,
		Summary: i18n.T("List the members that you may know: the hub's people all, others their own",
			"構成員の一覧（ハブの担当者は全構成員、それ以外は自組織のみ）")},
		func(ctx context.Context, in *listIn) (*listOut, error) {
			page, err := s.page(ctx, api.Viewer(ctx), in.Paging)
			return &listOut{page}, err
		})
	type inviteIn struct {
		Body struct {
			Name       string   `json:"name" minLength:"1" maxLength:"120"`
			Sector     string   `json:"sector" maxLength:"80" doc:"slug or name | 識別子または名称"`
			Prefecture string   `json:"prefecture,omitempty" maxLength:"40"`
			Domains    []string `json:"domains,omitempty" maxItems:"200" nullable:"false" doc:"the organisation's own domains | 組織自身のドメイン"`
		}
	}
	type inviteOut struct{ Body InvitationBody }
	api.Register(a, api.Op{ID: "invite-member", Method: http.MethodPost, Path: "/api/v1/members", Tag: "members",
		Need: policy.RoleCoordinator, Status: http.StatusCreated,
		Summary: i18n.T("Invite an organisation", "組織を招待"), Errors: []fault.Kind{fault.Conflict}},
		func(ctx context.Context, in *inviteIn) (*inviteOut, error) {
			v := api.Viewer(ctx)
			if err := mustKeep(v); err != nil {
				return nil, err
			}
			inv, err := s.Invite(ctx, v, identity.NewMember{Name: in.Body.Name, Sector: in.Body.Sector,
				Prefecture: in.Body.Prefecture}, in.Body.Domains)
			if err != nil {
				return nil, err
			}
			return &inviteOut{InvitationBody{inv.Member, inv.Name, inv.Hub, inv.Token, inv.command(), inv.Until}}, nil
		})
	joins := newTurnstile(s.clock)
	type joinOut struct{ Body wire.JoinReply }
	api.Register(a, api.Op{ID: "join", Method: http.MethodPost, Path: "/api/v1/join", Tag: "members", Public: true,
		MaxBody: 4096,
		Summary: i18n.T("Join with an invitation", "招待により参加"), Errors: []fault.Kind{fault.Denied, fault.Gone}},
		func(ctx context.Context, in *joinIn) (*joinOut, error) {
			if err := joins.pass(in.addr); err != nil {
				return nil, err
			}
			answer, err := s.Join(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			return &joinOut{answer}, nil
		})
}

// page returns one page of the members, in the order of their names.
func (s *Service) page(ctx context.Context, v policy.Viewer, in api.Paging) (out api.Page[MemberBody], err error) {
	all, err := s.members(ctx, v)
	if err != nil {
		return out, err
	}
	p, err := memberList(v.Hub).Of(all, list.Ask{Values: map[string]string{"state": "all"}, Sort: "name",
		After: in.After, Limit: in.Limit})
	return list.Body(p, member.body), err
}

func (m member) body() MemberBody {
	return MemberBody{m.ID, m.Name, m.Sector, m.Prefecture, stateOf(m.Member), m.online, m.Invited,
		m.Joined, m.LastSeen,
		m.status.Version, m.status.Rules, m.status.Indicators, m.status.Waiting}
}

// turnstile bounds how often one address may try to join, so that tokens cannot
// be tried out. Its memory is bounded too.
type turnstile struct {
	clock clock.Clock

	mu    sync.Mutex
	since time.Time      // under mu
	tries map[string]int // under mu; since then, by address
}

const (
	joinWindow    = 10 * time.Minute
	joinPerSource = 20
	joinSources   = 20_000
)

func newTurnstile(c clock.Clock) *turnstile { return &turnstile{clock: c, tries: map[string]int{}} }

// pass counts a try, or is fault.Busy.
func (t *turnstile) pass(addr string) error {
	source := sourceOf(addr)
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= joinWindow || now.Before(t.since) {
		t.since = now
		clear(t.tries)
	}
	n, known := t.tries[source]
	if n >= joinPerSource || !known && len(t.tries) >= joinSources {
		return fault.New(fault.Busy, i18n.T("too many attempts to join from this address", "このアドレスからの参加の試行が多すぎます")).
			WithHint(i18n.T("wait ten minutes and try again", "10 分待ってからやり直してください"))
	}
	t.tries[source] = n + 1
	return nil
}

// sourceOf is the address that is counted: of IPv6 the network of 64 bits, since
// whoever has one address there has all.
func sourceOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
