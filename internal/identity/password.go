package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// argonParams are what new passwords are hashed with; OWASP's password storage
// cheat sheet asks for at least 46 MiB at one pass.
type argonParams struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

func argonDefault() argonParams { return argonParams{memory: 64 * 1024, passes: 2, lanes: 1} }

// decoy is compared with if there is no password, so that an unknown login takes as
// long as a known one.
const decoy = "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// phc hashes a password as a PHC string.
func (p argonParams) phc(password string) string {
	var salt [16]byte
	rand.Read(salt[:])
	key := argon2.IDKey([]byte(password), salt[:], p.passes, p.memory, p.lanes, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.lanes,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(key))
}

// verify compares a password with a PHC string. Fresh is false when the string
// was made with other parameters than now.
func (now argonParams) verify(phc, password string) (ok, fresh bool, err error) {
	part := strings.Split(phc, "$")
	var version int
	var p argonParams
	if len(part) != 6 || part[1] != "argon2id" {
		return false, false, fmt.Errorf("identity: a stored password is no argon2id PHC string")
	}
	if _, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, false, fmt.Errorf("identity: a stored password has argon2 version %q", part[2])
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil ||
		p.memory > 1<<20 || p.passes < 1 || p.passes > 64 || p.lanes < 1 {
		return false, false, fmt.Errorf("identity: a stored password has parameters %q", part[3])
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil {
		return false, false, fmt.Errorf("identity: the salt of a stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(want) < 16 {
		return false, false, fmt.Errorf("identity: a stored password has no key of 16 bytes or more")
	}
	got := argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, p == now, nil
}

// properPassword normalises a password (NFKC, NIST SP 800-63B 3.1.1.2) and
// refuses one that is easily guessed.
func properPassword(password, login string) (string, error) {
	if len(password) > 1024 {
		return "", fault.New(fault.Invalid, i18n.T("a password has at most 1024 bytes", "パスワードは 1024 バイトまでです"))
	}
	p := norm.NFKC.String(password)
	distinct := map[rune]bool{}
	n := 0
	for _, r := range p {
		distinct[r] = true
		n++
	}
	if n < 12 || len(distinct) < 5 || strings.EqualFold(p, login) || strings.Contains(strings.ToLower(p), "password") {
		return "", fault.New(fault.Invalid, i18n.T("this password is too easy to guess", "このパスワードは推測されやすすぎます")).
			WithHint(i18n.T(
				"use 12 characters or more, at least 5 different ones, and not the word password or the login name",
				"12 文字以上、5 種類以上の文字を使い、password という語やログイン名は避けてください"))
	}
	return p, nil
}

// SetPassword sets a user's password; the empty one removes it. The user's sessions
// end, except the one that keep names, which may be empty.
func (s *Service) SetPassword(ctx context.Context, actor policy.Viewer, user, password, keep string) error {
	u, err := s.User(ctx, user)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	phc := ""
	if password != "" {
		p, err := properPassword(password, u.Login)
		if err != nil {
			return err
		}
		if err := s.hashSlot(ctx); err != nil {
			return err
		}
		phc = s.argon.phc(p)
		<-s.hashing
	}
	return s.changeUser(ctx, actor, user, "user.password", func(tx *store.Tx, u User) (any, error) {
		if _, err := tx.Exec(`UPDATE user_account SET password = $1 WHERE id = $2`, phc, user); err != nil {
			return nil, err
		}
		_, err := tx.Exec(`DELETE FROM session WHERE user_id = $1 AND id <> $2`, user, keep)
		return fields{"removed": phc == ""}, err
	})
}

func (s *Service) hashSlot(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Limits of failed sign-ins in a window: for one login from one address, for one
// login from everywhere, and for one address.
const (
	attemptWindow  = 15 * time.Minute
	limitPair      = 5
	limitLogin     = 50
	limitAddress   = 100
	attemptSubject = 300 // bytes kept of a subject
)

// SignIn opens a session for a login and a password. Whatever is wrong, the error is
// the same and takes the same time; after too many failures it is fault.Busy.
func (s *Service) SignIn(ctx context.Context, login, password string, from Client) (cookie string, out Session,
	err error) {
	login = cleanLogin(login)
	wrong := fault.New(fault.Unauthenticated, i18n.T("the login name or the password is wrong", "ログイン名またはパスワードが違います"))
	if len(login) > 64 || len(password) > 1024 {
		return "", out, wrong
	}
	keys := []attempt{{"pair " + short(from.Address) + " " + login, limitPair}, {"login " + login, limitLogin},
		{"address " + short(from.Address), limitAddress}}
	// Counted before the password is looked at, so that guesses sent at the same
	// time count as well.
	if err := s.count(ctx, keys); err != nil {
		return "", out, err
	}
	type credential struct {
		ID  string `db:"id"`
		PHC string `db:"password"`
	}
	var c credential
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		c, err = store.One[credential](tx, `SELECT id, password FROM user_account WHERE login = $1`, login)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", out, err
	}
	known := err == nil && c.PHC != ""
	if !known {
		c.PHC = decoy
	}
	if err := s.hashSlot(ctx); err != nil {
		return "", out, err
	}
	p := norm.NFKC.String(password)
	ok, fresh, err := s.argon.verify(c.PHC, p)
	phc := ""
	if ok && known && !fresh {
		phc = s.argon.phc(p)
	}
	<-s.hashing
	if err != nil {
		return "", out, err
	}
	if !ok || !known {
		return "", out, wrong
	}
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		u, err := userByID(tx, c.ID)
		if err != nil {
			return err
		}
		if !u.mayEnter() {
			return wrong
		}
		if phc != "" {
			if _, err := tx.Exec(`UPDATE user_account SET password = $1 WHERE id = $2 AND password = $3`, phc, u.ID,
				c.PHC); err != nil {
				return err
			}
		}
		// A success forgives this login's failures here, and takes its own count back elsewhere.
		if _, err := tx.Exec(`DELETE FROM sign_in_attempt WHERE subject = $1`, keys[0].key()); err != nil {
			return err
		}
		for _, k := range keys[1:] {
			if _, err := tx.Exec(`UPDATE sign_in_attempt SET n = n - 1 WHERE subject = $1 AND n > 0`,
				k.key()); err != nil {
				return err
			}
		}
		cookie, out, err = s.openSession(tx, u, from, "password")
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	return cookie, out, nil
}

type attempt struct {
	subject string
	limit   int
}

func (a attempt) key() string {
	if len(a.subject) > attemptSubject {
		return strings.ToValidUTF8(a.subject[:attemptSubject], "")
	}
	return a.subject
}

// count adds one to each subject, and is fault.Busy if one is over its limit.
func (s *Service) count(ctx context.Context, keys []attempt) error {
	now := s.now()
	over := ""
	err := s.db.Write(ctx, system, func(tx *store.Tx) error {
		over = ""
		for _, k := range keys {
			n, err := store.One[int](tx, `INSERT INTO sign_in_attempt (subject, n, since) VALUES ($1, 1, $2)
				ON CONFLICT (subject) DO UPDATE SET
					n = CASE WHEN sign_in_attempt.since <= $3 THEN 1 ELSE sign_in_attempt.n + 1 END,
					since = CASE WHEN sign_in_attempt.since <= $3 THEN excluded.since ELSE sign_in_attempt.since END
				RETURNING n`, k.key(), now, now.Add(-attemptWindow))
			if err != nil {
				return err
			}
			if n > k.limit && over == "" {
				over = k.subject
				if n == k.limit+1 { // once in a window, so that the trail cannot be flooded
					if err := Audit(tx, policy.Viewer{}, "session.limit", short(k.subject),
						fields{"failures": k.limit}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if over != "" {
		return fault.New(fault.Busy, i18n.T("too many attempts to sign in", "サインインの試行回数が多すぎます")).
			WithHint(i18n.T("wait 15 minutes, or use a sign-in link from an administrator",
				"15 分待つか、管理者からサインイン用リンクを受け取ってください"))
	}
	return nil
}
