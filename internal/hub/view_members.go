package hub

import (
	"context"

	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
)

// membersView gives the pages of members what they show and do.
func (h *Hub) membersView() community.PageConfig {
	return community.PageConfig{Members: h.members, Clock: h.cfg.Clock, List: h.people.Members, Invite: h.invite, Reinvite: h.reinvite, Revoke: h.Revoke, Place: h.place, Join: h.Join}
}

func (h *Hub) invite(ctx context.Context, by policy.Viewer, m identity.NewMember, domains []string) (community.Invitation, error) {
	inv, err := invite(ctx, h.people, h.members, by, m, domains, h.URL(), h.pin)
	h.directory.Forget()
	return community.Invitation{Member: inv.Member, Name: inv.Name, Hub: inv.Hub, Token: inv.Token, Until: inv.Until}, err
}

func (h *Hub) reinvite(ctx context.Context, by policy.Viewer, member string) (community.Invitation, error) {
	token, err := h.people.Reinvite(ctx, by, member)
	if err != nil {
		return community.Invitation{}, err
	}
	m, err := h.people.Member(ctx, member)
	return community.Invitation{Member: m.ID, Name: m.Name, Hub: h.URL(), Token: community.Token(token, h.pin), Until: h.cfg.Clock().Add(inviteLife)}, err
}

func (h *Hub) place(ctx context.Context, by policy.Viewer, member, name, sector, prefecture string) error {
	defer h.directory.Forget()
	if err := h.people.Rename(ctx, by, member, name); err != nil {
		return err
	}
	return h.people.Place(ctx, by, member, sector, prefecture)
}
