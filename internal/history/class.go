package history

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// The OCSF event classes that events are kept under (schema.ocsf.io 1.x; the
// registry classes are of its Windows extension, whose ids start with 20).
const (
	classBase           int32 = 0
	classFile           int32 = 1001
	classModule         int32 = 1005
	classProcess        int32 = 1007
	classAuthentication int32 = 3002
	classNetwork        int32 = 4001
	classHTTP           int32 = 4002
	classDNS            int32 = 4003
	classRegistryKey    int32 = 201001
	classRegistryValue  int32 = 201002
)

// classOf returns the OCSF class of an event by its Sigma categories; of Windows
// logons by the event's number. What has no class of its own is a base event.
func classOf(ev *event.Event, number eventNumber) int32 {
	class := classBase
	for _, c := range ev.Categories {
		switch c = strings.ToLower(c); {
		case strings.HasPrefix(c, "process_"), c == "create_remote_thread":
			return classProcess
		case c == "registry_set":
			return classRegistryValue
		case strings.HasPrefix(c, "registry_"):
			class = classRegistryKey // registry_set may still follow registry_event
		case strings.HasPrefix(c, "file_"), c == "create_stream_hash":
			return classFile
		case c == "image_load", c == "driver_load":
			return classModule
		case c == "network_connection", c == "firewall":
			return classNetwork
		case c == "dns_query", c == "dns":
			return classDNS
		case c == "proxy", c == "webserver", c == "http":
			return classHTTP
		}
	}
	if class == classBase && strings.EqualFold(ev.Service, "security") && strings.EqualFold(ev.Product, "windows") &&
		slices.Contains(logonEvents[:], uint32(number)) {
		return classAuthentication
	}
	return class
}

// logonEvents are the events of the Windows Security log by which an account
// signs in, fails to, signs out, or gets a Kerberos ticket.
var logonEvents = [...]uint32{4624, 4625, 4634, 4647, 4648, 4768, 4769, 4770, 4771, 4776}

// categoryOf returns the OCSF category that a class belongs to.
func categoryOf(class int32) int32 { return class / 1000 % 100 }
