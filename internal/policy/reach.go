package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// ReachKey names what a viewer may see: two viewers of one key see the same things,
// whatever their handling is. Of a member's node it changes when the member comes into
// another sector, and when it enters or leaves a trust group; what was read under another
// key may hold things that are not to be seen under this one, and lack others. It is 32
// hexadecimal digits and shows neither names nor groups.
func ReachKey(v Viewer) string {
	parts := append([]string{strconv.FormatBool(v.Hub), strconv.FormatBool(v.Machine),
		strconv.FormatBool(v.User != ""), v.Member}, v.Tokens()...)
	for i, p := range parts {
		parts[i] = strconv.Quote(p)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, " ")))
	return hex.EncodeToString(sum[:16])
}
