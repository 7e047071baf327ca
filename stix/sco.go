package stix

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// scoNamespace is the UUIDv5 namespace of observables (section 2.9).
var scoNamespace = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")

// contributing lists, for each observable type, the properties its id is made
// of ("ID Contributing Properties", sections 6.1 to 6.18). A process has none.
var contributing = map[string][]string{
	"artifact":             {"hashes", "payload_bin"},
	"autonomous-system":    {"number"},
	"directory":            {"path"},
	"domain-name":          {"value"},
	"email-addr":           {"value"},
	"email-message":        {"from_ref", "subject", "body"},
	"file":                 {"hashes", "name", "parent_directory_ref", "extensions"},
	"ipv4-addr":            {"value"},
	"ipv6-addr":            {"value"},
	"mac-addr":             {"value"},
	"mutex":                {"name"},
	"network-traffic":      {"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"},
	"process":              {},
	"software":             {"name", "cpe", "swid", "vendor", "version"},
	"url":                  {"value"},
	"user-account":         {"account_type", "user_id", "account_login"},
	"windows-registry-key": {"key", "values"},
	"x509-certificate":     {"hashes", "serial_number"},
}

// IsObservable reports whether typ is one of the cyber-observable types.
func IsObservable(typ string) bool { _, ok := contributing[typ]; return ok }

// ObservableID gives the identifier of an observable: UUIDv5 over the RFC 8785
// form of those properties its type makes ids of. Where it has none of them,
// the id is random, as the specification says. Of several hashes only one
// counts: MD5, else SHA-1, SHA-256, SHA-512, else the first by name.
func ObservableID(typ string, properties map[string]any) (string, error) {
	names, ok := contributing[typ]
	if !ok {
		return "", &Error{Object: clip(typ), Property: "type", Reason: "is not an observable type"}
	}
	from := map[string]any{}
	for _, n := range names {
		v, ok := properties[n]
		if !ok {
			continue
		}
		if n == "hashes" {
			var err error
			if v, err = oneHash(typ, v); err != nil {
				return "", err
			}
		}
		from[n] = v
	}
	if len(from) == 0 {
		return NewID(typ), nil
	}
	raw, err := json.Marshal(from)
	if err != nil {
		return "", &Error{Object: typ, Reason: fmt.Sprintf("cannot be written as JSON: %v", err)}
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", &Error{Object: typ, Reason: fmt.Sprintf("has no canonical form: %v", err)}
	}
	return typ + "--" + uuid.NewSHA1(scoNamespace, canonical).String(), nil
}

func oneHash(typ string, v any) (map[string]any, error) {
	all := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		all = v
	case map[string]string:
		for k, x := range v {
			all[k] = x
		}
	default:
		return nil, &Error{Object: typ, Property: "hashes", Reason: "must be a dictionary"}
	}
	if len(all) == 0 {
		return nil, &Error{Object: typ, Property: "hashes", Reason: "is empty"}
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	pick := names[0]
	for _, n := range []string{"SHA-512", "SHA-256", "SHA-1", "MD5"} {
		if _, ok := all[n]; ok {
			pick = n
		}
	}
	return map[string]any{pick: all[pick]}, nil
}

// Observable builds an observable with the id that ObservableID gives. Its
// properties follow type, spec_version and id by name.
func Observable(typ string, properties map[string]any) (*Object, error) {
	id, err := ObservableID(typ, properties)
	if err != nil {
		return nil, err
	}
	var w writer
	w.value("type", typ)
	w.value("spec_version", "2.1")
	w.value("id", id)
	w.custom(properties)
	return checked(w.object())
}
