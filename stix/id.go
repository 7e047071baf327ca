package stix

import (
	"strings"

	"github.com/google/uuid"
)

// NewID returns a random identifier (UUIDv4) of a type, as section 2.9 asks for
// of all objects but observables.
func NewID(typ string) string { return typ + "--" + uuid.NewString() }

// SplitID returns the type of an identifier; ok is false if it is not one: a type
// name, two hyphens, and a UUID in its usual form.
func SplitID(id string) (typ string, ok bool) {
	typ, u, found := strings.Cut(id, "--")
	if !found || len(u) != 36 || !typeName(typ) {
		return "", false
	}
	for i, c := range []byte(u) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return "", false
			}
		default:
			if !isHex(c) {
				return "", false
			}
		}
	}
	return typ, true
}

// rfc4122 reports whether an identifier's UUID has a version from 1 to 5 and
// the variant of RFC 4122, which is what STIX asks for.
func rfc4122(id string) bool {
	_, u, _ := strings.Cut(id, "--")
	return len(u) == 36 && u[14] >= '1' && u[14] <= '5' && strings.IndexByte("89abAB", u[19]) >= 0
}

// typeName reports whether s can name a type: a-z, 0-9 and hyphens, from 3 to
// 250 letters (section 3.1). Upper case and underscores, which older content
// has, are let through here and found by Validate.
func typeName(s string) bool {
	if len(s) < 1 || len(s) > 250 || !isLetter(s[0]) {
		return false
	}
	for _, c := range []byte(s) {
		if !isLetter(c) && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
