package principal

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds of a Resolver that Options leave at 0.
const (
	defaultEntries = 500_000
	maxNames       = 64 // of one entry
	maxLeases      = 32 // of one address, the newest
)

// Options say how much a Resolver keeps.
type Options struct {
	// accounts and machines learnt from events, and addresses with leases; 500,000 each if 0. The ones not seen for the
	// longest time go first; imported ones stay.
	MaxEntries int
	Lease      time.Duration // how long an address that a machine said to have stays its; 1 h if 0
}

// Stats counts what a Resolver knows and what it could not take.
type Stats struct {
	Accounts, Machines, Imported int
	Names, Leases                int
	Conflicts                    int64 // names that two claimed
	Forgotten                    int64 // entries dropped because of MaxEntries
}

// Resolver finds the one account or machine behind its many names. It may be used by several goroutines.
type Resolver struct {
	opts Options

	mu      sync.RWMutex
	entries map[uint64]*entry // under mu
	byName  map[Name]uint64   // under mu; 0 for a name that is disputed
	// under mu; accounts by user name, machines by host name ("host:" before it), to see whether it is one only
	short  map[string][]uint64
	leases map[string][]Lease // under mu; by address, rising by From
	next   uint64             // under mu
	tick   int64              // under mu; rises with each use, to find what was not seen for the longest time
	stats  Stats              // under mu
}

// entry is one account or machine.
type entry struct {
	id       uint64
	label    string // what it is called in alerts and states; it never changes
	machine  bool
	imported bool
	names    []Name
	used     int64
}

func (e *entry) has(k Kind) bool {
	return slices.ContainsFunc(e.names, func(n Name) bool { return n.Kind == k })
}

// New makes an empty Resolver.
func New(opts Options) *Resolver {
	opts.MaxEntries = cmp.Or(opts.MaxEntries, defaultEntries)
	opts.Lease = cmp.Or(opts.Lease, time.Hour)
	return &Resolver{
		opts:    opts,
		entries: map[uint64]*entry{},
		byName:  map[Name]uint64{},
		short:   map[string][]uint64{},
		leases:  map[string][]Lease{},
	}
}

// Stats returns the counts.
func (b *Resolver) Stats() Stats {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := b.stats
	s.Names = len(b.byName)
	for _, e := range b.entries {
		switch {
		case e.machine:
			s.Machines++
		default:
			s.Accounts++
		}
		if e.imported {
			s.Imported++
		}
	}
	for _, l := range b.leases {
		s.Leases += len(l)
	}
	return s
}

// Resolve returns one text for all names of an account or a machine, at a time:
// "" if the name names none, and the name itself, in one form, if nothing is
// known of it.
func (b *Resolver) Resolve(n Name, at time.Time) string {
	if n.Kind == None {
		return ""
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if n.Kind == IP {
		host, ok := b.leased(n.Text, at)
		if !ok {
			return n.String()
		}
		n = Machine(host)
	}
	if e := b.find(n); e != nil {
		return e.label
	}
	return n.String()
}

// find returns the entry of a name. A user name by itself, or a host name without
// domain, is that of the only one that has it.
func (b *Resolver) find(n Name) *entry {
	if id, ok := b.byName[n]; ok {
		return b.entries[id] // nil for 0
	}
	if key, ok := shortKey(n); ok && n.Kind != Address {
		if list := b.short[key]; len(list) == 1 && (n.Kind == Short || n.Kind == Host) {
			return b.entries[list[0]]
		}
	}
	return nil
}

// Names lists what one entry is known by, and whether it was imported; nothing
// if the name is not known.
func (b *Resolver) Names(n Name, at time.Time) (names []string, imported bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if n.Kind == IP {
		if host, ok := b.leased(n.Text, at); ok {
			n = Machine(host)
		}
	}
	e := b.find(n)
	if e == nil {
		return nil, false
	}
	for _, m := range e.names {
		names = append(names, m.String())
	}
	slices.Sort(names)
	return names, e.imported
}

// Link says that all names are of one account, or of one machine; imported if a
// list says so. ok is false if some of them are known to be of different ones:
// then those are left as they are.
func (b *Resolver) Link(imported bool, names ...Name) (ok bool) {
	_, ok = b.tie(imported, names)
	return ok
}

func (b *Resolver) tie(imported bool, names []Name) (label string, ok bool) {
	names = slices.DeleteFunc(
		slices.Clone(names),
		func(n Name) bool { return n.Kind == None || n.Kind == Service || n.Kind == IP },
	)
	if len(names) == 0 {
		return "", true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick++
	machine := names[0].Kind == Host || names[0].Kind == FQDN
	// A user name by itself links nothing: many domains have one.
	strong := slices.DeleteFunc(
		slices.Clone(names),
		func(n Name) bool { return n.Kind == Short || n.Kind == Host && !imported && len(names) > 1 },
	)
	var to *entry
	var sid Name
	ok = true
	for _, n := range strong {
		if n.Kind == SID {
			sid, to = n, b.entries[b.byName[n]]
		}
	}
	for _, n := range strong {
		id, known := b.byName[n]
		e := b.entries[id]
		switch {
		case !known || e != nil && e == to:
		case e == nil: // disputed
			if imported {
				delete(b.byName, n)
			}
		case to == nil && (sid.Kind == None || !e.has(SID)):
			to = e
		case to != nil && imported && !e.imported && n.Kind != SID:
			b.drop(e, n) // the list takes precedence
		case to != nil && b.compatible(to, e):
			to = b.merge(to, e)
		}
	}
	if to == nil {
		to = b.create(cmp.Or(sid, first(strong), names[0]), machine)
	}
	to.imported = to.imported || imported
	to.used = b.tick
	for _, n := range names {
		if !b.add(to, n, imported) {
			ok = false
		}
	}
	b.trim()
	return to.label, ok
}

func first(names []Name) Name {
	if len(names) == 0 {
		return Name{}
	}
	return names[0]
}

func (b *Resolver) create(n Name, machine bool) *entry {
	b.next++
	e := &entry{id: b.next, label: n.String(), machine: machine}
	b.entries[e.id] = e
	return e
}

// add adds a name to e; false if it is another's.
func (b *Resolver) add(e *entry, n Name, imported bool) bool {
	if slices.Contains(e.names, n) {
		return true
	}
	if len(e.names) >= maxNames {
		return false
	}
	if n.Kind == Short || n.Kind == Host && !e.machine {
		e.names = append(e.names, n)
		b.index(e, n)
		return true
	}
	if n.Kind == SID && !imported && e.has(SID) {
		return false // an account has one SID; recreated, it has another
	}
	id, known := b.byName[n]
	switch other := b.entries[id]; {
	case !known:
	case other == e:
		return true
	case other == nil && !imported:
		return false
	case other != nil && imported && !other.imported:
		b.drop(other, n)
	case other != nil && other.imported:
		b.stats.Conflicts++
		return false
	case other != nil:
		// Two entries from events claim it: it belongs to neither.
		b.stats.Conflicts++
		b.drop(other, n)
		b.byName[n] = 0
		return false
	}
	b.byName[n] = e.id
	e.names = append(e.names, n)
	b.index(e, n)
	return true
}

func (b *Resolver) drop(e *entry, n Name) {
	delete(b.byName, n)
	e.names = slices.DeleteFunc(e.names, func(m Name) bool { return m == n })
	b.reindex(e, n)
}

// compatible reports whether two entries may be one.
func (b *Resolver) compatible(x, y *entry) bool {
	if x.machine != y.machine || x.imported && y.imported || len(x.names)+len(y.names) > maxNames {
		return false
	}
	sids := map[Name]bool{}
	for _, n := range append(slices.Clone(x.names), y.names...) {
		if n.Kind == SID {
			sids[n] = true
		}
	}
	return len(sids) <= 1
}

// merge makes one entry of two. The imported one's label stays, or the older's,
// since states of correlations are kept under it.
func (b *Resolver) merge(x, y *entry) *entry {
	if y.imported && !x.imported || y.imported == x.imported && y.id < x.id {
		x, y = y, x
	}
	delete(b.entries, y.id)
	for _, n := range y.names {
		b.reindexID(y.id, n)
		if n.Kind != Short && !(n.Kind == Host && !y.machine) {
			b.byName[n] = x.id
		}
		if !slices.Contains(x.names, n) {
			x.names = append(x.names, n)
			b.index(x, n)
		}
	}
	x.used = max(x.used, y.used)
	return x
}

// shortKey returns what a name is by itself, without domain.
func shortKey(n Name) (string, bool) {
	switch n.Kind {
	case Short:
		return n.Text, true
	case Down:
		for i := len(n.Text) - 1; i >= 0; i-- {
			if n.Text[i] == '\\' {
				return n.Text[i+1:], true
			}
		}
	case Host:
		return "host:" + n.Text, true
	case FQDN:
		for i := range len(n.Text) {
			if n.Text[i] == '.' {
				return "host:" + n.Text[:i], true
			}
		}
	}
	return "", false
}

func (b *Resolver) index(e *entry, n Name) {
	if key, ok := shortKey(n); ok && !slices.Contains(b.short[key], e.id) {
		b.short[key] = append(b.short[key], e.id)
	}
}

// reindex is index for an entry that lost a name.
func (b *Resolver) reindex(e *entry, n Name) {
	key, ok := shortKey(n)
	if !ok {
		return
	}
	for _, m := range e.names {
		if k, ok := shortKey(m); ok && k == key {
			return
		}
	}
	b.reindexID(e.id, n)
}

func (b *Resolver) reindexID(id uint64, n Name) {
	key, ok := shortKey(n)
	if !ok {
		return
	}
	list := slices.DeleteFunc(b.short[key], func(o uint64) bool { return o == id })
	if len(list) == 0 {
		delete(b.short, key)
		return
	}
	b.short[key] = list
}

// trim removes the learnt entries that were not seen for the longest time, an eighth of
// them at a time.
func (b *Resolver) trim() {
	if len(b.entries) > b.opts.MaxEntries {
		var learnt []*entry
		for _, e := range b.entries {
			if !e.imported {
				learnt = append(learnt, e)
			}
		}
		slices.SortFunc(learnt, func(x, y *entry) int { return cmp.Compare(x.used, y.used) })
		for _, e := range learnt[:min(len(learnt), max(1, b.opts.MaxEntries/8))] {
			b.forget(e)
		}
	}
	// Disputed names are bounded too.
	if len(b.byName) > 8*b.opts.MaxEntries {
		for n, id := range b.byName {
			if id == 0 {
				delete(b.byName, n)
			}
		}
	}
}

func (b *Resolver) forget(e *entry) {
	b.stats.Forgotten++
	delete(b.entries, e.id)
	for _, n := range e.names {
		if b.byName[n] == e.id {
			delete(b.byName, n)
		}
		b.reindexID(e.id, n)
	}
}
