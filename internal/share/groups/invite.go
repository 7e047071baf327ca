package groups

import (
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Invite is an invitation into a group.
type Invite struct {
	ID      string        `db:"id"`
	Group   string        `db:"group_id"`
	Name    string        `db:"name"` // of the organisation, as it was typed
	Folded  string        `db:"folded"`
	Member  string        `db:"by_member"` // empty: the hub
	Person  string        `db:"by_name"`
	Made    time.Time     `db:"made"`
	Expires time.Time     `db:"expires"`
	State   string        `db:"state"`
	Agreed  policy.Groups `db:"agreed"` // members that agreed; a set of ids is written in this way
}

// States of an invitation.
const (
	stateAsked    = "asked"    // others of the group have to agree first
	stateOpen     = "open"     // the organisation may accept it
	stateAccepted = "accepted" // it is in
	stateDeclined = "declined" // the group is not told
	stateRefused  = "refused"  // somebody in the group did not agree
	stateEnded    = "ended"    // taken back, or the group was closed
)

const inviteColumns = `i.id, i.group_id, i.name, i.folded, i.by_member, i.by_name, i.made, i.expires, i.state, i.agreed`

// Shown is the state as the group is told it: who declined looks like who did not answer,
// and like a name that nobody has.
func (i Invite) Shown(now time.Time) string {
	state := i.State
	if state == stateDeclined {
		state = stateOpen
	}
	if (state == stateOpen || state == stateAsked) && !now.Before(i.Expires) {
		return stateEnded
	}
	return state
}

// Invites returns the invitations of a group, the latest first.
func Invites(tx *store.Tx, group string) ([]Invite, error) {
	return store.Query[Invite](tx, `SELECT `+inviteColumns+` FROM trust_group_invite i WHERE i.group_id = $1
		ORDER BY i.made DESC, i.id LIMIT 500`, group)
}

// Offer is an invitation as the organisation that is invited sees it.
type Offer struct {
	Invite
	Name, Purpose, Lead string // of the group
}

// Offers returns the invitations that v's organisation may accept, by its name in the
// directory.
func (s *Service) Offers(tx *store.Tx, v policy.Viewer) (out []Offer, err error) {
	m, ok := s.directory.Member(tx.Context(), v.Member)
	if !ok || !m.Active() || v.Member == "" {
		return nil, nil
	}
	list, err := store.Query[Invite](tx, `SELECT `+inviteColumns+` FROM trust_group_invite i WHERE i.folded = $1
		AND i.state = $2 AND i.expires > $3 ORDER BY i.made DESC, i.id LIMIT 200`, store.Fold(identity.CleanName(m.Name)), stateOpen,
		tx.Now())
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		g, err := Get(tx, i.Group)
		if err != nil {
			return nil, err
		}
		if g.Closed.IsZero() && !v.Groups.Has(g.ID) {
			out = append(out, Offer{Invite: i, Name: g.Name, Purpose: g.Purpose, Lead: g.Lead()})
		}
	}
	return out, nil
}

// Ask invites an organisation by its name. Where all let others in, those in the group are
// asked first. The answer is the same whether or not there is an organisation of the name.
func (s *Service) Ask(ctx context.Context, v policy.Viewer, group, name string) error {
	name = identity.CleanName(name)
	if name == "" || len([]rune(name)) > 120 {
		return fault.New(fault.Invalid, i18n.T("the name of the organisation has 1 to 120 characters",
			"組織名は 1 文字から 120 文字までです"))
	}
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, group)
		if err != nil {
			return err
		}
		if !g.leads(v) && (g.Admits != AdmitsAll || !g.in(v)) {
			return notLead()
		}
		list, err := Invites(tx, g.ID)
		if err != nil {
			return err
		}
		folded, now, open := store.Fold(name), tx.Now(), 0
		for _, i := range list {
			if state := i.Shown(now); state == stateAsked || state == stateOpen {
				if open++; i.Folded == folded {
					return fault.New(fault.Conflict, i18n.T("this organisation is invited already", "既に招待済みです"))
				}
			}
		}
		if open >= maxOpen {
			return fault.New(fault.TooLarge, i18n.T("a group has at most {0} open invitations",
				"未回答の招待は {0} 件までです").With(maxOpen))
		}
		i := Invite{ID: clock.RandomID(), Group: g.ID, Name: name, Folded: folded, Member: v.Member, Person: v.Name,
			Made: now, Expires: now.Add(inviteLife), State: stateOpen}
		if g.Admits == AdmitsAll {
			i.State, i.Agreed = stateAsked, policy.GroupsOf(v.Member)
		}
		if err := store.Insert(tx, "trust_group_invite", []Invite{i}); err != nil {
			return err
		}
		if err := note(tx, g, v, "invited", name); err != nil {
			return err
		}
		return settle(tx, g, i)
	})
}

// settle opens an invitation that all in the group have agreed to.
func settle(tx *store.Tx, g Group, i Invite) error {
	if i.State != stateAsked {
		return nil
	}
	seats, err := Seats(tx, g.ID)
	if err != nil {
		return err
	}
	for _, seat := range seats {
		if !i.Agreed.Has(seat.Member) {
			return nil
		}
	}
	_, err = tx.Exec(`UPDATE trust_group_invite SET state = $1 WHERE id = $2`, stateOpen, i.ID)
	return err
}

// Vote says for a member of the group whether it lets an organisation in.
func (s *Service) Vote(ctx context.Context, v policy.Viewer, group, invite string, yes bool) error {
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, group)
		if err != nil {
			return err
		}
		if !g.in(v) {
			return mayDecide(policy.Viewer{})
		}
		i, err := invitation(tx, g, invite)
		if err != nil {
			return err
		}
		if i.Shown(tx.Now()) != stateAsked {
			return fault.New(fault.Conflict, i18n.T("this invitation waits for nobody", "この招待は承認待ちではありません"))
		}
		act := "refused"
		if yes {
			act = "agreed"
			i.Agreed = policy.GroupsOf(append(i.Agreed.List(), v.Member)...)
		} else {
			i.State = stateRefused
		}
		if _, err := tx.Exec(`UPDATE trust_group_invite SET state = $1, agreed = $2 WHERE id = $3`, i.State,
			string(i.Agreed), i.ID); err != nil {
			return err
		}
		if err := note(tx, g, v, act, i.Name); err != nil {
			return err
		}
		return settle(tx, g, i)
	})
}

func invitation(tx *store.Tx, g Group, id string) (Invite, error) {
	list, err := store.Query[Invite](tx, `SELECT `+inviteColumns+` FROM trust_group_invite i WHERE i.id = $1
		AND i.group_id = $2`, id, g.ID)
	if err != nil {
		return Invite{}, err
	}
	if len(list) == 0 {
		return Invite{}, noInvite()
	}
	return list[0], nil
}

func noInvite() error {
	return fault.New(fault.NotFound, i18n.T("there is no such invitation", "該当する招待はありません"))
}

// Retract takes an invitation back that was not accepted yet.
func (s *Service) Retract(ctx context.Context, v policy.Viewer, group, invite string) error {
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, group)
		if err != nil {
			return err
		}
		i, err := invitation(tx, g, invite)
		if err != nil {
			return err
		}
		if !g.leads(v) && (!g.in(v) || i.Member != v.Member) {
			return notLead()
		}
		if state := i.Shown(tx.Now()); state != stateAsked && state != stateOpen {
			return fault.New(fault.Conflict, i18n.T("this invitation is not open", "この招待は受付中ではありません"))
		}
		if _, err := tx.Exec(`UPDATE trust_group_invite SET state = $1 WHERE id = $2`, stateEnded, i.ID); err != nil {
			return err
		}
		return note(tx, g, v, "retracted", i.Name)
	})
}

// Answer accepts or declines an invitation for v's organisation, and returns the group. Of
// a decline the group is not told.
func (s *Service) Answer(ctx context.Context, v policy.Viewer, invite string, accept bool) (group string, err error) {
	if err := mayDecide(v); err != nil {
		return "", err
	}
	return group, s.write(ctx, func(tx *store.Tx) error {
		list, err := s.Offers(tx, v)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(o Offer) bool { return o.ID == invite })
		if at < 0 {
			return noInvite()
		}
		o := list[at]
		group = o.Group
		state := stateDeclined
		if accept {
			state = stateAccepted
		}
		if _, err := tx.Exec(`UPDATE trust_group_invite SET state = $1 WHERE id = $2`, state, o.ID); err != nil {
			return err
		}
		if !accept {
			return nil
		}
		g, err := Get(tx, o.Group)
		if err != nil {
			return err
		}
		if err := seat(tx, g, v.Member); err != nil {
			return err
		}
		return note(tx, g, v, "entered", v.Member)
	})
}
