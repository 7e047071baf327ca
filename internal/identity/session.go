package identity

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Session is one signed-in browser.
type Session struct {
	ID      string    // to name it by; it opens nothing
	User    User      //
	Created time.Time //
	Seen    time.Time // to the minute
	Expires time.Time // at the latest; sooner if it is not used
	Address string
	Agent   string
}

// Client is where a sign-in comes from.
type Client struct{ Address, Agent string }

type sessionRow struct {
	Hash    string    `db:"hash"`
	ID      string    `db:"id"`
	User    string    `db:"user_id"`
	Created time.Time `db:"created"`
	Seen    time.Time `db:"seen"`
	Expires time.Time `db:"expires"`
	Address string    `db:"address"`
	Agent   string    `db:"agent"`
}

const sessionColumns = `hash, id, user_id, created, seen, expires, address, agent`

func (r sessionRow) session(u User) Session {
	return Session{ID: r.ID, User: u, Created: r.Created, Seen: r.Seen, Expires: r.Expires, Address: r.Address,
		Agent: r.Agent}
}

// seenEvery is the resolution of the time at which a session was last used.
const seenEvery = time.Minute

// openSession makes a session. Its cookie is new, so that a value that was set
// before the sign-in is useless (session fixation).
func (s *Service) openSession(tx *store.Tx, u User, from Client, by string) (cookie string, out Session, err error) {
	cookie, hash := newSecret("")
	now := s.now()
	row := sessionRow{Hash: hash, ID: clock.RandomID(), User: u.ID, Created: now, Seen: now, Expires: now.Add(s.life),
		Address: short(from.Address), Agent: short(from.Agent)}
	if err := store.Insert(tx, "session", []sessionRow{row}); err != nil {
		return "", out, err
	}
	if _, err := tx.Exec(`UPDATE user_account SET last_sign_in = $1 WHERE id = $2`, now, u.ID); err != nil {
		return "", out, err
	}
	u.LastSignIn = now
	return cookie, row.session(u), Audit(tx, s.ViewerOf(u), "session.open", row.ID,
		fields{"by": by, "address": row.Address})
}

func short(s string) string {
	s = strings.Map(printable, strings.ToValidUTF8(s, ""))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

// notSignedIn is the error for a caller without a valid session or token.
func notSignedIn() error {
	return fault.New(fault.Unauthenticated, i18n.T("sign in first", "サインインが必要です"))
}

// SessionViewer returns who has a cookie, or fault.Unauthenticated. The user's role
// and membership are read again every time.
func (s *Service) SessionViewer(ctx context.Context, cookie string) (policy.Viewer, Session, error) {
	cookie, ok := wellFormed(cookie, "")
	if !ok {
		return policy.Viewer{}, Session{}, notSignedIn()
	}
	hash := hashSecret(cookie)
	var row sessionRow
	var u User
	err := s.db.Read(ctx, system, func(tx *store.Tx) (err error) {
		if row, err = store.One[sessionRow](tx, `SELECT `+sessionColumns+` FROM session WHERE hash = $1`,
			hash); err != nil {
			return err
		}
		u, err = userByID(tx, row.User)
		return err
	})
	now := s.now()
	switch {
	case fault.Is(err, fault.NotFound):
		return policy.Viewer{}, Session{}, notSignedIn()
	case err != nil:
		return policy.Viewer{}, Session{}, err
	case !same(row.Hash, hash), !u.mayEnter(), !now.Before(row.Expires), !now.Before(row.Seen.Add(s.idle)):
		return policy.Viewer{}, Session{}, notSignedIn()
	}
	if now.Sub(row.Seen) >= seenEvery {
		err := s.db.Write(ctx, system, func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE session SET seen = $1 WHERE hash = $2 AND seen < $1`, now, hash)
			return err
		})
		if err != nil && ctx.Err() == nil {
			// Reading must go on when the disk is full.
			slog.WarnContext(ctx, "a session's last use could not be noted", "err", err)
		}
		row.Seen = now
	}
	return s.ViewerOf(u), row.session(u), nil
}

// SignOut ends the session of a cookie; a cookie without one is no error.
func (s *Service) SignOut(ctx context.Context, cookie string) error {
	cookie, ok := wellFormed(cookie, "")
	if !ok {
		return nil
	}
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		row, err := store.One[sessionRow](tx, `SELECT `+sessionColumns+` FROM session WHERE hash = $1`,
			hashSecret(cookie))
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		u, err := userByID(tx, row.User)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM session WHERE hash = $1`, row.Hash); err != nil {
			return err
		}
		return Audit(tx, s.ViewerOf(u), "session.close", row.ID, nil)
	})
}

// Sessions lists a user's open sessions, the last used first, for the user and
// for those who may change the user.
func (s *Service) Sessions(ctx context.Context, actor policy.Viewer, user string) (out []Session, err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		u, err := userByID(tx, user)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if no := s.mayUsers(actor, u.Member); no != nil && (actor.User != user || user == "") {
			return no
		}
		if err != nil {
			return err
		}
		now := s.now()
		rows, err := store.Query[sessionRow](tx,
			`SELECT `+sessionColumns+` FROM session WHERE user_id = $1 AND expires > $2 AND seen > $3
				ORDER BY seen DESC`, user, now, now.Add(-s.idle))
		out = nil
		for _, r := range rows {
			out = append(out, r.session(u))
		}
		return err
	})
	return out, err
}

// RevokeSession ends a session by its id, for its user and for those who may
// change the user.
func (s *Service) RevokeSession(ctx context.Context, actor policy.Viewer, id string) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		none := fault.New(fault.NotFound, i18n.T("there is no such session", "該当するセッションはありません"))
		row, err := store.One[sessionRow](tx, `SELECT `+sessionColumns+` FROM session WHERE id = $1`, id)
		if fault.Is(err, fault.NotFound) {
			return none
		}
		if err != nil {
			return err
		}
		u, err := userByID(tx, row.User)
		if err != nil {
			return err
		}
		if s.mayUsers(actor, u.Member) != nil && (actor.User != u.ID || actor.Machine) {
			return none
		}
		if _, err := tx.Exec(`DELETE FROM session WHERE id = $1`, id); err != nil {
			return err
		}
		return Audit(tx, actor, "session.revoke", id, fields{"user": u.ID})
	})
}

// Tidy deletes what has expired: sessions, links, invitations and counts of
// failed sign-ins. The audit trail is kept.
func (s *Service) Tidy(ctx context.Context) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		now := s.now()
		if _, err := tx.Exec(`DELETE FROM session WHERE expires <= $1 OR seen <= $2`, now,
			now.Add(-s.idle)); err != nil {
			return err
		}
		// Links stay for a while after their end, so that they can be said to have run out.
		if _, err := tx.Exec(`DELETE FROM login_link WHERE expires <= $1`, now.Add(-30*24*time.Hour)); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM sign_in_attempt WHERE since <= $1`, now.Add(-attemptWindow))
		return err
	})
}

// cookieName is the cookie's name. Under TLS the prefix __Host- has the browser
// refuse one that another host or a plain connection tries to plant (RFC 6265bis).
func (s *Service) cookieName(secure bool) string {
	if secure {
		return "__Host-" + s.cookie
	}
	return s.cookie
}

// Cookie is the cookie that carries a session; secure says that the browser came
// by TLS.
func (s *Service) Cookie(value string, expires time.Time, secure bool) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(secure), Value: value, Path: "/", Expires: expires, HttpOnly: true,
		Secure: secure, SameSite: http.SameSiteLaxMode}
}

// ClearCookie makes the browser delete the session cookie.
func (s *Service) ClearCookie(secure bool) *http.Cookie {
	c := s.Cookie("", time.Unix(0, 0), secure)
	c.MaxAge = -1
	return c
}

// CookieOf reads the session's cookie value out of a request; it may be empty.
func (s *Service) CookieOf(r *http.Request, secure bool) string {
	c, err := r.Cookie(s.cookieName(secure))
	if err != nil {
		return ""
	}
	return c.Value
}
