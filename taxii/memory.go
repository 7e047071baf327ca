package taxii

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/stix"
)

// Memory is a Backend that holds everything in memory: for tests, and for a server
// that is filled anew at each start. It is safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu       sync.RWMutex
	roots    []*memoryRoot           // under mu
	statuses map[string]memoryStatus // under mu; by root and id
}

type memoryRoot struct {
	name        string
	info        Root
	collections []*memoryCollection
}

type memoryCollection struct {
	Collection
	records []*memoryRecord            // by position
	byID    map[string][]*memoryRecord // each by version
	last    time.Time                  // Added of the last record
	seq     int64
}

type memoryRecord struct {
	Record
	seq  int64
	typ  string
	spec string
	at   time.Time // of the version
	o    *stix.Object
}

type memoryStatus struct {
	Status
	at time.Time
}

// keepStatus is how long a status can be asked for (section 4.3: a day at least).
const keepStatus = 25 * time.Hour

// NewMemory returns an empty backend that dates what it is given by now.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, statuses: map[string]memoryStatus{}}
}

// AddRoot adds an API root. The first is the default.
func (m *Memory) AddRoot(name string, info Root, collections ...Collection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &memoryRoot{name: name, info: info}
	for _, c := range collections {
		if c.MediaTypes == nil {
			c.MediaTypes = []string{MediaSTIX}
		}
		r.collections = append(r.collections, &memoryCollection{Collection: c, byID: map[string][]*memoryRecord{}})
	}
	m.roots = append(m.roots, r)
}

// Roots returns the names of the API roots.
func (m *Memory) Roots(context.Context) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for _, r := range m.roots {
		names = append(names, r.name)
	}
	return names, nil
}

// Root describes an API root.
func (m *Memory) Root(_ context.Context, root string) (Root, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, err := m.root(root)
	if err != nil {
		return Root{}, err
	}
	return r.info, nil
}

// Collections returns the collections of a root.
func (m *Memory) Collections(_ context.Context, root string) (list []Collection, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, err := m.root(root)
	if err != nil {
		return nil, err
	}
	for _, c := range r.collections {
		list = append(list, c.Collection)
	}
	return list, nil
}

// Records returns records in the order in which they were added.
func (m *Memory) Records(_ context.Context, root, collection string, q Query) (Page, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, err := m.collection(root, collection)
	if err != nil {
		return Page{}, err
	}
	after := int64(0)
	if q.After != "" {
		if after, err = strconv.ParseInt(q.After, 10, 64); err != nil {
			return Page{}, fmt.Errorf("taxii: a position that memory did not give: %w", err)
		}
	}
	list := c.records
	if len(q.Filter.IDs) > 0 {
		list = nil
		for _, id := range q.Filter.IDs {
			list = append(list, c.byID[id]...)
		}
		slices.SortFunc(list, func(a, b *memoryRecord) int { return cmp.Compare(a.seq, b.seq) })
	}
	from, _ := slices.BinarySearchFunc(list, after+1, func(r *memoryRecord, seq int64) int {
		return cmp.Compare(r.seq, seq)
	})
	page := Page{High: c.last}
	for _, r := range list[from:] {
		if !r.Added.After(q.AddedAfter) || !c.wanted(r, q.Filter) {
			continue
		}
		if len(page.Records) == q.Limit {
			page.More = true
			break
		}
		record := r.Record
		if !q.Bytes {
			record.Object = nil
		}
		page.Records = append(page.Records, record)
	}
	return page, nil
}

// wanted reports whether a filter lets a record through. Which of an object's versions
// is the first and which the last is decided among those in the spec versions that
// are asked for, or else in the latest.
func (c *memoryCollection) wanted(r *memoryRecord, f Filter) bool {
	if !f.Matches(r.ID, r.typ, r.spec) {
		return false
	}
	specs := f.SpecVersions
	if len(specs) == 0 {
		latest := ""
		for _, v := range c.byID[r.ID] {
			latest = max(latest, v.spec)
		}
		specs = []string{latest}
	}
	if !slices.Contains(specs, r.spec) {
		return false
	}
	first, last := true, true
	for _, v := range c.byID[r.ID] {
		if v != r && slices.Contains(specs, v.spec) {
			first = first && r.at.Before(v.at)
			last = last && r.at.After(v.at)
		}
	}
	return f.Versions.Wants(r.at, first, last)
}

// Exists reports whether a collection has an object.
func (m *Memory) Exists(_ context.Context, root, collection, id string) (bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, err := m.collection(root, collection)
	if err != nil {
		return false, err
	}
	return len(c.byID[id]) > 0, nil
}

// Add takes objects at once, each on its own.
func (m *Memory) Add(_ context.Context, root, collection string, objects []Submission) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.collection(root, collection)
	if err != nil {
		return Status{}, err
	}
	now := m.now()
	st := Status{ID: uuid.NewString(), Status: Complete, Requested: FormatDate(now), TotalCount: len(objects)}
	for _, o := range objects {
		version, err := c.add(o, now)
		if err != nil {
			st.Failures = append(st.Failures, StatusDetail{ID: o.ID, Version: cmp.Or(o.Version, FormatDate(now)),
				Message: err.Error()})
			continue
		}
		st.Successes = append(st.Successes, StatusDetail{ID: o.ID, Version: version})
	}
	st.SuccessCount, st.FailureCount = len(st.Successes), len(st.Failures)
	for key, old := range m.statuses {
		if now.Sub(old.at) > keepStatus {
			delete(m.statuses, key)
		}
	}
	m.statuses[root+"/"+st.ID] = memoryStatus{st, now}
	return st, nil
}

func (c *memoryCollection) add(s Submission, now time.Time) (version string, err error) {
	o, err := stix.Parse(s.Raw)
	if err != nil {
		return "", err
	}
	spec := o.Text("spec_version")
	if spec == "" {
		spec = "2.1" // observables may leave it out (section 3.1)
	}
	at := o.Modified()
	if at.IsZero() {
		at = o.Created()
	}
	r := &memoryRecord{typ: o.Type(), spec: spec, at: at.Time(), o: o}
	version = at.String()
	for _, old := range c.byID[o.ID()] {
		if !at.IsZero() && !old.at.Equal(r.at) {
			continue
		}
		if !stix.SameContent(old.o, o) {
			return "", fmt.Errorf("taxii: %s is here in this version with other content", o.ID())
		}
		return old.Version, nil
	}
	c.last = later(now, c.last)
	if at.IsZero() {
		r.at, version = c.last, FormatDate(c.last)
	}
	c.seq++
	r.seq = c.seq
	r.Record = Record{ID: o.ID(), Version: version, Added: c.last, Position: strconv.FormatInt(c.seq, 10),
		Object: json.RawMessage(o.Bytes())}
	c.records = append(c.records, r)
	c.byID[o.ID()] = append(c.byID[o.ID()], r)
	return version, nil
}

// later returns now in whole microseconds, or the next one after the last if it is not later.
func later(now, last time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if !now.After(last) {
		now = last.Add(time.Microsecond)
	}
	return now
}

// Status returns what became of objects that were added.
func (m *Memory) Status(_ context.Context, root, id string) (Status, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	st, ok := m.statuses[root+"/"+id]
	if !ok || m.now().Sub(st.at) > keepStatus {
		return Status{}, ErrNotFound
	}
	return st.Status, nil
}

// Delete removes an object in the versions that f asks for.
func (m *Memory) Delete(_ context.Context, root, collection, id string, f Filter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.collection(root, collection)
	if err != nil {
		return err
	}
	gone := map[*memoryRecord]bool{}
	for _, r := range c.byID[id] {
		if c.wanted(r, f) {
			gone[r] = true
		}
	}
	if len(gone) == 0 {
		return ErrNotFound
	}
	isGone := func(r *memoryRecord) bool { return gone[r] }
	c.records = slices.DeleteFunc(c.records, isGone)
	if c.byID[id] = slices.DeleteFunc(c.byID[id], isGone); len(c.byID[id]) == 0 {
		delete(c.byID, id)
	}
	return nil
}

func (m *Memory) root(name string) (*memoryRoot, error) {
	for _, r := range m.roots {
		if r.name == name {
			return r, nil
		}
	}
	return nil, ErrNotFound
}

func (m *Memory) collection(root, id string) (*memoryCollection, error) {
	r, err := m.root(root)
	if err != nil {
		return nil, err
	}
	for _, c := range r.collections {
		if c.ID == id {
			return c, nil
		}
	}
	return nil, ErrNotFound
}
