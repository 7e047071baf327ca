package identity

import (
	"context"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Member is an organisation of the community.
type Member struct {
	ID         string    `db:"id"`
	Name       string    `db:"name"`
	Sector     string    `db:"sector"`     // slug, see Sectors
	Prefecture string    `db:"prefecture"` // code, see Prefectures; may be empty
	Kind       string    `db:"kind"`       // KindOrganisation or KindHub
	Realm      string    `db:"realm"`
	PublicKey  string    `db:"public_key"` // nkey of its node; empty until it joined
	Account    string    `db:"account"`    // what the bus knows it as
	Invited    time.Time `db:"invited"`
	Joined     time.Time `db:"joined"`  // zero until it joined
	Revoked    time.Time `db:"revoked"` // zero while it belongs
	LastSeen   time.Time `db:"last_seen"`
	Online     bool      `db:"online"`

	Groups policy.Groups `db:"trust_groups"` // see EnterGroup
}

// Kinds of members.
const (
	KindOrganisation = "organisation"
	KindHub          = "hub" // the hub of another community
)

const memberColumns = `id, name, sector, prefecture, kind, realm, public_key, account, invited, joined, revoked,
	last_seen, online, trust_groups`

// Active reports whether the member joined and still belongs.
func (m Member) Active() bool { return !m.Joined.IsZero() && m.Revoked.IsZero() }

// Node returns the member's node as policy sees it.
func (m Member) Node() policy.Viewer { return policy.Node(m.ID, m.Sector, m.Groups) }

// Members lists all members by name, also those that have not joined yet or no
// longer belong.
func (s *Service) Members(ctx context.Context) (out []Member, err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		out, err = store.Query[Member](tx, `SELECT `+memberColumns+` FROM member ORDER BY name, id`)
		return err
	})
	return out, err
}

// Member returns one member, or fault.NotFound.
func (s *Service) Member(ctx context.Context, id string) (m Member, err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		m, err = memberByID(tx, id)
		return err
	})
	return m, err
}

func memberByID(tx *store.Tx, id string) (Member, error) {
	m, err := store.One[Member](tx, `SELECT `+memberColumns+` FROM member WHERE id = $1`, id)
	if fault.Is(err, fault.NotFound) {
		return m, fault.New(fault.NotFound, i18n.T("there is no such member", "該当する構成員はありません")).
			WithHint(i18n.T("meneki member list shows the members and their ids",
				"meneki member list で構成員と ID を確認できます"))
	}
	return m, err
}

// Rename changes the name of a member.
func (s *Service) Rename(ctx context.Context, actor policy.Viewer, id, name string) error {
	name, err := properName(name)
	if err != nil {
		return err
	}
	return s.change(ctx, actor, id, "member.rename", func(tx *store.Tx, m Member) (any, error) {
		if err := nameFree(tx, m.Realm, name, id); err != nil {
			return nil, err
		}
		_, err := tx.Exec(`UPDATE member SET name = $1 WHERE id = $2`, name, id)
		return fields{"from": m.Name, "to": name}, err
	})
}

// Place corrects a member's sector and prefecture.
func (s *Service) Place(ctx context.Context, actor policy.Viewer, id, sector, prefecture string) error {
	slug, err := ParseSector(sector)
	if err != nil {
		return err
	}
	code, err := ParsePrefecture(prefecture)
	if err != nil {
		return err
	}
	return s.change(ctx, actor, id, "member.place", func(tx *store.Tx, m Member) (any, error) {
		_, err := tx.Exec(`UPDATE member SET sector = $1, prefecture = $2 WHERE id = $3`, slug, code, id)
		return fields{"from": m.Sector + " " + m.Prefecture, "to": slug + " " + code}, err
	})
}

// Revoke ends a membership. The member's invitations, its users' sessions and
// links and all their API tokens end with it; cutting its node off is for the
// bus. Revocation is final; the organisation may be invited again as a new member.
func (s *Service) Revoke(ctx context.Context, actor policy.Viewer, id string) error {
	return s.change(ctx, actor, id, "member.revoke", func(tx *store.Tx, m Member) (any, error) {
		now := tx.Now()
		for _, q := range []string{
			`UPDATE member SET revoked = $1, online = FALSE, trust_groups = '' WHERE id = $2`,
			`UPDATE member_invite SET expires = $1 WHERE member_id = $2 AND expires > $1`,
			`UPDATE api_token SET revoked = $1 WHERE revoked = 0 AND (member_id = $2 OR user_id IN (SELECT id
				FROM user_account WHERE member_id = $2))`,
			`UPDATE login_link SET expires = $1 WHERE expires > $1 AND user_id IN (SELECT id FROM user_account
				WHERE member_id = $2)`,
		} {
			if _, err := tx.Exec(q, now, id); err != nil {
				return nil, err
			}
		}
		_, err := tx.Exec(`DELETE FROM session WHERE user_id IN (SELECT id FROM user_account WHERE member_id = $1)`, id)
		return fields{"name": m.Name}, err
	})
}

// change runs f on a member that still belongs, audits the change and announces it.
func (s *Service) change(ctx context.Context, actor policy.Viewer, id, action string,
	f func(*store.Tx, Member) (any, error)) error {
	if err := mayMembers(actor); err != nil {
		return err
	}
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		m, err := memberByID(tx, id)
		if err != nil {
			return err
		}
		if !m.Revoked.IsZero() {
			return left()
		}
		detail, err := f(tx, m)
		if err != nil {
			return err
		}
		if err := Audit(tx, actor, action, id, detail); err != nil {
			return err
		}
		return changed(tx, id, m.Online && action != "member.revoke")
	})
}

func left() error {
	return fault.New(fault.Gone, i18n.T("this member no longer belongs to the community", "この構成員は既に脱退しています")).
		WithHint(i18n.T("invite it as a new member", "新しい構成員として招待してください"))
}

// SetAccount stores the account of a member on the bus. Only the hub itself calls it.
func (s *Service) SetAccount(ctx context.Context, id, account string) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		m, err := memberByID(tx, id)
		if err != nil || m.Account == account {
			return err
		}
		if _, err := tx.Exec(`UPDATE member SET account = $1 WHERE id = $2`, account, id); err != nil {
			return err
		}
		return Audit(tx, Operator("hub"), "member.account", id, fields{"account": account})
	})
}

// seenStep is the resolution of LastSeen, so that frequent calls of Seen write nothing.
const seenStep = 30 * time.Second

// Seen notes when a member's node was last heard from, and whether it is connected. A
// time before the last one is ignored. It is cheap to call often, is not audited,
// and is announced only when Online changes.
func (s *Service) Seen(ctx context.Context, id string, at time.Time, online bool) error {
	m, err := s.Member(ctx, id)
	if err != nil || (m.Online == online && at.Before(m.LastSeen.Add(seenStep))) {
		return err
	}
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		m, err := memberByID(tx, id)
		if err != nil {
			return err
		}
		if at.Before(m.LastSeen) {
			at = m.LastSeen
		}
		if _, err := tx.Exec(`UPDATE member SET last_seen = $1, online = $2 WHERE id = $3`, at, online,
			id); err != nil || m.Online == online {
			return err
		}
		return changed(tx, id, online)
	})
}

// AllOffline notes, when a hub starts, that no node is connected yet.
func (s *Service) AllOffline(ctx context.Context) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE member SET online = FALSE WHERE online = TRUE`)
		return err
	})
}

// changed notifies the rest of the hub, when the transaction has committed.
func changed(tx *store.Tx, id string, online bool) error {
	return tx.Emit(msg.TopicMember, "member/"+id+"/"+clock.NewID(),
		msg.MemberChanged{Member: id, Online: online, At: tx.Now()})
}

// CleanName returns a name in the form in which names are stored and compared: NFKC, on
// one line, without control characters and needless space.
func CleanName(name string) string {
	return strings.Join(strings.Fields(strings.Map(printable, norm.NFKC.String(strings.ToValidUTF8(name, "")))), " ")
}

// properName is a name as it is stored: NFKC, trimmed, one line, 1 to 120 characters.
func properName(name string) (string, error) {
	n := CleanName(name)
	if r := len([]rune(n)); r < 1 || r > 120 {
		return "", fault.New(fault.Invalid, i18n.T("a name has 1 to 120 characters", "名前は 1 文字から 120 文字までです"))
	}
	return n, nil
}

// printable drops control characters and invisible direction marks, with which one
// name could look like another.
func printable(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	}
	return r
}

func nameFree(tx *store.Tx, realm, name, except string) error {
	_, err := store.One[string](tx, `SELECT id FROM member WHERE realm = $1 AND name = $2 AND revoked = 0 AND id <> $3`,
		realm, name, except)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, i18n.T("there is a member of that name already", "同じ名前の構成員が既にあります"))
}
