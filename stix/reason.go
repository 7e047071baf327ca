package stix

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// formats holds the English sentence of every reason by its code, as a format for its
// arguments. An argument for %v is an error or another reason.
var formats = map[string]string{
	"stix.address.four":          "must be an IPv4 address or a network in CIDR form",
	"stix.address.mac":           "must be a MAC address in lower case with colons",
	"stix.address.six":           "must be an IPv6 address or a network in CIDR form",
	"stix.any":                   "one of %s must be there",
	"stix.base64":                "must be base64",
	"stix.bundle.begin":          "does not begin with {",
	"stix.bundle.colon":          "has no colon after %q",
	"stix.bundle.comma":          "has %q where a comma belongs, at byte %d",
	"stix.bundle.conflict":       "%s has the same id and version as an earlier object and different content",
	"stix.bundle.cut":            "ends at byte %d, before it is complete: %v",
	"stix.bundle.id":             "must be bundle--, then a UUID",
	"stix.bundle.large":          "has more than %d bytes",
	"stix.bundle.many":           "has more than %d objects",
	"stix.bundle.misplaced":      "has %q out of place, at byte %d",
	"stix.bundle.more":           "has %d more errors",
	"stix.bundle.name":           "has no property name at byte %d",
	"stix.bundle.object.large":   "has %d bytes; at most %d are read",
	"stix.bundle.objects":        "has objects that are not a list",
	"stix.bundle.place":          "%s: %v",
	"stix.bundle.property":       "property %q %v",
	"stix.bundle.property.large": "has a property %q of more than %d bytes",
	"stix.bundle.read":           "cannot be read beyond byte %d: %v",
	"stix.bundle.rest":           "has %q after its end, at byte %d",
	"stix.bundle.type":           "is %q where it must be \"bundle\"",
	"stix.empty":                 "is empty",
	"stix.empty.dictionary":      "must not be an empty dictionary; leave the property out",
	"stix.empty.list":            "must not be an empty list; leave the property out",
	"stix.enum":                  "%q is not one of the values that the specification lists",
	"stix.file":                  "a file must have a name or hashes",
	"stix.granular.one":          "must have one of lang and marking_ref",
	"stix.granular.selector":     "%q finds nothing in the object",
	"stix.hash":                  "%q is not a %s hash, which has %d hexadecimal digits",
	"stix.hex":                   "must be hexadecimal digits in pairs",
	"stix.id.form": "must be a type, two hyphens and a UUID, such as " +
		"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
	"stix.id.type":                        "begins with %q, and the type is %q",
	"stix.id.version":                     "its UUID must be of version 1 to 5 and of the RFC 4122 variant",
	"stix.json.canonical":                 "has no canonical form: %v",
	"stix.json.depth":                     "is nested deeper than %d",
	"stix.json.invalid":                   "is not valid JSON: %v",
	"stix.json.object":                    "is not a JSON object",
	"stix.json.twice":                     "has the property %q twice",
	"stix.json.unwritable":                "cannot be written as JSON: %v",
	"stix.json.utf":                       "is not valid UTF-8",
	"stix.missing":                        "is missing",
	"stix.needed":                         "is missing; %s needs it",
	"stix.new":                            "new object",
	"stix.not.with":                       "must not be there if %s is %s",
	"stix.nothing":                        "has no property of its own",
	"stix.null":                           "must not be null; leave the property out",
	"stix.object":                         "stix: %v: %v",
	"stix.observable.property":            "does not belong to an observable",
	"stix.one":                            "must not be there beside %s",
	"stix.one.of":                         "must have exactly one of %s",
	"stix.only.with":                      "must not be there without %s",
	"stix.order.after":                    "must be later than %s",
	"stix.order.before":                   "must not be earlier than %s",
	"stix.pattern":                        "stix pattern: line %d, column %d: %v",
	"stix.pattern.base64":                 "b'%s' is not base64",
	"stix.pattern.character":              "%q has no place in a pattern",
	"stix.pattern.comment":                "a comment has no end",
	"stix.pattern.depth":                  "the pattern is nested deeper than %d",
	"stix.pattern.end":                    "the end",
	"stix.pattern.escape":                 "a backslash in a string must be written \\\\, and a quote \\'",
	"stix.pattern.found":                  "found %v where %v belongs",
	"stix.pattern.hex":                    "h'%s' is not hexadecimal digits in pairs",
	"stix.pattern.hyphen":                 "a property name with a hyphen must be in single quotes: '%s'",
	"stix.pattern.kind.binary":            "a binary value",
	"stix.pattern.kind.bool":              "true or false",
	"stix.pattern.kind.hex":               "a hex value",
	"stix.pattern.kind.number":            "a number",
	"stix.pattern.kind.string":            "a string",
	"stix.pattern.kind.timestamp":         "a timestamp",
	"stix.pattern.large":                  "the pattern has %d bytes; at most %d are read",
	"stix.pattern.literal":                "%v %s",
	"stix.pattern.match":                  "stix pattern: %s: %v",
	"stix.pattern.network":                "%s is not an IP address or a network in CIDR form",
	"stix.pattern.number.bits":            "the number %s does not fit 64 bits",
	"stix.pattern.number.large":           "the number %s is too large",
	"stix.pattern.number.sign":            "%q is not followed by a number",
	"stix.pattern.number.zero":            "a whole number must not begin with 0",
	"stix.pattern.qualifier.twice":        "%s comes twice after one observation",
	"stix.pattern.qualifier.zero":         "%s must be more than 0",
	"stix.pattern.set":                    "the values of a set must be of one type; the first is %v, and this is %v",
	"stix.pattern.sign":                   "%q",
	"stix.pattern.stop":                   "STOP must be later than START",
	"stix.pattern.string.open":            "a string has no closing quote",
	"stix.pattern.unsupported":            "stix pattern: not supported: %v",
	"stix.pattern.unsupported.followedby": "FOLLOWEDBY joins observations in time",
	"stix.pattern.unsupported.kind":       "an expression of an unknown kind",
	"stix.pattern.unsupported.large":      "the expressions of the pattern are too large",
	"stix.pattern.unsupported.one":        "it is not one observation",
	"stix.pattern.unsupported.parts":      "it has more than %d observation expressions",
	"stix.pattern.unsupported.qualifier":  "%s qualifies an observation in time",
	"stix.pattern.unsupported.repeats":    "it repeats its observation expressions more than %d times",
	"stix.pattern.unsupported.search":     "the text %s cannot be searched for by %s",
	"stix.pattern.unsupported.seconds":    "%s: not a number of seconds",
	"stix.pattern.unsupported.several":    "%s joins several observations",
	"stix.pattern.unsupported.text":       "the text %s cannot be searched for: %v",
	"stix.pattern.unsupported.times":      "%s: more than %d times",
	"stix.pattern.unsupported.unbounded": "it sets no bound on the time between its observations, such as WITHIN " +
		"300 SECONDS",
	"stix.pattern.utf":               "the pattern is not valid UTF-8",
	"stix.pattern.value.open":        "a value has no closing quote",
	"stix.pattern.want.bracket":      ")",
	"stix.pattern.want.close":        "AND, OR or ]",
	"stix.pattern.want.colon":        "a colon after the type",
	"stix.pattern.want.comma":        ", or )",
	"stix.pattern.want.exists":       "EXISTS (elsewhere NOT comes after the path)",
	"stix.pattern.want.index":        "* or a whole number",
	"stix.pattern.want.joint":        "AND, OR, FOLLOWEDBY, a qualifier or the end",
	"stix.pattern.want.number":       "a number of %s",
	"stix.pattern.want.observation":  "[ or (",
	"stix.pattern.want.open":         "(",
	"stix.pattern.want.operator":     "a comparison operator",
	"stix.pattern.want.path":         "an object path such as file:name",
	"stix.pattern.want.property":     "a property name",
	"stix.pattern.want.string":       "a string in single quotes",
	"stix.pattern.want.timestamp":    "a timestamp such as t'2026-01-31T12:30:00.000Z'",
	"stix.pattern.want.value":        "a value",
	"stix.pattern.want.value.quoted": "a value (strings are in single quotes)",
	"stix.pattern.want.word":         "%s",
	"stix.property":                  "stix: %v: %s: %v",
	"stix.ref.form":                  "must be an identifier",
	"stix.ref.marking":               "%q is not the id of a marking definition",
	"stix.ref.self":                  "must not refer to the object itself",
	"stix.ref.type":                  "must not refer to %s",
	"stix.reference":                 "must have a description, a url or an external_id",
	"stix.relationship":              "must be lower-case letters, digits and hyphens",
	"stix.spec":                      "must be \"2.1\"",
	"stix.timestamp":                 "timestamp %q %v; it must read like 2026-01-31T12:30:00.000Z",
	"stix.timestamp.clock":           "is not an existing time",
	"stix.timestamp.date":            "is not an existing day",
	"stix.timestamp.form":            "has the wrong form",
	"stix.timestamp.fraction":        "has a malformed fraction of a second",
	"stix.timestamp.length":          "has the wrong length",
	"stix.timestamp.precision":       "must be precise to the millisecond",
	"stix.timestamp.zone":            "is not in UTC with the letter Z",
	"stix.tlp.id":                    "only the four objects of section 7.2.1.4 may define a TLP marking",
	"stix.tlp.value":                 "must be %q in this object",
	"stix.type.bool":                 "must be true or false",
	"stix.type.dictionaries":         "must be a list of dictionaries",
	"stix.type.dictionary":           "must be a dictionary",
	"stix.type.least":                "must be a whole number of at least %d",
	"stix.type.name":                 "must be 3 to 250 lower-case letters, digits and hyphens",
	"stix.type.number":               "must be a number",
	"stix.type.number.range":         "must be a number from %v to %v",
	"stix.type.other":                "is %q, which is another type than asked for",
	"stix.type.range":                "must be a whole number from %d to %d",
	"stix.type.string":               "must be a string",
	"stix.type.strings":              "must be a list of strings",
	"stix.type.unknown":              "%q is not a type of STIX 2.1",
	"stix.type.whole":                "must be a whole number",
	"stix.url":                       "must be an absolute URL",
	"stix.version.fixed":             "must not be changed by a new version",
	"stix.version.none":              "objects of type %s have no versions",
	"stix.version.revoked":           "a revoked object has no later version",
}

// Reason is why something was refused: an English sentence, and for programs
// and translations a code of the closed set that [Reasons] lists, with the arguments
// of its sentence. An argument may be a Reason too.
type Reason interface {
	error
	Code() string
	Args() []any
}

// Reasons yields the code and the English format of every Reason of this package,
// in the order of the codes: the table to translate.
func Reasons() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, code := range slices.Sorted(maps.Keys(formats)) {
			if !yield(code, formats[code]) {
				return
			}
		}
	}
}

// A reason is one sentence: a code of formats and its arguments.
type reason struct {
	code string
	args []any
}

// because returns the reason with a code of formats.
func because(code string, args ...any) *reason { return &reason{code, args} }

// Error returns the English sentence.
func (r *reason) Error() string { return fmt.Sprintf(formats[r.code], r.args...) }

// Code returns the code.
func (r *reason) Code() string { return r.code }

// Args returns the arguments in the order of the English format.
func (r *reason) Args() []any { return r.args }

// Unwrap returns the errors among the arguments.
func (r *reason) Unwrap() []error {
	var errs []error
	for _, a := range r.args {
		if err, ok := a.(error); ok {
			errs = append(errs, err)
		}
	}
	return errs
}
