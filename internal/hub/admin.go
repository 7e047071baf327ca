package hub

import (
	"context"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
)

// Admin is the hub's state, opened by a command beside the running hub.
type Admin struct {
	db      *store.DB
	people  *identity.Service
	members *community.Service
	url     string
	pin     string
}

// operator is who acts through the command line: whoever can read the hub's data.
var operator = identity.Operator("command line")

// OpenAdmin opens the state of a hub that has been started at least once.
func OpenAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Hub{cfg: cfg}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	d := &Admin{db: h.db, people: h.people, members: h.members}
	var err error
	d.url, _, err = h.db.Setting(ctx, settingURL)
	if err == nil && d.url == "" {
		err = fault.New(fault.Unavailable, i18n.T("this hub has never been started", "このハブはまだ一度も起動されていません")).
			WithHint(i18n.T("start it once with meneki hub", "meneki hub で一度起動してください"))
	}
	if err == nil {
		_, _, d.pin, err = pki.EnsureCA(filepath.Join(cfg.Data, "tls"), []string{"localhost"}, cfg.Clock)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close ends the command's use of the state.
func (d *Admin) Close() { _ = d.db.Close() }

// inviteLife is how long an invitation can be used.
const inviteLife = 7 * 24 * time.Hour

// Invitation is what an invited organisation needs.
type Invitation struct {
	Member string    `json:"member"`
	Name   string    `json:"name"`
	Sector string    `json:"sector"`
	Hub    string    `json:"hub"`
	Token  string    `json:"token"`
	Until  time.Time `json:"until"`
}

// Invite makes an invitation that works once.
func (d *Admin) Invite(ctx context.Context, name, sector, prefecture string, domains []string) (Invitation, error) {
	return invite(ctx, d.people, d.members, operator, identity.NewMember{Name: name, Sector: sector, Prefecture: prefecture}, domains, d.url, d.pin)
}

func invite(ctx context.Context, people *identity.Service, members *community.Service, by policy.Viewer, m identity.NewMember, domains []string, url, pin string) (Invitation, error) {
	made, token, err := people.Invite(ctx, by, m)
	if err != nil {
		return Invitation{}, err
	}
	if len(domains) > 0 {
		if err := members.SetDomains(ctx, made.ID, domains); err != nil {
			return Invitation{}, err
		}
	}
	return Invitation{Member: made.ID, Name: made.Name, Sector: made.Sector, Hub: url, Token: community.Token(token, pin), Until: made.Invited.Add(inviteLife)}, nil
}

// MemberLine is a member in a list.
type MemberLine struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Sector   string    `json:"sector"`
	State    string    `json:"state"` // invited, joined, revoked
	Joined   time.Time `json:"joined,omitzero"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// Members lists the members.
func (d *Admin) Members(ctx context.Context) ([]MemberLine, error) {
	list, err := d.people.Members(ctx)
	out := make([]MemberLine, 0, len(list))
	for _, m := range list {
		out = append(out, MemberLine{m.ID, m.Name, m.Sector, memberState(m), m.Joined, m.LastSeen})
	}
	return out, err
}

func memberState(m identity.Member) string {
	switch {
	case !m.Revoked.IsZero():
		return "revoked"
	case m.Joined.IsZero():
		return "invited"
	}
	return "joined"
}

// Revoke ends a membership; the running hub cuts the node off within seconds.
func (d *Admin) Revoke(ctx context.Context, member string) error {
	return d.people.Revoke(ctx, operator, member)
}

// InviteUser makes a person's account, and a link with which the person signs
// in for the first time.
func (d *Admin) InviteUser(ctx context.Context, name, login, as, member string) (link string, err error) {
	_, token, err := d.people.AddUser(ctx, operator, identity.NewUser{Name: name, Login: login, Role: policy.Role(as), Member: member})
	if err != nil {
		return "", err
	}
	return role.SignInLink(d.url, token), nil
}

// UserLine is a person in a list.
type UserLine struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Login  string `json:"login"`
	Role   string `json:"role"`
	Member string `json:"member,omitempty"`
}

// Users lists the people.
func (d *Admin) Users(ctx context.Context) ([]UserLine, error) {
	list, err := d.people.Users(ctx, operator)
	out := make([]UserLine, 0, len(list))
	for _, u := range list {
		out = append(out, UserLine{u.ID, u.Name, u.Login, string(u.Role), u.Member})
	}
	return out, err
}

// CreateToken makes an API token for a user (by login) or a member; it is told
// once.
func (d *Admin) CreateToken(ctx context.Context, name, role, login, member string) (id, token string, err error) {
	n := identity.NewToken{Name: name, Role: policy.Role(role), Member: member}
	if login != "" {
		u, err := d.people.UserByLogin(ctx, login)
		if err != nil {
			return "", "", err
		}
		n.User = u.ID
	}
	t, token, err := d.people.AddToken(ctx, operator, n)
	return t.ID, token, err
}

// RevokeToken ends an API token.
func (d *Admin) RevokeToken(ctx context.Context, id string) error {
	return d.people.RevokeToken(ctx, operator, id)
}
