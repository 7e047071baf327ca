package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/ownlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role/control"
	"github.com/meneki/meneki/internal/store"
)

func dnsEvent(n int, at time.Time, name string) *event.Event {
	return &event.Event{
		ID:         fmt.Sprintf("00000000-0000-4000-8000-%012d", n),
		Time:       at,
		Seen:       at,
		From:       event.Source{Sensor: "test", Name: "t", Record: int64(n)},
		Product:    "windows",
		Categories: []string{"dns_query"},
		Host:       "ws1",
		Fields:     map[string]any{"QueryName": name, "Image": `C:\x\a.exe`},
		Raw:        []byte("{}"),
	}
}

func (p pair) findings(t *testing.T) []finding.Item {
	t.Helper()
	var page list.Page[finding.Item]
	err := p.node.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		page, err = finding.List(tx, list.Ask{Limit: 100})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Rows
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	await.True(t, 20*time.Second, what, ok)
}

// openControl waits until the node's control socket is open.
func (p pair) openControl(t *testing.T) {
	t.Helper()
	within(t, "the control socket is not open", func() bool {
		_, err := os.Stat(filepath.Join(p.node.cfg.Data, control.File))
		return err == nil
	})
}

// openList opens the watchlist as a command does, once the node's control socket is open.
func (p pair) openList(t *testing.T) ownlist.Access {
	t.Helper()
	p.openControl(t)
	list, err := openList(t, p.node.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, through := list.(ownlist.Remote); !through {
		t.Fatalf("a %T beside a running node", list)
	}
	t.Cleanup(list.Close)
	return list
}

// importNothing imports nothing as soon as the node, too, has done with imports that
// were broken off, and returns what it says.
func importNothing(t *testing.T, list ownlist.Access) (err error) {
	t.Helper()
	within(t, "the import that was broken off goes on", func() bool {
		_, err = list.Import(t.Context(), ownlist.Import{Source: "A", Hunt: ownlist.HuntNone}, give())
		return !fault.Is(err, fault.Busy)
	})
	return err
}

func openList(t *testing.T, data string) (ownlist.Access, error) {
	t.Helper()
	return ownlist.Open(t.Context(), data, clock.System, slog.New(slog.DiscardHandler))
}

func give(list ...watchlist.Entry) func(func(watchlist.Entry) error) error {
	return func(add func(watchlist.Entry) error) error {
		for _, e := range list {
			if err := add(e); err != nil {
				return err
			}
		}
		return nil
	}
}

// An import through the control socket takes effect as a whole or not at all.
func TestIndicatorsThroughTheControlSocket(t *testing.T) {
	p := openPair(t, func(c *Config) { c.Control = true })
	list := p.openList(t)
	evil := watchlist.Entry{
		Type:       event.Domain,
		Value:      "Evil.example",
		TLP:        policy.Green,
		ValidUntil: time.Now().Add(time.Hour),
	}
	at := time.Now().UTC().Truncate(time.Second)
	if err := p.node.Take(
		t.Context(), []*event.Event{dnsEvent(1, at, "evil.example"), dnsEvent(2, at, "other.example")},
	); err != nil {
		t.Fatal(err)
	}
	told := 0
	got, err := list.Import(
		t.Context(),
		ownlist.Import{Source: "A", Hunt: ownlist.HuntNew, Tell: func(bool, int64, int64) { told++ }},
		give(evil, watchlist.Entry{Type: event.IPv4, Value: "198.51.100.0/24", TLP: policy.Amber}),
	)
	if err != nil || got.Entries != 2 || got.Before != 0 || got.Hunt == nil ||
		*got.Hunt != (ownlist.Hunt{Values: 1, Wide: 1, Searched: 2, Hits: 1}) {
		t.Fatalf("%+v, %+v, %v", got, got.Hunt, err)
	}
	// Again the same: nothing is new.
	got, err = list.Import(t.Context(), ownlist.Import{Source: "A", Hunt: ownlist.HuntNew}, give(evil))
	if err != nil || got.Before != 2 || got.Hunt.Values != 0 {
		t.Fatalf("%+v, %+v, %v", got, got.Hunt, err)
	}
	if err := p.node.Take(t.Context(), []*event.Event{dnsEvent(3, at, "evil.example")}); err != nil {
		t.Fatal(err)
	}
	if list := p.findings(t); len(list) != 2 || list[0].Retro == list[1].Retro ||
		list[0].Rule.Title != "evil.example (A)" {
		t.Errorf("findings: %+v", list)
	}
	hits, err := list.Check(t.Context(), []event.Observable{{Type: event.Domain, Value: "evil.example"}})
	if err != nil || len(hits) != 1 || hits[0].Entry.TLP != policy.Green ||
		!hits[0].Entry.ValidUntil.Equal(evil.ValidUntil.Truncate(time.Microsecond)) {
		t.Errorf("%+v, %v", hits, err)
	}

	// What fails half way, by the reader, by the caller or by one bad entry, changes nothing.
	own := errors.New("the file ended")
	_, err = list.Import(
		t.Context(),
		ownlist.Import{Source: "A", Hunt: ownlist.HuntNone},
		func(add func(watchlist.Entry) error) error {
			if err := add(watchlist.Entry{Type: event.Domain, Value: "half.example"}); err != nil {
				return err
			}
			return own
		},
	)
	if !errors.Is(err, own) {
		t.Errorf("own error: %v", err)
	}
	_, err = list.Import(
		t.Context(),
		ownlist.Import{Source: "A", Hunt: ownlist.HuntNone},
		give(watchlist.Entry{Type: event.Domain, Value: "no domain"}),
	)
	if _, refused := errors.AsType[*watchlist.RefusedError](err); !refused {
		t.Errorf("a bad entry: %v", err)
	}
	if err := importNothing(t, list); !fault.Is(err, fault.Invalid) || fault.HintOf(err).Zero() {
		t.Errorf("nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = list.Import(
		ctx,
		ownlist.Import{Source: "A", Hunt: ownlist.HuntNone},
		func(add func(watchlist.Entry) error) error {
			cancel()
			for i := 0; ; i++ {
				if err := add(watchlist.Entry{Type: event.Domain, Value: fmt.Sprintf("h%d.example", i)}); err != nil {
					return err
				}
			}
		},
	)
	if err == nil {
		t.Error("an import that was broken off succeeded")
	}
	if err := importNothing(t, list); !fault.Is(err, fault.Invalid) {
		t.Errorf("nothing, after a broken one: %v", err)
	}
	st, err := list.State(t.Context())
	if err != nil || st.Entries != 1 || len(st.Sources) != 1 || st.Sources[0].TLP["TLP:GREEN"] != 1 {
		t.Errorf("%+v, %v", st, err)
	}

	// One at a time; the others hear so.
	in, out := make(chan bool), make(chan bool)
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := list.Import(
			t.Context(),
			ownlist.Import{Source: "B", Hunt: ownlist.HuntNone},
			func(add func(watchlist.Entry) error) error {
				for i := range 20_000 { // more than any buffer on the way
					if err := add(
						watchlist.Entry{Type: event.Domain, Value: fmt.Sprintf("h%d.example", i)},
					); err != nil {
						return err
					}
				}
				close(in)
				<-out
				return add(evil)
			},
		)
		if err != nil {
			t.Error(err)
		}
	})
	<-in
	within(t, "the second import does not hear of the first", func() bool {
		_, err = list.Import(t.Context(), ownlist.Import{Source: "C", Hunt: ownlist.HuntNone}, give(evil))
		return fault.Is(err, fault.Busy)
	})
	close(out)
	wait.Wait()
	if err := list.Remove(t.Context(), []string{"nobody"}, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	if err := list.Remove(t.Context(), []string{"A", "B", "C"}, nil); err != nil && !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

// The control socket of a running node is not that of a copy of its folder; a running node
// without a control socket is told apart from one that is stopped.
func TestControlSocketOfTheRightNode(t *testing.T) {
	p := openPair(t, func(c *Config) { c.Control = true })
	p.openList(t)
	stolen := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(stolen, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{control.File, control.Database} {
		b, err := os.ReadFile(filepath.Join(p.node.cfg.Data, n))
		if err == nil {
			err = os.WriteFile(filepath.Join(stolen, n), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := openList(t, stolen)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if _, own := list.(*ownlist.List); !own {
		t.Errorf("the copy's list is a %T", list)
	}
	q := openPair(t, func(*Config) {})
	if _, err := openList(t, q.node.cfg.Data); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a running node without a control socket: %v", err)
	}
}

// Whoever looks at the node sees a finding of a marked entry as its marking says:
// persons of the member all, the member's machines not what is RED.
func TestWatchlistFindingsAtTheNode(t *testing.T) {
	p := openPair(t, func(*Config) {})
	for i, tlp := range []policy.TLP{policy.Red, policy.Amber} {
		if _, err := p.node.watchlist.Import(
			t.Context(), ownlist.Import{Source: tlp.Slug(), Hunt: ownlist.HuntNone},
			give(watchlist.Entry{Type: event.Domain, Value: tlp.Slug() + ".example", TLP: tlp}),
		); err != nil {
			t.Fatal(err)
		}
		if err := p.node.Take(
			t.Context(), []*event.Event{dnsEvent(10+i, time.Now(), tlp.Slug()+".example")},
		); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(v policy.Viewer) (titles []string) {
		err := p.node.db.Read(t.Context(), store.As(v), func(tx *store.Tx) error {
			page, err := finding.List(tx, list.Ask{Limit: 100})
			for _, f := range page.Rows {
				titles = append(titles, f.Rule.Title)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return titles
	}
	person := p.node.home()
	person.User, person.Role = "u1", policy.RoleReader
	machine := p.node.home()
	machine.Machine = true
	if got := sees(person); len(got) != 2 {
		t.Errorf("a person sees %q", got)
	}
	if got := sees(machine); len(got) != 1 || got[0] != "amber.example (amber)" {
		t.Errorf("a machine sees %q", got)
	}
	var n int64
	if err := p.node.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		n, err = store.One[int64](tx, `SELECT count(*) FROM outgoing WHERE kind <> 'receipt'`)
		return err
	}); err != nil || n != 0 {
		t.Errorf("%d messages would leave: %v", n, err)
	}
}

// A pattern over several events, sent by the hub, is armed, searched for in the
// past, and found live; one that cannot be matched is refused with the reason.
func TestPatternFromTheHub(t *testing.T) {
	p := openPair(t, func(*Config) {})
	at := time.Now().UTC().Truncate(time.Second)
	if err := p.node.Take(
		t.Context(), []*event.Event{dnsEvent(20, at, "one.example"), dnsEvent(21, at.Add(time.Second), "two.example")},
	); err != nil {
		t.Fatal(err)
	}
	hub := p.node.detect // what the inbox hands to the node
	send := func(n int, pattern string) (id string, err error) {
		id = fmt.Sprintf("indicator--11111111-1111-4111-8111-%012d", n)
		ind, err := json.Marshal(
			map[string]any{
				"type":         "indicator",
				"spec_version": "2.1",
				"id":           id,
				"created":      "2026-01-01T00:00:00.000Z",
				"modified":     "2026-01-01T00:00:00.000Z",
				"name":         "I",
				"pattern":      pattern,
				"pattern_type": "stix",
				"valid_from":   "2026-01-01T00:00:00Z",
			},
		)
		if err == nil {
			err = hub.ArmIndicators([][]byte{ind})[0]
		}
		if err == nil {
			err = hub.HuntIndicators(
				t.Context(),
				[][]byte{ind},
				func(_ []int, list []hunt.Outcome) error { return list[0].Err },
			)
		}
		return id, err
	}
	id, err := send(
		1,
		"([domain-name:value = 'One.example'] FOLLOWEDBY [domain-name:value = 'two.example']) WITHIN 60 SECONDS",
	)
	if err != nil {
		t.Fatal(err)
	}
	if list := p.findings(t); len(list) != 1 || !list[0].Retro || list[0].Indicator != id || list[0].Count != 1 {
		t.Errorf("%+v", list)
	}
	if _, err := send(2, "[software:name = 'x']"); !fault.Is(err, fault.Unsupported) ||
		!strings.Contains(fault.TextOf(err).EN, "software:name: no event tells this") {
		t.Errorf("%v", err)
	}
	if err := p.node.Take(
		t.Context(), []*event.Event{dnsEvent(22, at.Add(10*time.Second), "two.example")},
	); err != nil {
		t.Fatal(err)
	}
	if list := p.findings(t); len(list) != 2 || list[0].Retro == list[1].Retro || list[0].Indicator != id ||
		list[1].Indicator != id {
		t.Errorf("%+v", list)
	}
}

// What the indexes do not serve is searched for in every event: networks, trees,
// beginnings and names; once, not again with the next import of the same list.
func TestHuntForWideEntries(t *testing.T) {
	p := openPair(t, func(c *Config) { c.Control = true })
	list := p.openList(t)
	at := time.Now().UTC().Truncate(time.Second)
	events := []*event.Event{
		dnsEvent(1, at, "a.tree.example"),
		dnsEvent(2, at, "tree.example"),
		dnsEvent(3, at, "below.example"),
		dnsEvent(4, at, "b.below.example"),
		dnsEvent(5, at, "other.example"),
		dnsEvent(6, at, "exact.tree.example"),
	}
	events[4].Fields["Image"] = `C:\x\Evil.exe`
	ip := dnsEvent(7, at, "")
	ip.Fields = map[string]any{"DestinationIp": "198.51.100.77"}
	if err := p.node.Take(t.Context(), append(events, ip)); err != nil {
		t.Fatal(err)
	}
	entries := []watchlist.Entry{
		{Type: event.Domain, Match: watchlist.Tree, Value: "tree.example", TLP: policy.Green},
		{Type: event.Domain, Match: watchlist.Below, Value: "below.example", TLP: policy.Green},
		{Type: event.Domain, Value: "exact.tree.example", TLP: policy.Green},
		{Type: event.IPv4, Value: "198.51.100.0/24", TLP: policy.Amber},
		{Type: watchlist.FileName, Value: "evil.exe", TLP: policy.Amber},
		{Type: event.URL, Match: watchlist.Prefix, Value: "https://nowhere.example/a/", TLP: policy.Amber},
	}
	got, err := list.Import(t.Context(), ownlist.Import{Source: "A", Hunt: ownlist.HuntNew}, give(entries...))
	// Events 1, 2, 4, 5, 6 (by its value, and counted once) and 7.
	if err != nil || *got.Hunt != (ownlist.Hunt{Values: 1, Wide: 5, Searched: 7, Hits: 6}) {
		t.Errorf("%+v, %v", got.Hunt, err)
	}
	titles := map[string]int64{}
	for _, f := range p.findings(t) {
		if !f.Retro {
			t.Errorf("not of the past: %+v", f)
		}
		titles[f.Rule.Title] += int64(f.Count)
	}
	want := map[string]int64{
		"tree.example (A)":       3,
		"below.example (A)":      1,
		"exact.tree.example (A)": 1,
		"198.51.100.0/24 (A)":    1,
		"evil.exe (A)":           1,
	}
	if !maps.Equal(titles, want) {
		t.Errorf("findings: %v, want %v", titles, want)
	}
	got, err = list.Import(
		t.Context(),
		ownlist.Import{Source: "A", Hunt: ownlist.HuntNew},
		give(append(entries, watchlist.Entry{Type: event.IPv4, Value: "203.0.113.0/24"})...),
	)
	if err != nil || *got.Hunt != (ownlist.Hunt{Wide: 1, Searched: 7}) {
		t.Errorf("again: %+v, %v", got.Hunt, err)
	}
	got, err = list.Import(t.Context(), ownlist.Import{Source: "A", Hunt: ownlist.HuntAll}, give(entries...))
	if err != nil || *got.Hunt != (ownlist.Hunt{Values: 1, Wide: 5, Searched: 7, Hits: 6}) {
		t.Errorf("all again: %+v, %v", got.Hunt, err)
	}
}
