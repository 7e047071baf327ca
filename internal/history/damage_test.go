package history

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
)

// twoFiles makes a history of two sealed files and closes it.
func twoFiles(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	h := open(t, Options{Dir: dir, SegmentEvents: 100_000})
	put(t, h, samples(0, 40)...)
	flush(t, h)
	put(t, h, samples(40, 80)...)
	flush(t, h)
	shut(t, h)
	if files = under(t, dir, parquetExt); len(files) != 2 {
		t.Fatalf("files: %v", files)
	}
	return dir, files
}

func flipAt(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += int64(len(b))
	}
	b[at] ^= 0x55
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// halfLeft checks that one of the two files is set aside and the other answers.
func halfLeft(t *testing.T, h *History) {
	t.Helper()
	find(t, h, Query{})
	if got := find(t, h, Query{}); len(got) != 40 {
		t.Errorf("%d events are left", len(got))
	}
	p := h.Problems()
	if len(p) != 1 || !strings.HasSuffix(p[0].Path, parquetExt+badExt) || p[0].Err == nil {
		t.Fatalf("problems: %v", p)
	}
	if _, err := os.Stat(p[0].Path); err != nil {
		t.Error(err)
	}
	put(t, h, sample(100))
	flush(t, h)
	shut(t, h)
	h = open(t, Options{Dir: h.opt.Dir})
	if got := find(t, h, Query{}); len(got) != 41 || len(h.Problems()) != 0 {
		t.Errorf("after a restart: %d events, %v", len(got), h.Problems())
	}
}

func TestDamagedParquet(t *testing.T) {
	t.Run("cut", func(t *testing.T) {
		dir, files := twoFiles(t)
		if err := os.Truncate(files[0], 1000); err != nil {
			t.Fatal(err)
		}
		halfLeft(t, open(t, Options{Dir: dir}))
	})
	t.Run("cut and no index", func(t *testing.T) {
		dir, files := twoFiles(t)
		if err := os.Truncate(files[0], 1000); err != nil {
			t.Fatal(err)
		}
		for _, x := range under(t, dir, indexExt) {
			os.Remove(x)
		}
		halfLeft(t, open(t, Options{Dir: dir}))
	})
	t.Run("footer", func(t *testing.T) {
		dir, files := twoFiles(t)
		flipAt(t, files[0], -300)
		halfLeft(t, open(t, Options{Dir: dir}))
	})
	t.Run("page, found while open", func(t *testing.T) {
		dir, files := twoFiles(t)
		h := open(t, Options{Dir: dir})
		flipAt(t, files[0], 700)
		halfLeft(t, h)
	})
	t.Run("bloom filter", func(t *testing.T) {
		dir, files := twoFiles(t)
		h := open(t, Options{Dir: dir})
		flipAt(t, files[1], h.files[1].meta.Bloom.Off+3)
		flipAt(t, files[0], h.files[0].meta.Bloom.Off+3)
		if _, err := h.Prevalence(t.Context(), ip(1), time.Time{}); err != nil {
			t.Error(err)
		}
		if p := h.Problems(); len(p) != 2 {
			t.Errorf("problems: %v", p)
		}
	})
	t.Run("taken away while open", func(t *testing.T) {
		dir, files := twoFiles(t)
		h := open(t, Options{Dir: dir})
		os.Remove(files[0])
		if got := find(t, h, Query{}); len(got) != 40 || len(h.Problems()) != 1 {
			t.Errorf("%d events, %v", len(got), h.Problems())
		}
	})
	t.Run("foreign", func(t *testing.T) {
		dir, _ := twoFiles(t)
		day := filepath.Join(dir, eventsDir, "class=0", "day=20200101")
		if err := os.MkdirAll(day, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := parquet.WriteFile(filepath.Join(day, "theirs.parquet"), []struct{ A int }{{1}}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(day, "text.parquet"), []byte("PAR1 not at all"), 0o600); err != nil {
			t.Fatal(err)
		}
		h := open(t, Options{Dir: dir})
		if got := find(t, h, Query{}); len(got) != 80 || len(h.Problems()) != 2 {
			t.Errorf("%d events, %v", len(got), h.Problems())
		}
	})
}

// A lost or damaged index is rebuilt and answers as before.
func TestDamagedIndex(t *testing.T) {
	check := func(t *testing.T, h *History) {
		t.Helper()
		same(
			t,
			brute(samples(0, 80), Query{Observables: []event.Observable{ip(7)}}),
			find(t, h, Query{Observables: []event.Observable{ip(7)}}),
		)
		same(t, samples(0, 80), find(t, h, Query{}))
		if p, err := h.Prevalence(t.Context(), ip(7), time.Time{}); err != nil || p.Events != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		if p := h.Problems(); len(p) != 0 {
			t.Errorf("problems: %v", p)
		}
	}
	t.Run("lost", func(t *testing.T) {
		dir, _ := twoFiles(t)
		for _, x := range under(t, dir, indexExt) {
			os.Remove(x)
		}
		check(t, open(t, Options{Dir: dir}))
	})
	t.Run("each byte", func(t *testing.T) {
		dir, _ := twoFiles(t)
		index := under(t, dir, indexExt)[0]
		st, err := os.Stat(index)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(8); at < st.Size(); at += 211 {
			h := open(t, Options{Dir: dir, Window: 1})
			flipAt(t, index, at)
			check(t, h)
			shut(t, h)
			flipAt(t, index, st.Size()-at)
			h = open(t, Options{Dir: dir})
			check(t, h)
			shut(t, h)
		}
	})
	t.Run("lost while open", func(t *testing.T) {
		dir, _ := twoFiles(t)
		h := open(t, Options{Dir: dir})
		for _, x := range under(t, dir, indexExt) {
			os.Remove(x)
		}
		check(t, h)
	})
	t.Run("orphan", func(t *testing.T) {
		dir, _ := twoFiles(t)
		orphan := filepath.Join(dir, indexDir, "none.idx")
		if err := os.WriteFile(orphan, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, open(t, Options{Dir: dir}))
		if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
			t.Error("the orphan is still there")
		}
	})
}

func TestDamagedLog(t *testing.T) {
	make := func(t *testing.T) (string, string) {
		dir := t.TempDir()
		h := open(t, Options{Dir: dir})
		put(t, h, samples(0, 10)...)
		if err := h.SetFound(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		shut(t, h)
		return dir, under(t, dir, walExt)[0]
	}
	t.Run("in the middle", func(t *testing.T) {
		dir, log := make(t)
		flipAt(t, log, 200)
		h := open(t, Options{Dir: dir})
		same(t, samples(1, 10), find(t, h, Query{}))
		if p := h.Problems(); len(p) != 1 || p[0].Path != log {
			t.Errorf("problems: %v", p)
		}
		flush(t, h)
		same(t, samples(1, 10), find(t, h, Query{}))
	})
	t.Run("while open", func(t *testing.T) {
		dir, log := make(t)
		h := open(t, Options{Dir: dir})
		flipAt(t, log, 200)
		same(t, samples(1, 10), find(t, h, Query{}))
		flush(t, h)
		same(t, samples(1, 10), find(t, h, Query{}))
		if p := h.Problems(); len(p) != 1 {
			t.Errorf("problems: %v", p)
		}
	})
	t.Run("head", func(t *testing.T) {
		dir, log := make(t)
		flipAt(t, log, 1)
		flipAt(t, filepath.Join(dir, foundName), 2)
		h := open(t, Options{Dir: dir})
		same(t, nil, find(t, h, Query{}))
		if p := h.Problems(); len(p) != 2 {
			t.Errorf("problems: %v", p)
		}
		put(t, h, sample(0))
	})
	t.Run("found", func(t *testing.T) {
		dir, _ := make(t)
		flipAt(t, filepath.Join(dir, foundName), 20)
		if h := open(t, Options{Dir: dir}); len(h.found) != 0 {
			t.Errorf("a damaged entry was read")
		}
	})
}

// brittle is a log on a disk that fills up, or breaks.
type brittle struct {
	*os.File
	room     *int64 // bytes that still fit; negative is no bound
	syncFail *bool
}

func (b brittle) WriteAt(p []byte, off int64) (int, error) {
	if *b.room >= 0 && int64(len(p)) > *b.room {
		n, _ := b.File.WriteAt(p[:*b.room], off)
		*b.room = 0
		return n, &os.PathError{Op: "write", Path: b.Name(), Err: syscall.ENOSPC}
	}
	if *b.room >= 0 {
		*b.room -= int64(len(p))
	}
	return b.File.WriteAt(p, off)
}

func (b brittle) Sync() error {
	if *b.syncFail {
		return &os.PathError{Op: "sync", Path: b.Name(), Err: syscall.EIO}
	}
	return b.File.Sync()
}

// A full or broken disk refuses events whole, and they can be given again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	room, syncFail := int64(-1), false
	opt := Options{Dir: dir, create: func(path string) (logFile, error) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return brittle{f, &room, &syncFail}, err
	}}
	h := open(t, opt)
	put(t, h, samples(0, 5)...)
	refused := func() {
		t.Helper()
		if fresh, err := h.Append(t.Context(), samples(3, 9)); !fault.Is(err, fault.Storage) || len(fresh) != 0 {
			t.Fatalf("fresh %d, %v", len(fresh), err)
		}
		same(t, samples(0, 5), find(t, h, Query{}))
		copied := open(t, Options{Dir: copyDir(t, dir)})
		same(t, samples(0, 5), find(t, copied, Query{}))
		shut(t, copied)
	}
	for _, left := range []int64{0, 1, 500} {
		room = left
		refused()
	}
	room, syncFail = -1, true
	refused()
	refused()
	syncFail = false
	if _, err := h.Append(t.Context(), samples(3, 9)); err != nil { // the broken log may have to be left first
		t.Logf("first try: %v", err)
	}
	put(t, h, samples(3, 9)...)
	same(t, samples(0, 9), find(t, h, Query{}))
	shut(t, h)
	h = open(t, Options{Dir: dir})
	flush(t, h)
	same(t, samples(0, 9), find(t, h, Query{}))
}

// While files cannot be written, events are safe in the log; when they can be
// again, sealing goes on.
func TestSealingFails(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir, SegmentEvents: 10})
	os.Remove(filepath.Join(dir, tmpDir))
	put(t, h, samples(0, 8)...)
	if err := h.Flush(t.Context()); !fault.Is(err, fault.Storage) {
		t.Fatalf("Flush: %v", err)
	}
	var err error
	n := 8
	for ; err == nil && n < 200; n += 5 {
		_, err = h.Append(t.Context(), samples(n, n+5))
	}
	if !fault.Is(err, fault.Storage) {
		t.Fatalf("logs grow without a bound: %v", err)
	}
	n -= 5
	same(t, samples(0, n), find(t, h, Query{}))
	if err := os.Mkdir(filepath.Join(dir, tmpDir), 0o700); err != nil {
		t.Fatal(err)
	}
	flush(t, h)
	put(t, h, samples(n, n+5)...)
	same(t, samples(0, n+5), find(t, h, Query{}))
}
