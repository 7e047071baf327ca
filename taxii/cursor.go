package taxii

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// cursor is where a page ended. It is sealed into next, so that it means the same in
// every process that has the key, after a restart too, and nobody else can make one.
type cursor struct {
	Endpoint string `json:"e"` // objects, manifest or versions
	Place    string `json:"c"` // root and collection, and the object of a list of its versions
	Filter   string `json:"f"`
	Added    int64  `json:"a,omitempty"` // added_after of the first page, µs
	After    string `json:"p"`           // position of the last record of the page
	Limit    int    `json:"l"`           // of the page, for a request that gives none
}

const sealSize = 16 // bytes; 128 bits against guessing

func (s *Server) seal(c cursor) string {
	body, err := json.Marshal(c)
	if err != nil {
		return "" // strings and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(append(s.mac(body)[:sealSize:sealSize], body...))
}

// open returns the cursor in next. It must be of the same endpoint, place and filter;
// added_after may be repeated or left out, and the limit may be another.
func (s *Server) open(next string, want cursor) (cursor, error) {
	bad := badRequest("next is not one that this list gave for these filters; start again without it")
	b, err := base64.RawURLEncoding.Strict().DecodeString(next)
	if err != nil || len(b) < sealSize || !hmac.Equal(b[:sealSize], s.mac(b[sealSize:])[:sealSize]) {
		return cursor{}, bad
	}
	var c cursor
	if err := json.Unmarshal(b[sealSize:], &c); err != nil {
		return cursor{}, bad
	}
	if c.Endpoint != want.Endpoint || c.Place != want.Place || c.Filter != want.Filter ||
		want.Added != 0 && want.Added != c.Added {
		return cursor{}, bad
	}
	return c, nil
}

func (s *Server) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("taxii next\x00"))
	h.Write(body)
	return h.Sum(nil)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
