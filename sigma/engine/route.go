package engine

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
	"github.com/meneki/meneki/sigma/internal/source"
)

// route is a log source as far as rules tell it from others, with its
// partitions by EventID.
type route struct {
	rules []*program // that cover it, in the order of the set
	named map[int64]*atomic.Pointer[partition]
	other atomic.Pointer[partition] // an EventID that no rule names
	open  atomic.Pointer[partition] // no single EventID: all rules
}

// Bounds of the spellings of log sources that one worker remembers.
const (
	maxRoutes   = 4096
	maxRouteKey = 512 // bytes
)

// route finds the route of a log source, or makes it.
func (w *Worker) route(product, service string, categories []string) *route {
	key := append(append(append(w.key[:0], product...), 0), service...)
	for _, c := range categories {
		key = append(append(key, 0), c...)
	}
	w.key = key
	if rt := w.routes[string(key)]; rt != nil {
		return rt
	}
	if len(w.routes) >= maxRoutes {
		clear(w.routes)
	}
	rt := w.engine.route(product, service, categories)
	if len(key) <= maxRouteKey {
		w.routes[string(key)] = rt
	}
	return rt
}

// route is the same for all workers. What no rule names is left out, so that
// there are no more routes than rules can tell apart.
func (e *Engine) route(product, service string, categories []string) *route {
	known := func(in map[string]bool, s string) string {
		if s = fold.Text(s); in[s] {
			return s
		}
		return ""
	}
	wider := known(e.services, source.Wider(product, service))
	var list []string
	for _, c := range categories {
		if c = known(e.categories, c); c != "" && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	slices.Sort(list)
	key := known(e.products, product) + "\x00" + known(e.services, service) + "\x00" + wider + "\x00" +
		strings.Join(list, "\x00")
	if product == sigma.AnySource && service == "" { // covered by others than an event without a product
		key = sigma.AnySource + key
		if len(categories) > 0 && len(list) == 0 {
			key = "" // by none: none names its categories
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if rt := e.routes[key]; rt != nil {
		return rt
	}
	rt := &route{named: map[int64]*atomic.Pointer[partition]{}}
	for _, p := range e.programs {
		if !p.rule.LogSource.Covers(product, service, categories) {
			continue
		}
		rt.rules = append(rt.rules, p)
		for id := range p.ids {
			rt.named[id] = new(atomic.Pointer[partition])
		}
	}
	e.routes[key] = rt
	return rt
}

// partition returns the partition for an event with this EventID, or, if single
// is false, for one without a single EventID.
func (rt *route) partition(e *Engine, id int64, single bool) *partition {
	at := rt.at(id, single)
	if p := at.Load(); p != nil {
		return p
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := at.Load(); p != nil {
		return p
	}
	rules := rt.rules
	if single {
		rules = nil
		for _, p := range rt.rules {
			if p.ids == nil || p.ids[id] {
				rules = append(rules, p)
			}
		}
	}
	p := newPartition(rt, e.serial, rules, &requirer{popular: e.popular})
	p.id, p.single = id, single
	e.serial++
	at.Store(p)
	return p
}

func (rt *route) at(id int64, single bool) *atomic.Pointer[partition] {
	if !single {
		return &rt.open
	}
	if at := rt.named[id]; at != nil {
		return at
	}
	return &rt.other
}

// all returns the partitions that were made.
func (rt *route) all() []*partition {
	var out []*partition
	add := func(at *atomic.Pointer[partition]) {
		if p := at.Load(); p != nil {
			out = append(out, p)
		}
	}
	add(&rt.open)
	add(&rt.other)
	for _, at := range rt.named {
		add(at)
	}
	return out
}
