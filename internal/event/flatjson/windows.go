package flatjson

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// The names that package read treats in a way of their own. What stands here
// follows read's windowsFlat and event.RouteWindows line by line; a test compares
// both over all recorded events and over random ones.
var (
	// nested are keys of other shapes, if they are objects; no name that is known
	// here may be one.
	nested = []string{"Event", "System", "winlog", "_source", "Records", "events", "value", "hits"}
	// rejectValue are others, if they are there and not null …
	rejectValue = []string{"event_data", "event_id", "EventData", "UserData", "SyslogMessage"}
	// … or if they are there at all.
	rejectAny = []string{"Provider"}

	renamed = [][2]string{
		{"SourceName", "Provider_Name"}, {"ProviderGuid", "Provider_Guid"}, {"Hostname", "Computer"},
		{"RecordNumber", "EventRecordID"}, {"ExecutionProcessID", "Execution_ProcessID"},
		{"ThreadID", "Execution_ThreadID"}, {"UserID", "Security_UserID"}, {"ActivityID", "Correlation_ActivityID"},
	}
	spare = [][2]string{
		{"EventSourceName", "Provider_Name"}, {"ProviderName", "Provider_Name"}, {"ProviderId", "Provider_Guid"},
		{"HostName", "Computer"}, {"MachineName", "Computer"}, {"ComputerName", "Computer"},
		{"RecordId", "EventRecordID"},
	}
	signs   = []string{"Channel", "SourceName", "EventSourceName", "Provider_Name", "ProviderGuid", "ProviderName"}
	numeric = []string{"EventID", "Version", "Level", "Task", "Opcode", "EventRecordID", "Execution_ProcessID",
		"Execution_ThreadID"}
	nxlog = []string{"SourceModuleType", "SeverityValue"}

	defender = [][2]string{{"Signature", "ThreatName"}, {"Filename", "Path"}, {"Action", "ActionName"}}

	// What RouteWindows reads and writes for processes and registry values; it is
	// asked itself for these.
	processIn = []string{
		"Image", "NewProcessName", "ParentImage", "ParentProcessName", "CommandLine", "ProcessCommandLine",
		"ParentProcessId",
		"ProcessId", "LogonId", "SubjectLogonId", "User", "SubjectDomainName", "SubjectUserName", "SubjectUserSid",
		"IntegrityLevel", "MandatoryLabel", "TokenElevationType",
	}
	processOut = []string{"Image", "ParentImage", "CommandLine", "ParentProcessId", "LogonId", "User", "IntegrityLevel"}
	registryIn = []string{
		"Image", "ProcessName", "TargetObject", "ObjectName", "ObjectValueName", "Details", "NewValue", "NewValueType",
		"EventType", "OperationType",
	}
	registryOut = []string{"Image", "TargetObject", "Details", "EventType"}
)

// special are all of these names.
var special = func() []string {
	list := []string{"EventType", "NXLogEventType", "OperationType", "Data", "Message"}
	for _, names := range [][]string{nested, rejectValue, rejectAny, signs, numeric, nxlog, processIn, processOut,
		registryIn, registryOut} {
		list = append(list, names...)
	}
	for _, pairs := range [][][2]string{renamed, spare, defender} {
		for _, p := range pairs {
			list = append(list, p[0], p[1])
		}
	}
	return list
}()

// specials are the numbers of the special names.
type specials struct {
	rejectValue, rejectAny, signs, numeric, nxlog               []int32
	renamed, spare, defender                                    [][2]int32
	processIn, processOut, registryIn, registryOut              []int32
	channel, provider, eventID, eventType, nxlogType, operation int32
	data, message                                               int32
}

func newSpecials(names *engine.Names) specials {
	id := func(name string) int32 {
		id, _ := names.Find([]byte(name))
		return id
	}
	list := func(of []string) (out []int32) {
		for _, name := range of {
			out = append(out, id(name))
		}
		return out
	}
	pairs := func(of [][2]string) (out [][2]int32) {
		for _, p := range of {
			out = append(out, [2]int32{id(p[0]), id(p[1])})
		}
		return out
	}
	return specials{
		list(rejectValue), list(rejectAny), list(signs), list(numeric), list(nxlog),
		pairs(renamed), pairs(spare), pairs(defender),
		list(processIn), list(processOut), list(registryIn), list(registryOut),
		id("Channel"), id("Provider_Name"), id("EventID"), id("EventType"), id("NXLogEventType"), id("OperationType"),
		id("Data"), id("Message"),
	}
}

// kind is what a channel and an EventID make of an event.
type kind struct {
	product, service string
	categories       []string
	process          bool
	registry         bool
	defender         bool
	classic          bool // Windows PowerShell
}

const (
	maxKinds   = 4096
	maxKindKey = 512 // bytes; others are not remembered
)

func (s *scanner) there(id int32) bool { return s.values[id].epoch == s.epoch }

func (s *scanner) drop(id int32) { s.values[id].epoch = 0 }

// windows finishes a flat Windows event; false if the line is none, or one with
// something that is not done here.
func (s *scanner) windows() bool {
	for _, id := range s.at.rejectValue {
		if s.has(id) {
			return false
		}
	}
	for _, id := range s.at.rejectAny {
		if s.there(id) {
			return false
		}
	}
	if !s.has(s.at.eventID) {
		return false
	}
	sign := false
	for _, id := range s.at.signs {
		sign = sign || s.has(id)
	}
	if !sign {
		return false
	}
	for _, p := range s.at.renamed {
		if s.there(p[0]) && !s.has(p[1]) {
			if !s.has(p[0]) {
				return false
			}
			s.values[p[1]] = s.values[p[0]]
			s.drop(p[0])
		}
	}
	for _, p := range s.at.spare {
		if s.has(p[0]) && !s.has(p[1]) && !(s.values[p[0]].kind == isText && len(s.values[p[0]].text) == 0) {
			s.values[p[1]] = s.values[p[0]]
		}
	}
	return s.eventType() && s.numbers() && s.route()
}

// eventType moves NXLog's own severity out of EventType.
func (s *scanner) eventType() bool {
	t := s.text(s.at.eventType)
	switch string(t) {
	case "INFO", "WARNING", "ERROR", "VERBOSE", "CRITICAL":
	default:
		if !bytes.HasPrefix(t, []byte("AUDIT_")) {
			return true
		}
	}
	ours := false
	for _, id := range s.at.nxlog {
		ours = ours || s.has(id)
	}
	if ours {
		if !s.has(s.at.nxlogType) {
			s.values[s.at.nxlogType] = s.values[s.at.eventType]
		}
		s.drop(s.at.eventType)
	}
	return true
}

// numbers makes sure that numbers which are written as text have the text of the
// number.
func (s *scanner) numbers() bool {
	for _, id := range s.at.numeric {
		v := &s.values[id]
		if v.epoch != s.epoch || v.kind != isText {
			continue
		}
		if v.escaped {
			return false
		}
		if _, ok := engine.WholeNumber(v.text); ok {
			continue
		}
		if len(v.text) > 0 && likeNumber(v.text) {
			return false
		}
	}
	return true
}

// likeNumber reports whether a text could be read as a number whose text is
// another, " 5" or "-0".
func likeNumber(text []byte) bool {
	for _, c := range text {
		if c != '-' && !isSpace(c) && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// route finds the log source, and adds the generic names of fields.
func (s *scanner) route() bool {
	at := &s.at
	for _, id := range []int32{at.channel, at.provider} {
		if s.has(id) && s.values[id].kind != isText {
			return false
		}
	}
	v := &s.values[at.eventID]
	if v.kind != isWhole && v.kind != isText {
		return false
	}
	var ok bool
	if s.eventID, ok = engine.WholeNumber(v.text); !ok {
		return false
	}
	key := append(append(s.key[:0], s.text(at.channel)...), 0)
	key = append(append(key, s.text(at.provider)...), 0)
	key = append(append(key, v.text...), 0)
	switch s.eventID {
	case 12:
		if s.has(at.eventType) && s.values[at.eventType].kind != isText {
			return false
		}
		key = append(key, s.text(at.eventType)...)
	case 4657:
		if s.has(at.operation) && s.values[at.operation].kind != isText {
			return false
		}
		key = append(key, s.text(at.operation)...)
	}
	s.key = key
	if s.kind = s.kinds[string(key)]; s.kind == nil {
		s.kind = s.newKind()
		if len(s.kinds) >= maxKinds {
			clear(s.kinds)
		}
		if len(key) <= maxKindKey {
			s.kinds[string(key)] = s.kind
		}
	}
	switch k := s.kind; {
	case k.process:
		return s.ask(at.processIn, at.processOut)
	case k.registry:
		return s.ask(at.registryIn, at.registryOut)
	case k.defender:
		for _, p := range at.defender {
			if s.has(p[1]) && !s.has(p[0]) {
				s.values[p[0]] = s.values[p[1]]
			}
		}
	case k.classic:
		if s.has(at.message) && !s.has(at.data) {
			s.values[at.data] = s.values[at.message]
		}
	}
	return true
}

func (s *scanner) newKind() *kind {
	ev := &event.Event{Fields: map[string]any{
		"Channel": string(s.text(s.at.channel)), "Provider_Name": string(s.text(s.at.provider)), "EventID": s.eventID,
		"EventType": string(s.text(s.at.eventType)), "OperationType": string(s.text(s.at.operation)),
	}}
	event.RouteWindows(ev)
	return &kind{
		product: ev.Product, service: ev.Service, categories: ev.Categories,
		process:  ev.Service == "security" && s.eventID == 4688,
		registry: ev.Service == "security" && s.eventID == 4657,
		defender: ev.Service == "windefend", classic: ev.Service == "powershell-classic",
	}
}

// ask lets RouteWindows make the fields out of those that it reads.
func (s *scanner) ask(in, out []int32) bool {
	fields := make(map[string]any, len(in)+8)
	ev := &event.Event{Fields: fields, Host: "-", User: "-"}
	for _, id := range in {
		if !s.has(id) {
			continue
		}
		switch v := &s.values[id]; v.kind {
		case isText:
			fields[s.names.Name(id)] = string(s.plain(v))
		case isWhole:
			n, err := strconv.ParseInt(string(v.text), 10, 64)
			if err != nil {
				return false
			}
			fields[s.names.Name(id)] = n
		default:
			return false
		}
	}
	fields["Channel"], fields["Provider_Name"] = string(s.text(s.at.channel)), string(s.text(s.at.provider))
	fields["EventID"] = s.eventID
	event.RouteWindows(ev)
	for _, id := range out {
		v, ok := fields[s.names.Name(id)]
		if s.has(id) || !ok {
			continue
		}
		text, ok := sigma.TextOf(v)
		if !ok {
			return false
		}
		b := []byte(strings.Clone(text))
		s.values[id] = value{epoch: s.epoch, kind: isText, made: true, text: b}
		s.made = append(s.made, leaf{kind: isText, text: b})
	}
	return true
}
