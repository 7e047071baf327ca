package community

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// Bus is the line between a hub and its members. A bus.Hub is one.
type Bus interface {
	// Admit lets a member's node connect with a key, and no longer with another.
	Admit(member, publicKey string) (bus.Grant, error)
	// Expel cuts a member's node off.
	Expel(member string) error
}

// Address is how members find a hub, and know that it is the hub.
type Address struct {
	Name string
	URL  string
	Pin  string // what nodes know the hub's key by
	CA   string // PEM
}

// Invitation is what an invited organisation needs to join. Its token is a secret.
type Invitation struct {
	Member string    `json:"member"`
	Name   string    `json:"name"`
	Sector string    `json:"sector"`
	Hub    string    `json:"hub"` // URL
	Token  string    `json:"token"`
	Until  time.Time `json:"until"`
}

// inviteLife is how long an invitation can be used.
const inviteLife = 7 * 24 * time.Hour

// command is what the invited organisation runs, whole.
func (i Invitation) command() string {
	return "meneki node --join " + i.Hub + " --token " + i.Token + " --data ./meneki-node --watch /var/log"
}

// Invite makes a member and an invitation that works once.
func (s *Service) Invite(
	ctx context.Context, by policy.Viewer, m identity.NewMember, domains []string,
) (Invitation, error) {
	made, token, err := s.people.Invite(ctx, by, m)
	if err != nil {
		return Invitation{}, err
	}
	s.directory.Forget()
	if len(domains) > 0 {
		if err := s.SetDomains(ctx, made.ID, domains); err != nil {
			return Invitation{}, err
		}
	}
	return s.invitation(made, token, made.Invited), nil
}

// Reinvite makes another invitation for a member; those before it end.
func (s *Service) Reinvite(ctx context.Context, by policy.Viewer, member string) (Invitation, error) {
	token, err := s.people.Reinvite(ctx, by, member)
	if err != nil {
		return Invitation{}, err
	}
	m, err := s.people.Member(ctx, member)
	return s.invitation(m, token, s.clock()), err
}

func (s *Service) invitation(m identity.Member, token string, at time.Time) Invitation {
	hub := s.hub()
	return Invitation{Member: m.ID, Name: m.Name, Sector: m.Sector, Hub: hub.URL, Token: Token(token, hub.Pin),
		Until: at.Add(inviteLife)}
}

// Place corrects a member's name, sector and prefecture.
func (s *Service) Place(ctx context.Context, by policy.Viewer, member, name, sector, prefecture string) error {
	defer s.directory.Forget()
	if err := s.people.Rename(ctx, by, member, name); err != nil {
		return err
	}
	return s.people.Place(ctx, by, member, sector, prefecture)
}

// Join lets a node in that presents an invitation.
func (s *Service) Join(ctx context.Context, ask wire.JoinRequest) (wire.JoinReply, error) {
	m, err := s.people.Join(ctx, ask.Token, ask.PublicKey)
	if err != nil {
		return wire.JoinReply{}, err
	}
	g, err := s.bus.Admit(m.ID, ask.PublicKey)
	if err != nil {
		return wire.JoinReply{}, err
	}
	domains, networks, err := s.Own(ctx)
	if err != nil {
		return wire.JoinReply{}, err
	}
	s.directory.Forget()
	s.notify()
	s.log.Info("a member joined", slog.String("member", m.ID), slog.String("name", m.Name))
	hub := s.hub()
	return wire.JoinReply{Member: m.ID, Name: m.Name, Sector: m.Sector, HubName: hub.Name, LeafURL: g.LeafURL,
		CA: hub.CA, Account: g.Account, UserJWT: g.UserJWT, Domains: domains, Networks: networks}, nil
}

// Revoke ends a membership and cuts the node off at once; beside a running hub, the
// hub cuts it off within seconds.
func (s *Service) Revoke(ctx context.Context, by policy.Viewer, member string) error {
	if err := s.people.Revoke(ctx, by, member); err != nil {
		return err
	}
	s.directory.Forget()
	s.directory.SetOnline(member, false)
	if s.bus == nil {
		return nil
	}
	return s.bus.Expel(member)
}

// Admit lets the members in again that joined before this start. Nobody is connected yet.
func (s *Service) Admit(ctx context.Context) error {
	if err := s.people.AllOffline(ctx); err != nil {
		return err
	}
	list, err := s.people.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.PublicKey == "" || !m.Revoked.IsZero() {
			continue
		}
		if _, err := s.bus.Admit(m.ID, m.PublicKey); err != nil {
			return fmt.Errorf("admit member %s: %w", m.ID, err)
		}
	}
	return nil
}

// Presence notes that a member's node connected or disconnected.
func (s *Service) Presence(member string, online bool) {
	s.directory.SetOnline(member, online)
	if err := s.people.Seen(context.Background(), member, s.clock(), online); err != nil {
		s.log.Warn("could not note that a member was seen", slog.String("member", member), slog.Any("err", err))
	}
}

// watch cuts off the nodes of memberships that a command beside the hub has ended.
func (s *Service) watch(ctx context.Context) error {
	tick := time.NewTicker(identity.DirectoryAge)
	defer tick.Stop()
	cut := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list, err := s.directory.Members(ctx)
		if err != nil {
			continue
		}
		for _, m := range list {
			if m.Revoked.IsZero() || cut[m.ID] {
				continue
			}
			if err := s.bus.Expel(m.ID); err != nil && !fault.Is(err, fault.NotFound) {
				s.log.Warn("could not cut off a revoked member", slog.String("member", m.ID), slog.Any("err", err))
				continue
			}
			cut[m.ID] = true
			s.directory.SetOnline(m.ID, false)
		}
	}
}

// Line is a member as a command lists it.
type Line struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Sector   string    `json:"sector"`
	State    string    `json:"state"` // invited, joined, revoked
	Joined   time.Time `json:"joined,omitzero"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// Lines lists the members by name.
func (s *Service) Lines(ctx context.Context) ([]Line, error) {
	list, err := s.people.Members(ctx)
	out := make([]Line, 0, len(list))
	for _, m := range list {
		out = append(out, Line{m.ID, m.Name, m.Sector, stateOf(m), m.Joined, m.LastSeen})
	}
	return out, err
}
