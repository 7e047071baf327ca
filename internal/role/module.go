package role

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/job"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role/control"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// Module is a capability as one role runs it: everything that the hub or the node
// has to know of it. A role is a list of modules. Their order is that of the places
// in the rail, of tabs and of panels, and that in which they start; they close in
// the opposite order. To make a module touches neither the database nor the network:
// commands beside a running role make the modules too, for their migrations.
type Module struct {
	Name       string
	Migrations []store.Migration

	Consumes map[string]queue.Handler // messages of capabilities, by topic
	Requests map[string]bus.Handler   // requests of members, by topic
	Intake   map[wire.Kind]Intake     // messages that members send, by kind

	Pages   func(*web.Site)
	API     func(*api.API)
	Nav     []web.NavItem
	Tabs    []web.MoreTab // tabs on pages of other modules
	Panels  []web.Panel   // parts of pages of other modules
	Finders []search.Finder
	Control func(*control.Mux) // requests of commands beside the running node

	Jobs   map[string]func(context.Context) error // hourly, by name
	Gauges []Gauge

	// Load reads what the module keeps, in the database and in files. All modules are
	// loaded, after the migrations and before the first is started.
	Load func(context.Context) error
	// Restored is called before Start if the state was restored from a backup.
	Restored func(context.Context) error
	// Start is called once, before anything but Load and Restored.
	Start func(context.Context) error
	// Run works until its context ends. An error ends the role.
	Run []func(context.Context) error
	// Close is called after everything has ended, also where Start was not.
	Close func() error
}

// Intake takes one message of a member, in the transaction of its batch.
type Intake func(tx *store.Tx, member string, body []byte) error

// Gauge is a figure for Prometheus that is read when it is asked for.
type Gauge struct {
	Name, Help string
	Read       func(context.Context) float64
}

// Check reports two modules that claim the same thing.
func Check(list []Module) error {
	seen := map[string]string{}
	for _, m := range list {
		claim := func(what, name string) error {
			key := what + " " + name
			if other, ok := seen[key]; ok {
				return fmt.Errorf("role: %s is claimed by the modules %q and %q", key, other, m.Name)
			}
			seen[key] = m.Name
			return nil
		}
		if err := claim("module", m.Name); err != nil {
			return err
		}
		for _, x := range m.Migrations {
			if err := claim("migration", x.Name); err != nil {
				return err
			}
		}
		for topic := range m.Requests {
			if err := claim("request", topic); err != nil {
				return err
			}
		}
		for kind := range m.Intake {
			if err := claim("intake", string(kind)); err != nil {
				return err
			}
		}
		for job := range m.Jobs {
			if err := claim("job", job); err != nil {
				return err
			}
		}
		for _, g := range m.Gauges {
			if err := claim("gauge", g.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Migrations returns the migrations of all modules.
func Migrations(list []Module) (out []store.Migration) {
	for _, m := range list {
		out = append(out, m.Migrations...)
	}
	return out
}

// Consumers returns a consumer for each module that handles messages, so that a
// capability handles what a member did in the order in which it happened.
func Consumers(list []Module) (out []queue.Consumer) {
	for _, m := range list {
		if len(m.Consumes) > 0 {
			out = append(out, queue.Consumer{Name: m.Name, Topics: m.Consumes})
		}
	}
	return out
}

// Start loads the modules, and starts them in their order.
func Start(ctx context.Context, list []Module, restored bool) error {
	for _, m := range list {
		if m.Load != nil {
			if err := m.Load(ctx); err != nil {
				return fmt.Errorf("load %s: %w", m.Name, err)
			}
		}
	}
	for _, m := range list {
		if restored && m.Restored != nil {
			if err := m.Restored(ctx); err != nil {
				return fmt.Errorf("%s: take over a restored state: %w", m.Name, err)
			}
		}
		if m.Start != nil {
			if err := m.Start(ctx); err != nil {
				return fmt.Errorf("start %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

// Close closes the modules, the last first, and returns all their errors.
func Close(list []Module) (errs []error) {
	for _, m := range slices.Backward(list) {
		if m.Close != nil {
			if err := m.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", m.Name, err))
			}
		}
	}
	return errs
}

// Mount puts what the modules have for people and programs on the console.
func (c *Console) Mount(list []Module) {
	var finders []search.Finder
	for _, m := range list {
		c.Site.AddTabs(m.Tabs...)
		c.Site.AddPanels(m.Panels...)
		finders = append(finders, m.Finders...)
		for _, g := range m.Gauges {
			c.Metrics.Gauge(g.Name, g.Help, g.Read)
		}
	}
	for _, m := range list {
		if m.Pages != nil {
			m.Pages(c.Site)
		}
		if m.API != nil {
			m.API(c.API)
		}
	}
	c.Site.Templates(search.Templates())
	search.Pages(c.Site, search.PageConfig{Finders: finders})
}

// Nav returns the places in the rail of all modules.
func Nav(list []Module) (out []web.NavItem) {
	for _, m := range list {
		out = append(out, m.Nav...)
	}
	return out
}

// Run runs what the modules have to run, in g. What starting them needed and nobody uses
// any more, such as the syntax trees of thousands of rules, is given back to the system
// beside it: a process that then has little to do would keep it for minutes.
func Run(ctx context.Context, g *errgroup.Group, list []Module) {
	g.Go(func() error {
		debug.FreeOSMemory()
		return nil
	})
	for _, m := range list {
		for _, fn := range m.Run {
			g.Go(func() error { return fn(ctx) })
		}
	}
}

// Core is what every role has without a capability: people and jobs.
func Core() Module {
	return Module{Name: "core", Migrations: []store.Migration{job.Migration(), identity.Migration()}}
}
