package identity

import (
	"slices"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// EnterGroup puts a member that still belongs to the community into a trust group. What a
// member is in decides what it may see, so it is kept with the member; who may enter is
// decided by the caller.
func EnterGroup(tx *store.Tx, member, group string) error {
	return regroup(tx, member, func(ids []string) []string { return append(ids, group) })
}

// LeaveGroup takes a member out of a trust group.
func LeaveGroup(tx *store.Tx, member, group string) error {
	return regroup(tx, member, func(ids []string) []string {
		return slices.DeleteFunc(ids, func(id string) bool { return id == group })
	})
}

// Left reports whether a member no longer belongs to the community.
func Left(tx *store.Tx, member string) (bool, error) {
	m, err := memberByID(tx, member)
	return !m.Revoked.IsZero(), err
}

func regroup(tx *store.Tx, member string, f func([]string) []string) error {
	m, err := memberByID(tx, member)
	if err != nil {
		return err
	}
	if !m.Revoked.IsZero() {
		return left()
	}
	now := policy.GroupsOf(f(m.Groups.List())...)
	if now == m.Groups {
		return nil
	}
	if _, err := tx.Exec(`UPDATE member SET trust_groups = $1 WHERE id = $2`, string(now), member); err != nil {
		return err
	}
	return changed(tx, member, m.Online)
}
