package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

// sampleDir writes meneki's own recordings and rules to a folder.
func sampleDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "samples")
	if err := os.CopyFS(dir, samples.Files()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wave is the sample attack once more, on other machines and from elsewhere.
func wave(t *testing.T, n int) []byte {
	t.Helper()
	b, err := fs.ReadFile(samples.Files(), "events/power-live.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("cdn.update-portal.example"), fmt.Appendf(nil, "cdn%d.update-portal.example", n))
	b = bytes.ReplaceAll(b, []byte(`"Hostname": "`), fmt.Appendf(nil, `"Hostname": "W%d-`, n))
	return append(bytes.TrimRight(b, "\n"), '\n')
}

// matches counts the matches of each rule in recorded events, and the events.
func matches(t *testing.T, b []byte) (byRule map[string]int64, events int64) {
	t.Helper()
	set, err := sigma.Load(samples.Files(), "rules")
	if err != nil {
		t.Fatal(err)
	}
	byRule = map[string]int64{}
	_, err = read.Stream(t.Context(), "a.jsonl", bytes.NewReader(b), read.Options{}, func(ev *event.Event) error {
		events++
		for m := range set.Match(ev) {
			byRule[m.Rule.ID]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return byRule, events
}

// grow appends b to a file in pieces that end anywhere.
func grow(t *testing.T, path string, b []byte, r *rand.Rand, pause time.Duration) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for len(b) > 0 {
		n := min(1+r.IntN(6000), len(b))
		if _, err := f.Write(b[:n]); err != nil {
			t.Error(err)
			return
		}
		b = b[n:]
		await.Pace(pause)
	}
}

// Hub and nodes are killed in the middle of the cycle, again and again. What was
// acknowledged is there afterwards, once, and the cycle is whole; on both databases.
func TestKillNine(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it kills and restarts processes for a while")
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		if !strings.Contains(url, "://") {
			url = "" // the hub's own file
		}
		killNine(t, url)
	})
}

func killNine(t *testing.T, url string) {
	t.Parallel()
	const waves = 8
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	samples := sampleDir(t)
	h := newHubOn(t, t.TempDir(), url)
	a := h.newNode(t, "Power Co", "power", "--share", "open", "--rules", filepath.Join(samples, "rules"))
	b := h.newNode(t, "City", "local-government", "--share", "open")
	past, err := os.ReadFile(filepath.Join(samples, "events", "city-past.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	past = bytes.ReplaceAll(past, []byte("cdn.update-portal.example"), []byte("cdn3.update-portal.example"))
	if err := os.WriteFile(filepath.Join(b.watch, "past.jsonl"), past, 0o600); err != nil {
		t.Fatal(err)
	}
	var attack []byte
	for n := range waves {
		attack = append(attack, wave(t, n)...)
	}
	pieces := rand.New(rand.NewPCG(seed, 2))
	var writer sync.WaitGroup
	writer.Go(func() { grow(t, filepath.Join(a.watch, "live.jsonl"), attack, pieces, 120*time.Millisecond) })

	acked := map[string]string{} // what the nodes knew to be at the hub, by kind and id
	note := func(n *node) {
		for _, l := range sent(t, n) {
			acked[l.Kind+" "+l.ID] = n.id
		}
	}
	for range 4 {
		list := []int{0, 1, 2}
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, who := range list {
			await.Pace(time.Duration(100+r.IntN(700)) * time.Millisecond)
			switch who {
			case 0:
				h.kill()
			case 1:
				a.kill()
				note(a)
			case 2:
				b.kill()
				note(b)
			}
			await.Pace(time.Duration(r.IntN(400)) * time.Millisecond)
			switch who {
			case 0:
				h.up(t)
			case 1:
				a.up(t)
			case 2:
				b.up(t)
			}
		}
	}
	writer.Wait()
	t.Logf("%d messages were acknowledged before the last kill", len(acked))
	atRest(t, h, attack, a, b)
	whole(t, h, acked, attack, a, b)
	h.stop()
	for n, want := range map[*node][]byte{a: attack, b: past} {
		n.stop()
		_, events := matches(t, want)
		hist, err := history.Open(t.Context(), history.Options{Dir: filepath.Join(n.data, "history"),
			Clock: clock.System})
		if err != nil {
			t.Fatal(err)
		}
		if got := hist.Totals().Events; got != events {
			t.Errorf("%d events in the history, %d were written", got, events)
		}
		if err := hist.Close(); err != nil {
			t.Error(err)
		}
	}
}

type letter struct {
	Kind string `db:"kind"`
	ID   string `db:"id"`
}

// sent lists what a node knows that the hub has.
func sent(t *testing.T, n *node) []letter {
	t.Helper()
	d, err := store.Open(t.Context(), store.Options{URL: filepath.Join(n.data, "node.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return ask[letter](t, d, `SELECT kind, id FROM outgoing WHERE state = 'sent'`)
}

// notHandled counts the messages that a consumer of the hub has not handled.
const notHandled = `SELECT count(*) FROM outbox o JOIN outbox_consumer t ON t.topic = o.topic
	LEFT JOIN outbox_cursor c ON c.consumer = t.consumer AND c.lane = o.lane WHERE o.seq > coalesce(c.seq, 0)`

// atRest waits until everything was found, sent, made, armed and hunted.
func atRest(t *testing.T, h *hub, attack []byte, nodes ...*node) {
	t.Helper()
	byRule, _ := matches(t, attack)
	hd := db(t, h.state)
	var nds []*store.DB
	for _, n := range nodes {
		nds = append(nds, db(t, filepath.Join(n.data, "node.db")))
	}
	last, calm := "", 0
	await.Until(t, 90*time.Second, func() string {
		for rule, want := range byRule {
			if got := number(t, nds[0], `SELECT count(*) FROM finding_event WHERE rule = $1`, rule); got < want {
				return fmt.Sprintf("rule %s: %d of %d events found", rule, got, want)
			}
		}
		for i, d := range nds {
			if n := number(t, d, `SELECT count(*) FROM outgoing WHERE state = 'ready'`); n > 0 {
				return fmt.Sprintf("node %d: %d messages not sent", i, n)
			}
			if n := number(t, d, `SELECT count(*) FROM objects WHERE hunted = $1`, false); n > 0 {
				return fmt.Sprintf("node %d: %d hunts left", i, n)
			}
		}
		if n := number(t, hd, notHandled); n > 0 {
			return fmt.Sprintf("hub: %d messages not handled", n)
		}
		objects := number(t, hd, `SELECT count(*) FROM objects`)
		if n := number(t, hd, `SELECT count(*) FROM progress WHERE state = 'hunted'`); n < objects*int64(len(nodes)) ||
			objects == 0 {
			return fmt.Sprintf("%d of %d receipts for %d indicators", n, objects*int64(len(nodes)), objects)
		}
		now := fmt.Sprint(ask[int64](t, hd, `SELECT sum(seq) FROM outbox_cursor UNION ALL SELECT count(*) FROM outbox
			UNION ALL SELECT count(*) FROM cycle_step`))
		if now != last {
			last, calm = now, 0
		}
		if calm++; calm < 20 {
			return "still moving"
		}
		return ""
	})
}

type found struct {
	ID      string `db:"id"`
	Rule    string `db:"rule"`
	Version int    `db:"version"`
	Count   int    `db:"count"`
	Member  string `db:"member"`
	Body    string `db:"body"`
}

// whole holds the hub's tables against the nodes'.
func whole(t *testing.T, h *hub, acked map[string]string, attack []byte, nodes ...*node) {
	t.Helper()
	hd := db(t, h.state)
	byRule, _ := matches(t, attack)
	tables := map[wire.Kind]string{
		wire.KindFinding:   `SELECT count(*) FROM findings WHERE id = $1 AND member = $2`,
		wire.KindCandidate: `SELECT count(*) FROM candidates WHERE id = $1 AND member = $2`,
		wire.KindSighting:  `SELECT count(*) FROM sightings WHERE id = $1 AND member = $2`,
	}
	there := func(l letter, member string) bool {
		if q := tables[wire.Kind(l.Kind)]; q != "" {
			return number(t, hd, q, l.ID, member) == 1
		}
		return true
	}
	for k, member := range acked {
		kind, id, _ := strings.Cut(k, " ")
		if !there(letter{kind, id}, member) {
			t.Errorf("acknowledged before a kill, and not at the hub: %s", k)
		}
	}
	type object struct {
		ID    string `db:"id"`
		Kind  string `db:"kind"`
		Value string `db:"value"`
	}
	const objects = `SELECT id, kind, value FROM objects ORDER BY id`
	indicators := ask[object](t, hd, objects)
	if n := number(t, hd, `SELECT count(*) FROM (SELECT DISTINCT kind, value FROM objects) AS d`); n !=
		int64(len(indicators)) {
		t.Errorf("%d indicators for %d values", len(indicators), n)
	}
	for i, n := range nodes {
		d := db(t, filepath.Join(n.data, "node.db"))
		if x := number(t, d, `SELECT count(*) FROM outgoing WHERE state <> 'sent'`); x > 0 {
			t.Errorf("node %d: %d messages are not sent: %v", i, x,
				ask[string](t, d, `SELECT kind || ' ' || state || ' ' || reason FROM outgoing WHERE state <> 'sent'`))
		}
		for _, l := range sent(t, n) {
			if !there(l, n.id) {
				t.Errorf("node %d: %s %s is not at the hub", i, l.Kind, l.ID)
			}
		}
		// Every finding, as often as its events came, and no other.
		const findings = `SELECT id, rule, version, count, member, body FROM findings WHERE member = $1 ORDER BY id`
		mine, theirs := ask[found](t, d, findings, n.id), ask[found](t, hd, findings, n.id)
		counts := map[string]int64{}
		for j := range mine {
			counts[mine[j].Rule] += int64(mine[j].Count)
			mine[j].Body = ""
		}
		for j := range theirs {
			theirs[j].Body = ""
		}
		if diff := cmp.Diff(mine, theirs); diff != "" {
			t.Errorf("node %d: findings here (-) and at the hub (+):\n%s", i, diff)
		}
		if i == 0 {
			for rule, want := range byRule {
				if counts[rule] != want {
					t.Errorf("rule %s matched %d events, %d were found", rule, want, counts[rule])
				}
			}
		}
		if diff := cmp.Diff(indicators, ask[object](t, d, objects)); diff != "" {
			t.Errorf("node %d: indicators at the hub (-) and here (+):\n%s", i, diff)
		}
		for _, o := range indicators {
			if x := number(t, hd, `SELECT count(*) FROM progress WHERE object = $1 AND member = $2 AND state = 'hunted'
				AND armed > 0 AND hunted > 0`, o.ID, n.id); x != 1 {
				t.Errorf("node %d: no receipt for %s %s", i, o.Kind, o.Value)
			}
		}
	}
	for what, query := range map[string]string{
		"findings that are in no case": `SELECT count(*) FROM findings f WHERE f.retro = FALSE
			AND NOT EXISTS (SELECT 1 FROM case_finding i WHERE i.finding = f.id)`,
		"offers without an indicator": `SELECT count(*) FROM candidates WHERE object = ''`,
		"receipts without the step of the cycle": `SELECT count(*) FROM progress p WHERE NOT EXISTS (SELECT 1
			FROM cycle_step s WHERE s.name = 'hunted' AND s.subject = p.object AND s.member = p.member)`,
		"cases without a first severity": `SELECT count(*) FROM cases i WHERE NOT EXISTS (SELECT 1
			FROM assessment a WHERE a.case_id = i.id)`,
		"messages that were not handled": notHandled,
		"messages that were set aside":   `SELECT count(*) FROM outbox_aside`,
		"indicators that a member has not received": `SELECT count(*) FROM objects o
			WHERE (SELECT count(*) FROM progress p WHERE p.object = o.id) <> 2`,
		"indicators that are no objects": `SELECT count(*) FROM objects o
			WHERE NOT EXISTS (SELECT 1 FROM stix_object s WHERE s.id = o.id)`,
	} {
		if n := number(t, hd, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	// The trace in the city's past was found.
	if n := number(t, hd, `SELECT count(*) FROM sightings WHERE member = $1 AND retro = $2`, nodes[1].id,
		true); n == 0 {
		t.Error("the city found no trace in its past")
	}
	// Every message that the hub's parts made exists once.
	ids := ask[string](t, hd, `SELECT id FROM outbox ORDER BY id`)
	if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) {
		t.Errorf("%d messages, %d ids", len(ids), n)
	}
	var members []struct{ ID, State string }
	out, _, _ := run(t, h.env, "member", "list", "--data", h.data, "--json")
	if err := json.Unmarshal([]byte(out), &members); err != nil || len(members) != len(nodes) {
		t.Errorf("members: %s", out)
	}
}
