package identity

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
)

// Names returns the names and sectors of members. A Directory implements it.
type Names interface {
	// Name returns what a member is called, or its id if it is not known.
	Name(ctx context.Context, id string) string
	// Sector returns a member's sector; empty if the member is not known.
	Sector(ctx context.Context, id string) string
}

// Nodes says what members' nodes may see. A Directory implements it.
type Nodes interface {
	// Node returns a member's node as policy sees it.
	Node(ctx context.Context, id string) policy.Viewer
}

// Directory lists the members of a running hub and which of them are connected. The
// list is cached, since every indicator needs it; a member that another process
// invited or revoked is seen when the cache expires.
type Directory struct {
	people *Service
	clock  clock.Clock
	log    *slog.Logger
	notify func()

	mu     sync.Mutex
	list   []Member // under mu
	at     time.Time
	online map[string]bool // under mu
}

// DirectoryAge is how long the list of a Directory is cached.
const DirectoryAge = 2 * time.Second

// NewDirectory returns a directory in which nobody is connected. notify is called
// when a member connects or disconnects.
func NewDirectory(people *Service, c clock.Clock, log *slog.Logger, notify func()) *Directory {
	return &Directory{people: people, clock: c, log: log, notify: notify, online: map[string]bool{}}
}

// Members lists all members by name, also those that have not joined yet or no
// longer belong. The caller must not change the list.
func (d *Directory) Members(ctx context.Context) ([]Member, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list != nil && d.clock().Sub(d.at) < DirectoryAge {
		return d.list, nil
	}
	list, err := d.people.Members(ctx)
	if err != nil {
		return nil, err
	}
	d.list, d.at = list, d.clock()
	return list, nil
}

// Active lists the members that have joined and still belong.
func (d *Directory) Active(ctx context.Context) ([]Member, error) {
	list, err := d.Members(ctx)
	return slices.DeleteFunc(slices.Clone(list), func(m Member) bool { return !m.Active() }), err
}

// Joined lists the ids of the members that have joined and still belong.
func (d *Directory) Joined(ctx context.Context) ([]string, error) {
	list, err := d.Active(ctx)
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out, err
}

// Forget drops the cached list.
func (d *Directory) Forget() {
	d.mu.Lock()
	d.list = nil
	d.mu.Unlock()
}

// Member returns one member; ok is false if there is none with the id.
func (d *Directory) Member(ctx context.Context, id string) (Member, bool) {
	list, err := d.Members(ctx)
	if err != nil {
		d.log.Warn("could not read the members", slog.Any("err", err))
	}
	if i := slices.IndexFunc(list, func(m Member) bool { return m.ID == id }); i >= 0 {
		return list[i], true
	}
	return Member{}, false
}

// Name returns what a member is called, or its id if it is not known.
func (d *Directory) Name(ctx context.Context, id string) string {
	if id == "" {
		return ""
	}
	if m, ok := d.Member(ctx, id); ok && m.Name != "" {
		return m.Name
	}
	return id
}

// Sector returns a member's sector; empty if the member is not known.
func (d *Directory) Sector(ctx context.Context, id string) string {
	m, _ := d.Member(ctx, id)
	return m.Sector
}

// Node returns a member's node as policy sees it: of a member that is not known, one that
// belongs to nothing but itself.
func (d *Directory) Node(ctx context.Context, id string) policy.Viewer {
	m, _ := d.Member(ctx, id)
	m.ID = id
	return m.Node()
}

// SetOnline notes that a member connected or disconnected.
func (d *Directory) SetOnline(id string, online bool) {
	d.mu.Lock()
	changed := d.online[id] != online
	d.online[id] = online
	d.mu.Unlock()
	if changed {
		d.notify()
	}
}

// Online reports whether a member's node is connected.
func (d *Directory) Online(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.online[id]
}

// OnlineMembers lists the members that are connected, in order.
func (d *Directory) OnlineMembers() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for id, on := range d.online {
		if on {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
