// Package identity keeps the members of the community and the people who work in it:
// member organisations and the keys of their nodes, users with their roles,
// sessions and sign-in links, API tokens, and the audit trail of every change to
// them. It turns a cookie or a token into a policy.Viewer; what that viewer may
// see is decided by package policy.
//
// No secret is stored: tokens, links and cookies are kept as SHA-256 of 32
// random bytes, passwords as argon2id. An error of
// authentication never shows whether a name, a link or a token exists.
package identity

import (
	"embed"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql/*.sql
var files embed.FS

// Migration makes the package's tables.
func Migration() store.Migration { return store.Migration{Name: "identity", FS: files} }

// system is the scope of every transaction here: none of the tables has markings, and
// may checks who may call what.
var system = store.System("identity decides who is who, before anybody is")

// Service keeps members, users, sessions and tokens. It is safe for concurrent use.
type Service struct {
	db      *store.DB
	clock   clock.Clock
	home    func() policy.Viewer
	cookie  string
	idle    time.Duration
	life    time.Duration
	argon   argonParams
	hashing chan struct{} // bounds how many passwords are hashed at once
}

// Option shapes a Service.
type Option func(*Service)

// WithHome says where users without a member belong: at a hub the hub's
// own, which is the default; at a node the member's. Only Member, Sector,
// Groups and Hub of the viewer are taken.
func WithHome(f func() policy.Viewer) Option { return func(s *Service) { s.home = f } }

// WithCookie names the session cookie. Browsers give the cookies of a host to
// all its ports, so several consoles on one host need several names.
func WithCookie(name string) Option { return func(s *Service) { s.cookie = name } }

// New makes a Service on a database that Migration was applied to.
func New(db *store.DB, c clock.Clock, opts ...Option) *Service {
	if c == nil {
		c = clock.System
	}
	s := &Service{
		db: db, clock: c, cookie: "meneki", idle: 12 * time.Hour, life: 7 * 24 * time.Hour,
		home:    func() policy.Viewer { return policy.Viewer{Hub: true} },
		argon:   argonDefault(),
		hashing: make(chan struct{}, 2),
	}
	for _, o := range opts {
		o(s)
	}
	return s
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Operator is the actor of a person who runs a command of meneki on the machine itself
// and thus has access to the data folder anyway.
func Operator(name string) policy.Viewer {
	return policy.Viewer{Name: name, Hub: true, Coordinator: true, Role: policy.RoleAdmin}
}

// AtLeast reports whether a role is as high as another. An unknown role is none.
func AtLeast(have, need policy.Role) bool { return rank(have) >= rank(need) }

func rank(r policy.Role) int { return slices.Index(policy.Roles(), r) + 1 }

// mayMembers allows the hub's coordinators to change the list of members.
func mayMembers(actor policy.Viewer) error {
	if actor.Hub && AtLeast(actor.Role, policy.RoleCoordinator) {
		return nil
	}
	return denied(policy.RoleCoordinator)
}

// mayUsers allows an administrator to change the users of their own organisation, and
// the hub's administrators to change all. A machine may not: whoever stole its token
// could make a user.
func (s *Service) mayUsers(actor policy.Viewer, member string) error {
	if member == "" {
		member = s.home().Member
	}
	if AtLeast(actor.Role, policy.RoleAdmin) && !actor.Machine &&
		(actor.Hub || member != "" && actor.Member == member) {
		return nil
	}
	return denied(policy.RoleAdmin)
}

func denied(need policy.Role) error {
	return fault.New(fault.Denied, i18n.T("this needs the role {0} here", "この操作にはここでの役割 {0} が必要です").With(need))
}
