package groups

import (
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Seat is a member of a group.
type Seat struct {
	Group  string    `db:"group_id"`
	Member string    `db:"member_id"`
	Since  time.Time `db:"since"`
}

// Seats returns who is in a group, the earliest first.
func Seats(tx *store.Tx, group string) ([]Seat, error) {
	return store.Query[Seat](tx, `SELECT group_id, member_id, since FROM trust_group_seat WHERE group_id = $1
		ORDER BY since, member_id`, group)
}

// seat lets a member in.
func seat(tx *store.Tx, g Group, member string) error {
	list, err := Seats(tx, g.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(s Seat) bool { return s.Member == member }) {
		return fault.New(fault.Conflict, i18n.T("your organisation is in this group already", "既にこのグループに参加しています"))
	}
	if len(list) >= maxSeats {
		return fault.New(fault.TooLarge, i18n.T("a group has at most {0} members",
			"グループの参加組織は {0} 件までです").With(maxSeats))
	}
	if err := store.Insert(tx, "trust_group_seat", []Seat{{g.ID, member, tx.Now()}}); err != nil {
		return err
	}
	return identity.EnterGroup(tx, member, g.ID)
}

// unseat takes a member out of a group. Whoever is longest in it leads it, if it was led by
// the member; a group of members in which nobody is left is closed.
func unseat(tx *store.Tx, g Group, member string, gone bool) error {
	if !gone {
		if err := identity.LeaveGroup(tx, member, g.ID); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`DELETE FROM trust_group_seat WHERE group_id = $1 AND member_id = $2`, g.ID,
		member); err != nil {
		return err
	}
	asked, err := Invites(tx, g.ID)
	if err != nil {
		return err
	}
	for _, i := range asked { // those who stay may all have agreed
		if err := settle(tx, g, i); err != nil {
			return err
		}
	}
	if g.Lead() != member {
		return nil
	}
	list, err := Seats(tx, g.ID)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return end(tx, g)
	}
	_, err = tx.Exec(`UPDATE trust_group SET owner = $1 WHERE id = $2 AND SCOPE(trust_group)`, list[0].Member, g.ID)
	return err
}

// end closes a group: nobody is in it from then on, and nobody owns it.
func end(tx *store.Tx, g Group) error {
	list, err := Seats(tx, g.ID)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := identity.LeaveGroup(tx, s.Member, g.ID); err != nil && !fault.Is(err, fault.Gone) {
			return err
		}
	}
	for _, q := range []string{
		`UPDATE trust_group SET closed = $1, owner = '', audience = '' WHERE id = $2 AND SCOPE(trust_group)`,
		`UPDATE trust_group_invite SET state = 'ended' WHERE state IN ('asked', 'open') AND made <= $1
			AND group_id = $2`,
		`DELETE FROM trust_group_seat WHERE since <= $1 AND group_id = $2`,
	} {
		if _, err := tx.Exec(q, tx.Now(), g.ID); err != nil {
			return err
		}
	}
	return nil
}

// Leave takes v's member out of a group. From then on it sees nothing that is addressed to
// the group, and its nodes forget what they had by it.
func (s *Service) Leave(ctx context.Context, v policy.Viewer, id string) error {
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, id)
		if err != nil {
			return err
		}
		if !g.in(v) {
			return mayDecide(policy.Viewer{})
		}
		if err := note(tx, g, v, "left", v.Member); err != nil {
			return err
		}
		return unseat(tx, g, v.Member, false)
	})
}

// Exclude takes another member out of a group that v leads.
func (s *Service) Exclude(ctx context.Context, v policy.Viewer, id, member string) error {
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, id)
		if err != nil {
			return err
		}
		if !g.leads(v) {
			return notLead()
		}
		list, err := Seats(tx, g.ID)
		if err != nil {
			return err
		}
		if member == v.Member || !slices.ContainsFunc(list, func(s Seat) bool { return s.Member == member }) {
			return fault.New(fault.NotFound, i18n.T("there is no such member in the group",
				"該当する参加組織はありません"))
		}
		if err := note(tx, g, v, "excluded", member); err != nil {
			return err
		}
		return unseat(tx, g, member, false)
	})
}

// Close ends a group for all. Who leads it may, and the hub's coordinators.
func (s *Service) Close(ctx context.Context, v policy.Viewer, id string) error {
	return s.write(ctx, func(tx *store.Tx) error {
		g, err := s.sees(tx, v, id)
		if err != nil {
			return err
		}
		if !g.leads(v) && !v.Coordinator {
			return notLead()
		}
		if err := note(tx, g, v, "closed", ""); err != nil {
			return err
		}
		return end(tx, g)
	})
}

func notLead() error {
	return fault.New(fault.Denied, i18n.T("the organisation that leads the group does this",
		"この操作はグループの運営組織が行います"))
}

// OnMember takes a member that left the community out of its groups.
func (s *Service) OnMember(tx *store.Tx, ev msg.MemberChanged) error {
	list, err := store.Query[Seat](tx, `SELECT group_id, member_id, since FROM trust_group_seat
		WHERE member_id = $1 ORDER BY group_id`, ev.Member)
	if err != nil || len(list) == 0 {
		return err
	}
	left, err := identity.Left(tx, ev.Member)
	if err != nil || !left {
		return err
	}
	for _, seat := range list {
		g, err := Get(tx, seat.Group)
		if err != nil {
			return err
		}
		if err := note(tx, g, policy.Viewer{}, "left", ev.Member); err != nil {
			return err
		}
		if err := unseat(tx, g, ev.Member, true); err != nil {
			return err
		}
	}
	tx.AfterCommit(s.notify)
	return nil
}

// Entry is something that happened in a group.
type Entry struct {
	ID     string    `db:"id"`
	Group  string    `db:"group_id"`
	At     time.Time `db:"at"`
	Member string    `db:"by_member"` // empty: the hub
	Person string    `db:"by_name"`
	Act    string    `db:"act"`
	About  string    `db:"about"` // a member's id, or a name as it was typed
}

// note writes down what v did in a group.
func note(tx *store.Tx, g Group, v policy.Viewer, act, about string) error {
	e := Entry{clock.NewID(), g.ID, tx.Now(), v.Member, v.Name, act, about}
	return store.Insert(tx, "trust_group_log", []Entry{e})
}

// History returns what happened in a group, the latest first.
func History(tx *store.Tx, group string) ([]Entry, error) {
	return store.Query[Entry](tx, `SELECT id, group_id, at, by_member, by_name, act, about FROM trust_group_log
		WHERE group_id = $1 ORDER BY at DESC, id DESC LIMIT 200`, group)
}
