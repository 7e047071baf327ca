package identity

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

const (
	firstRunLife  = 24 * time.Hour
	firstLinkLife = 7 * 24 * time.Hour // a new user's first link
	linkLife      = 24 * time.Hour     // a link for a user who cannot get in otherwise
)

// FirstRun returns the secret of the link with which the first administrator signs
// in, for the program to print. Created is false once a user exists. Until then
// every call makes a new link and revokes the one before, because a link that
// scrolled away cannot be shown again. It is valid once, for 24 hours.
func (s *Service) FirstRun(ctx context.Context) (token string, created bool, err error) {
	token, hash := newSecret(PrefixLink)
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		n, err := store.One[int](tx, `SELECT count(*) FROM user_account`)
		if created = n == 0; err != nil || !created {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM login_link WHERE user_id = ''`); err != nil {
			return err
		}
		if err := addLink(tx, hash, "", s.now(), firstRunLife); err != nil {
			return err
		}
		return Audit(tx, Operator("first run"), "link.first-run", "", nil)
	})
	if err != nil || !created {
		return "", false, err
	}
	return token, true, nil
}

// NewLink makes a sign-in link for a user who lost access, valid once, for 24
// hours. The user's unused links are revoked.
func (s *Service) NewLink(ctx context.Context, actor policy.Viewer, user string) (token string, err error) {
	token, hash := newSecret(PrefixLink)
	err = s.changeUser(ctx, actor, user, "link.new", func(tx *store.Tx, u User) (any, error) {
		if !u.mayEnter() {
			return nil, fault.New(fault.Conflict, i18n.T("this user may not sign in", "このユーザーはサインインできない状態です"))
		}
		now := s.now()
		if _, err := tx.Exec(`UPDATE login_link SET expires = $1 WHERE user_id = $2 AND used = 0 AND expires > $1`, now,
			user); err != nil {
			return nil, err
		}
		return nil, addLink(tx, hash, user, now, linkLife)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

func addLink(tx *store.Tx, hash, user string, now time.Time, life time.Duration) error {
	_, err := tx.Exec(`INSERT INTO login_link (hash, user_id, created, expires, used) VALUES ($1, $2, $3, $4, 0)`, hash,
		user, now, now.Add(life))
	return err
}

type loginLink struct {
	Hash    string    `db:"hash"`
	User    string    `db:"user_id"`
	Expires time.Time `db:"expires"`
	Used    time.Time `db:"used"`
}

// PeekLink reports whether a link is valid, without using it. The
// page behind a link asks it on GET and calls Redeem on POST only, since mail
// scanners and previews follow links.
func (s *Service) PeekLink(ctx context.Context, token string) error {
	return s.db.Read(ctx, system, func(tx *store.Tx) error {
		_, err := s.openLink(tx, token)
		return err
	})
}

// openLink finds a link that can still be used.
func (s *Service) openLink(tx *store.Tx, token string) (l loginLink, err error) {
	unknown := fault.New(fault.Denied, i18n.T("this sign-in link is not valid", "このサインイン用リンクは無効です")).
		WithHint(i18n.T("check that the whole link was copied, or ask for a new one",
			"リンクが最後まで写されているか確認するか、新しいリンクを依頼してください"))
	token, ok := wellFormed(token, PrefixLink)
	if !ok {
		return l, unknown
	}
	hash := hashSecret(token)
	l, err = store.One[loginLink](tx, `SELECT hash, user_id, expires, used FROM login_link WHERE hash = $1`, hash)
	if fault.Is(err, fault.NotFound) || err == nil && !same(l.Hash, hash) {
		return l, unknown
	}
	if err != nil {
		return l, err
	}
	again := i18n.T("ask an administrator of your organisation for a new link", "自組織の管理者に新しいリンクを依頼してください")
	switch {
	case !l.Used.IsZero():
		return l, fault.New(fault.Gone, i18n.T("this sign-in link was used already",
			"このサインイン用リンクは既に使用されています")).WithHint(again)
	case !s.now().Before(l.Expires):
		return l, fault.New(fault.Gone, i18n.T("this sign-in link has run out", "このサインイン用リンクは期限切れです")).WithHint(again)
	}
	return l, nil
}

// Redeem uses a link and opens a session: cookie is the value to set. The
// first-run link makes the first administrator, with the login name "admin".
func (s *Service) Redeem(ctx context.Context, token string, from Client) (cookie string, out Session, err error) {
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		l, err := s.openLink(tx, token)
		if err != nil {
			return err
		}
		if l.User == "" {
			if l.User, err = s.firstAdmin(tx); err != nil {
				return err
			}
		}
		u, err := userByID(tx, l.User)
		if err != nil {
			return err
		}
		if !u.mayEnter() {
			return fault.New(fault.Denied, i18n.T("this sign-in link is not valid", "このサインイン用リンクは無効です"))
		}
		if _, err := tx.Exec(`UPDATE login_link SET used = $1 WHERE hash = $2`, s.now(), l.Hash); err != nil {
			return err
		}
		cookie, out, err = s.openSession(tx, u, from, "link")
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	return cookie, out, nil
}

func (s *Service) firstAdmin(tx *store.Tx) (id string, err error) {
	n, err := store.One[int](tx, `SELECT count(*) FROM user_account`)
	if err != nil {
		return "", err
	}
	if n > 0 {
		return "", fault.New(fault.Gone, i18n.T("this sign-in link was used already", "このサインイン用リンクは既に使用されています"))
	}
	id, err = s.insertUser(tx, NewUser{Name: "Administrator", Login: "admin", Role: policy.RoleAdmin})
	if err != nil {
		return "", err
	}
	return id, Audit(tx, Operator("first run"), "user.add", id, fields{"login": "admin", "role": policy.RoleAdmin})
}
