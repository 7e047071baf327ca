package read

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// RecordID names a record by where it was read and what it says: a UUIDv8 (RFC
// 9562) over SHA-256 of seed, offset and raw. Reading the same record again
// has the same id; no one can make another record that has it.
func RecordID(seed string, offset int64, raw []byte) string {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(offset))
	binary.BigEndian.PutUint64(n[8:], uint64(len(seed)))
	h.Write(n[:])
	h.Write([]byte(seed))
	h.Write(raw)
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
