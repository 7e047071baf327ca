package stix

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// hashLengths are the hexadecimal digits of the algorithms of hash-algorithm-ov.
var hashLengths = map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128}

func badHash(alg, value string) string {
	n, known := hashLengths[alg]
	if !known {
		return ""
	}
	if len(value) != n || strings.IndexFunc(value, func(r rune) bool { return r > 127 || !isHex(byte(r)) }) >= 0 {
		return fmt.Sprintf("%q is not a %s hash, which has %d hexadecimal digits", clip(value), alg, n)
	}
	return ""
}

func anyType(string) bool { return true }

func only(types ...string) func(string) bool {
	return func(t string) bool { return slices.Contains(types, t) }
}

func notMeta(t string) bool {
	return !slices.Contains([]string{"relationship", "sighting", "bundle", "marking-definition", "language-content"}, t)
}

var typeChecks = map[string]func(*validator){
	"indicator": func(v *validator) {
		v.str("name", false)
		v.str("description", false)
		v.strs("indicator_types", false)
		pattern, kind := v.str("pattern", true), v.str("pattern_type", true)
		v.str("pattern_version", false)
		v.timestamp("valid_from", true, 0)
		v.timestamp("valid_until", false, 0)
		v.order("valid_from", "valid_until", false)
		if kind == "stix" && pattern != "" {
			if _, err := ParsePattern(pattern); err != nil {
				v.bad("pattern", "%v", err)
			}
		}
		raw, _ := v.o.property("kill_chain_phases")
		for i := range elements(raw) {
			at := fmt.Sprintf("kill_chain_phases[%d].", i)
			for _, n := range []string{"kill_chain_name", "phase_name"} {
				if v.o.Text(at+n) == "" {
					v.bad(at+n, "is missing")
				}
			}
		}
	},
	"identity": func(v *validator) {
		v.str("name", true)
		v.str("description", false)
		v.strs("roles", false)
		v.str("identity_class", false)
		v.strs("sectors", false)
		v.str("contact_information", false)
	},
	"sighting": func(v *validator) {
		v.str("description", false)
		v.timestamp("first_seen", false, 0)
		v.timestamp("last_seen", false, 0)
		v.order("first_seen", "last_seen", true)
		if raw, ok := v.o.property("count"); ok {
			if n, err := strconv.ParseInt(string(raw), 10, 64); err != nil || n < 0 || n > 999_999_999 {
				v.bad("count", "must be a whole number from 0 to 999,999,999")
			}
		}
		v.ref("sighting_of_ref", true, notMeta)
		v.refs("observed_data_refs", false, only("observed-data"))
		v.refs("where_sighted_refs", false, only("identity", "location"))
		v.boolean("summary")
	},
	"relationship": func(v *validator) {
		t := v.str("relationship_type", true)
		if strings.IndexFunc(t, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) >= 0 {
			v.bad("relationship_type", "must be lower-case letters, digits and hyphens")
		}
		v.ref("source_ref", true, notMeta)
		v.ref("target_ref", true, notMeta)
		v.timestamp("start_time", false, 0)
		v.timestamp("stop_time", false, 0)
		v.order("start_time", "stop_time", false)
	},
	"note": func(v *validator) {
		v.str("abstract", false)
		v.str("content", true)
		v.strs("authors", false)
		v.refs("object_refs", true, anyType)
	},
	"report": func(v *validator) {
		v.str("name", true)
		v.timestamp("published", true, 0)
		v.strs("report_types", false)
		v.refs("object_refs", true, anyType)
	},
	"marking-definition": func(v *validator) {
		if v.o.Text("definition_type") != "tlp" {
			return
		}
		for _, t := range tlp1 {
			if t.id == v.o.id {
				if v.o.Text("definition.tlp") != t.value {
					v.bad("definition.tlp", "must be %q in this object", t.value)
				}
				return
			}
		}
		v.bad("id", "only the four objects of section 7.2.1.4 may define a TLP marking")
	},
	"ipv4-addr": func(v *validator) {
		if s := v.str("value", true); s != "" && !isAddress(s, 4) {
			v.bad("value", "must be an IPv4 address or a network in CIDR form")
		}
	},
	"ipv6-addr": func(v *validator) {
		if s := v.str("value", true); s != "" && !isAddress(s, 6) {
			v.bad("value", "must be an IPv6 address or a network in CIDR form")
		}
	},
	"domain-name": func(v *validator) { v.str("value", true) },
	"url":         func(v *validator) { v.str("value", true) },
	"email-addr":  func(v *validator) { v.str("value", true) },
	"mac-addr":    func(v *validator) { v.str("value", true) },
	"mutex":       func(v *validator) { v.str("name", true) },
	"file": func(v *validator) {
		raw, hashed := v.o.property("hashes")
		if _, named := v.o.property("name"); !named && !hashed {
			v.bad("name", "a file must have a name or hashes")
		}
		for _, m := range members(raw) {
			if why := badHash(m.name, unquote(m.value)); why != "" {
				v.bad("hashes."+m.name, "%s", why)
			}
		}
	},
}

func isAddress(s string, version int) bool {
	a, err := netip.ParseAddr(s)
	if p, perr := netip.ParsePrefix(s); perr == nil {
		a, err = p.Addr(), nil
	}
	return err == nil && a.Zone() == "" && a.Is4() == (version == 4)
}
