package feed

import (
	"context"
	"log/slog"
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Bounds of one answer. The first object is in it however large it is.
const (
	maxPage      = 1000
	maxPageBytes = 3 << 20
	maxObject    = 6 << 20 // what is larger does not pass the bus
)

// Sync answers a member that asks for what it has not got. What it may have is decided
// now, and nothing shows that anything was left out.
func (f *Feed) Sync(ctx context.Context, member string, ask wire.SyncRequest) (wire.SyncReply, error) {
	people, err := f.Members.Active(ctx)
	if err != nil {
		return wire.SyncReply{}, err
	}
	i := slices.IndexFunc(people, func(m identity.Member) bool { return m.ID == member })
	if i < 0 {
		return wire.SyncReply{}, fault.Coded(fault.HubNotMember, nil)
	}
	f.mu.Lock()
	run := f.run
	f.mu.Unlock()
	a := answer{f: f, ctx: ctx, v: people[i].Node(), limit: min(max(ask.Limit, 1), maxPage)}
	a.era = f.era(run, a.v)
	at, ok := f.unseal(a.era, ask.Cursor)
	a.at = at
	if err := a.read(); err != nil {
		return wire.SyncReply{}, err
	}
	if !a.more {
		if err := a.settle(); err != nil {
			return wire.SyncReply{}, err
		}
	}
	return wire.SyncReply{Objects: a.list, Cursor: f.seal(a.era, a.at), More: a.more, Reset: !ok}, nil
}

// answer is one answer while it is made.
type answer struct {
	f     *Feed
	ctx   context.Context
	v     policy.Viewer
	era   string
	limit int

	at    object.Place // behind the last of list
	list  []wire.Object
	bytes int
	more  bool
}

// read appends what changed behind its place.
func (a *answer) read() error {
	var changes []object.Change
	next := a.at
	err := a.f.DB.Read(a.ctx, store.As(a.v), func(tx *store.Tx) (err error) {
		changes, next, a.more, err = a.f.Objects.Changes(tx, a.at, a.limit)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		later := c.Seq > a.at.Seq && !c.Recall
		if a.bytes += len(c.Body); a.bytes > maxPageBytes && len(a.list) > 0 && later {
			a.at.Recall, a.more = next.Recall, true
			return nil
		}
		if later {
			a.at.Seq = c.Seq
		}
		if len(c.Body) > maxObject {
			a.f.Log.Warn("an object is too large for members", slog.String("object", c.ID),
				slog.Int("bytes", len(c.Body)))
			continue
		}
		a.list = append(a.list, ofChange(c))
	}
	a.at = next
	return nil
}

// settle notes that the member has everything, so that the next walk pushes to it. What was
// committed meanwhile is read with the walk held up, so that nothing is between the two.
func (a *answer) settle() error {
	f := a.f
	f.mu.Lock()
	defer f.mu.Unlock()
	here := place{a.at, a.era}
	if f.at[a.v.Member] == here {
		return nil
	}
	if err := a.read(); err != nil {
		return err
	}
	if here.Place = a.at; !a.more {
		f.at[a.v.Member] = here
	}
	return nil
}

// ofChange returns what takes a change to members: the same to each, whoever gave the object.
func ofChange(c object.Change) wire.Object {
	if c.Recall {
		return wire.Object{ID: c.ID, Modified: c.Added(), Realm: c.Realm, Withdraw: true}
	}
	h := c.Handling
	h.Owner, h.Audience = "", nil
	return wire.Object{ID: c.ID, Modified: c.Modified, Realm: c.Realm, Handling: h, STIX: c.Body}
}
