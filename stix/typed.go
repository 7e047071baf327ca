package stix

import "reflect"

// Typed is one of the structs of this package that stand for a type of STIX 2.1,
// such as [Indicator]: Object builds an object of it, and [As] reads one back.
//
// A field that is empty is not written: "" and a list or dictionary of nothing say no
// more than their absence, and so do false where the specification makes it the
// default (revoked, summary, defanged) and the zero Timestamp. Numbers and truth
// values whose absence differs from 0 and false are pointers.
//
// A struct read from an object and built again keeps every other property, those
// that this package does not know under Custom and Extensions. To change a property
// of an object and leave each other byte as it is, use [NewVersion].
type Typed interface {
	// Object builds the object. It checks it as Validate does, and returns the first
	// mistake as an *Error.
	Object() (*Object, error)

	objectType() string
}

// As returns an object as the struct of its type:
//
//	ind, err := stix.As[stix.Indicator](o)
//
// The error is an *Error: o is of another type, or a property has a value that its
// field cannot hold. Whether o has all that its type requires is for Validate.
func As[T Typed](o *Object) (T, error) {
	var out T
	v, err := Read(o)
	if err != nil {
		return out, err
	}
	out, ok := v.(T)
	if !ok {
		return out, &Error{Object: o.id, Property: "type", Reason: because("stix.type.other", o.typ)}
	}
	return out, nil
}

// Read returns an object as the struct of its type, to switch on. An object of a
// type without a struct is an *Error with the code stix.type.unknown.
func Read(o *Object) (Typed, error) {
	known := knownTypes()[o.typ]
	if known == nil {
		return nil, &Error{Object: o.id, Property: "type", Reason: because("stix.type.unknown", clip(o.typ))}
	}
	v := reflect.New(known.goType).Elem()
	d := decoder{object: o.id}
	d.objectInto(known.schema, v, o.members, "")
	if len(d.problems) > 0 {
		return nil, d.problems[0]
	}
	return v.Interface().(Typed), nil
}

// Object builds the object.
func (v AttackPattern) Object() (*Object, error) { return build(v) }

func (AttackPattern) objectType() string { return "attack-pattern" }

// Object builds the object.
func (v Campaign) Object() (*Object, error) { return build(v) }

func (Campaign) objectType() string { return "campaign" }

// Object builds the object.
func (v CourseOfAction) Object() (*Object, error) { return build(v) }

func (CourseOfAction) objectType() string { return "course-of-action" }

// Object builds the object.
func (v Grouping) Object() (*Object, error) { return build(v) }

func (Grouping) objectType() string { return "grouping" }

// Object builds the object.
func (v Identity) Object() (*Object, error) { return build(v) }

func (Identity) objectType() string { return "identity" }

// Object builds the object.
func (v Incident) Object() (*Object, error) { return build(v) }

func (Incident) objectType() string { return "incident" }

// Object builds the object.
func (v Indicator) Object() (*Object, error) { return build(v) }

func (Indicator) objectType() string { return "indicator" }

// Object builds the object.
func (v Infrastructure) Object() (*Object, error) { return build(v) }

func (Infrastructure) objectType() string { return "infrastructure" }

// Object builds the object.
func (v IntrusionSet) Object() (*Object, error) { return build(v) }

func (IntrusionSet) objectType() string { return "intrusion-set" }

// Object builds the object.
func (v Location) Object() (*Object, error) { return build(v) }

func (Location) objectType() string { return "location" }

// Object builds the object.
func (v Malware) Object() (*Object, error) { return build(v) }

func (Malware) objectType() string { return "malware" }

// Object builds the object.
func (v MalwareAnalysis) Object() (*Object, error) { return build(v) }

func (MalwareAnalysis) objectType() string { return "malware-analysis" }

// Object builds the object.
func (v Note) Object() (*Object, error) { return build(v) }

func (Note) objectType() string { return "note" }

// Object builds the object.
func (v ObservedData) Object() (*Object, error) { return build(v) }

func (ObservedData) objectType() string { return "observed-data" }

// Object builds the object.
func (v Opinion) Object() (*Object, error) { return build(v) }

func (Opinion) objectType() string { return "opinion" }

// Object builds the object.
func (v Report) Object() (*Object, error) { return build(v) }

func (Report) objectType() string { return "report" }

// Object builds the object.
func (v ThreatActor) Object() (*Object, error) { return build(v) }

func (ThreatActor) objectType() string { return "threat-actor" }

// Object builds the object.
func (v Tool) Object() (*Object, error) { return build(v) }

func (Tool) objectType() string { return "tool" }

// Object builds the object.
func (v Vulnerability) Object() (*Object, error) { return build(v) }

func (Vulnerability) objectType() string { return "vulnerability" }

// Object builds the object.
func (v Relationship) Object() (*Object, error) { return build(v) }

func (Relationship) objectType() string { return "relationship" }

// Object builds the object.
func (v Sighting) Object() (*Object, error) { return build(v) }

func (Sighting) objectType() string { return "sighting" }

// Object builds the object.
func (v ExtensionDefinition) Object() (*Object, error) { return build(v) }

func (ExtensionDefinition) objectType() string { return "extension-definition" }

// Object builds the object.
func (v LanguageContent) Object() (*Object, error) { return build(v) }

func (LanguageContent) objectType() string { return "language-content" }

// Object builds the object.
func (v MarkingDefinition) Object() (*Object, error) { return build(v) }

func (MarkingDefinition) objectType() string { return "marking-definition" }

// Object builds the object.
func (v Artifact) Object() (*Object, error) { return build(v) }

func (Artifact) objectType() string { return "artifact" }

// Object builds the object.
func (v AutonomousSystem) Object() (*Object, error) { return build(v) }

func (AutonomousSystem) objectType() string { return "autonomous-system" }

// Object builds the object.
func (v Directory) Object() (*Object, error) { return build(v) }

func (Directory) objectType() string { return "directory" }

// Object builds the object.
func (v DomainName) Object() (*Object, error) { return build(v) }

func (DomainName) objectType() string { return "domain-name" }

// Object builds the object.
func (v EmailAddr) Object() (*Object, error) { return build(v) }

func (EmailAddr) objectType() string { return "email-addr" }

// Object builds the object.
func (v EmailMessage) Object() (*Object, error) { return build(v) }

func (EmailMessage) objectType() string { return "email-message" }

// Object builds the object.
func (v File) Object() (*Object, error) { return build(v) }

func (File) objectType() string { return "file" }

// Object builds the object.
func (v IPv4Addr) Object() (*Object, error) { return build(v) }

func (IPv4Addr) objectType() string { return "ipv4-addr" }

// Object builds the object.
func (v IPv6Addr) Object() (*Object, error) { return build(v) }

func (IPv6Addr) objectType() string { return "ipv6-addr" }

// Object builds the object.
func (v MACAddr) Object() (*Object, error) { return build(v) }

func (MACAddr) objectType() string { return "mac-addr" }

// Object builds the object.
func (v Mutex) Object() (*Object, error) { return build(v) }

func (Mutex) objectType() string { return "mutex" }

// Object builds the object.
func (v NetworkTraffic) Object() (*Object, error) { return build(v) }

func (NetworkTraffic) objectType() string { return "network-traffic" }

// Object builds the object.
func (v Process) Object() (*Object, error) { return build(v) }

func (Process) objectType() string { return "process" }

// Object builds the object.
func (v Software) Object() (*Object, error) { return build(v) }

func (Software) objectType() string { return "software" }

// Object builds the object.
func (v URL) Object() (*Object, error) { return build(v) }

func (URL) objectType() string { return "url" }

// Object builds the object.
func (v UserAccount) Object() (*Object, error) { return build(v) }

func (UserAccount) objectType() string { return "user-account" }

// Object builds the object.
func (v WindowsRegistryKey) Object() (*Object, error) { return build(v) }

func (WindowsRegistryKey) objectType() string { return "windows-registry-key" }

// Object builds the object.
func (v X509Certificate) Object() (*Object, error) { return build(v) }

func (X509Certificate) objectType() string { return "x509-certificate" }
