package history

import (
	"container/list"
	"hash/crc32"
	"os"
	"sync"

	"github.com/parquet-go/parquet-go/bloom"
)

// bloomCache keeps the bloom filters of sealed files in memory, the last used
// ones up to a bound. It is safe for concurrent use.
type bloomCache struct {
	bound int64

	mu    sync.Mutex
	used  int64                    // under mu
	held  map[string]*list.Element // under mu; by the file's id
	order list.List                // under mu; of heldBloom, last used first
}

type heldBloom struct {
	file   string
	filter bloom.SplitBlockFilter
	size   int64
}

func newBloomCache(bound int64) *bloomCache {
	return &bloomCache{bound: bound, held: map[string]*list.Element{}}
}

// get returns the bloom filter of f, from memory or from its file.
func (c *bloomCache) get(f *file) (bloom.SplitBlockFilter, error) {
	c.mu.Lock()
	if e, ok := c.held[f.id]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(heldBloom).filter, nil
	}
	c.mu.Unlock()

	at := f.meta.Bloom
	pf, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer pf.Close()
	b := make([]byte, at.Len)
	if _, err := pf.ReadAt(b, at.Off); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != at.CRC {
		return nil, errDamaged
	}
	filter := bloom.MakeSplitBlockFilter(b)
	c.put(heldBloom{f.id, filter, at.Len})
	return filter, nil
}

func (c *bloomCache) put(h heldBloom) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.held[h.file]; ok || h.size > c.bound {
		return
	}
	c.held[h.file] = c.order.PushFront(h)
	c.used += h.size
	for c.used > c.bound {
		c.removeLocked(c.order.Back())
	}
}

// drop forgets the filter of a file that is gone.
func (c *bloomCache) drop(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.held[file]; ok {
		c.removeLocked(e)
	}
}

func (c *bloomCache) removeLocked(e *list.Element) {
	h := c.order.Remove(e).(heldBloom)
	delete(c.held, h.file)
	c.used -= h.size
}
