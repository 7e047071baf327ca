package convert

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// labelled are the types whose labels of 2.0 are a property of their own in 2.1.
var labelled = map[string]string{"indicator": "indicator_types", "malware": "malware_types", "report": "report_types",
	"threat-actor": "threat_actor_types", "tool": "tool_types", "identity": ""}

// upgrade returns an object of STIX 2.0 as objects of 2.1, with its id, created and modified: more
// than one for observed data, whose observables are objects of their own since. An object of 2.1 is
// returned as it is.
func upgrade(raw []byte) (list [][]byte, raised bool, err error) {
	if bytes.Contains(raw, []byte(`"spec_version"`)) && !bytes.Contains(raw, []byte(`"2.0"`)) {
		return [][]byte{raw}, false, nil
	}
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil || o["type"] == nil {
		return [][]byte{raw}, false, nil // the parser says what is wrong
	}
	typ, version := text(o["type"]), text(o["spec_version"])
	if version != "" && version != "2.0" || version == "" && observable(typ) || typ == "bundle" {
		return [][]byte{raw}, false, nil
	}
	o["spec_version"] = json.RawMessage(`"2.1"`)
	if to := labelled[typ]; to != "" && o["labels"] != nil && o[to] == nil {
		o[to] = o["labels"]
	}
	switch typ {
	case "indicator":
		if o["pattern_type"] == nil {
			o["pattern_type"] = json.RawMessage(`"stix"`)
		}
	case "malware":
		if o["is_family"] == nil {
			o["is_family"] = json.RawMessage(`false`)
		}
	case "observed-data":
		if o["objects"] == nil || o["object_refs"] != nil {
			break
		}
		var table map[string]map[string]any
		if json.Unmarshal(o["objects"], &table) != nil {
			break
		}
		refs, observables := observables(table)
		if refs == nil {
			break
		}
		delete(o, "objects")
		if o["object_refs"], err = json.Marshal(refs); err != nil {
			return nil, false, err
		}
		list = observables
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil, false, err
	}
	return append(list, b), true, nil
}

func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

// observable reports whether a type is one of observables, which have no spec_version by rule.
func observable(typ string) bool {
	switch typ {
	case "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file",
		"ipv4-addr",
		"ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account",
		"windows-registry-key", "x509-certificate", "marking-definition", "language-content", "extension-definition":
		return true
	}
	return false
}

// maxTable bounds the observables of one observation.
const maxTable = 10_000

// observables makes objects of the table of an observation, in the order of its keys. References
// by key become references by id.
func observables(table map[string]map[string]any) (refs []string, list [][]byte) {
	if len(table) == 0 || len(table) > maxTable {
		return nil, nil
	}
	keys := slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		x, errx := strconv.Atoi(a)
		y, erry := strconv.Atoi(b)
		if errx != nil || erry != nil {
			return strings.Compare(a, b)
		}
		return x - y
	})
	ids, busy := map[string]string{}, map[string]bool{}
	var idOf func(key string, depth int) string
	idOf = func(key string, depth int) string {
		o := table[key]
		if id := ids[key]; id != "" || o == nil || busy[key] || depth > 100 {
			return id
		}
		busy[key] = true
		o["spec_version"] = "2.1"
		for name, v := range o {
			single := strings.HasSuffix(name, "_ref")
			if !single && !strings.HasSuffix(name, "_refs") {
				continue
			}
			if s, ok := v.(string); ok && single {
				if id := idOf(s, depth+1); id != "" {
					o[name] = id
				} else {
					delete(o, name)
				}
			} else if l, ok := v.([]any); ok {
				var some []string
				for _, x := range l {
					if s, ok := x.(string); ok {
						if id := idOf(s, depth+1); id != "" {
							some = append(some, id)
						}
					}
				}
				o[name] = some
			}
		}
		id, ok := deterministic(o)
		if !ok {
			return ""
		}
		ids[key] = id
		return id
	}
	for _, k := range keys {
		id := idOf(k, 0)
		if id == "" {
			return nil, nil
		}
		o := maps.Clone(table[k])
		o["id"] = id
		b, err := json.Marshal(o)
		if err != nil {
			return nil, nil
		}
		refs, list = append(refs, id), append(list, b)
	}
	return refs, list
}
