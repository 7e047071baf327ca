package identity

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a person's zone must be known on a machine without zone files

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// User is a person who works in the console.
type User struct {
	ID         string      `db:"id"`
	Name       string      `db:"name"`
	Login      string      `db:"login"`
	Role       policy.Role `db:"role"`
	Member     string      `db:"member_id"` // empty: of the house itself, see WithHome
	MemberName string      `db:"member_name"`
	Sector     string      `db:"sector"`

	Groups policy.Groups `db:"trust_groups"` // of the member

	MemberRevoked time.Time `db:"member_revoked"`
	Lang          i18n.Lang `db:"lang"`
	Zone          string    `db:"zone"` // IANA name
	HasPassword   bool      `db:"has_password"`
	Created       time.Time `db:"created"`
	Disabled      time.Time `db:"disabled"` // zero while the user may sign in
	LastSignIn    time.Time `db:"last_sign_in"`
}

const userSelect = `SELECT u.id, u.name, u.login, u.role, u.member_id, u.lang, u.zone, u.password <> '' AS has_password,
	u.created, u.disabled, u.last_sign_in,
	COALESCE(m.name, '') AS member_name, COALESCE(m.sector, '') AS sector,
	COALESCE(m.trust_groups, '') AS trust_groups, COALESCE(m.revoked, 0) AS member_revoked
	FROM user_account u LEFT JOIN member m ON m.id = u.member_id`

// mayEnter reports whether the user may sign in at all.
func (u User) mayEnter() bool { return u.Disabled.IsZero() && u.MemberRevoked.IsZero() }

// Location is the user's time zone.
func (u User) Location() *time.Location {
	l, err := time.LoadLocation(u.Zone)
	if err != nil {
		return time.UTC
	}
	return l
}

// ViewerOf says what a user is to policy: a person of a member, or of the house.
func (s *Service) ViewerOf(u User) policy.Viewer {
	if !u.mayEnter() {
		return policy.Viewer{}
	}
	home := s.home()
	v := policy.Viewer{User: u.ID, Name: u.Name, Role: u.Role, Member: home.Member, Sector: home.Sector,
		Groups: home.Groups, Hub: home.Hub}
	if u.Member != "" {
		v.Member, v.Sector, v.Groups, v.Hub = u.Member, u.Sector, u.Groups, false
	}
	v.Coordinator = v.Hub && AtLeast(u.Role, policy.RoleCoordinator)
	return v
}

// NewUser is a person to let in.
type NewUser struct {
	Name   string
	Login  string      // 2 to 64 of a-z 0-9 . _ @ + -
	Role   policy.Role // one of policy.Roles
	Member string      // member id; empty for the house itself
	Lang   i18n.Lang   // "" is Japanese
	Zone   string      // "" is Asia/Tokyo
}

// AddUser makes a user and a link to sign in with for the first time, valid once
// within seven days.
func (s *Service) AddUser(ctx context.Context, actor policy.Viewer, n NewUser) (u User, link string, err error) {
	if err := s.mayUsers(actor, n.Member); err != nil {
		return u, "", err
	}
	link, hash := newSecret(PrefixLink)
	err = s.db.Write(ctx, system, func(tx *store.Tx) error {
		id, err := s.insertUser(tx, n)
		if err != nil {
			return err
		}
		if err := addLink(tx, hash, id, s.now(), firstLinkLife); err != nil {
			return err
		}
		if err := Audit(tx, actor, "user.add", id,
			fields{"login": n.Login, "role": n.Role, "member": n.Member}); err != nil {
			return err
		}
		u, err = userByID(tx, id)
		return err
	})
	if err != nil {
		return User{}, "", err
	}
	return u, link, nil
}

var loginShape = regexp.MustCompile(`^[a-z0-9._@+-]{2,64}$`)

func (s *Service) insertUser(tx *store.Tx, n NewUser) (id string, err error) {
	if n.Name, err = properName(n.Name); err != nil {
		return "", err
	}
	login := cleanLogin(n.Login)
	if !loginShape.MatchString(login) {
		return "", fault.New(fault.Invalid,
			i18n.T("a login name has 2 to 64 characters out of a-z, 0-9 and . _ @ + -",
				"ログイン名は a-z、0-9、. _ @ + - の 2 文字から 64 文字です"))
	}
	if rank(n.Role) == 0 {
		return "", badRole(n.Role)
	}
	if n.Lang, n.Zone, err = preferences(n.Lang, n.Zone); err != nil {
		return "", err
	}
	if n.Member != "" {
		m, err := memberByID(tx, n.Member)
		if err != nil {
			return "", err
		}
		if !m.Revoked.IsZero() {
			return "", left()
		}
	}
	if _, err := store.One[string](tx, `SELECT id FROM user_account WHERE login = $1`, login); err == nil {
		return "", fault.New(fault.Conflict, i18n.T("this login name is taken", "このログイン名は既に使われています"))
	} else if !fault.Is(err, fault.NotFound) {
		return "", err
	}
	id = clock.NewID()
	_, err = tx.Exec(`INSERT INTO user_account (id, name, login, role, member_id, lang, zone, password, created,
		disabled, last_sign_in)
		VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, 0, 0)`, id, n.Name, login, n.Role, n.Member, n.Lang,
		n.Zone, s.now())
	return id, err
}

func cleanLogin(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }

func badRole(r policy.Role) error {
	return fault.New(fault.Invalid, i18n.T("there is no role {0}", "役割 {0} はありません").With(quote(string(r)))).
		WithHint(i18n.T("choose one of: reader, analyst, coordinator, admin",
			"次から選んでください: reader, analyst, coordinator, admin"))
}

func preferences(l i18n.Lang, zone string) (i18n.Lang, string, error) {
	if l == "" {
		l = i18n.JA
	}
	parsed, ok := i18n.Parse(string(l))
	if !ok {
		return "", "", fault.New(fault.Invalid, i18n.T("the language is ja or en", "言語は ja か en です"))
	}
	if zone == "" {
		zone = "Asia/Tokyo"
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return "", "", fault.New(fault.Invalid,
			i18n.T("there is no time zone {0}", "タイムゾーン {0} はありません").With(quote(zone))).
			WithHint(i18n.T("use a name such as Asia/Tokyo or UTC", "Asia/Tokyo や UTC のような名前を使ってください"))
	}
	return parsed, zone, nil
}

// Users lists the users that actor may see: an administrator those of the own
// house, the hub's people all.
func (s *Service) Users(ctx context.Context, actor policy.Viewer) (out []User, err error) {
	var all []User
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		all, err = store.Query[User](tx, userSelect+` ORDER BY u.name, u.id`)
		return err
	})
	for _, u := range all {
		if s.mayUsers(actor, u.Member) == nil || actor.User == u.ID {
			out = append(out, u)
		}
	}
	return out, err
}

// UserName returns what a user is called; the id of one that is gone.
func (s *Service) UserName(ctx context.Context, id string) string {
	if u, err := s.User(ctx, id); err == nil {
		return u.Name
	}
	return id
}

// User returns one user, or fault.NotFound.
func (s *Service) User(ctx context.Context, id string) (u User, err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		u, err = userByID(tx, id)
		return err
	})
	return u, err
}

// UserByLogin returns the user of a login name, for commands on the machine itself.
func (s *Service) UserByLogin(ctx context.Context, login string) (u User, err error) {
	err = s.db.Read(ctx, system, func(tx *store.Tx) error {
		u, err = store.One[User](tx, userSelect+` WHERE u.login = $1`, cleanLogin(login))
		return noUser(err)
	})
	return u, err
}

func userByID(tx *store.Tx, id string) (User, error) {
	u, err := store.One[User](tx, userSelect+` WHERE u.id = $1`, id)
	return u, noUser(err)
}

func noUser(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, i18n.T("there is no such user", "該当するユーザーはいません"))
	}
	return err
}

// SetRole returns a user another role. It holds from the user's next request on.
func (s *Service) SetRole(ctx context.Context, actor policy.Viewer, id string, r policy.Role) error {
	if rank(r) == 0 {
		return badRole(r)
	}
	return s.changeUser(ctx, actor, id, "user.role", func(tx *store.Tx, u User) (any, error) {
		if err := s.notLastAdmin(tx, u, r); err != nil {
			return nil, err
		}
		_, err := tx.Exec(`UPDATE user_account SET role = $1 WHERE id = $2`, r, id)
		return fields{"from": u.Role, "to": r}, err
	})
}

// Disable keeps a user from signing in and ends the user's sessions, links and
// tokens; Enable lets the user sign in again.
func (s *Service) Disable(ctx context.Context, actor policy.Viewer, id string) error {
	return s.changeUser(ctx, actor, id, "user.disable", func(tx *store.Tx, u User) (any, error) {
		if err := s.notLastAdmin(tx, u, policy.RoleNone); err != nil {
			return nil, err
		}
		now := tx.Now()
		if _, err := tx.Exec(`UPDATE user_account SET disabled = $1 WHERE id = $2`, now, id); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(`UPDATE api_token SET revoked = $1 WHERE user_id = $2 AND revoked = 0`, now,
			id); err != nil {
			return nil, err
		}
		return nil, endAccess(tx, id, now)
	})
}

// Enable is the inverse of Disable, without what Disable ended.
func (s *Service) Enable(ctx context.Context, actor policy.Viewer, id string) error {
	return s.changeUser(ctx, actor, id, "user.enable", func(tx *store.Tx, u User) (any, error) {
		_, err := tx.Exec(`UPDATE user_account SET disabled = 0 WHERE id = $1`, id)
		return nil, err
	})
}

// endAccess ends a user's sessions and open links.
func endAccess(tx *store.Tx, id string, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM session WHERE user_id = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE login_link SET expires = $1 WHERE user_id = $2 AND used = 0 AND expires > $1`, now, id)
	return err
}

// SetPreferences changes a user's own name, language and time zone; empty values stay.
func (s *Service) SetPreferences(ctx context.Context, actor policy.Viewer, id, name string, lang i18n.Lang,
	zone string) error {
	return s.changeUser(ctx, actor, id, "user.preferences", func(tx *store.Tx, u User) (_ any, err error) {
		name, lang, zone := or(name, u.Name), or(lang, u.Lang), or(zone, u.Zone)
		if name, err = properName(name); err != nil {
			return nil, err
		}
		if lang, zone, err = preferences(lang, zone); err != nil {
			return nil, err
		}
		_, err = tx.Exec(`UPDATE user_account SET name = $1, lang = $2, zone = $3 WHERE id = $4`, name, lang, zone, id)
		return fields{"name": name, "lang": lang, "zone": zone}, err
	})
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// own lists what users may change about themselves.
func own(action string) bool { return action == "user.preferences" || action == "user.password" }

// changeUser runs f on a user that actor may change, and audits it.
func (s *Service) changeUser(ctx context.Context, actor policy.Viewer, id, action string,
	f func(*store.Tx, User) (any, error)) error {
	return s.db.Write(ctx, system, func(tx *store.Tx) error {
		u, err := userByID(tx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		self := own(action) && actor.User == id && id != "" && !actor.Machine
		if denied := s.mayUsers(actor, u.Member); denied != nil && !self {
			return denied // the same whether the user exists or not
		}
		if err != nil {
			return err
		}
		detail, err := f(tx, u)
		if err != nil {
			return err
		}
		return Audit(tx, actor, action, id, detail)
	})
}

// notLastAdmin keeps the house from locking itself out.
func (s *Service) notLastAdmin(tx *store.Tx, u User, to policy.Role) error {
	if u.Member != "" || u.Role != policy.RoleAdmin || to == policy.RoleAdmin || !u.Disabled.IsZero() {
		return nil
	}
	n, err := store.One[int](tx,
		`SELECT count(*) FROM user_account WHERE role = $1 AND member_id = '' AND disabled = 0`, policy.RoleAdmin)
	if err != nil {
		return fmt.Errorf("count administrators: %w", err)
	}
	if n > 1 {
		return nil
	}
	return fault.New(fault.Conflict, i18n.T("this is the last administrator", "最後の管理者です")).
		WithHint(i18n.T("make somebody else an administrator first", "先に別のユーザーを管理者にしてください"))
}
