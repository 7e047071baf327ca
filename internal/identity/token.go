package identity

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Token is an API token. It belongs to a user, and can do what the user can, up
// to its own role; or to a member, for the member's machines.
type Token struct {
	ID       string      `db:"id"`
	Name     string      `db:"name"`
	User     string      `db:"user_id"`
	Member   string      `db:"member_id"`
	Role     policy.Role `db:"role"`
	Created  time.Time   `db:"created"`
	Expires  time.Time   `db:"expires"`
	LastUsed time.Time   `db:"last_used"` // to the minute
	Revoked  time.Time   `db:"revoked"`
}

type tokenRow struct {
	Hash string `db:"hash"`
	Token
}

const tokenColumns = `hash, id, name, user_id, member_id, role, created, expires, last_used, revoked`

const (
	tokenLife    = 365 * 24 * time.Hour
	tokenLifeMax = 2 * tokenLife
)

// NewToken is a token to make: for a user or for a member, not both.
type NewToken struct {
	Name   string
	User   string
	Member string
	Role   policy.Role
	Life   time.Duration // 0 is a year; two at most
}

// AddToken makes an API token. Secret is shown once and never again. Users make
// tokens for themselves, up to their own role; administrators for their house.
func (s *Service) AddToken(ctx context.Context, actor policy.Viewer, n NewToken) (t Token, secret string, err error) {
	if (n.User == "") == (n.Member == "") {
		return t, "", fault.New(fault.Invalid,
			i18n.T("a token is for a user or for a member", "トークンはユーザーか構成員のどちらかに発行します"))
	}
	if rank(n.Role) == 0 {
		return t, "", badRole(n.Role)
	}
	if n.Name, err = properName(n.Name); err != nil {
		return t, "", err
	}
	if n.Life = or(n.Life, tokenLife); n.Life < time.Minute || n.Life > tokenLifeMax {
		return t, "", fault.New(fault.Invalid,
			i18n.T("a token lasts from a minute to two years", "トークンの有効期間は 1 分から 2 年までです"))
	}
	secret, hash := newSecret(PrefixToken)
	now := s.now()
	row := tokenRow{hash, Token{ID: clock.NewID(), Name: n.Name, User: n.User, Member: n.Member, Role: n.Role,
		Created: now, Expires: now.Add(n.Life)}}
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		if err := s.mayToken(tx, actor, n); err != nil {
			return err
		}
		if err := store.Insert(tx, "api_token", []tokenRow{row}); err != nil {
			return err
		}
		return Audit(tx, actor, "token.add", row.ID,
			fields{"name": n.Name, "user": n.User, "member": n.Member, "role": n.Role, "expires": row.Expires})
	})
	if err != nil {
		return Token{}, "", err
	}
	return row.Token, secret, nil
}

func (s *Service) mayToken(tx *store.Tx, actor policy.Viewer, n NewToken) error {
	if n.Member != "" {
		if err := s.mayUsers(actor, n.Member); err != nil {
			return err
		}
		m, err := memberByID(tx, n.Member)
		if err == nil && !m.Revoked.IsZero() {
			err = left()
		}
		return err
	}
	u, err := userByID(tx, n.User)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	self := actor.User != "" && actor.User == n.User && !actor.Machine
	if no := s.mayUsers(actor, u.Member); no != nil && !self {
		return no
	}
	if err != nil {
		return err
	}
	if rank(n.Role) > rank(u.Role) {
		return fault.New(fault.Denied, i18n.T("a token cannot have a higher role than its user",
			"トークンにユーザーより高い役割は付けられません"))
	}
	return nil
}

// Authenticate says who has an API token, or fault.Unauthenticated. What comes
// by token is a machine, even if a person made it: it never gets what is for
// persons only.
func (s *Service) Authenticate(ctx context.Context, bearer string) (policy.Viewer, error) {
	bearer, ok := wellFormed(bearer, PrefixToken)
	if !ok {
		return policy.Viewer{}, badToken()
	}
	hash := hashSecret(bearer)
	var row tokenRow
	var v policy.Viewer
	err := s.db.Read(ctx, system, func(tx *store.Tx) (err error) {
		v = policy.Viewer{}
		if row, err = store.One[tokenRow](tx, `SELECT `+tokenColumns+` FROM api_token WHERE hash = $1`,
			hash); err != nil {
			return err
		}
		if row.Member != "" {
			m, err := memberByID(tx, row.Member)
			if err == nil && m.Revoked.IsZero() {
				v = m.Node()
				v.Role = row.Role
			}
			return err
		}
		u, err := userByID(tx, row.User)
		if err == nil && u.mayEnter() {
			v = s.ViewerOf(u)
			if rank(row.Role) < rank(v.Role) {
				v.Role = row.Role
			}
		}
		return err
	})
	now := s.now()
	switch {
	case fault.Is(err, fault.NotFound):
		return policy.Viewer{}, badToken()
	case err != nil:
		return policy.Viewer{}, err
	case v == (policy.Viewer{}), !same(row.Hash, hash), !row.Revoked.IsZero(), !now.Before(row.Expires):
		return policy.Viewer{}, badToken()
	}
	v.User, v.Name, v.Coordinator, v.Machine = "", row.Name, false, true
	if now.Sub(row.LastUsed) >= seenEvery {
		err := s.db.Write(ctx, system, func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE api_token SET last_used = $1 WHERE id = $2 AND last_used < $1`, now, row.ID)
			return err
		})
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "a token's last use could not be noted", "err", err)
		}
	}
	return v, nil
}

func badToken() error {
	return fault.New(fault.Unauthenticated, i18n.T("the API token is not valid", "API トークンが無効です")).
		WithHint(i18n.T("send Authorization: Bearer mnk_… with a token that has not run out",
			"有効期限内のトークンを Authorization: Bearer mnk_… で送ってください"))
}

// Tokens lists the tokens that actor may end, the newest first.
func (s *Service) Tokens(ctx context.Context, actor policy.Viewer) (out []Token, err error) {
	type withHouse struct {
		Token
		House string `db:"house"`
	}
	var all []withHouse
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		all, err = store.Query[withHouse](tx, `SELECT t.id, t.name, t.user_id, t.member_id, t.role, t.created,
			t.expires, t.last_used, t.revoked,
			CASE WHEN t.member_id <> '' THEN t.member_id ELSE COALESCE(u.member_id, '') END AS house
			FROM api_token t LEFT JOIN user_account u ON u.id = t.user_id ORDER BY t.created DESC, t.id DESC`)
		return err
	})
	for _, t := range all {
		if s.mayUsers(actor, t.House) == nil || actor.User != "" && actor.User == t.User {
			out = append(out, t.Token)
		}
	}
	return out, err
}

// RevokeToken ends a token at once.
func (s *Service) RevokeToken(ctx context.Context, actor policy.Viewer, id string) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		none := fault.New(fault.NotFound, i18n.T("there is no such token", "該当するトークンはありません"))
		row, err := store.One[tokenRow](tx, `SELECT `+tokenColumns+` FROM api_token WHERE id = $1`, id)
		if fault.Is(err, fault.NotFound) {
			return none
		}
		if err != nil {
			return err
		}
		house := row.Member
		if row.User != "" {
			u, err := userByID(tx, row.User)
			if err != nil {
				return err
			}
			house = u.Member
		}
		if s.mayUsers(actor, house) != nil && (actor.User == "" || actor.User != row.User || actor.Machine) {
			return none
		}
		if _, err := tx.Exec(`UPDATE api_token SET revoked = $1 WHERE id = $2 AND revoked = 0`, tx.Now(),
			id); err != nil {
			return err
		}
		return Audit(tx, actor, "token.revoke", id, fields{"name": row.Name})
	})
}
