package hub

import (
	"context"
	"path/filepath"

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
	hub    *Hub
	db     *store.DB
	people *identity.Service
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
	d := &Admin{h, h.db, h.people}
	url, _, err := h.db.Setting(ctx, settingURL)
	if err == nil && url == "" {
		err = fault.New(fault.Unavailable, i18n.T("this hub has never been started", "このハブはまだ一度も起動されていません")).
			WithHint(i18n.T("start it once with meneki hub", "meneki hub で一度起動してください"))
	}
	if err == nil {
		h.url = url
		_, _, h.pin, err = pki.EnsureCA(filepath.Join(cfg.Data, "tls"), []string{"localhost"}, cfg.Clock)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close ends the command's use of the state.
func (d *Admin) Close() { _ = d.db.Close() }

// Invite makes an invitation that works once.
func (d *Admin) Invite(ctx context.Context, m identity.NewMember, domains []string) (community.Invitation, error) {
	return d.hub.members.Invite(ctx, operator, m, domains)
}

// Members lists the members.
func (d *Admin) Members(ctx context.Context) ([]community.Line, error) {
	return d.hub.members.Lines(ctx)
}

// Revoke ends a membership; the running hub cuts the node off within seconds.
func (d *Admin) Revoke(ctx context.Context, member string) error {
	return d.hub.members.Revoke(ctx, operator, member)
}

// InviteUser makes a person's account, and a link with which the person signs
// in for the first time.
func (d *Admin) InviteUser(ctx context.Context, name, login, as, member string) (link string, err error) {
	_, token, err := d.people.AddUser(ctx, operator, identity.NewUser{Name: name, Login: login, Role: policy.Role(as),
		Member: member})
	if err != nil {
		return "", err
	}
	return role.SignInLink(d.hub.URL(), token), nil
}

// Users lists the people.
func (d *Admin) Users(ctx context.Context) ([]role.UserLine, error) {
	list, err := d.people.Users(ctx, operator)
	out := make([]role.UserLine, 0, len(list))
	for _, u := range list {
		out = append(out, role.UserLine{ID: u.ID, Name: u.Name, Login: u.Login, Role: string(u.Role), Member: u.Member})
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
