package principal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// snapshot is a Resolver on disk. Version is that of its format.
type snapshot struct {
	Version  int                `json:"version"`
	Next     uint64             `json:"next"`
	Entries  []savedEntry       `json:"entries"`
	Disputed []Name             `json:"disputed,omitempty"`
	Leases   map[string][]Lease `json:"leases,omitempty"`
}

type savedEntry struct {
	ID       uint64 `json:"id"`
	Label    string `json:"label"`
	Machine  bool   `json:"machine,omitempty"`
	Imported bool   `json:"imported,omitempty"`
	Used     int64  `json:"used"`
	Names    []Name `json:"names"`
}

// Save writes all that is known, so that after a restart the same names resolve to
// the same texts.
func (b *Resolver) Save(w io.Writer) error {
	b.mu.RLock()
	s := snapshot{Version: 1, Next: b.next, Leases: map[string][]Lease{}}
	for _, id := range slices.Sorted(maps.Keys(b.entries)) {
		e := b.entries[id]
		s.Entries = append(s.Entries, savedEntry{e.id, e.label, e.machine, e.imported, e.used, slices.Clone(e.names)})
	}
	for n, id := range b.byName {
		if id == 0 {
			s.Disputed = append(s.Disputed, n)
		}
	}
	slices.SortFunc(
		s.Disputed,
		func(a, b Name) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text)) },
	)
	for ip, l := range b.leases {
		s.Leases[ip] = slices.Clone(l)
	}
	b.mu.RUnlock()
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("save accounts and machines: %w", err)
	}
	return nil
}

// Load replaces all that is known by what Save wrote. On an error nothing
// changes.
func (b *Resolver) Load(r io.Reader) error {
	var s snapshot
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return fmt.Errorf("load accounts and machines: %w", err)
	}
	if s.Version != 1 {
		return fmt.Errorf("load accounts and machines: the file has form %d, and this program reads form 1", s.Version)
	}
	n := New(b.opts)
	n.next = s.Next
	for _, e := range s.Entries {
		if n.entries[e.ID] != nil || e.ID == 0 || e.ID > s.Next {
			return fmt.Errorf("load accounts and machines: entry %d is there twice or out of order", e.ID)
		}
		own := &entry{id: e.ID, label: e.Label, machine: e.Machine, imported: e.Imported, used: e.Used}
		n.entries[e.ID] = own
		n.tick = max(n.tick, e.Used)
		for _, m := range e.Names {
			own.names = append(own.names, m)
			n.index(own, m)
			if m.Kind == Short {
				continue
			}
			if _, taken := n.byName[m]; taken {
				return fmt.Errorf("load accounts and machines: %s is there twice", m)
			}
			n.byName[m] = e.ID
		}
	}
	for _, m := range s.Disputed {
		if _, taken := n.byName[m]; !taken {
			n.byName[m] = 0
		}
	}
	maps.Copy(n.leases, s.Leases)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries, b.byName, b.short, b.leases, b.next, b.tick = n.entries, n.byName, n.short, n.leases, n.next, n.tick
	return nil
}

type savedBaselines struct {
	Version  int                  `json:"version"`
	Accounts map[string]*baseline `json:"accounts"`
}

// Save writes all baselines.
func (h *Baselines) Save(w io.Writer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := json.NewEncoder(w).Encode(savedBaselines{1, h.accounts}); err != nil {
		return fmt.Errorf("save baselines of accounts: %w", err)
	}
	return nil
}

// Load replaces all baselines by what Save wrote. On an error nothing changes.
func (h *Baselines) Load(r io.Reader) error {
	var s savedBaselines
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return fmt.Errorf("load baselines of accounts: %w", err)
	}
	if s.Version != 1 {
		return fmt.Errorf("load baselines of accounts: the file has form %d, and this program reads form 1", s.Version)
	}
	for k, a := range s.Accounts {
		if a == nil {
			delete(s.Accounts, k)
		} else if a.Devices == nil {
			a.Devices = map[string]time.Time{}
		}
	}
	if s.Accounts == nil {
		s.Accounts = map[string]*baseline{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.accounts = s.Accounts
	return nil
}
