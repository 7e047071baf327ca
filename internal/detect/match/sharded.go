package match

import (
	"hash/maphash"
	"iter"
	"maps"
)

// sharded is an immutable map in parts. An edit copies only the parts that it
// changes, so that one change of a map of 100,000 keys copies a few hundred of
// them, and readers of the older map take no lock. The zero value is empty.
type sharded[K comparable, V any] struct {
	seed  maphash.Seed
	parts *[shards]map[K]V // nil for an empty map
	n     int
}

const shards = 256

func (m sharded[K, V]) len() int { return m.n }

func (m sharded[K, V]) get(k K) (v V, ok bool) {
	if m.n == 0 {
		return v, false
	}
	v, ok = m.parts[m.shard(k)][k]
	return v, ok
}

func (m sharded[K, V]) shard(k K) int { return int(maphash.Comparable(m.seed, k) % shards) }

// all yields every key in no particular order.
func (m sharded[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.n == 0 {
			return
		}
		for _, part := range m.parts {
			for k, v := range part {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// edit begins a change of m. m itself stays as it is.
func (m sharded[K, V]) edit() *shardedEdit[K, V] {
	e := &shardedEdit[K, V]{sharded: m}
	if m.parts == nil {
		e.seed = maphash.MakeSeed()
	}
	return e
}

// shardedEdit is a change of a sharded map that is under way.
type shardedEdit[K comparable, V any] struct {
	sharded[K, V]
	parts  [shards]map[K]V // of the new map
	copied [shards]bool
	begun  bool
}

func (e *shardedEdit[K, V]) get(k K) (v V, ok bool) {
	if !e.begun {
		return e.sharded.get(k)
	}
	v, ok = e.parts[e.shard(k)][k]
	return v, ok
}

// part returns a part that may be written to.
func (e *shardedEdit[K, V]) part(k K) map[K]V {
	if !e.begun {
		e.begun = true
		if e.sharded.parts != nil {
			e.parts = *e.sharded.parts
		}
	}
	i := e.shard(k)
	if !e.copied[i] {
		e.copied[i] = true
		if e.parts[i] = maps.Clone(e.parts[i]); e.parts[i] == nil {
			e.parts[i] = map[K]V{}
		}
	}
	return e.parts[i]
}

func (e *shardedEdit[K, V]) set(k K, v V) {
	p := e.part(k)
	before := len(p)
	p[k] = v
	e.n += len(p) - before
}

func (e *shardedEdit[K, V]) delete(k K) {
	if _, ok := e.get(k); ok {
		delete(e.part(k), k)
		e.n--
	}
}

// done returns the changed map. The edit must not be used afterwards.
func (e *shardedEdit[K, V]) done() sharded[K, V] {
	if e.begun {
		e.sharded.parts = &e.parts
	}
	return e.sharded
}
