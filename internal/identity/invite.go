package identity

import (
	"context"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// inviteLife is how long a node has to join.
const inviteLife = 7 * 24 * time.Hour

// NewMember is an organisation to invite.
type NewMember struct {
	Name       string
	Sector     string // what ParseSector reads
	Prefecture string // what ParsePrefecture reads; may be empty
	Kind       string // "" is KindOrganisation
	Realm      string // "" is event.Live
}

// Invite makes a member and the token that lets its node join, once, within
// seven days. The token cannot be shown again; Reinvite makes another.
func (s *Service) Invite(ctx context.Context, actor policy.Viewer, n NewMember) (m Member, token string, err error) {
	if err := mayMembers(actor); err != nil {
		return m, "", err
	}
	m = Member{ID: clock.NewID(), Kind: n.Kind, Realm: n.Realm, Invited: s.now()}
	if m.Name, err = properName(n.Name); err != nil {
		return Member{}, "", err
	}
	if m.Sector, err = ParseSector(n.Sector); err != nil {
		return Member{}, "", err
	}
	if m.Prefecture, err = ParsePrefecture(n.Prefecture); err != nil {
		return Member{}, "", err
	}
	switch m.Kind {
	case "":
		m.Kind = KindOrganisation
	case KindOrganisation, KindHub:
	default:
		return Member{}, "", fault.New(fault.Invalid,
			i18n.T("a member is an organisation or a hub", "構成員の種別は organisation か hub です"))
	}
	if m.Realm == "" {
		m.Realm = event.Live
	}
	token, hash := newSecret(PrefixInvite)
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		if err := nameFree(tx, m.Realm, m.Name, ""); err != nil {
			return err
		}
		if err := store.Insert(tx, "member", []Member{m}); err != nil {
			return err
		}
		if err := addInvite(tx, hash, m.ID, m.Invited); err != nil {
			return err
		}
		if err := Audit(tx, actor, "member.invite", m.ID,
			fields{"name": m.Name, "sector": m.Sector, "prefecture": m.Prefecture}); err != nil {
			return err
		}
		return changed(tx, m.ID, false)
	})
	if err != nil {
		return Member{}, "", err
	}
	return m, token, nil
}

// Reinvite makes another token for a member whose token was lost or has expired, or
// whose node was lost. Unused tokens are revoked. A node that joins with the new token
// replaces the one before.
func (s *Service) Reinvite(ctx context.Context, actor policy.Viewer, id string) (token string, err error) {
	token, hash := newSecret(PrefixInvite)
	err = s.change(ctx, actor, id, "member.reinvite", func(tx *store.Tx, m Member) (any, error) {
		now := s.now()
		if _, err := tx.Exec(`UPDATE member_invite SET expires = $1 WHERE member_id = $2 AND used = 0 AND expires > $1`,
			now, id); err != nil {
			return nil, err
		}
		return fields{"joined_before": !m.Joined.IsZero()}, addInvite(tx, hash, id, now)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

func addInvite(tx *store.Tx, hash, member string, now time.Time) error {
	_, err := tx.Exec(
		`INSERT INTO member_invite (hash, member_id, created, expires, used, public_key)
			VALUES ($1, $2, $3, $4, 0, '')`,
		hash, member, now, now.Add(inviteLife))
	return err
}

type invite struct {
	Hash      string    `db:"hash"`
	Member    string    `db:"member_id"`
	Expires   time.Time `db:"expires"`
	Used      time.Time `db:"used"`
	PublicKey string    `db:"public_key"`
}

// Join admits a node: the token names the member, and the member has this public key
// (an nkey) from now on. A token works once; the same key may come
// again with the same token, because the answer may have been lost. A token that does
// not exist is fault.Denied; one that another key has used, that has expired or that
// was withdrawn is fault.Gone.
func (s *Service) Join(ctx context.Context, token, publicKey string) (m Member, err error) {
	if !nkeys.IsValidPublicKey(publicKey) {
		return m, fault.New(fault.Invalid, i18n.T("the node's public key is not an nkey", "ノードの公開鍵が nkey 形式ではありません"))
	}
	unknown := fault.New(fault.Denied, i18n.T("this invitation is not known here", "この招待トークンは登録されていません")).
		WithHint(i18n.T("check that the whole token was copied and that it is for this hub",
			"トークンが最後まで写されているか、このハブのものかを確認してください"))
	token, ok := wellFormed(token, PrefixInvite)
	if !ok {
		return m, unknown
	}
	hash := hashSecret(token)
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		now := s.now()
		inv, err := store.One[invite](tx,
			`SELECT hash, member_id, expires, used, public_key FROM member_invite WHERE hash = $1`, hash)
		if fault.Is(err, fault.NotFound) || err == nil && !same(inv.Hash, hash) {
			return unknown
		}
		if err != nil {
			return err
		}
		if m, err = memberByID(tx, inv.Member); err != nil {
			return err
		}
		again := i18n.T("ask the hub for a new invitation (meneki member invite)",
			"ハブに新しい招待を依頼してください(meneki member invite)")
		switch {
		case !m.Revoked.IsZero():
			return fault.New(fault.Gone,
				i18n.T("this membership was ended by the hub", "この構成員資格はハブにより終了しています")).WithHint(again)
		case !inv.Used.IsZero() && same(inv.PublicKey, publicKey) && same(m.PublicKey, publicKey):
			return nil // the answer was lost
		case !inv.Used.IsZero():
			return fault.New(fault.Gone,
				i18n.T("this invitation was used already", "この招待トークンは既に使用されています")).WithHint(again)
		case !now.Before(inv.Expires):
			return fault.New(fault.Gone, i18n.T("this invitation has run out", "この招待トークンは期限切れです")).WithHint(again)
		}
		if other, err := store.One[string](tx,
			`SELECT id FROM member WHERE public_key = $1 AND revoked = 0 AND id <> $2`, publicKey, m.ID); err == nil &&
			other != "" {
			return fault.New(fault.Conflict,
				i18n.T("this node belongs to another member already", "このノードは既に別の構成員に属しています")).
				WithHint(i18n.T("give the node a data folder of its own", "ノードごとに別のデータフォルダーを使ってください"))
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		replaced := m.PublicKey
		if m.PublicKey = publicKey; m.Joined.IsZero() {
			m.Joined = now
		}
		if _, err := tx.Exec(`UPDATE member_invite SET used = $1, public_key = $2 WHERE hash = $3`, now, publicKey,
			hash); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE member SET public_key = $1, joined = $2 WHERE id = $3`, publicKey, m.Joined,
			m.ID); err != nil {
			return err
		}
		node := policy.Viewer{Member: m.ID, Name: m.Name, Machine: true}
		if err := Audit(tx, node, "member.join", m.ID,
			fields{"public_key": publicKey, "replaced": replaced}); err != nil {
			return err
		}
		return changed(tx, m.ID, m.Online)
	})
	if err != nil {
		return Member{}, err
	}
	return m, nil
}
