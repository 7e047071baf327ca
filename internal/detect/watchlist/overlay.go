package watchlist

import (
	"maps"
	"slices"

	"github.com/zeebo/xxh3"
)

// overlay is what changed since the layer below it was written: records that
// were added, and tombstones of what was removed below. It is never changed; a change
// makes a new one that shares all untouched parts with the old.
type overlay struct {
	entries [shards]map[uint64][]record // by fingerprint
	gone    [shards]map[string]struct{} // tombstones: see tombstoneKey, tombstoneID, tombstoneSource
	added   int                         // records
	removed int                         // tombstones
	bytes   int64                       // of both, about
	shapes  shapes                      // of all that was ever added to it
	filter  *growing                    // likewise; shared by all versions
}

const shards = 256

func newOverlay(most int) *overlay { return &overlay{filter: newGrowing(most)} }

// The tombstones of what was removed: one entry, all of an id, all of a source.
func tombstoneKey(r *record) string {
	return "k" + string([]byte{byte(r.kind), byte(r.match)}) + string(r.value) + "\x00" + r.source + "\x00" +
		string(r.id)
}
func tombstoneID(id []byte) string         { return "i" + string(id) }
func tombstoneSource(source string) string { return "s" + source }

func shardOf(tombstone string) int { return int(xxh3.HashString(tombstone) % shards) }

// change is one step of a batch: a record to add, or the tombstone of what to remove.
type change struct {
	add       *record // owns its bytes
	tombstone string
	key       *record // with the tombstone of a key: whose
}

// cost is about what a record or a tombstone takes in memory.
func (c change) cost() int64 {
	if c.add != nil {
		return int64(160 + len(c.add.value) + len(c.add.id))
	}
	return int64(64 + len(c.tombstone))
}

// with is the overlay after a batch.
func (o *overlay) with(batch []change) *overlay {
	n := *o
	owned, ownedGone := map[int]bool{}, map[int]bool{}
	shard := func(i int) map[uint64][]record {
		if !owned[i] {
			owned[i] = true
			if n.entries[i] = maps.Clone(n.entries[i]); n.entries[i] == nil {
				n.entries[i] = map[uint64][]record{}
			}
		}
		return n.entries[i]
	}
	// drop takes records out of one fingerprint's list, without changing the old list.
	drop := func(fp uint64, out func(*record) bool) {
		i := int(fp % shards)
		old := n.entries[i][fp]
		if !slices.ContainsFunc(old, func(r record) bool { return out(&r) }) {
			return
		}
		var keep []record
		for _, r := range old {
			if out(&r) {
				n.added--
				n.bytes -= change{add: &r}.cost()
			} else {
				keep = append(keep, r)
			}
		}
		if len(keep) == 0 {
			delete(shard(i), fp)
		} else {
			shard(i)[fp] = keep
		}
	}
	for _, c := range batch {
		if r := c.add; r != nil {
			drop(r.fp, func(old *record) bool { return old.compare(r) == 0 })
			m := shard(int(r.fp % shards))
			m[r.fp] = insert(m[r.fp], *r)
			n.added++
			n.bytes += c.cost()
			n.shapes.add(r.kind, r.match, string(r.value))
			n.filter.add(r.fp)
			continue
		}
		switch {
		case c.key != nil:
			drop(c.key.fp, func(r *record) bool { return r.compare(c.key) == 0 })
		case c.tombstone[0] == 'i':
			n.dropAll(drop, func(r *record) bool { return string(r.id) == c.tombstone[1:] })
		default:
			n.dropAll(drop, func(r *record) bool { return r.source == c.tombstone[1:] })
		}
		if c.tombstone == "" { // there is no layer below
			continue
		}
		i := shardOf(c.tombstone)
		if _, there := n.gone[i][c.tombstone]; there {
			continue
		}
		if !ownedGone[i] {
			ownedGone[i] = true
			if n.gone[i] = maps.Clone(n.gone[i]); n.gone[i] == nil {
				n.gone[i] = map[string]struct{}{}
			}
		}
		n.gone[i][c.tombstone] = struct{}{}
		n.removed++
		n.bytes += c.cost()
	}
	return &n
}

func (o *overlay) dropAll(drop func(uint64, func(*record) bool), out func(*record) bool) {
	var fps []uint64
	for _, m := range o.entries {
		for fp, list := range m {
			if slices.ContainsFunc(list, func(r record) bool { return out(&r) }) {
				fps = append(fps, fp)
			}
		}
	}
	for _, fp := range fps {
		drop(fp, out)
	}
}

func (o *overlay) empty() bool { return o.added == 0 && o.removed == 0 }

// find returns every record of a fingerprint.
func (o *overlay) find(fp uint64, yield func(*record)) {
	if o.added == 0 || !o.filter.may(fp) {
		return
	}
	list := o.entries[fp%shards][fp]
	for i := range list {
		yield(&list[i])
	}
}

// hides reports whether a record of a layer below is no longer what counts.
func (o *overlay) hides(r *record) bool {
	if o.removed > 0 {
		for _, t := range [...]string{tombstoneKey(r), tombstoneID(r.id), tombstoneSource(r.source)} {
			if _, gone := o.gone[shardOf(t)][t]; gone {
				return true
			}
		}
	}
	found := false
	o.find(r.fp, func(mine *record) { found = found || mine.compare(r) == 0 })
	return found
}

// records is the stream of what was added.
func (o *overlay) records() stream {
	list := make([]*record, 0, o.added)
	for _, m := range o.entries {
		for _, of := range m {
			for i := range of {
				list = append(list, &of[i])
			}
		}
	}
	slices.SortFunc(list, func(a, b *record) int { return a.compare(b) })
	return &listed{list}
}

// listed is a stream out of memory.
type listed struct{ list []*record }

func (l *listed) next() (*record, error) {
	if len(l.list) == 0 {
		return nil, nil
	}
	r := l.list[0]
	l.list = l.list[1:]
	return r, nil
}
