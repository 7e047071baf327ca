package stix

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// rules are what the specification asks of the properties of a type together, beyond
// what the tags of its struct say of each.
var rules = map[string]func(*validator){
	"artifact": func(v *validator) {
		v.one("payload_bin", "url")
		v.together("url", "hashes")
		v.together("decryption_key", "encryption_algorithm")
	},
	"campaign": (*validator).seen,
	"email-message": func(v *validator) {
		if v.has("body_multipart") && v.flag("is_multipart") == "false" {
			v.bad("body_multipart", because("stix.not.with", "is_multipart", "false"))
		}
		if v.has("body") && v.flag("is_multipart") == "true" {
			v.bad("body", because("stix.not.with", "is_multipart", "true"))
		}
		parts, _ := v.o.property("body_multipart")
		for i := range elements(parts) {
			at := "body_multipart[" + strconv.Itoa(i) + "]"
			_, text := v.o.Raw(at + ".body")
			_, raw := v.o.Raw(at + ".body_raw_ref")
			if text == raw {
				v.bad(at, because("stix.one.of", "body, body_raw_ref"))
			}
		}
	},
	"extension-definition": func(v *validator) {
		v.required("created_by_ref")
		const toplevel = "toplevel-property-extension"
		if v.has("extension_properties") && !slices.Contains(v.o.Strings("extension_types"), toplevel) {
			v.bad("extension_properties", because("stix.only.with", toplevel))
		}
	},
	"file": func(v *validator) {
		if !v.has("name") && !v.has("hashes") {
			v.bad("name", because("stix.file"))
		}
	},
	"indicator": func(v *validator) {
		v.order("valid_from", "valid_until", false)
		if s := v.o.Text("pattern"); s != "" && v.o.Text("pattern_type") == "stix" {
			if _, err := ParsePattern(s); err != nil {
				v.bad("pattern", err.(*SyntaxError))
			}
		}
	},
	"infrastructure": (*validator).seen,
	"intrusion-set":  (*validator).seen,
	"ipv4-addr": func(v *validator) {
		if s := v.o.Text("value"); s != "" && !isAddress(s, 4) {
			v.bad("value", because("stix.address.four"))
		}
	},
	"ipv6-addr": func(v *validator) {
		if s := v.o.Text("value"); s != "" && !isAddress(s, 6) {
			v.bad("value", because("stix.address.six"))
		}
	},
	"location": func(v *validator) {
		v.together("latitude", "longitude")
		v.together("longitude", "latitude")
		v.together("precision", "latitude")
		v.any("region", "country", "latitude")
	},
	"mac-addr": func(v *validator) {
		if s := v.o.Text("value"); s != "" && !isMAC(s) {
			v.bad("value", because("stix.address.mac"))
		}
	},
	"malware": func(v *validator) {
		v.seen()
		if v.flag("is_family") == "true" {
			v.required("name")
		}
	},
	"malware-analysis": func(v *validator) { v.any("result", "analysis_sco_refs") },
	"marking-definition": func(v *validator) {
		v.any("definition_type", "extensions")
		v.together("definition_type", "definition")
		v.together("definition", "definition_type")
		switch v.o.Text("definition_type") {
		case "statement":
			if v.has("definition") && v.o.Text("definition.statement") == "" {
				v.bad("definition.statement", because("stix.missing"))
			}
		case "tlp":
			v.tlp1()
		}
	},
	"network-traffic": func(v *validator) {
		v.any("src_ref", "dst_ref")
		v.order("start", "end", true)
		if v.has("end") && v.flag("is_active") == "true" {
			v.bad("is_active", because("stix.not.with", "end", "a time"))
		}
	},
	"observed-data": func(v *validator) {
		v.order("first_observed", "last_observed", true)
		v.one("object_refs", "objects")
	},
	"process": (*validator).something,
	"relationship": func(v *validator) {
		notName := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
		if strings.ContainsFunc(v.o.Text("relationship_type"), notName) {
			v.bad("relationship_type", because("stix.relationship"))
		}
		v.order("start_time", "stop_time", false)
	},
	"sighting":             (*validator).seen,
	"threat-actor":         (*validator).seen,
	"user-account":         (*validator).something,
	"windows-registry-key": (*validator).something,
	"x509-certificate":     (*validator).something,
}

func (v *validator) seen() { v.order("first_seen", "last_seen", true) }

// flag returns a truth value as it is written.
func (v *validator) flag(name string) string {
	raw, _ := v.o.property(name)
	return string(raw)
}

func (v *validator) required(name string) {
	if !v.has(name) {
		v.bad(name, because("stix.missing"))
	}
}

// together checks that a property does not come without another one.
func (v *validator) together(name, needs string) {
	if v.has(name) && !v.has(needs) {
		v.bad(needs, because("stix.needed", name))
	}
}

// any checks that one of some properties is there.
func (v *validator) any(names ...string) {
	if !slices.ContainsFunc(names, v.has) {
		v.bad(names[0], because("stix.any", strings.Join(names, ", ")))
	}
}

// one checks that exactly one of two properties is there.
func (v *validator) one(a, b string) {
	v.any(a, b)
	if v.has(a) && v.has(b) {
		v.bad(b, because("stix.one", a))
	}
}

// something checks that an observable has a property of its own.
func (v *validator) something() {
	common := []string{
		"type", "spec_version", "id", "object_marking_refs", "granular_markings", "defanged",
	}
	for _, m := range v.o.members {
		if !slices.Contains(common, m.name) {
			return
		}
	}
	v.bad("", because("stix.nothing"))
}

// tlp1 checks a marking of TLP 1: only four objects may be one.
func (v *validator) tlp1() {
	for _, t := range tlp1 {
		if t.id != v.o.id {
			continue
		}
		if v.o.Text("definition.tlp") != t.value {
			v.bad("definition.tlp", because("stix.tlp.value", t.value))
		}
		return
	}
	v.bad("id", because("stix.tlp.id"))
}

func isAddress(s string, version int) bool {
	a, err := netip.ParseAddr(s)
	if p, perr := netip.ParsePrefix(s); perr == nil {
		a, err = p.Addr(), nil
	}
	return err == nil && a.Zone() == "" && a.Is4() == (version == 4)
}

// isMAC reports whether s is six pairs of lower-case hexadecimal digits and colons.
func isMAC(s string) bool {
	if len(s) != len("00:00:00:00:00:00") {
		return false
	}
	for i, c := range []byte(s) {
		digit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if i%3 == 2 && c != ':' || i%3 != 2 && !digit {
			return false
		}
	}
	return true
}
