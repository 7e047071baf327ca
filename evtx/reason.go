package evtx

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// formats holds the English sentence of every reason by its code, as a format for
// its arguments. An argument for %v is an error or another reason.
var formats = map[string]string{
	"evtx.at":               "evtx: offset %s: %v",
	"evtx.at.chunk":         "evtx: chunk %d, offset %s: %v",
	"evtx.at.chunk.record":  "evtx: chunk %d, record %d, offset %s: %v",
	"evtx.at.record":        "evtx: record %d, offset %s: %v",
	"evtx.attributes.end":   "an attribute goes beyond the end of its list",
	"evtx.attributes.left":  "an attribute list of %d bytes, where %d are left",
	"evtx.chunk.checksum":   "the records' checksum is %s, and their bytes give %s",
	"evtx.chunk.cut":        "the chunk is cut off after %d of %d bytes",
	"evtx.chunk.cut.header": "the chunk is cut off after %d bytes, within its header",
	"evtx.chunk.header.checksum": "the chunk header's checksum is %s, and its bytes give %s; records are looked " +
		"for in the whole chunk",
	"evtx.chunk.header.end": "the chunk header says that the records end at %s; they are looked for in the " +
		"whole chunk",
	"evtx.chunk.last":           "the chunk's records end with %d, and its header says that they go on to %d",
	"evtx.chunk.none":           "%d bytes are not a chunk",
	"evtx.depth.binary":         "binary XML is nested more than %d deep",
	"evtx.depth.elements":       "elements are nested more than %d deep",
	"evtx.entity.unknown":       "the entity %q is not known",
	"evtx.format":               "not a Windows event log: neither a file header nor a chunk was found",
	"evtx.header.checksum":      "the file header's checksum is %s, and its bytes give %s",
	"evtx.header.chunks":        "the file header says that there are %d chunks, and %d were found",
	"evtx.header.cut":           "the file is cut off after %d bytes, within its header",
	"evtx.header.damaged":       "the file header is damaged",
	"evtx.header.missing":       "there is no file header; the file begins with a chunk",
	"evtx.header.size":          "the file header says that it takes %d bytes; it is read as %d",
	"evtx.header.version":       "format version %d.%d is not known; it is read as 3.1",
	"evtx.large":                "the record is too large when its templates are filled in",
	"evtx.large.bounds":         "%v: more than %d bytes or %d steps",
	"evtx.name.bad":             "%q cannot be the name of an element or attribute",
	"evtx.name.place":           "a name is said to be at %s, which is not within the chunk's records",
	"evtx.name.size":            "a name of %d characters goes beyond the end of the chunk",
	"evtx.needs":                "%v needs %d bytes, and %d are left",
	"evtx.part.attribute.name":  "an attribute's name",
	"evtx.part.attributes":      "an attribute list",
	"evtx.part.character":       "a character reference",
	"evtx.part.content":         "the content of an element",
	"evtx.part.element":         "an element",
	"evtx.part.element.name":    "an element's name",
	"evtx.part.entity":          "an entity reference",
	"evtx.part.fragment":        "a fragment header",
	"evtx.part.instance":        "a template instance",
	"evtx.part.number":          "the number of values",
	"evtx.part.pi":              "a processing instruction",
	"evtx.part.substitution":    "a substitution",
	"evtx.part.text":            "a text",
	"evtx.part.value":           "a value",
	"evtx.read":                 "read: %v",
	"evtx.read.header":          "read the file header: %v",
	"evtx.record.empty":         "the record has no content",
	"evtx.record.short":         "%d bytes are left, too few for a record",
	"evtx.record.signature":     "no record begins here: its first bytes are %s",
	"evtx.record.size.end":      "the record's size is %d at its start and %d at its end",
	"evtx.record.size.least":    "the record says that it has %d bytes, and a record has at least %d",
	"evtx.record.size.left":     "the record says that it has %d bytes, and %d are left",
	"evtx.sid.left":             "a SID needs %d bytes, and %d are left",
	"evtx.sid.size":             "a SID of %d bytes, where %d are needed",
	"evtx.substitution.outside": "a substitution outside of a template",
	"evtx.tail.gap": "records %d to %d are not in the log: they were overwritten before they were " +
		"read, or are damaged",
	"evtx.tail.open":             "open the log: %v",
	"evtx.tail.read":             "read the log: %v",
	"evtx.tail.restarted":        "the log was started again: it no longer holds record %d of %s",
	"evtx.tail.stat":             "get the size of the log: %v",
	"evtx.template.overlap":      "the chunk's templates overlap: %d bytes of them have been read",
	"evtx.template.place":        "a template is said to be at %s, which is not within the chunk's records",
	"evtx.template.size":         "a template of %d bytes goes beyond the end of the chunk",
	"evtx.template.size.left":    "a template of %d bytes, where %d are left",
	"evtx.token.attribute":       "token %s where an attribute must begin",
	"evtx.token.attribute.value": "token %s in the value of attribute %q",
	"evtx.token.content":         "token %s in the content of an element",
	"evtx.token.element":         "token %s where an element must begin",
	"evtx.token.pi":              "token %s where the data of a processing instruction must be",
	"evtx.token.start":           "token %s where the start of element %q must end",
	"evtx.token.top":             "token %s where an element or a template must begin",
	"evtx.value":                 "value %d: %v",
	"evtx.value.array":           "an array of type %s has %d bytes, which is not a multiple of %d",
	"evtx.value.left":            "value %d has %d bytes, and %d are left",
	"evtx.value.literal":         "a literal value of type %s",
	"evtx.value.size":            "a value of type %s has %d bytes",
	"evtx.value.size.fixed":      "a value of type %s has %d bytes, and must have %d",
	"evtx.value.unknown":         "a value of type %s, which is not known",
	"evtx.values.asked":          "the template asks for value %d, and the record has %d values",
	"evtx.values.number":         "%d values are said to follow, and %d bytes are left",
}

// Reason is why something was refused or lost: an English sentence, and for programs
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

// hex is a number that sentences show in hexadecimal, such as a place.
type hex uint64

func (h hex) String() string { return fmt.Sprintf("%#x", uint64(h)) }

// code8 is a type or a token, shown with two hexadecimal digits.
type code8 uint8

func (c code8) String() string { return fmt.Sprintf("%#02x", uint8(c)) }

// checksum is a CRC-32, shown with eight hexadecimal digits.
type checksum uint32

func (c checksum) String() string { return fmt.Sprintf("%#08x", uint32(c)) }
