package pipeline

import (
	"slices"
	"strings"
)

// splitHashes is hashes_fields: a field that holds several hashes, as Sysmon
// writes them, becomes one field for each algorithm.
type splitHashes struct {
	algorithms []string
	prefix     string
	bare       bool // the name of the algorithm is left out
	fields     []string
}

func readHashes(a *args) any {
	t := splitHashes{
		algorithms: a.texts("valid_hash_algos"), prefix: a.text("field_prefix", ""), bare: a.flag("drop_algo_prefix"),
		fields: a.texts("field_to_parse"),
	}
	if t.fields == nil {
		t.fields = []string{"Hashes", "Hash"}
	}
	if len(t.algorithms) == 0 {
		a.fail(a.at, "pipeline.hash.algorithms")
	}
	if t.bare && t.prefix == "" {
		a.fail(a.at, "pipeline.hash.name")
	}
	for _, algorithm := range t.algorithms {
		checkName(a, a.at, t.name(algorithm))
	}
	return t
}

func (t splitHashes) name(algorithm string) string {
	if t.bare {
		return t.prefix
	}
	return t.prefix + algorithm
}

// hashLengths tell an algorithm by the number of hexadecimal digits.
var hashLengths = map[int]string{32: "MD5", 40: "SHA1", 64: "SHA256", 128: "SHA512"}

func (t splitHashes) item(_ *run, _ *step, it *item) (part, bool, error) {
	if it.keyword || !slices.Contains(t.fields, it.field.text) {
		return nil, false, nil
	}
	byName := make(map[string][]*value)
	var names []string
	for _, v := range it.values {
		seen, err := it.seen(v)
		if err != nil {
			return nil, false, err
		}
		if seen.opaque || seen.kind != textKind {
			return nil, false, fail(v.node, "pipeline.hash.text", it.label())
		}
		algorithm, digits := cutHash(seen.glob.loosePlain())
		if !slices.Contains(t.algorithms, algorithm) || !wholeHash(algorithm, digits) {
			return nil, false, fail(v.node, "pipeline.hash.partial", it.label(), v.node.Value,
				strings.Join(t.algorithms, ", "))
		}
		name := t.name(algorithm)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], &value{node: textNode(v.node, digits)})
	}
	var parts []part
	for _, name := range names {
		values := byName[name]
		out := it.with(values, placing...)
		out.field.text, out.field.mapped = name, true
		parts = append(parts, out)
	}
	return it.joined(parts), true, nil
}

// wholeHash reports whether the digits are all that the algorithm gives: a part
// would never equal the field.
func wholeHash(algorithm, digits string) bool {
	if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return false
	}
	if algorithm == "IMPHASH" {
		algorithm = "MD5"
	}
	for length, known := range hashLengths {
		if known == algorithm {
			return len(digits) == length
		}
	}
	return digits != ""
}

// cutHash takes "SHA256=…", "MD5|…" or a bare hash apart.
func cutHash(text string) (algorithm, digits string) {
	text = strings.Trim(text, "*?")
	for _, sep := range []string{"|", "="} {
		if before, after, ok := strings.Cut(text, sep); ok {
			return strings.ToUpper(strings.TrimLeft(before, "*")), strings.Trim(after, "*?")
		}
	}
	return hashLengths[len(text)], text
}
