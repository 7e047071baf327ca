package feed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
)

// A cursor is a place with a seal. Its positions are those of something that the member
// could see, or 0. The seal holds for the member, for the run and for all that decides
// what the member may see: if one of these is another, the cursor is as good as a forged
// one, and the member begins from the start.

const (
	sealSize   = 16
	placeSize  = 16
	cursorSize = placeSize + sealSize
)

// era names a time in which a member's cursors hold: by the run, and by all that decides
// what the member may see.
func (f *Feed) era(run string, v policy.Viewer) string {
	m := hmac.New(sha256.New, f.secret)
	m.Write([]byte(run + " " + policy.ReachKey(v)))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// seal makes the cursor of a place.
func (f *Feed) seal(era string, at object.Place) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, cursorSize), uint64(at.Seq)) //nolint:gosec // never below 0
	b = binary.BigEndian.AppendUint64(b, uint64(at.Recall))                         //nolint:gosec // never below 0
	return base64.RawURLEncoding.EncodeToString(f.sealed(b, era))
}

func (f *Feed) sealed(b []byte, era string) []byte {
	m := hmac.New(sha256.New, f.secret)
	m.Write([]byte(era))
	m.Write(b)
	return append(b, m.Sum(nil)[:sealSize]...)
}

// unseal returns the place of a cursor; ok is false if it is none of this era.
func (f *Feed) unseal(era, cursor string) (at object.Place, ok bool) {
	if cursor == "" {
		return at, true
	}
	if len(cursor) > 2*cursorSize || strings.ContainsAny(cursor, "\r\n") {
		return at, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != cursorSize || !hmac.Equal(f.sealed(b[:placeSize:placeSize], era), b) {
		return at, false
	}
	at.Seq = int64(binary.BigEndian.Uint64(b))        //nolint:gosec // sealed by us
	at.Recall = int64(binary.BigEndian.Uint64(b[8:])) //nolint:gosec // sealed by us
	return at, true
}

// Between is what is between two of a member's cursors: behind After, up to Upto. It stays
// true as long as Era is the member's.
type Between struct {
	Era         string
	After, Upto int64
}

// Between returns what is between two cursors that a member was given; ok is false if they
// do not hold, or any more.
func (f *Feed) Between(ctx context.Context, member, from, upto string) (b Between, ok bool, err error) {
	people, err := f.Members.Active(ctx)
	if err != nil {
		return b, false, err
	}
	i := slices.IndexFunc(people, func(m identity.Member) bool { return m.ID == member })
	if i < 0 || upto == "" {
		return b, false, nil
	}
	b.Era = f.Era(people[i])
	after, known := f.unseal(b.Era, from)
	end, knownToo := f.unseal(b.Era, upto)
	b.After, b.Upto = after.Seq, end.Seq
	return b, known && knownToo && b.After < b.Upto, nil
}

// Era names the time in which what a member was given holds: it is another once something
// changed that decides what the member may have.
func (f *Feed) Era(m identity.Member) string {
	f.mu.Lock()
	run := f.run
	f.mu.Unlock()
	return f.era(run, m.Node())
}
