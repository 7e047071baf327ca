package stix

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A schema lists the properties that a struct has fields for. The tags of a field
// say what the specification asks for:
//
//	stix   the name of the property, and required; "*" holds all other properties
//	ext    the name of the predefined extension that the field holds
//	ref    the types that it may refer to; "observable" is any cyber-observable, and
//	       "related" what relationships and sightings may join
//	enum   the values of a closed vocabulary
//	range  the least and the greatest number
//	form   hex, base64, url or hashes
type schema struct {
	fields     []field // in the order of the properties of an object
	extensions []field // those of tag ext
	custom     []int   // index of the field "*"
}

type field struct {
	name     string
	index    []int
	required bool
	refs     []string // types that it may refer to; none if to any
	ref      bool     // it holds identifiers
	enum     []string
	least    *float64
	most     *float64
	form     string
	goKind   reflect.Kind
	nested   *schema // of a struct, a pointer to one, or a slice of them
	place    int     // 0 before the properties of the type, 1 among them, 2 after them
}

// knownTypes are all types that have a struct, by their names.
var knownTypes = sync.OnceValue(func() map[string]*knownType {
	out := map[string]*knownType{}
	for _, v := range []Typed{
		AttackPattern{}, Campaign{}, CourseOfAction{}, Grouping{}, Identity{}, Incident{}, Indicator{},
		Infrastructure{},
		IntrusionSet{}, Location{}, Malware{}, MalwareAnalysis{}, Note{}, ObservedData{}, Opinion{}, Report{},
		ThreatActor{}, Tool{}, Vulnerability{}, Relationship{}, Sighting{}, ExtensionDefinition{}, LanguageContent{},
		MarkingDefinition{}, Artifact{}, AutonomousSystem{}, Directory{}, DomainName{}, EmailAddr{}, EmailMessage{},
		File{}, IPv4Addr{}, IPv6Addr{}, MACAddr{}, Mutex{}, NetworkTraffic{}, Process{}, Software{}, URL{},
		UserAccount{}, WindowsRegistryKey{}, X509Certificate{},
	} {
		t := reflect.TypeOf(v)
		out[v.objectType()] = &knownType{t, newSchema(t)}
	}
	return out
})

type knownType struct {
	goType reflect.Type
	schema *schema
}

// otherObject is what is read of an object whose type has no struct.
type otherObject struct{ Common }

var otherSchema = sync.OnceValue(func() *schema { return newSchema(reflect.TypeFor[otherObject]()) })

var timestampType = reflect.TypeFor[Timestamp]()

func newSchema(t reflect.Type) *schema {
	s := &schema{}
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Anonymous {
			continue
		}
		f := field{index: sf.Index, place: 1, form: sf.Tag.Get("form")}
		name, extension := sf.Tag.Lookup("ext")
		if !extension {
			name = sf.Tag.Get("stix")
		}
		f.name, f.required = strings.CutSuffix(name, ",required")
		if f.name == "*" {
			s.custom = sf.Index
			continue
		}
		f.ref = strings.HasSuffix(f.name, "_ref") || strings.HasSuffix(f.name, "_refs")
		f.refs = strings.Fields(sf.Tag.Get("ref"))
		f.enum = strings.Fields(sf.Tag.Get("enum"))
		for i, n := range strings.Fields(sf.Tag.Get("range")) {
			x, _ := strconv.ParseFloat(n, 64)
			if i == 0 {
				f.least = &x
			} else {
				f.most = &x
			}
		}
		inner := sf.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		f.goKind = inner.Kind()
		if inner.Kind() == reflect.Struct && inner != timestampType {
			f.nested = newSchema(inner)
		}
		switch {
		case slices.Contains([]string{"id", "created_by_ref", "created", "modified"}, f.name):
			f.place = 0
		case len(sf.Index) > 1:
			f.place = 2
		}
		if extension {
			s.extensions = append(s.extensions, f)
		} else {
			s.fields = append(s.fields, f)
		}
	}
	slices.SortStableFunc(s.fields, func(a, b field) int { return a.place - b.place })
	return s
}

func (s *schema) field(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

func (s *schema) extension(name string) *field {
	for i := range s.extensions {
		if s.extensions[i].name == name {
			return &s.extensions[i]
		}
	}
	return nil
}
