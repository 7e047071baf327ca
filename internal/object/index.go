package object

import (
	"bytes"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// maxIndexed bounds the references and the values of one object that are indexed.
const maxIndexed = 1000

// hash is what references and values are indexed by. Whoever writes objects can make two
// the same, so what is found is compared with what was looked for.
func hash(s string) int64 { return int64(xxh3.HashString(s)) } //nolint:gosec // the bits, not the number

// targets are the ids that an object refers to, each once. Its markings are not among
// them: nearly all objects have the same.
func targets(o *stix.Object) (list []string) {
	seen := map[string]bool{o.ID(): true}
	for _, name := range o.Properties() {
		if name == "object_marking_refs" || name == "granular_markings" {
			continue
		}
		if !strings.HasSuffix(name, "_ref") && !strings.HasSuffix(name, "_refs") {
			if raw, _ := o.Raw(name); !bytes.Contains(raw, []byte(`_ref`)) {
				continue // most have none, and need not be decoded
			}
		}
		v, ok := o.Get(name)
		if ok {
			list = refsIn(list, seen, name, v, 0)
		}
	}
	return list
}

// refsIn appends the ids in a value: those of properties that are named as references
// are, at any depth (section 2.9).
func refsIn(list []string, seen map[string]bool, name string, v any, depth int) []string {
	if depth > 8 || len(list) >= maxIndexed {
		return list
	}
	switch v := v.(type) {
	case string:
		if strings.HasSuffix(name, "_ref") || strings.HasSuffix(name, "_refs") {
			if _, ok := stix.SplitID(v); ok && !seen[v] {
				seen[v] = true
				list = append(list, v)
			}
		}
	case []any:
		for _, x := range v {
			list = refsIn(list, seen, name, x, depth+1)
		}
	case map[string]any:
		for k, x := range v {
			list = refsIn(list, seen, k, x, depth+1)
		}
	}
	return list
}

func references(n int64, o *stix.Object) (rows [][]any) {
	for _, id := range targets(o) {
		rows = append(rows, []any{hash(id), n})
	}
	return rows
}

// Values returns the observables that an object is about, each once, in canonical form:
// those of an observable itself, and those of which an indicator's pattern asks for one.
func Values(o *stix.Object) (list []event.Observable) {
	seen := map[event.Observable]bool{}
	add := func(t event.ObservableType, value string) {
		if v, ok := event.Canonical(t, value); ok && len(list) < maxIndexed {
			if x := (event.Observable{Type: t, Value: v}); !seen[x] {
				seen[x] = true
				list = append(list, x)
			}
		}
	}
	switch o.Type() {
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr":
		add(event.ObservableType(o.Type()), o.Text("value"))
	case "file", "artifact", "x509-certificate":
		hashes, _ := o.Get("hashes")
		if m, ok := hashes.(map[string]any); ok {
			for _, t := range []event.ObservableType{event.MD5, event.SHA1, event.SHA256} {
				if s, ok := m[string(t)].(string); ok {
					add(t, s)
				}
			}
		}
	case "indicator":
		if o.Text("pattern_type") != "stix" {
			return nil
		}
		p, err := stix.ParsePattern(o.Text("pattern"))
		if err != nil {
			return nil
		}
		equal, _ := p.Equalities()
		for _, e := range equal {
			if v, ok := Asked(e); ok {
				add(v.Type, v.Value)
			}
		}
	}
	return list
}

// Asked returns the observable that an equality of a pattern asks for, in canonical form;
// ok is false if it asks for something else.
func Asked(e stix.Equality) (v event.Observable, ok bool) {
	v.Type = event.ObservableType(e.Object)
	if name, hash := strings.CutPrefix(e.Path, "hashes."); hash {
		v.Type = event.ObservableType(strings.Trim(name, "'"))
	} else if e.Path != "value" {
		return v, false
	}
	v.Value, ok = event.Canonical(v.Type, e.Value)
	return v, ok
}

func valueRows(n int64, values []event.Observable) (rows [][]any) {
	for _, v := range values {
		rows = append(rows, []any{hash(string(v.Type) + "\x00" + v.Value), n})
	}
	return rows
}

// ByValue returns the latest versions of objects that are about an observable in its
// canonical form, the newest first, as far as the scope may see them.
func ByValue(tx *store.Tx, realm string, v event.Observable, limit int) ([]Object, error) {
	return indexed(tx, realm, "object_value", "value", hash(string(v.Type)+"\x00"+v.Value), limit,
		func(o *stix.Object) bool {
			for _, x := range Values(o) {
				if x == v {
					return true
				}
			}
			return false
		})
}

// Referring returns the latest versions of objects that refer to an object by its id,
// the newest first, as far as the scope may see them.
func Referring(tx *store.Tx, realm, id string, limit int) ([]Object, error) {
	return indexed(tx, realm, "object_reference", "target", hash(id), limit, func(o *stix.Object) bool {
		for _, t := range targets(o) {
			if t == id {
				return true
			}
		}
		return false
	})
}

func indexed(tx *store.Tx, realm, table, column string, key int64, limit int,
	is func(*stix.Object) bool) (list []Object, err error) {
	for o, err := range store.Rows[Object](tx, `SELECT `+columns+` FROM `+table+` x JOIN stix_object o ON o.n = x.n
		WHERE x.`+column+` = $1 AND o.realm = $2 AND SCOPE(o) AND NOT EXISTS (`+firstGiven+`) ORDER BY o.seq DESC`,
		key, realm) {
		if err != nil {
			return nil, err
		}
		parsed, err := stix.Parse(o.Body)
		if err != nil || !is(parsed) {
			continue
		}
		if list = append(list, o); len(list) == limit {
			break
		}
	}
	return list, nil
}

// firstGiven finds another object of the same id that was given before and that the
// scope may see: to a reader an id is one object, that of who gave it first.
const firstGiven = `SELECT 1 FROM stix_object d WHERE d.realm = o.realm AND d.id = o.id AND d.n < o.n AND SCOPE(d)`
