package follow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
)

// Sink takes a batch of events. It returns nil only when all of them are stored:
// after that they are never read again. On an error the same batch comes again.
//
// A batch may also come again after a crash between the sink and the
// checkpoint. Its events then have the same IDs, so a Sink must treat an ID that
// it has already as the same event. That makes reading at least once into storing
// exactly once.
type Sink func(ctx context.Context, events []*event.Event) error

// Checkpoints keeps how far each file was read. Checkpoints differ by Key.
// Save must be durable when it returns, and must replace checkpoints of the same Key;
// a checkpoint with Gone set may be forgotten. A Follower calls it from one goroutine.
type Checkpoints interface {
	Load(ctx context.Context) (map[string]Checkpoint, error) // by Key
	Save(ctx context.Context, checkpoints []Checkpoint) error
}

// Checkpoint is how far a file was read. It is saved once before anything is read of
// the file, so that Epoch is fixed, and then after each batch that was stored.
type Checkpoint struct {
	Key string `json:"key"` // UUID of this checkpoint
	// what event IDs start from: one for each generation of a file's content
	Epoch         string `json:"epoch"`
	Path          string `json:"path"` // where it was first seen; Source.Name of its events
	Device, Inode uint64 // 0 where the system has none
	HeadLen       int    `json:"head_len"`           // the file's first bytes, and
	Head          string `json:"head"`               // their SHA-256 in hexadecimal
	Offset        int64  `json:"offset"`             // bytes read and kept
	Record        int64  `json:"record"`             // lines among them
	Skipping      bool   `json:"skipping,omitempty"` // Offset is within a line that is too long
	Columns       string `json:"columns,omitempty"`  // names of the columns at Offset, if lines have such
	// of a Windows event log: the record last kept; it has no Offset
	Log *evtx.Position `json:"log,omitempty"`
	// read once, as a whole (archives); Size and Modified say which state of it
	Whole    bool      `json:"whole,omitempty"`
	Done     bool      `json:"done,omitempty"`
	Sum      string    `json:"sum,omitempty"` // of a Whole: SHA-256 of the Size bytes that were read
	Size     int64     `json:"size,omitempty"`
	Modified time.Time `json:"modified,omitzero"` // of the file when it was last read
	// files beside Path that were last written before this were there before it was followed
	Since time.Time `json:"since,omitzero"`
	// read to its end, under a name that is not followed; kept so that it is recognised
	Past bool `json:"past,omitempty"`
	Gone bool `json:"gone,omitempty"` // read to its end and removed: forget it
}

// headMax is the most bytes by which one file is distinguished from another.
const headMax = 1024

// readHead hashes the first n bytes of f; ok is false if f is shorter.
func readHead(f io.ReaderAt, n int) (sum string, ok bool) {
	b := make([]byte, n)
	if m, err := f.ReadAt(b, 0); m < n && err != nil {
		return "", false
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:]), true
}

// same reports whether f begins as the file of m did, and still holds what was
// read of it.
func (m Checkpoint) same(f io.ReaderAt, size int64) bool {
	if size < m.Offset {
		return false
	}
	if m.HeadLen == 0 {
		return true
	}
	sum, ok := readHead(f, m.HeadLen)
	return ok && sum == m.Head
}

// advance notes that all before offset was stored, and extends the fingerprint as far
// as possible.
func (m *Checkpoint) advance(f io.ReaderAt, offset int64) {
	m.Offset = offset
	n := int(min(offset, headMax))
	if n > m.HeadLen {
		if sum, ok := readHead(f, n); ok {
			m.HeadLen, m.Head = n, sum
		}
	}
}

// content hashes all of a file, and its first n bytes; head is empty if n is 0
// or the file is shorter.
func content(p string, n int64) (all, head string, err error) {
	f, err := os.Open(p)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	h := sha256.New()
	if n > 0 {
		switch _, err := io.CopyN(h, f, n); {
		case err == nil:
			head = hex.EncodeToString(h.Sum(nil))
		case !errors.Is(err, io.EOF):
			return "", "", err
		}
	}
	if _, err := io.Copy(h, f); err != nil {
		return "", "", err
	}
	return hex.EncodeToString(h.Sum(nil)), head, nil
}
