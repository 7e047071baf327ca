// Package demo plays a hub and three members in one process, attacked with
// recorded events, and simulates as many members as a measurement needs.
package demo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/sigma"
)

// Config says what the demo plays. The zero Config plays meneki's own
// samples with meneki's own rules.
type Config struct {
	// Rules and Events replace the samples: Sigma rules, and recorded events
	// that the first member's sensor reads.
	Rules, Events []string
	// RuleSet goes before Rules: a set that is loaded already.
	RuleSet *sigma.Set
	// Past is what the second member kept of its logs before it had any rule.
	// Empty takes Events, set back by thirteen days; "none" leaves it empty.
	Past []string
	// TLP is the label that the first member puts on what it offers.
	TLP policy.TLP
	// Offline names a member (city, university) that is cut off during the
	// attack and comes back afterwards.
	Offline string
	// Listen is the first of four ports on the loopback interface; empty opens
	// no console.
	Listen string
	// Data keeps everything there; empty uses a folder that is removed.
	Data string
	Lang i18n.Lang
	Log  *slog.Logger
}

// demoMember is one of the three organisations.
type demoMember struct {
	key, sector, prefecture string
	name                    i18n.Text
	share                   release.Policy
	domains                 []string
	past, live              string // sample files
	node                    *node.Node
	id                      string
}

// Demo is a hub and three members in one process.
type Demo struct {
	cfg     Config
	dir     string
	own     bool // dir is ours to remove
	Hub     *hub.Hub
	members []*demoMember
	rules   *sigma.Set
	shift   time.Duration // from the samples' time to now

	mu     sync.Mutex
	report read.Report // under mu; of what the first member's sensor read
}

// sampleEnd is when the last event happens in the samples' own time; it is moved
// to now, so that nothing that is shown is in the future.
var sampleEnd = time.Date(2026, 11, 22, 5, 0, 45, 0, time.UTC)

const setBack = 13 * 24 * time.Hour

func demoMembers(tlp policy.TLP) []*demoMember {
	open := release.Open()
	open.CandidateTLP = tlp
	// A city with half a security person lets findings wait until someone has looked.
	cautious := release.Cautious()
	manual := release.Manual()
	return []*demoMember{
		{key: "power", sector: "power", prefecture: "13", name: i18n.T("Sakura Power", "さくら電力"), share: open,
			domains: []string{"sakura-power.example"}, past: "power-past.jsonl", live: "power-live.jsonl"},
		{key: "city", sector: "local-government", prefecture: "11", name: i18n.T("Midori City", "みどり市"),
			share: cautious, domains: []string{"city.midori.example"}, past: "city-past.jsonl"},
		{key: "university", sector: "university", prefecture: "04", name: i18n.T("Aoba University", "あおば大学"),
			share: manual, domains: []string{"aoba-u.example"}, past: "university-past.jsonl",
			live: "university-live.jsonl"},
	}
}

// Open makes the hub, lets the members join, and imports the past of each.
func Open(ctx context.Context, cfg Config) (d *Demo, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d = &Demo{cfg: cfg, dir: cfg.Data, members: demoMembers(cfg.TLP), shift: clock.System().Sub(sampleEnd)}
	if len(cfg.Events) > 0 {
		d.shift = 0
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if cfg.Offline != "" && !slices.ContainsFunc(d.members[1:],
		func(m *demoMember) bool { return m.key == cfg.Offline }) {
		return d, fault.New(fault.Invalid,
			i18n.T("{0} is not a member that can be cut off", "{0} は切り離せる構成員ではありません").With(cfg.Offline)).
			WithHint(i18n.T("use city or university", "city か university を指定してください"))
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "meneki-demo-"); err != nil {
			return d, fault.Wrap(fault.Storage, fault.Storage.Title(), err)
		}
		d.own = true
	}
	if d.rules, err = d.loadRules(ctx); err != nil {
		return d, err
	}
	ports, err := demoPorts(cfg.Listen)
	if err != nil {
		return d, err
	}
	if d.Hub, err = hub.Open(ctx,
		hub.Config{Data: filepath.Join(d.dir, "hub"), Name: hubName.In(cfg.Lang), Listen: ports[0], Lang: cfg.Lang,
			Open: true, CaseLevel: "low", Log: cfg.Log}); err != nil {
		return d, err
	}
	for i, m := range d.members {
		if err := d.join(ctx, m, ports[i+1]); err != nil {
			return d, err
		}
	}
	if err := d.circle(ctx); err != nil {
		return d, err
	}
	if err := d.shared(ctx); err != nil {
		return d, err
	}
	return d, d.pasts(ctx)
}

var hubName = i18n.T("National hub (demo)", "全国ハブ（デモ）")

func (d *Demo) loadRules(ctx context.Context) (*sigma.Set, error) {
	switch {
	case d.cfg.RuleSet != nil:
		return d.cfg.RuleSet, nil
	case len(d.cfg.Rules) == 0:
		return samples.Rules()
	}
	set, err := ruleset.Load(ctx, d.cfg.Rules)
	if err != nil {
		return nil, err
	}
	for i, r := range set.Refused {
		if i == toldRefused {
			d.cfg.Log.Warn("more rules were refused; meneki rules check names them",
				slog.Int("rules", len(set.Refused)-i))
			break
		}
		d.cfg.Log.Warn("a rule was refused", slog.String("rule", r.Error()))
	}
	if len(set.Rules) == 0 && len(set.Refused) > 0 {
		return nil, fault.New(fault.NotFound,
			i18n.T("no rule can be used; the first: {0}", "使えるルールがありません。最初の理由：{0}").With(reason.Of(set.Refused[0]))).
			WithHint(i18n.T("meneki rules check names all of them", "すべての理由は meneki rules check で確認できます"))
	}
	return set, nil
}

// toldRefused bounds how many refused rules the demo's log names.
const toldRefused = 20

// demoPorts returns the addresses of the hub's console and of the members'.
func demoPorts(first string) ([]string, error) {
	if first == "" { // any free ports: the consoles are there, no address is printed
		return []string{"127.0.0.1:0", "", "", ""}, nil
	}
	if err := role.Address(first); err != nil {
		return nil, err
	}
	if !role.Loopback(first) {
		return nil, fault.New(fault.Invalid,
			i18n.T("the demo's consoles are for this machine only", "デモの画面は、この端末からのみ利用できます")).
			WithHint(i18n.T("use --listen 127.0.0.1:PORT", "--listen 127.0.0.1:ポート を使ってください"))
	}
	out := []string{first}
	for i := 1; i < 4; i++ {
		next, err := nextPort(first, i)
		if err != nil {
			return nil, err
		}
		out = append(out, next)
	}
	return out, nil
}

func (d *Demo) join(ctx context.Context, m *demoMember, listen string) error {
	_, token, err := d.Hub.People().Invite(ctx, identity.Operator("demo"),
		identity.NewMember{Name: m.name.In(d.cfg.Lang), Sector: m.sector, Prefecture: m.prefecture})
	if err != nil && !d.joined(m) {
		return err
	}
	m.node, err = node.Open(ctx,
		node.Config{Data: filepath.Join(d.dir, m.key), Listen: listen, Token: token, RuleSet: d.rules, Share: m.share,
			Control: true, Lang: d.cfg.Lang, Open: true, Log: d.cfg.Log}, d.Hub)
	if err != nil {
		return err
	}
	m.id = m.node.Member()
	return d.Hub.Members().SetDomains(ctx, m.id, m.domains)
}

// joined reports whether the member's data is there from an earlier run.
func (d *Demo) joined(m *demoMember) bool {
	_, err := os.Stat(filepath.Join(d.dir, m.key, "enrolment.json"))
	return err == nil
}

// pasts imports into each member's history the logs that it kept before the attack. They go into
// its history and are matched with nothing: when they were written there was no
// rule, and no indicator, to match them with.
func (d *Demo) pasts(ctx context.Context) error {
	if len(d.cfg.Events) == 0 {
		for _, m := range d.members {
			if err := d.sample(ctx, m.past, m.node.Import); err != nil {
				return err
			}
		}
		return nil
	}
	paths, back := d.cfg.Past, time.Duration(0)
	switch {
	case len(paths) == 1 && paths[0] == "none":
		return nil
	case len(paths) == 0:
		paths, back = d.cfg.Events, setBack
	}
	_, err := d.play(ctx, paths, func(ctx context.Context, list []*event.Event) error {
		for _, ev := range list {
			ev.Time = ev.Time.Add(-back)
		}
		return d.members[1].node.Import(ctx, list)
	})
	return err
}

// batch is how many events a sensor passes on at once.
const batch = 200

// play reads paths in batches into take.
func (d *Demo) play(ctx context.Context, paths []string, take func(context.Context, []*event.Event) error) (read.Report,
	error) {
	var list []*event.Event
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		err := take(ctx, list)
		list = nil
		return err
	}
	rep, err := read.Paths(ctx, paths, read.Options{}, func(ev *event.Event) error {
		if list = append(list, ev); len(list) == batch {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = unread(rep)
	}
	return rep, err
}

// sample reads one of meneki's own recordings, moved to now.
func (d *Demo) sample(ctx context.Context, name string, take func(context.Context, []*event.Event) error) error {
	var list []*event.Event
	f, err := samples.Files().Open("events/" + name)
	if err != nil {
		return err
	}
	defer f.Close()
	rep, err := read.Stream(ctx, name, f, read.Options{}, func(ev *event.Event) error {
		ev.Time = ev.Time.Add(d.shift)
		list = append(list, ev)
		return nil
	})
	if err != nil {
		return err
	}
	if name == d.members[0].live {
		d.mu.Lock()
		d.report = rep
		d.mu.Unlock()
	}
	return take(ctx, list)
}

// Console is one console of the demo.
type Console struct{ Name, URL string }

// Consoles lists the consoles, the hub's first.
func (d *Demo) Consoles() []Console {
	out := []Console{{hubName.In(d.cfg.Lang), d.Hub.URL()}}
	for _, m := range d.members {
		if u := m.node.URL(); u != "" {
			out = append(out, Console{m.name.In(d.cfg.Lang), u})
		}
	}
	return out
}

// nextPort returns the address i ports behind first.
func nextPort(first string, i int) (string, error) {
	host, port, err := net.SplitHostPort(first)
	if err != nil {
		return "", role.Address(first)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", role.Address("")
	}
	if n != 0 {
		n += i
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

// Run starts everyone, plays the attack, and calls rested when the cycle has
// come to rest. It goes on until ctx ends, or rested says that it is enough.
func (d *Demo) Run(ctx context.Context, rested func(Report) (more bool)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Hub.Run(ctx) })
	for _, m := range d.members {
		g.Go(func() error { return m.node.Run(ctx) })
	}
	g.Go(func() error {
		err := d.attack(ctx)
		if err != nil {
			return err
		}
		rep, err := d.Report(ctx)
		if err != nil {
			return err
		}
		if !rested(rep) {
			stop()
		}
		return nil
	})
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// attack waits until all members are connected, plays the recording, and waits
// until nothing moves any more.
func (d *Demo) attack(ctx context.Context) error {
	if err := d.connected(ctx); err != nil {
		return err
	}
	// The members joined one after the other: only now does each know what
	// belongs to those that came behind it.
	for _, m := range d.members {
		m.node.Hello(ctx)
	}
	away := d.member(d.cfg.Offline)
	if away != nil {
		away.node.Link().Suspend()
	}
	first := d.members[0]
	if len(d.cfg.Events) == 0 {
		if err := d.sample(ctx, first.live, first.node.Take); err != nil {
			return err
		}
	} else {
		rep, err := d.play(ctx, d.cfg.Events, first.node.Take)
		tellUnread(d.cfg.Log, rep)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.report = rep
		d.mu.Unlock()
	}
	if err := first.node.CatchUp(ctx); err != nil { // the recording is at its end
		return err
	}
	if err := d.rest(ctx); err != nil {
		return err
	}
	if away != nil {
		away.node.Link().Resume()
		if err := d.connected(ctx); err != nil {
			return err
		}
		if err := d.rest(ctx); err != nil {
			return err
		}
	}
	if len(d.cfg.Events) > 0 {
		return nil
	}
	// The attacker goes on, at the university, which is armed by now.
	last := d.members[2]
	if err := d.sample(ctx, last.live, last.node.Take); err != nil {
		return err
	}
	if err := last.node.CatchUp(ctx); err != nil {
		return err
	}
	return d.rest(ctx)
}

func (d *Demo) member(key string) *demoMember {
	for _, m := range d.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

// connected waits until every member is connected to the hub.
func (d *Demo) connected(ctx context.Context) error {
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		all := true
		for _, m := range d.members {
			all = all && m.node.Link().Connected() && d.Hub.Directory().Online(m.id)
		}
		if all {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fault.New(fault.Unavailable, i18n.T("a member of the demo did not connect", "デモの構成員が接続できませんでした"))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close ends everyone, and removes the folder if it is the demo's own.
func (d *Demo) Close() {
	for _, m := range d.members {
		if m.node != nil {
			m.node.Close()
		}
	}
	if d.Hub != nil {
		d.Hub.Close()
	}
	if d.own {
		if err := os.RemoveAll(d.dir); err != nil {
			d.cfg.Log.Warn("could not remove the demo's folder", slog.Any("err", err))
		}
	}
}
