// Package groups is about trust groups at a hub: members make them, invite one another,
// enter, leave and close them. What is addressed to a group is for those who are in it at
// the time of reading; who leaves sees nothing of it from then on.
//
// That a group exists is known to those who are in it, to those who are invited, and to the
// hub's people. An invitation goes to the name of an organisation, and no answer tells
// whether there is one of that name, nor whether it declined.
package groups

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the tables of the groups.
func Migration() store.Migration { return store.Migration{Name: "groups", FS: files} }

// Templates are the pages of the groups.
func Templates() fs.FS { return files }

// Who lets organisations into a group.
const (
	AdmitsLead = "lead" // the organisation that leads it
	AdmitsAll  = "all"  // all that are in it, each for itself
)

// Group is a trust group.
type Group struct {
	ID       string          `db:"id"`
	Name     string          `db:"name"`
	Purpose  string          `db:"purpose"`
	Admits   string          `db:"admits"`
	Made     time.Time       `db:"made"`
	Closed   time.Time       `db:"closed"` // zero while it is open
	Handling policy.Handling `db:",handling"`
}

// Lead is the member that leads the group; empty is the hub.
func (g Group) Lead() string { return g.Handling.Owner }

// leads reports whether a viewer acts for who leads the group: the hub's coordinators for
// one of the hub.
func (g Group) leads(v policy.Viewer) bool {
	return identity.AtLeast(v.Role, policy.RoleCoordinator) && (v.Member != "" && v.Member == g.Lead() ||
		v.Hub && g.Lead() == "")
}

// in reports whether a viewer acts for a member that is in the group.
func (g Group) in(v policy.Viewer) bool {
	return identity.AtLeast(v.Role, policy.RoleCoordinator) && v.Member != "" && v.Groups.Has(g.ID)
}

const groupColumns = "g.id, g.name, g.purpose, g.admits, g.made, g.closed, g.tlp, g.owner, g.audience"

// Bounds of groups.
const (
	maxName    = 80
	maxPurpose = 500
	maxLed     = 100 // open groups that one organisation leads
	maxSeats   = 500
	maxOpen    = 200 // open invitations of a group
	inviteLife = 30 * 24 * time.Hour
)

// Service keeps the groups of a hub. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	directory *identity.Directory
	notify    func()
}

// New returns a Service. notify is called after a change that a page shows.
func New(db *store.DB, directory *identity.Directory, notify func()) *Service {
	return &Service{db: db, directory: directory, notify: notify}
}

// write changes groups, and has everybody see at once who belongs to which.
func (s *Service) write(ctx context.Context, f func(tx *store.Tx) error) error {
	err := s.db.Write(ctx, store.System("groups: who may do what is checked here"), f)
	if err == nil {
		s.directory.Forget()
		s.notify()
	}
	return err
}

func noGroup() error {
	return fault.New(fault.NotFound, i18n.T("there is no such group, or it is not there for you",
		"グループが存在しないか、閲覧できません"))
}

// Get returns a group that the scope of tx may see, or fault.NotFound.
func Get(tx *store.Tx, id string) (Group, error) {
	g, err := store.One[Group](tx, `SELECT `+groupColumns+` FROM trust_group g WHERE g.id = $1 AND SCOPE(g)`, id)
	if fault.Is(err, fault.NotFound) {
		return g, noGroup()
	}
	return g, err
}

// List returns the groups that the scope of tx may see, by name; those that are closed are
// left for the hub's people.
func List(tx *store.Tx) ([]Group, error) {
	return store.Query[Group](tx, `SELECT `+groupColumns+` FROM trust_group g WHERE SCOPE(g)
		ORDER BY g.closed, g.name, g.id`)
}

// Own returns the open groups that a viewer may address something to: those of its member,
// and for the hub's people all.
func Own(tx *store.Tx, v policy.Viewer) ([]Group, error) {
	list, err := List(tx)
	return slices.DeleteFunc(list, func(g Group) bool {
		return !g.Closed.IsZero() || !v.Hub && !v.Groups.Has(g.ID)
	}), err
}

// Names returns what groups are called, by id.
func (s *Service) Names(ctx context.Context, groups policy.Groups) (map[string]string, error) {
	out := map[string]string{}
	return out, s.db.Read(ctx, store.System("groups: names for those who are in them"), func(tx *store.Tx) error {
		for _, id := range groups.List() {
			g, err := Get(tx, id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil {
				out[id] = g.Name
			}
		}
		return nil
	})
}

// sees returns a group for a change by v, as v sees it: in a transaction of the system, so
// that what v may not see is not there.
func (s *Service) sees(tx *store.Tx, v policy.Viewer, id string) (Group, error) {
	g, err := Get(tx, id)
	if err == nil && !policy.MaySee(v, g.Handling) {
		return Group{}, noGroup()
	}
	if err == nil && !g.Closed.IsZero() {
		return Group{}, fault.New(fault.Gone, i18n.T("this group is closed", "このグループは終了しています"))
	}
	return g, err
}

// NewGroup is a group to make.
type NewGroup struct {
	Name    string
	Purpose string
	Admits  string // AdmitsLead or AdmitsAll
}

// Make makes a group that v's member leads and is in; one of the hub, where a coordinator
// of the hub makes it.
func (s *Service) Make(ctx context.Context, v policy.Viewer, n NewGroup) (id string, err error) {
	if err := mayDecide(v); err != nil {
		return "", err
	}
	n.Name, n.Purpose = identity.CleanName(n.Name), strings.TrimSpace(strings.ToValidUTF8(n.Purpose, "\uFFFD"))
	switch {
	case n.Name == "" || len([]rune(n.Name)) > maxName:
		return "", fault.New(fault.Invalid, i18n.T("a group's name has 1 to {0} characters",
			"グループ名は 1 文字から {0} 文字までです").With(maxName))
	case len([]rune(n.Purpose)) > maxPurpose:
		return "", fault.New(fault.Invalid, i18n.T("the purpose has at most {0} characters",
			"目的は {0} 文字以内で入力してください").With(maxPurpose))
	case n.Admits != AdmitsLead && n.Admits != AdmitsAll:
		return "", fault.New(fault.Invalid, i18n.T("who lets others in is lead or all", "参加の承認は lead か all です"))
	}
	id = clock.RandomID()
	return id, s.write(ctx, func(tx *store.Tx) error {
		led, err := store.One[int](tx, `SELECT count(*) FROM trust_group g WHERE g.owner = $1 AND g.closed = 0
			AND SCOPE(g)`, v.Member)
		if err != nil {
			return err
		}
		if led >= maxLed {
			return fault.New(fault.TooLarge, i18n.T("an organisation leads at most {0} groups",
				"1 つの組織が運営できるグループは {0} 件までです").With(maxLed))
		}
		g := Group{ID: id, Name: n.Name, Purpose: n.Purpose, Admits: n.Admits, Made: tx.Now(),
			Handling: policy.Handling{TLP: policy.Amber, Owner: v.Member,
				Audience: policy.Audience{policy.ToGroup(id)}}}
		if err := store.Insert(tx, "trust_group", []Group{g}); err != nil {
			return err
		}
		if err := note(tx, g, v, "made", ""); err != nil {
			return err
		}
		if v.Member == "" {
			return nil
		}
		return seat(tx, g, v.Member)
	})
}

func mayDecide(v policy.Viewer) error {
	if (v.Member != "" || v.Hub) && identity.AtLeast(v.Role, policy.RoleCoordinator) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("a coordinator of your organisation does this",
		"この操作は自組織の調整担当者が行います"))
}
