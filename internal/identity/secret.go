package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Prefixes of secrets, so that a person or a leak scanner can see what one is.
const (
	PrefixToken  = "mnk_"  // API token
	PrefixInvite = "mnkj_" // invitation of a member's node
	PrefixLink   = "mnkl_" // sign-in link
)

// newSecret returns 32 random bytes after a prefix, and the hash that is stored.
func newSecret(prefix string) (secret, hash string) {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return secret, hashSecret(secret)
}

// hashSecret returns the hash under which a secret is stored and looked up. A plain
// hash is enough for 32 random bytes.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// wellFormed reports whether a text can be one of our secrets; others cost no query.
func wellFormed(secret, prefix string) (string, bool) {
	secret = strings.TrimSpace(secret)
	return secret, strings.HasPrefix(secret, prefix) && len(secret) == len(prefix)+43
}

// same compares in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
