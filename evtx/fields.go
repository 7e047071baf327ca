package evtx

import "strings"

// Fields returns the record's fields as Sigma rules name them:
//
//   - the System part as Provider_Name, Provider_Guid, EventID (a number),
//     EventID_Qualifiers, Version, Level, Task, Opcode, Keywords, TimeCreated,
//     EventRecordID, Correlation_ActivityID, Execution_ProcessID,
//     Execution_ThreadID, Channel, Computer, Security_UserID; what is not there
//     is left out;
//   - the Data elements of EventData under their own names, others under the
//     name of the element, and those without a name as Data: a text, or a List
//     if there are several; an element without content is "";
//   - the children of the one element in UserData in the same way;
//   - what is deeper under its path, with dots ("Certificate.#attributes.fileRef");
//   - RenderingInfo's Message, of forwarded events, as Message.
//
// A name with spaces is given without them, and once more with "_" for each. A
// data field that is named like a System field takes its place, except that
// Channel, Computer, EventID and Provider_Name stay the System's. A name that
// comes again in EventData gets "_1" and so on. Values are as in AppendJSON.
//
// The slice is used again for the next record. An error wraps ErrTooLarge.
func (r *Record) Fields() (Fields, error) {
	r.flat.reset(r)
	if !r.flat.fast(r.root, inTop) {
		r.flat.reset(r)
		r.flat.walk()
		if r.flat.full() {
			return nil, r.tooLarge()
		}
	}
	r.flat.finish()
	return r.fields, nil
}

// systemFields are the names that a data field may meet.
var systemFields = map[string]bool{
	"Provider_Name": true, "Provider_Guid": true, "Provider_EventSourceName": true, "EventID": true,
	"EventID_Qualifiers": true,
	"Version":            true, "Level": true, "Task": true, "Opcode": true, "Keywords": true, "TimeCreated": true,
	"EventRecordID": true, "Correlation_ActivityID": true, "Correlation_RelatedActivityID": true,
	"Execution_ProcessID": true, "Execution_ThreadID": true, "Execution_ProcessorID": true, "Execution_SessionID": true,
	"Execution_KernelTime": true, "Execution_UserTime": true, "Execution_ProcessorTime": true,
	"Channel": true, "Computer": true, "Security_UserID": true,
}

// protected are the System fields that no data field replaces.
func protected(name string) bool {
	return name == "Channel" || name == "Computer" || name == "EventID" || name == "Provider_Name"
}

// systemAttr returns the field of an attribute in the System part.
func systemAttr(element, attr string) string {
	switch {
	case element == "TimeCreated" && attr == "SystemTime":
		return "TimeCreated"
	case element == "Security" && attr == "UserId": // Sysmon for Linux
		return "Security_UserID"
	}
	return element + "_" + attr
}

// dataNames returns the field, or the two fields, of a data element.
func dataNames(key string) (name, spare string) {
	if strings.IndexByte(key, ' ') < 0 {
		return key, ""
	}
	return strings.ReplaceAll(key, " ", ""), strings.ReplaceAll(key, " ", "_")
}

// hidden reports whether a name is not that of a field.
func hidden(key string) bool {
	return key == "" || key[0] == '#' || key[0] == '@' || key == "xmlns"
}

// A flattener gathers a record's fields.
type flattener struct {
	r       *Record
	budget  int
	texts   int  // bytes of text so far
	data    int  // programs run that have data fields
	source  bool // Provider_EventSourceName is there
	lists   []Value
	scratch []byte
	keys    keyset // of data, for walk
}

func (fl *flattener) reset(r *Record) {
	fl.r, fl.budget, fl.texts, fl.data, fl.source = r, maxSteps, 0, 0, false
	fl.lists, fl.keys = fl.lists[:0], keyset{few: fl.keys.few[:0]}
	r.fields = r.fields[:0]
}

// full reports whether to stop, and counts a step.
func (fl *flattener) full() bool {
	fl.budget--
	return fl.budget < 0 || fl.texts > MaxOutput
}

// add returns the place for a new field's value.
func (fl *flattener) add(name string) *Value {
	r := fl.r
	if len(r.fields) < cap(r.fields) {
		r.fields = r.fields[:len(r.fields)+1]
		f := &r.fields[len(r.fields)-1]
		f.Name = name
		return &f.Value
	}
	r.fields = append(r.fields, Field{Name: name})
	return &r.fields[len(r.fields)-1].Value
}

// find returns the field name, or nil. Its cost counts, so that a search
// for each of thousands of fields among thousands is bounded.
func (fl *flattener) find(name string) *Value {
	fl.budget -= len(fl.r.fields) / 32
	for i := range fl.r.fields {
		if fl.r.fields[i].Name == name {
			return &fl.r.fields[i].Value
		}
	}
	return nil
}

// put adds or replaces a field whose name may be there already.
func (fl *flattener) put(name string, v Value) {
	old := fl.find(name)
	switch {
	case old == nil:
		*fl.add(name) = v
	case !protected(name):
		*old = v
	}
}

// finish adds what depends on the whole record.
func (fl *flattener) finish() {
	if fl.source && fl.find("Provider_Name") == nil {
		if v := fl.find("Provider_EventSourceName"); v != nil {
			*fl.add("Provider_Name") = *v
		}
	}
	switch len(fl.lists) {
	case 0:
	case 1:
		fl.put("Data", fl.lists[0])
	default:
		fl.put("Data", Value{kind: List, list: fl.lists})
	}
}

// set reads one value that fast or walk has come to.
func (fl *flattener) set(v *Value, typ uint8, b []byte, number bool) {
	v.set(fl.r.c, typ, b)
	fl.texts += len(v.text)
	if number && v.kind == String {
		fl.number(v)
	}
}

// number makes a number of the System's numbers that are kept as text.
func (fl *flattener) number(v *Value) {
	if len(v.text) > 18 || !isDecimal([]byte(v.text)) {
		return
	}
	n := uint64(0)
	for i := range len(v.text) {
		n = n*10 + uint64(v.text[i]-'0')
	}
	*v = Value{kind: Int, bits: n}
}

// setArray reads an array: a List, its one member, or "".
func (fl *flattener) setArray(v *Value, typ uint8, b []byte) {
	var list []Value
	eachItem(typ, b, func(typ uint8, b []byte) bool {
		list = append(list, Value{})
		fl.set(&list[len(list)-1], typ, b, false)
		return !fl.full()
	})
	switch len(list) {
	case 0:
		*v = textValue("")
	case 1:
		*v = list[0]
	default:
		*v = Value{kind: List, list: list}
	}
}
