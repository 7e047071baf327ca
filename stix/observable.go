package stix

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// observableNamespace is the UUIDv5 namespace of observables (section 2.9).
var observableNamespace = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")

// contributing lists, for each observable type, the properties that its id is made
// of ("ID Contributing Properties", sections 6.1 to 6.18). A process has none.
var contributing = map[string][]string{
	"artifact":          {"hashes", "payload_bin"},
	"autonomous-system": {"number"},
	"directory":         {"path"},
	"domain-name":       {"value"},
	"email-addr":        {"value"},
	"email-message":     {"from_ref", "subject", "body"},
	"file":              {"hashes", "name", "parent_directory_ref", "extensions"},
	"ipv4-addr":         {"value"},
	"ipv6-addr":         {"value"},
	"mac-addr":          {"value"},
	"mutex":             {"name"},
	"network-traffic": {
		"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions",
	},
	"process":              {},
	"software":             {"name", "cpe", "swid", "vendor", "version"},
	"url":                  {"value"},
	"user-account":         {"account_type", "user_id", "account_login"},
	"windows-registry-key": {"key", "values"},
	"x509-certificate":     {"hashes", "serial_number"},
}

// IsObservable reports whether typ is one of the cyber-observable types.
func IsObservable(typ string) bool { _, ok := contributing[typ]; return ok }

// ObservableID returns the id that section 2.9 makes of the content of an observable: a
// UUIDv5 over the RFC 8785 form of those properties that its type makes ids of. ok is
// false for an object of another type, and for an observable without any of them,
// whose id is random.
func ObservableID(o *Object) (id string, ok bool) {
	id, r := contentID(o.typ, o.members)
	return id, r == nil && id != ""
}

// newID returns the id of a new object.
func newID(typ string, properties []member) (string, error) {
	id, r := contentID(typ, properties)
	switch {
	case r != nil:
		return "", &Error{Object: newObject, Reason: r}
	case id == "":
		return NewID(typ), nil
	}
	return id, nil
}

// contentID returns the id that a type makes of its properties, or "".
func contentID(typ string, properties []member) (string, Reason) {
	var w writer
	for _, m := range properties {
		if !slices.Contains(contributing[typ], m.name) {
			continue
		}
		if m.name == "hashes" {
			m.value = oneHash(m.value)
		}
		w.value(m.name, json.RawMessage(m.value))
	}
	if w.b.Len() == 0 {
		return "", nil
	}
	w.b.WriteByte('}')
	if r := check(w.b.Bytes()); r != nil {
		return "", r
	}
	canonical, err := jcs.Transform(w.b.Bytes())
	if err != nil {
		return "", because("stix.json.canonical", err)
	}
	return typ + "--" + uuid.NewSHA1(observableNamespace, canonical).String(), nil
}

// oneHash returns the hash that counts for an id: MD5, else SHA-1, SHA-256, SHA-512,
// else the first by name.
func oneHash(raw []byte) []byte {
	all := members(raw)
	if len(all) == 0 {
		return raw
	}
	slices.SortFunc(all, func(a, b member) int { return hashRank(a.name) - hashRank(b.name) })
	best := all[0]
	for _, m := range all {
		if hashRank(m.name) == hashRank(best.name) && m.name < best.name {
			best = m
		}
	}
	var w writer
	w.value(best.name, json.RawMessage(best.value))
	w.b.WriteByte('}')
	return w.b.Bytes()
}

func hashRank(algorithm string) int {
	order := []string{"MD5", "SHA-1", "SHA-256", "SHA-512"}
	if i := slices.Index(order, algorithm); i >= 0 {
		return i
	}
	return len(order)
}
