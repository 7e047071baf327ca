// Command share measures what docs/performance.md states about objects on their way to
// members: how fast they are kept, what a page costs at any depth, how long a member takes
// that joins a hub with many of them while others are served, and how long a published
// object takes to all connected members. The disk, and a plain insert of as many rows,
// are measured in the same run.
//
//	go run ./bench/share [--objects 100000] [--members 1000] [--dir DIR]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

func main() {
	objects := flag.Int("objects", 100_000, "objects that the hub has")
	members := flag.Int("members", 1000, "members that are connected")
	dir := flag.String("dir", "", "folder for the work, on the disk that is measured; default the system's")
	flag.Parse()
	if err := run(*objects, *members, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "share:", err)
		os.Exit(1)
	}
}

// bench is a hub, and what is measured of it.
type bench struct {
	ctx context.Context
	hub *hub.Hub
	dir string
	log *slog.Logger
	n   int // objects that were made
}

func run(objects, members int, dir string) error {
	fmt.Printf("%s/%s, %d cores, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	dir, err := os.MkdirTemp(dir, "share-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	b := &bench{ctx: ctx, dir: dir, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	b.hub, err = hub.Open(ctx, hub.Config{Data: filepath.Join(dir, "hub"), Listen: "127.0.0.1:0", Open: true,
		CaseLevel: "low", Log: b.log})
	if err != nil {
		cancel()
		return err
	}
	var work sync.WaitGroup
	work.Go(func() { _ = b.hub.Run(ctx) })
	defer func() {
		cancel()
		work.Wait()
		b.hub.Close()
	}()
	for _, step := range []func() error{
		func() error { return b.plain(objects) },
		func() error { return b.put(objects) },
		b.pages,
		func() error { return b.join(objects) },
		func() error { return b.publish(members) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func line(what, figure string, args ...any) {
	fmt.Printf("%-62s %s\n", what, fmt.Sprintf(figure, args...))
}

// indicator makes an object that no other is like.
func (b *bench) indicator() *stix.Object {
	b.n++
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(b.n) * time.Millisecond)
	ind := stix.Indicator{Common: stix.Common{Created: stix.TimestampOf(now)},
		Name: fmt.Sprintf("host %d", b.n), Types: []string{"malicious-activity"}, ValidFrom: stix.TimestampOf(now),
		PatternType: "stix", PatternVersion: "2.1",
		Pattern: stix.ValuePattern("domain-name", fmt.Sprintf("h%d.example.net", b.n))}
	o, err := ind.Object()
	if err != nil {
		panic(err)
	}
	return o
}

// plain writes as many rows with a body and nothing else, as a limit of the database.
func (b *bench) plain(n int) error {
	db, err := store.Open(b.ctx, store.Options{URL: filepath.Join(b.dir, "plain.db")})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(b.ctx); err != nil {
		return err
	}
	body := string(b.indicator().Bytes())
	began := clock.System()
	for k := 0; k < n; k += 1000 {
		err := db.Write(b.ctx, store.System("bench"), func(tx *store.Tx) error {
			rows := make([][]any, min(1000, n-k))
			for i := range rows {
				rows[i] = []any{fmt.Sprint("bench.", k+i), body, k}
			}
			return tx.InsertTogether(`INSERT INTO setting (key, value, at)`, rows, "")
		})
		if err != nil {
			return err
		}
	}
	line("rows with the same body and one key, a thousand a transaction", "%.0f/s", rate(n, began))
	return nil
}

func rate(n int, began time.Time) float64 { return float64(n) / clock.System().Sub(began).Seconds() }

// give keeps objects for the whole community.
func (b *bench) give(list ...*stix.Object) error {
	items := make([]object.Item, len(list))
	for i, o := range list {
		items[i] = object.Item{Object: o, Handling: policy.Handling{TLP: policy.Green, Owner: "giver"}}
	}
	return b.hub.DB().Write(b.ctx, store.System("bench"), func(tx *store.Tx) error {
		_, err := b.hub.Objects().Put(tx, items)
		return err
	})
}

func (b *bench) put(n int) error {
	var spent time.Duration
	for k := 0; k < n; k += 1000 {
		list := make([]*stix.Object, min(1000, n-k))
		for i := range list {
			list[i] = b.indicator()
		}
		began := clock.System()
		if err := b.give(list...); err != nil {
			return err
		}
		spent += clock.System().Sub(began)
	}
	line("objects put: versions, order, reach, values, references, words", "%.0f/s", float64(n)/spent.Seconds())
	return nil
}

func (b *bench) pages() error {
	viewer := policy.Node("reader", "power", "")
	var last int64
	err := b.hub.DB().Read(b.ctx, store.System("bench"), func(tx *store.Tx) (err error) {
		last, err = b.hub.Objects().Last(tx)
		return err
	})
	if err != nil {
		return err
	}
	var first int64
	for _, depth := range []float64{0, 0.5, 0.98} {
		at := int64(0)
		if first > 0 {
			at = first + int64(float64(last-first)*depth)
		}
		var took []time.Duration
		for range 15 {
			began := clock.System()
			err := b.hub.DB().Read(b.ctx, store.As(viewer), func(tx *store.Tx) error {
				list, next, _, err := b.hub.Objects().Changes(tx, object.Place{Seq: at}, 1000)
				if first == 0 && len(list) > 0 {
					first = list[0].Seq
				}
				_ = next
				return err
			})
			if err != nil {
				return err
			}
			took = append(took, clock.System().Sub(began))
		}
		line(fmt.Sprintf("a page of 1,000 objects of one member, at %.0f %%", depth*100), "%.1f ms", ms(took, 0.5))
	}
	return nil
}

func ms(list []time.Duration, q float64) float64 {
	slices.Sort(list)
	return float64(list[int(float64(len(list)-1)*q)]) / 1e6
}

// join lets a full node join, and asks the hub for pages over HTTP meanwhile.
func (b *bench) join(n int) error {
	began := clock.System()
	m, err := demo.Enrol(b.ctx, b.hub, "Joins late", "power", node.Config{Data: filepath.Join(b.dir, "node"),
		Share: release.Open(), Open: true, Log: b.log})
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := context.WithCancel(b.ctx)
	var work sync.WaitGroup
	work.Go(func() { _ = m.Run(ctx) })
	defer func() { stop(); work.Wait() }()
	var took []time.Duration
	count := func() (got int, err error) {
		err = m.DB().Read(ctx, store.System("bench"), func(tx *store.Tx) error {
			n, err := store.One[int64](tx, `SELECT count(*) FROM stix_object o WHERE SCOPE(o)`)
			got = int(n)
			return err
		})
		return got, err
	}
	for {
		at := clock.System()
		if err := b.get("/taxii2/api/collections/shared/objects/?limit=100"); err != nil {
			return err
		}
		took = append(took, clock.System().Sub(at))
		got, err := count()
		if err != nil {
			return err
		}
		if got >= n {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	line(fmt.Sprintf("a node joins a hub of %d objects: all kept", n), "%.1f s", clock.System().Sub(began).Seconds())
	line("TAXII pages of 100 objects meanwhile", "p50 %.1f ms, p99 %.1f ms", ms(took, 0.5), ms(took, 0.99))
	_, armed := m.Counts()
	line("of these it is armed with", "%d", armed)
	return nil
}

func (b *bench) get(path string) error {
	r, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.hub.URL()+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/taxii+json;version=2.1")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s %w", path, a.Status, err)
	}
	return nil
}

type armedRow struct {
	Armed time.Time `db:"armed"`
}

// publish gives one object after another to connected members, each with a connection and
// an engine of its own, and reads from their receipts when they were armed.
func (b *bench) publish(members int) error {
	past, err := history.Open(b.ctx, history.Options{Dir: filepath.Join(b.dir, "past"), Log: b.log})
	if err != nil {
		return err
	}
	defer past.Close()
	began := clock.System()
	_, stop, err := demo.Simulate(b.ctx, b.hub, members, past)
	if err != nil {
		return err
	}
	defer stop()
	armed := func(id string) (list []armedRow, err error) {
		return list, b.hub.DB().Read(b.ctx, store.System("bench"), func(tx *store.Tx) (err error) {
			list, err = store.Query[armedRow](tx, `SELECT p.armed FROM progress p WHERE p.object = $1
				AND p.armed > 0`, id)
			return err
		})
	}
	var took []time.Duration
	for k := range 11 {
		o := b.indicator()
		at := clock.System()
		if err := b.give(o); err != nil {
			return err
		}
		for {
			list, err := armed(o.ID())
			if err != nil {
				return err
			}
			if len(list) >= members {
				for _, r := range list {
					if k > 0 { // with the first one they all come to have everything
						took = append(took, r.Armed.Sub(at))
					}
				}
				break
			}
			if clock.System().Sub(at) > 10*time.Minute {
				return fmt.Errorf("%d of %d members were armed in ten minutes", len(list), members)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if k == 0 {
			line(fmt.Sprintf("%d members join, and take everything", members), "%.1f s",
				clock.System().Sub(began).Seconds())
		}
	}
	line(fmt.Sprintf("from the put of an object to armed, %d connected members", members), "p50 %.0f ms, p99 %.0f ms",
		ms(took, 0.5), ms(took, 0.99))
	return nil
}
