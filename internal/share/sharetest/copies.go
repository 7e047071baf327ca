package sharetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/wire"
)

// Copies is the members of a feed and what each of them has, as nodes do it.
type Copies struct {
	Feed *feed.Feed

	mu      sync.Mutex
	People  []identity.Member // under mu once a feed runs
	Members map[string]*Copy
	Lossy   map[string]bool // to these, what is pushed gets lost
}

// Copy is what one member has.
type Copy struct {
	Cursor string
	Holds  map[string]wire.Object // by realm and id
	Came   []wire.Object          // in the order in which it came
	Asked  int                    // replies
	Pushes int                    // messages with objects
	Resets int
	ask    bool
	came   map[string]bool // since the start, while that goes on
}

// Active lists the members.
func (c *Copies) Active(context.Context) ([]identity.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.People), nil
}

// Of is what a member has.
func (c *Copies) Of(member string) *Copy {
	if c.Members == nil {
		c.Members = map[string]*Copy{}
	}
	m := c.Members[member]
	if m == nil {
		m = &Copy{Holds: map[string]wire.Object{}, ask: true}
		c.Members[member] = m
	}
	return m
}

// Push hands a member what the feed says.
func (c *Copies) Push(member, topic string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Lossy[member] {
		return nil
	}
	var p wire.Push
	if err := json.Unmarshal(body, &p); err != nil || topic != wire.TopicPush {
		return fmt.Errorf("pushed %q on %s: %v", body, topic, err)
	}
	m := c.Of(member)
	if p.Cursor == "" || p.From != m.Cursor || m.came != nil {
		m.ask = true
		return nil
	}
	m.Pushes++
	m.Cursor = p.Cursor
	m.take(p.Objects)
	return nil
}

func (m *Copy) take(list []wire.Object) {
	for _, o := range list {
		m.Came = append(m.Came, o)
		if key := o.Realm + " " + o.ID; o.Withdraw {
			delete(m.Holds, key)
		} else {
			m.Holds[key] = o
			if m.came != nil {
				m.came[key] = true
			}
		}
	}
}

// Ask lets a member ask until it has everything, some objects at a time.
func (c *Copies) Ask(t testing.TB, member string, limit int) {
	t.Helper()
	for more := true; more; {
		c.mu.Lock()
		m := c.Of(member)
		from := m.Cursor
		c.mu.Unlock()
		a, err := c.Feed.Sync(t.Context(), member, wire.SyncRequest{Cursor: from, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		if m.Asked++; a.Reset {
			m.Resets++
		}
		if m.Cursor == from {
			if a.Reset || from == "" {
				m.came = map[string]bool{}
			}
			m.Cursor, more = a.Cursor, a.More
			if m.take(a.Objects); !more {
				for key := range m.Holds {
					if m.came != nil && !m.came[key] {
						delete(m.Holds, key)
					}
				}
				m.came = nil
			}
			if m.ask = false; more && len(a.Objects) == 0 {
				t.Fatal("there is more, and nothing came")
			}
		}
		c.mu.Unlock()
	}
}

// Settle has the feed push, and lets everybody ask who has to.
func (c *Copies) Settle(t testing.TB) {
	t.Helper()
	if err := c.Feed.Walk(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.People {
		if c.Of(p.ID).ask {
			c.Ask(t, p.ID, 100)
		}
	}
}
